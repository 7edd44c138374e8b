//! What has been decided as the library takes it: a layer below the site files.

use std::fmt::Write as _;

use serde::Serialize;
use timebudget::config::{self, Errors, Hosts, Layer};

use crate::thing::{Decided, Own, Time};

/// What messages of the library call it.
pub(crate) const LAYER: &str = "database";

impl Decided {
    /// The layer at an instant: of API keys it has those that are known then.
    ///
    /// # Errors
    ///
    /// What the library does not take: none where changes are checked by the same version of it before they are stored.
    pub fn to_layer(&self, at: Time) -> Result<Layer, Errors> {
        let mut layer = Layer::parse(LAYER, &self.clients(at))?;
        let policy = &self.policy().thing;
        for (hosts, name) in
            [(Hosts::Published, &policy.published), (Hosts::Unpublished, &policy.unpublished)]
        {
            layer = layer.with_rules_on(hosts, self.rules(name.as_deref()));
        }
        for own in self.assignments().values().map(|held| &held.thing) {
            for (hosts, said) in [(Hosts::Published, &own.published), (Hosts::Unpublished, &own.unpublished)]
            {
                if *said != Own::Inherit {
                    layer = layer.with_rules_of_on(&own.site, hosts, self.rules(said.name()));
                }
            }
        }
        Ok(layer)
    }

    fn rules(&self, name: Option<&str>) -> Option<config::Ruleset> {
        Some(self.rulesets().get(name?)?.thing.rules().clone())
    }

    fn clients(&self, at: Time) -> String {
        let mut text = String::from("{");
        let tiers = self.tiers().values().map(|held| &held.thing);
        object(&mut text, "tiers", tiers.map(|tier| (tier.name.as_str(), TierOfLayer::from(tier))));
        let groups = self.groups().values().map(|held| &held.thing);
        object(&mut text, "groups", groups.map(|group| (group.name.as_str(), group.tier.as_str())));
        let users = self.users().values().map(|held| &held.thing);
        let users = users.filter(|user| user.until.is_none_or(|until| at < until));
        object(&mut text, "users", users.map(|user| (user.user.as_str(), UserOfLayer::from(user))));
        let keys = self.keys().values().map(|held| &held.thing);
        let keys = keys.flat_map(|key| key.digests(at).map(move |digest| (digest, KeyOfLayer::from(key))));
        object(&mut text, "api_keys", keys);
        let overrides = self.overrides().values().map(|held| &held.thing).filter(|over| at < over.until);
        let overrides: Vec<_> = overrides.map(OverrideOfLayer::from).collect();
        let _ = write!(text, "\"overrides\":{}}}", json(&overrides));
        text
    }
}

fn object<'a>(text: &mut String, name: &str, members: impl Iterator<Item = (&'a str, impl Serialize)>) {
    let _ = write!(text, "\"{name}\":{{");
    for (at, (name, member)) in members.enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let _ = write!(text, "{comma}{}:{}", json(&name), json(&member));
    }
    text.push_str("},");
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("names are texts")
}

#[derive(Serialize)]
struct TierOfLayer<'a> {
    multiplier: f64,
    priority: u64,
    limits: &'a std::collections::BTreeMap<String, crate::thing::Written>,
}

impl<'a> From<&'a crate::thing::Tier> for TierOfLayer<'a> {
    fn from(tier: &'a crate::thing::Tier) -> Self {
        Self { multiplier: tier.multiplier, priority: tier.priority, limits: &tier.limits }
    }
}

#[derive(Serialize)]
struct UserOfLayer<'a> {
    tier: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Time>,
}

impl<'a> From<&'a crate::thing::User> for UserOfLayer<'a> {
    fn from(user: &'a crate::thing::User) -> Self {
        Self { tier: &user.tier, until: user.until }
    }
}

#[derive(Serialize)]
struct KeyOfLayer<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
}

impl<'a> From<&'a crate::thing::Key> for KeyOfLayer<'a> {
    fn from(key: &'a crate::thing::Key) -> Self {
        Self { name: &key.name, tier: key.tier.as_deref(), user: key.user.as_deref() }
    }
}

#[derive(Serialize)]
struct OverrideOfLayer<'a> {
    user: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    limits: &'a crate::thing::Written,
    from: Time,
    until: Time,
    reason: &'a str,
}

impl<'a> From<&'a crate::thing::Override> for OverrideOfLayer<'a> {
    fn from(over: &'a crate::thing::Override) -> Self {
        Self {
            user: &over.user,
            rule: over.rule.as_deref(),
            limits: &over.limits,
            from: over.made_at,
            until: over.until,
            reason: &over.reason,
        }
    }
}
