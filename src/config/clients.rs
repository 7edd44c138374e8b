//! Keys of a site file about clients: by what it is known who and where they are, what they are told, and who may spend more or less.
//!
//! Whatever a client could write itself is believed only from a proxy that `rate_limit_trusted_proxies` lists, so a key here that
//! names a header is checked against that one when all layers are joined.
//!
//! Headers of answers can be renamed, but neither to one that means something else to clients or to actix nor to one name for two;
//! a database of countries is opened while the file is read, so that a missing one is an error of the configuration.
//!
//! A tier multiplies what rules grant or has limits of its own; groups and users are assigned one, for a term if that is said; an
//! override has limits for one user. API keys stand there by their digests only.

use std::collections::BTreeMap;

use crate::config::json::Json;
use crate::config::reader::{Fields, Value, multiplier, term, whole};
use crate::config::rules::{RATE, limits};
use crate::model::wording::{PROXY, SOURCE};
use crate::model::{
    ApiKey, Assignment, CountrySource, HeaderNames, HeaderPolicy, IdentityHeaders, KeyDigest, KeySource,
    LimitSet, Multiplier, Override, Proxy, ResetStyle, StandardHeaders, Tier, is_token,
};

const PROXIES: &str = "a list of addresses, ranges such as \"10.0.0.0/8\", and \"unix\"";
const HOPS: &str = "a whole number from 0 to 255";
const BITS: &str = "whole bits from 1 to 128";
const FORWARDED: &str = "the name of a header, such as \"X-Forwarded-For\"";
const USER: &str = "the name of a header, such as \"X-Forwarded-User\"";
const GROUPS: &str = "the name of a header, such as \"X-Forwarded-Groups\"";
const COUNTRY: &str = "the name of a header, such as \"CF-IPCountry\"";
const REGION: &str = "the name of a header, such as \"CF-Region-Code\"";
const CITIES: &str = "the path of a database of cities such as \"GeoLite2-City.mmdb\"";
const DATABASE: &str = "the path of a database such as \"GeoLite2-Country.mmdb\"";
const SOURCES: &str = "a list of \"header:NAME\", \"query:NAME\", \"bearer\" and \"token\"";
const API_KEY: &str = "the name of a header, such as \"X-Api-Key\"";

/// The proxies that `rate_limit_trusted_proxies` lists; an empty list trusts nobody.
pub(crate) fn trusted_proxies(value: &Value<'_>) -> Option<Vec<Proxy>> {
    value.list_if_any(PROXIES, proxy)
}

fn proxy(value: &Value<'_>) -> Option<Proxy> {
    let proxy: Proxy = match value.text(PROXY)?.parse() {
        Ok(proxy) => proxy,
        Err(fault) => return value.wrong(fault.words(PROXY)),
    };
    let mistake = proxy.mistake();
    value.checked(proxy, mistake)
}

/// How many proxies `rate_limit_trusted_hops` says that there are.
pub(crate) fn trusted_hops(value: &Value<'_>) -> Option<u8> {
    let hops = u8::try_from(whole(value, HOPS)?);
    hops.ok().or_else(|| value.wrong(format_args!("out of range; expected {HOPS}")))
}

/// The header that `rate_limit_forwarded_header` names.
pub(crate) fn forwarded_header(value: &Value<'_>) -> Option<String> {
    header_name(value, FORWARDED)
}

/// The number of bits that `rate_limit_ipv6_prefix` is.
pub(crate) fn ipv6_prefix(value: &Value<'_>) -> Option<u8> {
    match u8::try_from(whole(value, BITS)?) {
        Ok(bits @ 1..=128) => Some(bits),
        _ => value.wrong(format_args!("out of range; expected {BITS}")),
    }
}

/// The headers that `rate_limit_identity` names.
pub(crate) fn identity(value: &Value<'_>) -> Option<IdentityHeaders> {
    value.object(|fields| {
        let user = fields.required("user", USER, |value| header_name(value, USER));
        let groups = fields.optional("groups", |value| header_name(value, GROUPS));
        Some(IdentityHeaders { user: user?, groups: groups? })
    })
}

/// The source that `rate_limit_country` names.
pub(crate) fn country(value: &Value<'_>) -> Option<CountrySource> {
    source(value, COUNTRY)
}

/// The source that `rate_limit_region` names.
pub(crate) fn region(value: &Value<'_>) -> Option<CountrySource> {
    match source(value, REGION)? {
        CountrySource::Database(countries) if !countries.tells_regions() => {
            value.wrong(format_args!("a database that tells countries only; expected {CITIES}"))
        }
        source => Some(source),
    }
}

fn source(value: &Value<'_>, header: &str) -> Option<CountrySource> {
    value.object(|fields| match (fields.get("header"), fields.get("database")) {
        (Some(value), None) => header_name(&value, header).map(CountrySource::Header),
        (None, Some(value)) => database(&value),
        // What else stands there is reported with its name.
        (None, None) if !fields.are_none() => None,
        _ => value.wrong("not exactly one source; expected {\"header\": name} or {\"database\": path}"),
    })
}

/// The database at a path, which is relative to the file that names it.
#[cfg(feature = "geo")]
fn database(value: &Value<'_>) -> Option<CountrySource> {
    use std::path::Path;
    use std::sync::Arc;

    use crate::geo::CountryDatabase;

    let path = value.text(DATABASE)?;
    let beside = Path::new(&*value.page().file).parent().unwrap_or(Path::new("")).join(path);
    match CountryDatabase::open(beside) {
        Ok(database) => Some(CountrySource::Database(Arc::new(database))),
        Err(error) => value.wrong(format_args!("{error}; expected {DATABASE}")),
    }
}

#[cfg(not(feature = "geo"))]
fn database(value: &Value<'_>) -> Option<CountrySource> {
    value.text(DATABASE)?;
    value
        .wrong("this program was built without databases of countries; expected the feature geo, or a header")
}

/// The header that `rate_limit_api_key_header` names: a list of one place, more shortly.
pub(crate) fn api_key_header(value: &Value<'_>) -> Option<Vec<KeySource>> {
    header_name(value, API_KEY).map(|name| vec![KeySource::from_header(&name)])
}

/// The places that `rate_limit_api_key_from` lists.
pub(crate) fn api_key_from(value: &Value<'_>) -> Option<Vec<KeySource>> {
    let sources = value.list(SOURCES, key_source)?;
    match (1..sources.len()).find(|at| sources[..*at].contains(&sources[*at])) {
        Some(at) => {
            let fault = format_args!("{} stands before; expected each place once", sources[at]);
            value.items()[at].wrong(fault)
        }
        None => Some(sources),
    }
}

fn key_source(value: &Value<'_>) -> Option<KeySource> {
    value.text(SOURCE)?.parse().map_err(|fault| value.wrong::<()>(fault)).ok()
}

/// What a header's name may be.
const NAME: &str = "the name of a header, such as \"X-RateLimit-Limit\"";

/// Names, in lower case, of headers that mean something else to clients or to this crate.
const TAKEN: [&str; 14] = [
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "set-cookie",
    "transfer-encoding",
    "upgrade",
    "x-ratelimit-resource",
    "x-ratelimit-unit",
];

/// The policy that `rate_limit_headers` describes; what it leaves out is as Frappe has it.
pub(crate) fn policy(value: &Value<'_>) -> Option<HeaderPolicy> {
    value.object(|fields| {
        let default = HeaderPolicy::default();
        let enabled = field(fields, "enabled", default.enabled, Value::flag);
        let reset = field(fields, "reset", default.reset, reset_style);
        let names = field(fields, "names", default.names, names);
        let standard = field(fields, "standard", default.standard, standard);
        Some(HeaderPolicy { enabled: enabled?, reset: reset?, names: names?, standard: standard? })
    })
}

/// A field's value, or the default if it is not there or null.
fn field<'a, T>(
    fields: &Fields<'a>,
    name: &'static str,
    default: T,
    read: impl FnOnce(&Value<'a>) -> Option<T>,
) -> Option<T> {
    match fields.get(name) {
        Some(value) if *value.json() != Json::Null => read(&value),
        _ => Some(default),
    }
}

fn reset_style(value: &Value<'_>) -> Option<ResetStyle> {
    let words = [("seconds", ResetStyle::Seconds), ("unix", ResetStyle::Unix)];
    value.word(&words, "no such style; expected \"seconds\" or \"unix\"")
}

fn standard(value: &Value<'_>) -> Option<Option<StandardHeaders>> {
    match value.json() {
        Json::Bool(false) => Some(None),
        Json::Text(text) if text == "draft-11" => Some(Some(StandardHeaders::Draft11)),
        _ => value.wrong("no such standard; expected false or \"draft-11\""),
    }
}

fn names(value: &Value<'_>) -> Option<HeaderNames> {
    let names = value.object(|fields| {
        let default = HeaderNames::default();
        let limit = field(fields, "limit", default.limit, name);
        let remaining = field(fields, "remaining", default.remaining, name);
        let reset = field(fields, "reset", default.reset, name);
        let used = field(fields, "used", default.used, name);
        Some(HeaderNames { limit: limit?, remaining: remaining?, reset: reset?, used: used? })
    })?;
    match have_two_alike(&names) {
        true => value.wrong("two headers of one name; expected four that differ"),
        false => Some(names),
    }
}

fn name(value: &Value<'_>) -> Option<String> {
    let name = header_name(value, NAME)?;
    match TAKEN.contains(&name.to_ascii_lowercase().as_str()) {
        true => value.wrong(format_args!("means something else; expected {NAME}")),
        false => Some(name),
    }
}

/// The name of a header; `expected` has an example of one.
pub(crate) fn header_name(value: &Value<'_>, expected: &str) -> Option<String> {
    let name = value.text(expected)?;
    match is_token(name) {
        true => Some(name.to_owned()),
        false => value.wrong(format_args!("not the name of a header; expected {expected}")),
    }
}

fn have_two_alike(names: &HeaderNames) -> bool {
    let all = [&names.limit, &names.remaining, &names.reset, &names.used];
    let before = |i: usize| all[..i].iter().any(|other| other.eq_ignore_ascii_case(all[i]));
    (1..all.len()).any(before)
}

const TIERS: &str = "an object of tiers by name";
const TIERS_OF_GROUPS: &str = "an object of groups by name, each with the name of a tier";
const USERS: &str = "an object of users by name";
const LIMITS: &str = "an object of rules by name, each with limits";
const KEYS: &str = "an object of API keys by their digest";
const DIGEST: &str = "\"sha256:\" and 64 hexadecimal digits";
const KEY_NAME: &str = "what to call the key";
const TIER: &str = "the name of a tier";
const USER_NAME: &str = "the name of a user";
const RULE: &str = "the name of a rule";
const PRIORITY: &str = "a whole number from 0 to 9007199254740992";

/// The tiers by name.
pub(crate) fn tiers(value: &Value<'_>) -> Option<Vec<Tier>> {
    named(value, TIERS, tier)
}

fn tier(name: &str, value: &Value<'_>) -> Option<Tier> {
    value.object(|fields| {
        let multiplier = fields.or("multiplier", Multiplier::ONE, multiplier);
        let priority = fields.or("priority", 0, |value| whole(value, PRIORITY));
        let limits = fields.or("limits", BTreeMap::new(), limits_of_rules);
        Some(Tier { name: name.to_owned(), multiplier: multiplier?, priority: priority?, limits: limits? })
    })
}

fn limits_of_rules(value: &Value<'_>) -> Option<BTreeMap<String, LimitSet>> {
    let rules = named(value, LIMITS, |rule, value| Some((rule.to_owned(), limits(value)?)))?;
    Some(rules.into_iter().collect())
}

/// The tiers of groups.
pub(crate) fn groups(value: &Value<'_>) -> Option<Vec<(String, String)>> {
    named(value, TIERS_OF_GROUPS, |group, value| Some((group.to_owned(), full(value, TIER)?)))
}

/// The tiers that users are assigned.
pub(crate) fn users(value: &Value<'_>) -> Option<Vec<(String, Assignment)>> {
    named(value, USERS, |user, value| Some((user.to_owned(), assignment(value)?)))
}

fn assignment(value: &Value<'_>) -> Option<Assignment> {
    value.object(|fields| {
        let tier = fields.required("tier", TIER, |value| full(value, TIER));
        let term = term(fields);
        Some(Assignment { tier: tier?, term: term? })
    })
}

/// The overrides of a list, in its order.
pub(crate) fn overrides(value: &Value<'_>) -> Option<Vec<Override>> {
    let overrides = value.list_if_any("a list of overrides", override_of_user)?;
    are_unmistakable(value, &overrides).then_some(overrides)
}

fn override_of_user(value: &Value<'_>) -> Option<Override> {
    value.object(|fields| {
        let user = fields.required("user", USER_NAME, |value| full(value, USER_NAME));
        let rule = fields.optional("rule", |value| full(value, RULE));
        let limits = fields.required("limits", RATE, limits);
        let term = term(fields);
        let reason = fields.optional("reason", |value| value.text("a text").map(str::to_owned));
        Some(Override { user: user?, rule: rule?, limits: limits?, term: term?, reason: reason? })
    })
}

/// Whether no two overrides hold for the same user and rule at one time: nobody could say which counts.
fn are_unmistakable(list: &Value<'_>, overrides: &[Override]) -> bool {
    let items = list.items();
    let mut order: Vec<usize> = (0..overrides.len()).collect();
    let whose = |at: usize| (&overrides[at].user, &overrides[at].rule);
    order.sort_by_key(|at| whose(*at));
    let mut is_sound = true;
    for same in order.chunk_by(|one, other| whose(*one) == whose(*other)) {
        for (place, at) in same.iter().enumerate() {
            let meets = |other: &&usize| overrides[**other].term.meets(&overrides[*at].term);
            if let Some(first) = same[..place].iter().find(meets) {
                let fault = format_args!(
                    "{}[{first}] holds for this user and rule at the same time; expected one that does",
                    list.place()
                );
                items[*at].wrong_part::<()>(&overrides[*at].user, fault);
                is_sound = false;
            }
        }
    }
    is_sound
}

/// The API keys by their digests.
pub(crate) fn api_keys(value: &Value<'_>) -> Option<Vec<(KeyDigest, ApiKey)>> {
    let digests = digests(value)?;
    let keys = named(value, KEYS, |_, value| api_key(value))?;
    Some(digests.into_iter().zip(keys).collect())
}

/// The digests that the members' names are. What is none may be a key itself, and so is not quoted.
fn digests(value: &Value<'_>) -> Option<Vec<KeyDigest>> {
    let Json::Object(members) = value.json() else {
        return value.wrong_discreetly(format_args!("not an object; expected {KEYS}"));
    };
    let mut digests = Vec::with_capacity(members.len());
    for (at, (name, _)) in members.iter().enumerate() {
        let Some(digest) = KeyDigest::parse(name) else {
            let member = at + 1;
            return value.wrong_discreetly(format_args!(
                "the name of member {member} is not the digest of a key; expected {DIGEST}"
            ));
        };
        digests.push(digest);
    }
    let mut sorted = digests.clone();
    sorted.sort_unstable();
    match sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        true => value.wrong_discreetly("one digest stands more than once; expected each once"),
        false => Some(digests),
    }
}

fn api_key(value: &Value<'_>) -> Option<ApiKey> {
    value.object(|fields| {
        let name = fields.required("name", KEY_NAME, |value| full(value, KEY_NAME));
        let tier = fields.optional("tier", |value| full(value, TIER));
        let user = fields.optional("user", |value| full(value, USER_NAME));
        Some(ApiKey { name: name?, tier: tier?, user: user? })
    })
}

/// A text that is not empty.
fn full(value: &Value<'_>, expected: &str) -> Option<String> {
    match value.text(expected)? {
        "" => value.wrong(format_args!("empty; expected {expected}")),
        text => Some(text.to_owned()),
    }
}

/// What the members of an object hold, each of which has a name. A program that writes the file may have none to write.
fn named<'a, T>(
    value: &Value<'a>,
    expected: &str,
    read: impl FnMut(&'a str, &Value<'a>) -> Option<T>,
) -> Option<Vec<T>> {
    match value.json() {
        Json::Object(members) if members.iter().any(|(name, _)| name.is_empty()) => {
            value.wrong_part("", format_args!("an empty name; expected {expected}"))
        }
        _ => value.members(expected, read),
    }
}
