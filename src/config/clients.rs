//! The keys that say how it is known who and where clients are.

use crate::config::headers::header_name;
use crate::config::number::whole;
use crate::config::reader::Value;
use crate::model::wording::{PROXY, SOURCE};
use crate::model::{CountrySource, IdentityHeaders, KeySource, Network, Proxy};

const NETWORK: &str = "an address or a range such as \"10.0.0.0/8\"";
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

/// A range of addresses.
pub(crate) fn network(value: &Value<'_>) -> Option<Network> {
    match value.text(NETWORK)?.parse() {
        Ok(network) => Some(network),
        Err(fault) => value.wrong(fault.words(NETWORK)),
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
