//! What one file says, read on its own; and what several files and the environment say together.
//!
//! Each layer is read by itself, so a mistake in the common file is told once however many sites it concerns. Layers are then laid one
//! above another key by key, and whole: of two objects nothing is merged, and the upper one hides the lower one.

use std::sync::Arc;

use crate::config::hosts::{Claimed, claimed, domains};
use crate::config::json::{Document, Json, Unread};
use crate::config::keys::{
    DEFAULT_SITE, DOMAINS, Entry, Keys, Origin, Origins, STORE, Scope, Setting, is_ours, keys_of_sites,
    known, misplaced,
};
use crate::config::reader::{TWICE, Value, unknown};
use crate::config::report::Page;
use crate::model::{
    AddressPolicy, ClientPolicy, Condition, CountrySource, HeaderPolicy, Host, KeySource, Site, Tiers,
    excerpt,
};

/// What one file says. It is read alone, so a mistake is reported once however many sites it concerns.
///
/// The environment and the files are one type, so that layers are joined in one way ([`Said::or`]), whatever they are. A `Said` of a
/// file that could not be read says nothing and is flawed, and no references of it are checked: half of a site would seem to lack what
/// the other half says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    pub(crate) keys: Keys,
    /// The site that answers for unknown hosts, as it is written.
    pub(crate) default_site: Setting<String>,
    /// What bench's `domains` lists.
    domains: Vec<Claimed>,
    /// Whether anything is limited; only the environment says so.
    pub(crate) enabled: Setting<bool>,
    /// Whether there are headers, whatever `rate_limit_headers` says; only the environment does.
    pub(crate) headers_enabled: Setting<bool>,
    /// Whether something is wrong in it, so that it does not say all that it should.
    pub(crate) is_flawed: bool,
    /// The file, as messages name it.
    pub(crate) file: Arc<str>,
    /// The keys that are there, to be shown; of a key that comes twice, the first counts.
    pub(crate) entries: Vec<Entry>,
}

impl Said {
    /// Reads a file's text; the inspection has what is wrong with it.
    pub(crate) fn read(text: &str, scope: Scope, page: &Page<'_>) -> Self {
        let mut said = Self { file: Arc::clone(&page.file), ..Self::default() };
        let errors = page.inspection.errors();
        // Some editors put a byte order mark first, which is no JSON.
        let document = Document::new(text.trim_start_matches('\u{feff}'));
        match document.members() {
            Err(fault) => page.wrong_file(fault),
            Ok(None) => page.wrong_file("not an object; expected one JSON object"),
            Ok(Some(members)) => said.read_members(&members, scope, page),
        }
        said.join_key_sources(page);
        said.is_flawed = page.inspection.errors() > errors;
        said
    }

    /// What is left of a file that cannot be read.
    pub(crate) fn flawed() -> Self {
        Self { is_flawed: true, ..Self::default() }
    }

    /// What this layer and the one below it say together, key by key.
    pub(crate) fn or(mut self, below: Self) -> Self {
        self.entries.extend(below.entries);
        Self {
            keys: self.keys.or(below.keys),
            default_site: self.default_site.or(below.default_site),
            domains: if self.domains.is_empty() { below.domains } else { self.domains },
            enabled: self.enabled.or(below.enabled),
            headers_enabled: self.headers_enabled.or(below.headers_enabled),
            is_flawed: self.is_flawed || below.is_flawed,
            // The environment stands in no file, and above one.
            file: if self.file.is_empty() { below.file } else { self.file },
            entries: self.entries,
        }
    }

    /// The site that this layer describes, whether or not its keys fit together.
    ///
    /// Overrides stand in the order of the file.
    pub(crate) fn into_site(self, name: &str) -> Site {
        let hosts = claimed(self.claims());
        let unpublished_hosts = self.unpublished_hosts().cloned().collect();
        let Keys { zone, budget, rules, headers, exempt, paths, .. } = self.keys;
        let Keys { trusted_proxies, trusted_hops, forwarded_header, ipv6_prefix, .. } = self.keys;
        let Keys { identity, country, region, api_key_from, .. } = self.keys;
        let Keys { tiers, groups, users, overrides, api_keys, .. } = self.keys;
        let Keys { upstreams, upstream_charges, .. } = self.keys;
        let mut all_tiers =
            Tiers::new(tiers.value().unwrap_or_default(), overrides.value().unwrap_or_default());
        all_tiers.groups = groups.value().into_iter().flatten().collect();
        all_tiers.users = users.value().into_iter().flatten().collect();
        all_tiers.api_keys = api_keys.value().into_iter().flatten().collect();
        let default = Site::unlimited(name);
        let headers = headers.value().unwrap_or_default();
        let is_off = self.enabled.value() == Some(false);
        Site {
            zone: zone.value().unwrap_or(default.zone),
            rules: [rules, budget].into_iter().filter_map(Setting::value).flatten().collect(),
            exempt: if is_off { Some(Condition::ALWAYS) } else { exempt.value() },
            paths: paths.value().unwrap_or(default.paths),
            addresses: AddressPolicy {
                trusted_proxies: trusted_proxies.value().unwrap_or(default.addresses.trusted_proxies),
                trusted_hops: trusted_hops.value().unwrap_or(default.addresses.trusted_hops),
                header: forwarded_header.value().unwrap_or(default.addresses.header),
                ipv6_prefix: ipv6_prefix.value().unwrap_or(default.addresses.ipv6_prefix),
            },
            headers: HeaderPolicy {
                enabled: self.headers_enabled.value().unwrap_or(headers.enabled),
                ..headers
            },
            clients: ClientPolicy {
                identity: identity.value(),
                api_key_from: api_key_from.value().unwrap_or(default.clients.api_key_from),
                country: country.value(),
                region: region.value(),
            },
            tiers: all_tiers.into(),
            name: default.name,
            hosts,
            unpublished_hosts,
            upstreams: upstreams.value().unwrap_or_default(),
            upstream_charges: upstream_charges.value().unwrap_or_default(),
        }
    }

    /// The files that its keys stand in.
    pub(crate) fn origins(&self) -> Origins {
        let file_of = |entry: &Entry| match &entry.origin {
            Origin::File(file) => Some((entry.key, Arc::clone(file))),
            _ => None,
        };
        // Of a key that stands in two files, the one above counts, which is the first.
        self.entries.iter().rev().filter_map(file_of).collect()
    }

    /// Whether what it says depends on more files than its own.
    pub(crate) fn reads_others(&self) -> bool {
        let Keys { country, region, .. } = &self.keys;
        [country, region].iter().any(|source| matches!(source.get(), Some(CountrySource::Database(_))))
    }

    /// The hosts that it claims for its site.
    pub(crate) fn claims(&self) -> impl Iterator<Item = &Claimed> {
        let Keys { hosts, unpublished_hosts, .. } = &self.keys;
        [hosts, unpublished_hosts].into_iter().filter_map(Setting::get).flatten().chain(&self.domains)
    }

    /// Those of them that are previews.
    pub(crate) fn unpublished_hosts(&self) -> impl Iterator<Item = &Host> {
        self.keys.unpublished_hosts.get().into_iter().flatten().map(|claimed| &claimed.host)
    }

    /// What this layer and the common one below it say of a site, each key once, with its origin.
    ///
    /// A key that nobody says stands there too, with its default, so that the list has all keys that there are.
    pub(crate) fn entries_of_site(&self, common: &Self) -> Vec<Entry> {
        let said = |key| self.entry(key).or_else(|| common.entry(key));
        let entry = |default: &Entry| said(default.key).unwrap_or_else(|| default.clone());
        let mut entries: Vec<_> = keys_of_sites().iter().map(entry).collect();
        entries.extend(self.domains_entry());
        if let Some(enabled) = self.headers_enabled.get() {
            let origin = Origin::Environment("RATELIMIT_HEADERS_ENABLED");
            entries.push(Entry::new("rate_limit_headers.enabled", enabled, origin));
        }
        entries
    }

    /// What it says of a key.
    pub(crate) fn entry(&self, key: &str) -> Option<Entry> {
        self.entries.iter().find(|entry| entry.key == key).cloned()
    }

    /// Whether anything is limited.
    pub(crate) fn enabled_entry(&self) -> Entry {
        match self.enabled.get() {
            Some(enabled) => Entry::new("enabled", enabled, Origin::Environment("RATELIMIT_ENABLED")),
            None => Entry::new("enabled", true, Origin::Default),
        }
    }

    /// The names among what bench keeps of domains; the rest is its own.
    fn domains_entry(&self) -> Option<Entry> {
        let names: Vec<_> = self.domains.iter().map(|claimed| format!("\"{}\"", claimed.host)).collect();
        let origin = Origin::File(Arc::clone(&self.file));
        (!names.is_empty()).then(|| Entry::new(DOMAINS, format_args!("[{}]", names.join(", ")), origin))
    }

    fn read_members(&mut self, members: &[(String, Unread<'_>)], scope: Scope, page: &Page<'_>) {
        for (i, (key, value)) in members.iter().enumerate().filter(|(_, (key, _))| is_ours(key, scope)) {
            if members[..i].iter().any(|(other, _)| other == key) {
                page.wrong(&excerpt(key), None, TWICE);
                continue;
            }
            match (Json::read(*value), misplaced(key, scope)) {
                (Ok(json), Some(fault)) if json != Json::Null => {
                    page.wrong(key, Some(json.discreetly()), fault);
                }
                (Ok(json), _) => self.read_member(key, &json, page),
                (Err(unreadable), _) => page.wrong(&excerpt(key), None, unreadable),
            }
        }
    }

    fn read_member(&mut self, key: &str, json: &Json<'_>, page: &Page<'_>) {
        // The store's text holds a password, and what else bench keeps of domains is its own.
        if let Some(key) = known(key).filter(|key| ![STORE, DOMAINS].contains(key)) {
            self.entries.push(Entry::said(key, json, Origin::File(Arc::clone(&page.file))));
        }
        let value = Value::top(page.clone(), key, json);
        match key {
            DEFAULT_SITE => self.default_site = Setting::read(&value, default_site),
            DOMAINS => self.domains = domains(&value),
            _ if self.keys.read(key, &value) => {}
            _ => page.wrong(&excerpt(key), Some(json.discreetly()), unknown(key, Keys::NAMES)),
        }
    }

    /// Joins the two keys that say where API keys are looked for.
    fn join_key_sources(&mut self, page: &Page<'_>) {
        let Keys { api_key_from, api_key_header, .. } = &mut self.keys;
        let header: Setting<Vec<KeySource>> = std::mem::take(api_key_header);
        match (&*api_key_from, header) {
            (Setting::Is(_), Setting::Is(_)) => page.wrong("rate_limit_api_key_header", None, TWO_PLACES),
            (Setting::Is(_), _) | (_, Setting::Unsaid) => {}
            (_, header) => *api_key_from = header,
        }
    }
}

const TWO_PLACES: &str =
    "both rate_limit_api_key_from and rate_limit_api_key_header say where keys are; expected one of them";

fn default_site(value: &Value<'_>) -> Option<String> {
    value.text("the name of a site").map(str::to_owned)
}
