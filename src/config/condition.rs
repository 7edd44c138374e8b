//! Conditions of a site file.

use crate::config::clients::network;
use crate::config::json::Json;
use crate::config::reader::Value;
use crate::config::text::{Subject, text};
use crate::model::wording::{EXEMPTS_ALL, METHOD};
use crate::model::{Condition, Country, Method, Region, Text, is_certain, is_credential};

const ADDRESSES: &str = "a list of addresses and ranges such as \"10.0.0.0/8\"";
const CONDITIONS: &str = "a list of conditions";
const COUNTRY: &str = "a country's code of two letters such as \"FR\", or a list of them";
const REGION: &str = "a code such as \"US-CA\" (ISO 3166-2), or a list of them";
const NAMED: &str = "an object of names, each with a text, or with true for present";

/// The exemption that `rate_limit_exempt` describes.
pub(crate) fn exemption(value: &Value<'_>) -> Option<Condition> {
    let exempt = condition(value)?;
    if is_certain(&exempt) {
        value.suspect(EXEMPTS_ALL);
    }
    Some(exempt)
}

/// The condition that an object describes: all its fields must hold.
pub(crate) fn condition(value: &Value<'_>) -> Option<Condition> {
    value.object(|fields| {
        let all = [
            fields.optional("path", |value| text(Subject::Path, value).map(Condition::Path)),
            fields.optional("method", methods),
            fields.optional("host", |value| text(Subject::Host, value).map(Condition::Host)),
            fields.optional("ip", |value| value.one_or_many(ADDRESSES, network).map(Condition::Ip)),
            fields.optional("header", |value| named("header", value, Condition::Header)),
            fields.optional("cookie", |value| named("cookie", value, Condition::Cookie)),
            fields.optional("query", |value| named("query", value, Condition::Query)),
            fields.optional("user", |value| text(Subject::Value, value).map(Condition::User)),
            fields.optional("group", |value| text(Subject::Value, value).map(Condition::Group)),
            fields.optional("tier", |value| text(Subject::Value, value).map(Condition::Tier)),
            fields.optional("authenticated", |value| value.flag().map(Condition::Authenticated)),
            fields.optional("country", |value| value.one_or_many(COUNTRY, country).map(Condition::Country)),
            fields.optional("region", |value| value.one_or_many(REGION, region).map(Condition::Region)),
            fields.optional("all", |value| value.list(CONDITIONS, condition).map(Condition::All)),
            fields.optional("any", |value| value.list(CONDITIONS, condition).map(Condition::Any)),
            fields.optional("not", |value| Some(Condition::Not(Box::new(condition(value)?)))),
        ];
        let parts: Option<Vec<_>> = all.into_iter().collect();
        Some(conjoined(parts?.into_iter().flatten().collect()))
    })
}

/// One condition of several that must all hold.
fn conjoined(mut parts: Vec<Condition>) -> Condition {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            parts.extend(last);
            Condition::All(parts)
        }
    }
}

fn methods(value: &Value<'_>) -> Option<Condition> {
    let method = |value: &Value<'_>| {
        let method = Method::new(value.text(METHOD)?);
        method.or_else(|| value.wrong(format_args!("no method; expected {METHOD}")))
    };
    value.one_or_many(METHOD, method).map(Condition::Method)
}

fn region(value: &Value<'_>) -> Option<Region> {
    let region = Region::new(value.text(REGION)?);
    region.or_else(|| value.wrong(format_args!("no region; expected {REGION}")))
}

fn country(value: &Value<'_>) -> Option<Country> {
    let country = Country::new(value.text(COUNTRY)?);
    country.or_else(|| value.wrong(format_args!("no country; expected {COUNTRY}")))
}

/// A condition for each name of an object; all must hold.
fn named(
    kind: &str,
    object: &Value<'_>,
    condition: impl Fn(String, Option<Text>) -> Condition,
) -> Option<Condition> {
    match object.json() {
        Json::Object(members) if members.is_empty() => {
            return object.wrong(format_args!("an empty object; expected {NAMED}"));
        }
        Json::Object(_) => {}
        // It may be a whole header, such as one that holds a token.
        _ => return object.wrong_discreetly(format_args!("no object; expected {NAMED}")),
    }
    let parts = object.members(NAMED, |name, value| {
        let value = if is_credential(kind, name) { value.clone().secret() } else { value.clone() };
        let wanted = match value.json() {
            Json::Bool(true) => Some(None),
            _ => text(Subject::Value, &value).map(Some),
        };
        let mistake = if kind == "header" { Condition::header_mistake(name) } else { None };
        let is_named = mistake.is_none_or(|mistake| object.wrong_part::<()>(name, mistake.fault()).is_some());
        wanted.filter(|_| is_named).map(|wanted| condition(name.to_owned(), wanted))
    });
    parts.map(conjoined)
}
