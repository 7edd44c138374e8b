//! The keys that say who may spend what: tiers, groups, users, overrides and API keys.

use std::collections::BTreeMap;

use crate::config::json::Json;
use crate::config::reader::{Value, multiplier, term, whole};
use crate::config::rules::{RATE, limits};
use crate::model::{ApiKey, Assignment, KeyDigest, LimitSet, Multiplier, Override, Tier};

const TIERS: &str = "an object of tiers by name";
const GROUPS: &str = "an object of groups by name, each with the name of a tier";
const USERS: &str = "an object of users by name";
const LIMITS: &str = "an object of rules by name, each with limits";
const KEYS: &str = "an object of API keys by their digest";
const DIGEST: &str = "\"sha256:\" and 64 hexadecimal digits";
const KEY_NAME: &str = "what to call the key";
const TIER: &str = "the name of a tier";
const USER: &str = "the name of a user";
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
    named(value, GROUPS, |group, value| Some((group.to_owned(), full(value, TIER)?)))
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
        let user = fields.required("user", USER, |value| full(value, USER));
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
        let user = fields.optional("user", |value| full(value, USER));
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
