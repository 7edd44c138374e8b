//! The keys of a site file that are ours: what each is called, where it may stand, who reads it and what holds where nobody says it;
//! and entries, which are their values as they may be shown.
//!
//! There is one table of keys, and everything that has to know them all is made of it: what is read, what is misplaced, what the
//! nearest known name of an unknown one is, what `timebudget config` prints.
//!
//! An [`Entry`] is one value with its [`Origin`]. It has no secrets: what looks like a credential is `…`, and of the URI of a store it
//! has what [`StoreUri`] displays.

use std::collections::BTreeMap;
use std::fmt;
use std::iter::Chain;
use std::slice;
use std::sync::{Arc, LazyLock};

use crate::config::clients::{
    api_key_from, api_key_header, api_keys, country, forwarded_header, groups, header_name, identity,
    ipv6_prefix, overrides, policy, region, tiers, trusted_hops, trusted_proxies, users,
};
use crate::config::condition::exemption;
use crate::config::hosts::{Claimed, hosts, unpublished_hosts};
use crate::config::json::Json;
use crate::config::reader::Value;
use crate::config::redacted::redacted;
use crate::config::rules::{rate_limit, rules};
use crate::config::upstreams::{upstream_charges, upstreams};
use crate::model::{
    ApiKey, Assignment, Condition, CountrySource, HeaderPolicy, IdentityHeaders, KeyDigest, KeySource,
    Override, Paths, Proxy, Rule, Tier, Upstream, Zone, nearest,
};
use crate::store::StoreUri;

/// Keys that begin so are ours, known or not.
pub(crate) const PREFIX: &str = "rate_limit";

pub(crate) const STORE: &str = "rate_limit_store";
pub(crate) const TRUSTED_HOPS: &str = "rate_limit_trusted_hops";
pub(crate) const ON_ERROR: &str = "rate_limit_on_error";
pub(crate) const SITE_HEADER: &str = "rate_limit_site_header";

/// The key in which bench keeps a site's further names.
pub(crate) const DOMAINS: &str = "domains";
/// The key of bench's common file that names the site of unknown hosts.
pub(crate) const DEFAULT_SITE: &str = "default_site";

/// Whose file it is.
///
/// It decides which keys may stand in the file ([`misplaced`]) and which of bench's own keys are read beside ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Common,
    Site,
}

/// The files that a key may stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MayStand {
    Anywhere,
    /// The common file, for it concerns all sites.
    Common,
    /// The files of sites.
    Site,
}

macro_rules! keys {
    ($($place:ident $name:literal $field:ident: $kind:ty, $read:path, $default:literal;)*) => {
        /// What one layer says of each key.
        #[derive(Clone, Debug, Default)]
        pub(crate) struct Keys {
            $(pub(crate) $field: Setting<$kind>,)*
        }

        /// The keys, each with the files that it may stand in and its default as JSON, in the order in which they are shown.
        const KEYS: &[(&str, MayStand, &str)] = &[$(($name, MayStand::$place, $default)),*];

        impl Keys {
            /// The names of all keys.
            pub(crate) const NAMES: &[&str] = &[$($name),*];

            /// What this layer and the one below it say together, key by key.
            pub(crate) fn or(self, below: Self) -> Self {
                Self { $($field: self.$field.or(below.$field),)* }
            }

            /// Reads a key; `false` if there is no such key.
            pub(crate) fn read(&mut self, key: &str, value: &Value<'_>) -> bool {
                match key {
                    $($name => self.$field = Setting::read(value, $read),)*
                    _ => return false,
                }
                true
            }
        }
    };
}

keys! {
    Anywhere "time_zone" zone: Arc<Zone>, zone, "\"UTC\"";
    Anywhere "rate_limit" budget: Vec<Rule>, rate_limit, "null";
    Anywhere "rate_limit_rules" rules: Vec<Rule>, rules, "[]";
    Anywhere "rate_limit_headers" headers: HeaderPolicy, policy, "{\"enabled\": true, \"reset\": \"seconds\", \"standard\": false}";
    Anywhere "rate_limit_exempt" exempt: Condition, exemption, "null";
    Anywhere "rate_limit_paths" paths: Paths, paths, "\"normal\"";
    Anywhere "rate_limit_trusted_proxies" trusted_proxies: Vec<Proxy>, trusted_proxies, "[]";
    Anywhere "rate_limit_trusted_hops" trusted_hops: u8, trusted_hops, "0";
    Anywhere "rate_limit_forwarded_header" forwarded_header: String, forwarded_header, "\"X-Forwarded-For\"";
    Anywhere "rate_limit_ipv6_prefix" ipv6_prefix: u8, ipv6_prefix, "64";
    Anywhere "rate_limit_identity" identity: IdentityHeaders, identity, "null";
    Anywhere "rate_limit_country" country: CountrySource, country, "null";
    Anywhere "rate_limit_region" region: CountrySource, region, "null";
    Anywhere "rate_limit_api_keys" api_keys: Vec<(KeyDigest, ApiKey)>, api_keys, "{}";
    Anywhere "rate_limit_api_key_from" api_key_from: Vec<KeySource>, api_key_from, "[\"header:X-Api-Key\", \"query:api_key\", \"bearer\"]";
    Anywhere "rate_limit_api_key_header" api_key_header: Vec<KeySource>, api_key_header, "null";
    Anywhere "rate_limit_tiers" tiers: Vec<Tier>, tiers, "{}";
    Anywhere "rate_limit_groups" groups: Vec<(String, String)>, groups, "{}";
    Anywhere "rate_limit_users" users: Vec<(String, Assignment)>, users, "{}";
    Anywhere "rate_limit_overrides" overrides: Vec<Override>, overrides, "[]";
    Anywhere "rate_limit_upstream" upstreams: Vec<Upstream>, upstreams, "[]";
    Anywhere "rate_limit_upstream_charges" upstream_charges: bool, upstream_charges, "false";
    Site "rate_limit_hosts" hosts: Vec<Claimed>, hosts, "[]";
    Site "rate_limit_unpublished_hosts" unpublished_hosts: Vec<Claimed>, unpublished_hosts, "[]";
    Common "rate_limit_store" store: (StoreUri, Origin), store, "null";
    Common "rate_limit_on_error" on_error: OnError, on_error, "null";
    Common "rate_limit_site_header" site_header: String, site_header, "null";
}

/// Whether a key is ours to read in such a file.
pub(crate) fn is_ours(key: &str, scope: Scope) -> bool {
    let of_bench = if scope == Scope::Common { DEFAULT_SITE } else { DOMAINS };
    key == "time_zone" || key.starts_with(PREFIX) || key == of_bench
}

/// What is wrong with a key of ours in this file, if it belongs into another.
pub(crate) fn misplaced(key: &str, scope: Scope) -> Option<&'static str> {
    let (name, place, _) = KEYS.iter().find(|(name, ..)| *name == key)?;
    match (place, scope) {
        (MayStand::Common, Scope::Site) if *name == STORE => Some(
            "is not a site's to say, for all sites share a store; expected it in common_site_config.json or in RATELIMIT_STORAGE_URI",
        ),
        (MayStand::Common, Scope::Site) => Some(
            "is not a site's to say, for it concerns all of them; expected it in common_site_config.json",
        ),
        (MayStand::Site, Scope::Common) => {
            Some("no two sites answer for one host; expected it in the file of the site that answers")
        }
        _ => None,
    }
}

/// The keys that a site has a say in, each with its default.
pub(crate) fn keys_of_sites() -> &'static [Entry] {
    static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
        let of_sites = KEYS.iter().filter(|(_, place, _)| *place != MayStand::Common);
        of_sites.map(|(name, _, default)| Entry::new(name, default, Origin::Default)).collect()
    });
    &ENTRIES
}

/// A key of ours, or of bench's, as it is called here; `None` if there is none.
pub(crate) fn known(key: &str) -> Option<&'static str> {
    let names = KEYS.iter().map(|(name, ..)| *name);
    names.chain([DEFAULT_SITE, DOMAINS]).find(|name| *name == key)
}

/// What one layer says of one key.
///
/// A wrong value is [`Unsaid`](Self::Unsaid): its error has been reported, and the layer below keeps whatever else is checked from
/// finding more that is wrong than there is.
#[derive(Clone, Debug, Default)]
pub(crate) enum Setting<T> {
    /// Nothing: the layer below counts.
    #[default]
    Unsaid,
    /// `null`: the default counts, whatever the layers below say.
    Null,
    /// A value: it counts.
    Is(T),
}

impl<T> Setting<T> {
    /// What is said by the value of a key.
    pub(crate) fn read<'a>(value: &Value<'a>, read: impl FnOnce(&Value<'a>) -> Option<T>) -> Self {
        match value.json() {
            Json::Null => Self::Null,
            _ => read(value).map_or(Self::Unsaid, Self::Is),
        }
    }

    /// What this layer and the one below it say together.
    pub(crate) fn or(self, below: Self) -> Self {
        if matches!(self, Self::Unsaid) { below } else { self }
    }

    /// The value, to look at; none if the default counts.
    pub(crate) fn get(&self) -> Option<&T> {
        if let Self::Is(value) = self { Some(value) } else { None }
    }

    /// The value, unless the default counts.
    pub(crate) fn value(self) -> Option<T> {
        if let Self::Is(value) = self { Some(value) } else { None }
    }
}

/// What becomes of the requests of a site whose own file is wrong, where it has no last rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OnError {
    #[default]
    Refuse,
    Open,
}

fn on_error(value: &Value<'_>) -> Option<OnError> {
    value.word(&[("refuse", OnError::Refuse), ("open", OnError::Open)], "expected \"refuse\" or \"open\"")
}

/// Where accounts are kept. The text holds a password, and so stands in no message.
fn store(value: &Value<'_>) -> Option<(StoreUri, Origin)> {
    let Json::Text(text) = value.json() else {
        return value.wrong_discreetly("not a text; expected a URI such as \"redis://localhost\"");
    };
    let page = value.page();
    let uri = StoreUri::parse(text).map_err(|error| page.wrong(value.place(), None, error)).ok()?;
    Some((uri, Origin::File(Arc::clone(&page.file))))
}

fn zone(value: &Value<'_>) -> Option<Arc<Zone>> {
    const EXPECTED: &str = "an IANA name such as \"Europe/Paris\"";
    let name = value.text(EXPECTED)?;
    match value.page().inspection.zone(name) {
        Ok(zone) => Some(zone),
        Err(unknown) => match unknown.nearest() {
            Some(meant) => value.wrong(format_args!("no such time zone; did you mean \"{meant}\"?")),
            None => value.wrong(format_args!("no such time zone; expected {EXPECTED}")),
        },
    }
}

fn paths(value: &Value<'_>) -> Option<Paths> {
    const EXPECTED: &str = "\"normal\", \"exact\" or \"any_case\"";
    let words = [("normal", Paths::Normal), ("exact", Paths::Exact), ("any_case", Paths::AnyCase)];
    let said = value.text(EXPECTED)?;
    match nearest(said, words.map(|(word, _)| word)).filter(|meant| *meant != said) {
        Some(meant) => value.wrong(format_args!("not a form of paths; did you mean \"{meant}\"?")),
        None => value.word(&words, format_args!("not a form of paths; expected {EXPECTED}")),
    }
}

fn site_header(value: &Value<'_>) -> Option<String> {
    header_name(value, "the name of a header, such as \"X-Frappe-Site-Name\"")
}

/// Who said a value of a configuration.
///
/// Displays as `timebudget config` prints it.
///
/// # Examples
///
/// ```
/// use timebudget::config::Origin;
///
/// assert_eq!(Origin::File("sites/a.example/site_config.json".into()).to_string(), "sites/a.example/site_config.json");
/// assert_eq!(Origin::Environment("RATELIMIT_DEFAULT").to_string(), "environment RATELIMIT_DEFAULT");
/// assert_eq!(Origin::Default.to_string(), "default");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// Nobody.
    Default,
    /// A file, by its path.
    File(Arc<str>),
    /// A variable of the environment, by its name.
    Environment(&'static str),
    /// An argument of the command line, by its name.
    Argument(&'static str),
    /// The application's own code.
    Code,
    /// A [layer](crate::config::Layer) that stands in no file, or a ruleset of it, by its name.
    Layer(Arc<str>),
}

/// The files that keys stand in, by key.
pub(crate) type Origins = BTreeMap<&'static str, Arc<str>>;

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Code => f.write_str("code"),
            Self::File(name) | Self::Layer(name) => f.write_str(name),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Argument(name) => write!(f, "command line {name}"),
        }
    }
}

/// One value of an effective configuration, and who said it.
///
/// It may be shown to anybody who may see the configuration: credentials, digests of API keys and passwords of stores are shortened
/// to their first letters, or to `…`. [`Configuration`](crate::config::Configuration) has an example.
///
/// A clone shares the texts: thousands of sites may say the same.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The key, or the place within it that a higher layer has replaced.
    pub key: &'static str,
    /// The value as JSON without secrets: on one line, but a list of objects has a line for each.
    pub value: Arc<str>,
    /// Who said it.
    pub origin: Origin,
}

impl Entry {
    pub(crate) fn new(key: &'static str, value: impl fmt::Display, origin: Origin) -> Self {
        Self { key, value: value.to_string().into(), origin }
    }

    /// What somebody said of a key, without secrets.
    pub(crate) fn said(key: &'static str, json: &Json<'_>, origin: Origin) -> Self {
        let value = match redacted(key, json) {
            Json::List(items) if items.iter().any(|item| matches!(item, Json::Object(_))) => {
                one_by_one(&items)
            }
            json => json.to_string(),
        };
        Self::new(key, value, origin)
    }
}

/// What holds for a site, key by key: what its files, the environment and nobody says, and then what a
/// [layer](crate::config::Layer) below them does.
///
/// A clone shares all of it, and so does a site whose files stay under another layer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entries {
    of_files: Arc<[Entry]>,
    of_layer: Arc<[Entry]>,
}

impl Entries {
    pub(crate) fn new(of_files: Vec<Entry>, of_layer: Vec<Entry>) -> Self {
        Self { of_files: of_files.into(), of_layer: of_layer.into() }
    }

    /// The same above another layer.
    pub(crate) fn above(&self, of_layer: Vec<Entry>) -> Self {
        Self { of_files: Arc::clone(&self.of_files), of_layer: of_layer.into() }
    }

    /// Each in its order.
    pub fn iter(&self) -> <&Self as IntoIterator>::IntoIter {
        self.into_iter()
    }
}

impl<'a> IntoIterator for &'a Entries {
    type Item = &'a Entry;
    type IntoIter = Chain<slice::Iter<'a, Entry>, slice::Iter<'a, Entry>>;

    fn into_iter(self) -> Self::IntoIter {
        self.of_files.iter().chain(&*self.of_layer)
    }
}

/// A list with each item on a line of its own.
fn one_by_one(items: &[Json<'_>]) -> String {
    let items: Vec<_> = items.iter().map(|item| format!("  {item}")).collect();
    format!("[\n{}\n]", items.join(",\n"))
}
