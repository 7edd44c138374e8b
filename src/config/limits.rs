//! Limits: the key `rate_limit`, and what rules, tiers and overrides grant.

use crate::config::json::Json;
use crate::config::number::{QUOTA, WINDOW, quota, whole, window};
use crate::config::reader::Value;
use crate::model::wording::ONE_ACCOUNT;
use crate::model::{Component, Limit, LimitSet, Rule, Unit, parse_rates};

/// The names of the rules that `rate_limit` makes.
pub(crate) const RULES_OF_RATE_LIMIT: [&str; 2] = ["site", "site-requests"];

/// What a limit that must be there may be.
pub(crate) const RATE: &str = "a rate string such as \"10 per hour\"";

const LIMITS: &str =
    "a rate string such as \"10 per hour\", or a list of them and of objects of limit, window and unit";
const REQUESTS: &str = "whole requests from 0 to 9007199254740992";

/// The rules that `rate_limit` makes, at most two: `site` and `site-requests`.
///
/// Time, and what may run at once, belongs to the site and is shared by all its clients. Requests are counted for each
/// client address, as those who write `50 per hour` mean it.
pub(crate) fn rate_limit(value: &Value<'_>) -> Option<Vec<Rule>> {
    let limits = match value.json() {
        Json::Object(_) => time_limit(value)?.into(),
        Json::Text(text) => distinct(rates(text, value)?, value),
        _ => {
            return value.wrong(
                "neither an object nor a text; expected an object of limit and window, or a rate string such as \"600s per hour\"",
            );
        }
    };
    let (requests, shared): (Vec<_>, Vec<_>) = limits.iter().copied().partition(Limit::counts_requests);
    let [of_site, of_requests] = RULES_OF_RATE_LIMIT;
    let rules =
        [Rule::new(of_site, Component::Site, shared), Rule::new(of_requests, Component::Ip, requests)];
    let rules = rules.into_iter().filter(|rule| !rule.limits.is_empty());
    Some(rules.map(|rule| Rule { displaces: false, ..rule }).collect())
}

/// Frappe's object.
fn time_limit(value: &Value<'_>) -> Option<Limit> {
    value.object(|fields| {
        let quota = fields.required("limit", QUOTA, quota);
        let period = fields.required("window", WINDOW, window);
        Some(Limit::Time { quota: quota?, period: period? })
    })
}

/// The limits that a rule has; of those that would share an account the smallest.
pub(crate) fn limits(value: &Value<'_>) -> Option<LimitSet> {
    let written = match value.json() {
        Json::Text(text) => rates(text, value)?,
        Json::List(_) => value.list(LIMITS, rates_or_object)?.concat(),
        _ => return value.wrong(format_args!("not limits; expected {LIMITS}")),
    };
    Some(distinct(written, value))
}

fn rates_or_object(value: &Value<'_>) -> Option<Vec<Limit>> {
    match value.json() {
        Json::Text(text) => rates(text, value),
        Json::Object(_) => Some(vec![limit(value)?]),
        _ => value.wrong(format_args!("not a limit; expected {LIMITS}")),
    }
}

fn rates(text: &str, value: &Value<'_>) -> Option<Vec<Limit>> {
    match parse_rates(text) {
        Ok(limits) => Some(limits),
        Err(error) => value.wrong_part(error.part(), error.words()),
    }
}

/// The limits without those that a tighter one makes pointless.
fn distinct(written: Vec<Limit>, value: &Value<'_>) -> LimitSet {
    let count = written.len();
    let kept = LimitSet::from(written);
    if kept.len() < count {
        value.suspect(ONE_ACCOUNT);
    }
    kept
}

fn limit(value: &Value<'_>) -> Option<Limit> {
    value.object(|fields| {
        let unit = fields.or("unit", Unit::Time, unit);
        if unit == Some(Unit::Requests) {
            let quota = fields.required("limit", REQUESTS, |value| whole(value, REQUESTS));
            let period = fields.required("window", WINDOW, window);
            return Some(Limit::Requests { quota: quota?, period: period? });
        }
        let quota = fields.required("limit", QUOTA, quota);
        let period = fields.required("window", WINDOW, window);
        unit.and(Some(Limit::Time { quota: quota?, period: period? }))
    })
}

fn unit(value: &Value<'_>) -> Option<Unit> {
    let words = [("time", Unit::Time), ("requests", Unit::Requests)];
    value.word(&words, "no such unit; expected \"time\" or \"requests\"")
}
