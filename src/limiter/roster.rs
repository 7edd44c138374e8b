//! The roster: which rules are in force on an engine, by site, with the books that have been opened of them.
//!
//! An account is known by site, rule and key. So that somebody who looks after accounts can name one without a request, each limiter
//! enlists its rules for as long as it lives: a rule that is no longer in force has no accounts that could be found, though they last
//! until their window ends and are there again if the rule comes back.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::limiter::books::{Books, OpenLimit};
use crate::limiter::terms::TiersInForce;
use crate::model::{
    Component, Identity, Key, KeyHash, KeyHasher, KeySpec, KeyValue, Limit, Rule, SharedTiers, Site, Source,
    Tiers, UnixMicros,
};
use crate::store::Store;

/// A site's rules in force, and the books that have been opened of them.
#[derive(Debug)]
pub(crate) struct Roster {
    site: Arc<Site>,
    /// For each rule the books of all limits that somebody has had of it.
    books: Vec<Arc<Books>>,
    /// Who may spend something else than the rules say.
    terms: Arc<TiersInForce>,
}

impl Roster {
    pub(crate) fn new(site: &Arc<Site>, books: Vec<Arc<Books>>, terms: &Arc<TiersInForce>) -> Self {
        Self { site: Arc::clone(site), books, terms: Arc::clone(terms) }
    }
}

/// Every site's rules that are in force on an engine.
#[derive(Debug, Default)]
pub(crate) struct Rosters(Mutex<BTreeMap<String, Vec<Weak<Roster>>>>);

impl Rosters {
    /// Notes a site's rules for as long as their limiter lives.
    pub(crate) fn enlist(&self, roster: Roster) -> Arc<Roster> {
        let roster = Arc::new(roster);
        let mut all = self.0.lock();
        let of_site = all.entry(roster.site.name.clone()).or_default();
        of_site.retain(|old| old.strong_count() > 0);
        of_site.push(Arc::downgrade(&roster));
        roster
    }

    /// The rules in force, in the order of their sites' names; of two of the same name the one that was made last.
    pub(crate) fn rules(&self, site: Option<&str>, rule: Option<&str>) -> Vec<EnlistedRule> {
        let rosters = self.in_force(site);
        let mut names = HashSet::new();
        let mut found = Vec::new();
        for roster in &rosters {
            for (position, other) in roster.site.rules.iter().enumerate() {
                let is_wanted = rule.is_none_or(|rule| rule == other.name);
                if is_wanted && names.insert((roster.site.name.as_str(), other.name.as_str())) {
                    found.push(EnlistedRule { roster: Arc::clone(roster), position });
                }
            }
        }
        found
    }

    /// Forgets the sites that no living limiter is of.
    pub(crate) fn forget(&self) {
        self.0.lock().retain(|_, of_site| {
            of_site.retain(|roster| roster.strong_count() > 0);
            !of_site.is_empty()
        });
    }

    /// How many sites are known by name.
    #[cfg(test)]
    pub(crate) fn sites(&self) -> usize {
        self.0.lock().len()
    }

    /// The rosters of living limiters, of each site the newest first.
    fn in_force(&self, site: Option<&str>) -> Vec<Arc<Roster>> {
        let living =
            |of_site: &Vec<Weak<Roster>>| of_site.iter().rev().filter_map(Weak::upgrade).collect::<Vec<_>>();
        let all = self.0.lock();
        match site {
            // There may be many: one is not looked for among all.
            Some(site) => all.get(site).map_or_else(Vec::new, living),
            None => all.values().flat_map(living).collect(),
        }
    }
}

/// One rule in force.
///
/// Its tiers may be replaced at any time, and positions mean something in the state of them alone that they were found in. So
/// whoever asks for limits takes the [tiers](Self::tiers) once, and hands them on.
#[derive(Clone, Debug)]
pub(crate) struct EnlistedRule {
    roster: Arc<Roster>,
    position: usize,
}

impl EnlistedRule {
    pub(crate) fn site(&self) -> &Site {
        &self.roster.site
    }

    pub(crate) fn rule(&self) -> &Rule {
        &self.roster.site.rules[self.position]
    }

    /// The tiers in force now.
    pub(crate) fn tiers(&self) -> SharedTiers {
        self.roster.terms.load().tiers.clone()
    }

    /// What tells the rule's accounts apart: where each method has its own, that comes last.
    pub(crate) fn key_spec(&self) -> KeySpec {
        self.rule().key_of_accounts()
    }

    /// The hash of a key; `None` if the rule's keys are of other parts.
    pub(crate) fn hash(&self, key: &Key, hasher: &KeyHasher) -> Option<KeyHash> {
        let bytes = self.key_spec().bytes_of(key, self.site().addresses.ipv6_prefix)?;
        Some(hasher.hash(bytes.as_slice()))
    }

    /// Every limit that somebody may have of the rule with its book, of a unit and period one: where `first` says one, that.
    pub(crate) fn limits(&self, tiers: &Tiers, first: Source, store: &dyn Store) -> Vec<OpenLimit> {
        let overrides = tiers.overrides.iter().map(|(at, _)| Source::Override(at));
        let others = (0..tiers.tiers().len()).map(Source::Tier).chain(overrides);
        let about = |source: &Source| match source {
            Source::Override(at) => tiers.source(self.rule(), None, &[*at]) == *source,
            _ => true,
        };
        let sources = [first, Source::Rule].into_iter().chain(others.filter(about));
        self.open(sources.flat_map(|source| tiers.limits(self.rule(), source).into_owned()), store)
    }

    /// Whether somebody may have a limit that draws on the account of this one.
    pub(crate) fn may_have(&self, limit: &Limit) -> bool {
        let tiers = self.tiers();
        let sources = (0..tiers.tiers().len()).map(Source::Tier);
        let sources = sources.chain(tiers.overrides.iter().map(|(at, _)| Source::Override(at)));
        let is_one = |other: &Limit| other.shares_accounts_with(limit);
        let is_said = |source| tiers.limits(self.rule(), source).iter().any(is_one);
        let books = &self.roster.books[self.position];
        std::iter::once(Source::Rule).chain(sources).any(is_said)
            || books.all().iter().any(|open| is_one(&open.limit))
    }

    /// A limit with its book.
    pub(crate) fn open_one(&self, limit: &Limit, store: &dyn Store) -> OpenLimit {
        Books::new(self.position as u16, &self.roster.site).of(limit, store)
    }

    /// The limits that hold for a client, with their books.
    pub(crate) fn limits_of(&self, tiers: &Tiers, source: Source, store: &dyn Store) -> Vec<OpenLimit> {
        self.open(tiers.limits(self.rule(), source).into_owned(), store)
    }

    fn open(&self, limits: impl IntoIterator<Item = Limit>, store: &dyn Store) -> Vec<OpenLimit> {
        let books = Books::new(self.position as u16, &self.roster.site);
        let mut open = Vec::<OpenLimit>::new();
        let all = limits.into_iter().map(|limit| books.of(&limit, store));
        for limit in all.chain(self.roster.books[self.position].all()) {
            if open.iter().all(|known| known.ask.book != limit.ask.book) {
                open.push(limit);
            }
        }
        open
    }

    /// Whose limits hold for the client of a key, by what the key and `client` tell.
    pub(crate) fn source(&self, tiers: &Tiers, key: Option<&Key>, client: &Known, at: UnixMicros) -> Source {
        let of_key = |part| key.and_then(|key| self.value(key, &part)).and_then(text);
        let user = client.identity.as_ref().map(|who| who.user.clone()).or_else(|| of_key(Component::User));
        let tier = client.tier.clone().or_else(|| of_key(Component::Tier));
        let groups = client.identity.as_ref().map_or(&[][..], |who| &who.groups);
        let tier = match tier {
            Some(tier) => tiers.position(&tier),
            None => tiers.tier_of(None, user.as_deref(), groups, at),
        };
        let overrides: Vec<_> = user.map_or_else(Vec::new, |user| tiers.overrides_of(&user, at).collect());
        tiers.source(self.rule(), tier, &overrides)
    }

    /// The value of a component in a key.
    fn value<'a>(&self, key: &'a Key, part: &Component) -> Option<&'a KeyValue> {
        let spec = self.key_spec();
        let mut parts = spec.0.iter().filter(|part| **part != Component::Site);
        key.values().nth(parts.position(|other| *other == *part)?)
    }
}

fn text(value: &KeyValue) -> Option<String> {
    String::from_utf8(value.text()?.to_vec()).ok()
}

/// What is known of a client besides its key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) identity: Option<Identity>,
    pub(crate) tier: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limiter::samples::rule;
    use crate::limiter::{Engine, Limiter};
    use crate::model::Tier;

    fn tiers(names: &[&str]) -> SharedTiers {
        Tiers::new(names.iter().map(|name| Tier::new(*name)), []).into()
    }

    /// A tier's position was found in one state of the tiers and looked up in the next, which had fewer.
    #[test]
    fn tiers_that_are_replaced_while_somebody_looks_harm_nobody() {
        let engine = Engine::in_memory();
        let site =
            Site { rules: vec![rule("each", "5/hour")], tiers: tiers(&["a", "b"]), ..Site::unlimited("s") };
        let limiter = Limiter::new(site, &engine);
        let found = engine.shared().rosters.rules(None, None).pop().unwrap();
        let client = Known { tier: Some("b".to_owned()), ..Known::default() };
        let before = found.tiers();
        let source = found.source(&before, None, &client, UnixMicros(0));
        assert_eq!(source, Source::Tier(1));
        limiter.set_tiers(&tiers(&["a"]));
        assert_eq!(found.limits_of(&before, source, &*engine.shared().store).len(), 1);
        assert_eq!(found.limits(&before, source, &*engine.shared().store).len(), 1);
    }
}
