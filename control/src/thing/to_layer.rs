//! What has been decided as the library takes it: a layer below the site files, which follows change by change.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use timebudget::config::{self, Errors, Hosts, Layer};
use timebudget::{ApiKey, Assignment as Assigned, KeyDigest, Term, Tiers, UnixMicros};

use crate::thing::{
    Assignment, Decided, Held, Key, Kind, Override, Own, Policy, Ruleset, Thing, Tier, Time, User, Written,
};

/// What messages of the library call it.
pub(crate) const LAYER: &str = "database";

impl Decided {
    /// The layer at an instant: of API keys it has those that are known then.
    ///
    /// # Errors
    ///
    /// What the library does not take: none where changes are checked by the same version of it before they are stored.
    pub fn to_layer(&self, at: Time) -> Result<Layer, Errors> {
        let mut layer =
            self.with_policy(Layer::new(LAYER).with_clients(self.clients(at)?), &self.policy().thing);
        for own in self.assignments().values() {
            layer = self.with_assignment(layer, &own.thing);
        }
        Ok(layer)
    }

    /// A layer of what has been decided here, and of one change more.
    ///
    /// # Errors
    ///
    /// What the library does not take.
    pub(crate) fn edited(
        &self,
        layer: Layer,
        (kind, name, after): (Kind, &str, Option<&Thing>),
        at: Time,
    ) -> Result<Layer, Errors> {
        Ok(match (kind, after) {
            (Kind::User, Some(Thing::User(user))) => layer.with_user(name, Some(assigned(user))),
            (Kind::User, _) => layer.with_user(name, None),
            (Kind::Group, Some(Thing::Group(group))) => layer.with_group(name, Some(&group.tier)),
            (Kind::Group, _) => layer.with_group(name, None),
            (Kind::Tier, Some(Thing::Tier(tier))) => layer.with_tier(name, tier_of(tier)?),
            (Kind::Tier, _) => layer.with_tier(name, None),
            (Kind::Policy, Some(Thing::Policy(policy))) => self.with_policy(layer, policy),
            (Kind::Policy, _) => self.with_policy(layer, &Policy::default()),
            (Kind::Assignment, Some(Thing::Assignment(own))) => self.with_assignment(layer, own),
            (Kind::Assignment, _) => self.with_assignment(layer, &inheriting(name)),
            (Kind::Key, Some(Thing::Key(key))) => self.with_key(layer, name, Some(key), at),
            (Kind::Key, _) => self.with_key(layer, name, None, at),
            (Kind::Override, Some(Thing::Override(over))) => {
                self.with_override(layer, name, Some(over), at)?
            }
            (Kind::Override, _) => self.with_override(layer, name, None, at)?,
            (Kind::Ruleset, Some(Thing::Ruleset(ruleset))) => self.with_ruleset(layer, ruleset),
            // One that is deleted is used by nobody, and members have no place in a layer.
            (Kind::Ruleset | Kind::Member, _) => layer,
        })
    }

    /// The layer without the API keys that have ended since an instant.
    pub(crate) fn without_ended_keys(&self, mut layer: Layer, since: Time, at: Time) -> Layer {
        let ended =
            self.keys().iter().filter(|(_, held)| held.thing.next_end(since).is_some_and(|end| end <= at));
        for (id, held) in ended {
            layer = self.with_key(layer, id, Some(&held.thing), at);
        }
        layer
    }

    fn with_policy(&self, layer: Layer, policy: &Policy) -> Layer {
        let said = [(Hosts::Published, &policy.published), (Hosts::Unpublished, &policy.unpublished)];
        said.into_iter()
            .fold(layer, |layer, (hosts, name)| layer.with_rules_on(hosts, self.rules(name.as_deref())))
    }

    fn with_assignment(&self, layer: Layer, own: &Assignment) -> Layer {
        let said = [(Hosts::Published, &own.published), (Hosts::Unpublished, &own.unpublished)];
        said.into_iter().fold(layer, |layer, (hosts, said)| match said {
            Own::Inherit => layer.without_rules_of(&own.site, hosts),
            Own::None | Own::Ruleset(_) => layer.with_rules_of_on(&own.site, hosts, self.rules(said.name())),
        })
    }

    /// Wherever the ruleset of that name holds.
    fn with_ruleset(&self, mut layer: Layer, ruleset: &Ruleset) -> Layer {
        let is_it = |name: Option<&str>| name == Some(ruleset.name.as_str());
        let rules = || Some(ruleset.rules().clone());
        let Policy { published, unpublished } = &self.policy().thing;
        for (hosts, name) in [(Hosts::Published, published), (Hosts::Unpublished, unpublished)] {
            if is_it(name.as_deref()) {
                layer = layer.with_rules_on(hosts, rules());
            }
        }
        for own in self.assignments().values().map(|held| &held.thing) {
            for (hosts, said) in [(Hosts::Published, &own.published), (Hosts::Unpublished, &own.unpublished)]
            {
                if is_it(said.name()) {
                    layer = layer.with_rules_of_on(&own.site, hosts, rules());
                }
            }
        }
        layer
    }

    fn rules(&self, name: Option<&str>) -> Option<config::Ruleset> {
        Some(self.rulesets().get(name?)?.thing.rules().clone())
    }

    fn with_key(&self, layer: Layer, id: &str, after: Option<&Key>, at: Time) -> Layer {
        let before = self.keys().get(id).map(|held| &held.thing);
        let known: BTreeSet<&str> = before.into_iter().flat_map(Key::all_digests).collect();
        let kept: BTreeSet<&str> = after.into_iter().flat_map(|key| key.digests(at)).collect();
        let gone = known.difference(&kept).map(|digest| (*digest, None));
        let put = kept.iter().map(|digest| (*digest, after.map(api_key)));
        gone.chain(put).fold(layer, |layer, (digest, key)| match KeyDigest::parse(digest) {
            Some(digest) => layer.with_api_key(digest, key),
            None => layer,
        })
    }

    /// All overrides of the user whose this one was, and of the user whose it is.
    fn with_override(
        &self,
        mut layer: Layer,
        id: &str,
        after: Option<&Override>,
        at: Time,
    ) -> Result<Layer, Errors> {
        let before = self.overrides().get(id).map(|held| &held.thing);
        let users: BTreeSet<&str> = before.into_iter().chain(after).map(|over| over.user.as_str()).collect();
        for user in users {
            let others = self.overrides_of(user).map(|held| &held.thing).filter(|over| over.id != id);
            let all = others.chain(after.filter(|over| over.user == user)).filter(|over| at < over.until);
            layer = layer.with_overrides_of(user, read(&[], all)?.overrides().cloned().collect::<Vec<_>>());
        }
        Ok(layer)
    }

    fn clients(&self, at: Time) -> Result<Tiers, Errors> {
        let tiers: Vec<_> = self.tiers().values().map(|held| &held.thing).collect();
        let overrides = self.overrides().values().map(|held| &held.thing).filter(|over| at < over.until);
        let mut clients = read(&tiers, overrides)?;
        let groups = self.groups().iter();
        clients.groups = groups.map(|(name, held)| (name.clone(), held.thing.tier.clone())).collect();
        let users = self.users().iter().filter(|(_, held)| held.thing.until.is_none_or(|until| at < until));
        clients.users = users.map(|(name, held)| (name.clone(), assigned(&held.thing))).collect();
        let digests = |held: &Held<Key>| {
            let key = &held.thing;
            key.digests(at)
                .filter_map(|digest| Some((KeyDigest::parse(digest)?, api_key(key))))
                .collect::<Vec<_>>()
        };
        clients.api_keys = self.keys().values().flat_map(digests).collect();
        Ok(clients)
    }
}

fn inheriting(site: &str) -> Assignment {
    Assignment { site: site.to_owned(), published: Own::Inherit, unpublished: Own::Inherit }
}

fn assigned(user: &User) -> Assigned {
    let until = user.until.map(|until| UnixMicros(until.timestamp_micros()));
    Assigned { tier: user.tier.clone(), term: Term { from: None, until } }
}

fn api_key(key: &Key) -> ApiKey {
    ApiKey { name: key.name.clone(), tier: key.tier.clone(), user: key.user.clone() }
}

fn tier_of(tier: &Tier) -> Result<Option<timebudget::Tier>, Errors> {
    Ok(read(&[tier], [])?.tiers().first().cloned())
}

/// What has limits, which the library's own loader reads.
fn read<'a>(tiers: &[&'a Tier], overrides: impl IntoIterator<Item = &'a Override>) -> Result<Tiers, Errors> {
    let tiers = tiers.iter().map(|tier| (tier.name.as_str(), TierOfLayer::from(*tier))).collect();
    let overrides = overrides.into_iter().map(OverrideOfLayer::from).collect();
    let text = serde_json::to_string(&Clients { tiers, overrides }).expect("names are texts");
    Ok(Layer::parse(LAYER, &text)?.clients().clone())
}

#[derive(Serialize)]
struct Clients<'a> {
    tiers: BTreeMap<&'a str, TierOfLayer<'a>>,
    overrides: Vec<OverrideOfLayer<'a>>,
}

#[derive(Serialize)]
struct TierOfLayer<'a> {
    multiplier: f64,
    priority: u64,
    limits: &'a BTreeMap<String, Written>,
}

impl<'a> From<&'a Tier> for TierOfLayer<'a> {
    fn from(tier: &'a Tier) -> Self {
        Self { multiplier: tier.multiplier, priority: tier.priority, limits: &tier.limits }
    }
}

#[derive(Serialize)]
struct OverrideOfLayer<'a> {
    user: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    limits: &'a Written,
    /// Two that follow each other do not hold at one time.
    from: Time,
    until: Time,
    reason: &'a str,
}

impl<'a> From<&'a Override> for OverrideOfLayer<'a> {
    fn from(over: &'a Override) -> Self {
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
