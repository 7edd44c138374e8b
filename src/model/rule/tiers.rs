//! Tiers: who may spend more or less than a rule says, and how much.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::account::{Limit, LimitSet, Multiplier};
use crate::model::client::{ApiKey, KeyDigest};
use crate::model::rule::overrides::{Override, Overrides};
use crate::model::rule::rule::Rule;
use crate::model::rule::shared_map::SharedMap;
use crate::model::time::{Term, UnixMicros};

/// The tier of everybody who has no other, where it is defined.
pub const DEFAULT_TIER: &str = "default";

/// Who may spend more or less than a rule says, and how much.
///
/// A client is in the tier of its API key, else in the one that its user is assigned, else in the highest of its groups',
/// else in the [default tier](DEFAULT_TIER) where there is one. What that tier says of a rule takes the place of the rule's
/// limits, and an override of the user's own goes before it. The accounts stay the same, so who is moved to another tier
/// keeps what was spent.
///
/// Tiers and overrides are known by their positions: see [`Source`].
///
/// # Examples
///
/// ```
/// use timebudget::{Multiplier, Tier, Tiers};
/// let tier = |name: &str, multiplier| Tier { multiplier, ..Tier::new(name) };
/// let plans = Tiers::new([tier("silver", Multiplier::ONE), tier("gold", Multiplier(3_000_000))], []);
/// assert_eq!(plans.tiers()[0].name, "gold");
/// assert_eq!(plans.position("silver"), Some(1));
/// ```
///
/// A clone costs nothing, and a change of one user, override or key little, however many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tiers {
    /// Sorted by name, each name once.
    tiers: Arc<Vec<Tier>>,
    /// The tiers of groups.
    pub groups: SharedMap<String, String>,
    /// The tiers that users are assigned, whatever their groups.
    pub users: SharedMap<String, Assignment>,
    pub(crate) overrides: Overrides,
    /// The API keys that are known.
    pub api_keys: SharedMap<KeyDigest, ApiKey>,
}

/// A class of clients, such as those who pay for a plan.
///
/// # Examples
///
/// ```
/// use timebudget::{Component, Multiplier, Rule, Source, Tier, Tiers, parse_rates};
/// let gold = Tier { multiplier: Multiplier(3_000_000), ..Tier::new("gold") };
/// let plans = Tiers::new([gold], []);
/// let rule = Rule::new("search", Component::User, parse_rates("50 per hour")?);
/// assert_eq!(*plans.limits(&rule, Source::Tier(0)), parse_rates("150 per hour")?);
/// # Ok::<(), timebudget::RateError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// The name.
    pub name: String,
    /// How much more than others they may spend: a factor of each quota, in millionths.
    pub multiplier: Multiplier,
    /// Of the tiers of a user's groups the one with the highest priority counts, of equal ones the first by name.
    pub priority: u64,
    /// The limits of rules, by the rule's name, that take the place of the rule's own; they are not multiplied.
    pub limits: BTreeMap<String, LimitSet>,
}

/// A tier that a user is assigned for a time.
///
/// # Examples
///
/// ```
/// use timebudget::{Assignment, Term, Tier, Tiers, UnixMicros};
///
/// let mut tiers = Tiers::new([Tier::new("gold")], []);
/// let trial = Term { from: None, until: Some(UnixMicros::from_secs(1_000)) };
/// tiers.users.insert("alice".into(), Assignment { tier: "gold".into(), term: trial });
/// let tier_at = |secs| tiers.tier_of(None, Some("alice"), &[], UnixMicros::from_secs(secs));
/// assert_eq!((tier_at(999), tier_at(1_000)), (Some(0), None));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The tier's name.
    pub tier: String,
    /// While it lasts.
    pub term: Term,
}

/// Whose limits of a rule hold for a client.
///
/// A position means something in the [`Tiers`] that told it, until these are changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The rule's own.
    Rule,
    /// Those of the tier at this position, or the rule's own times its multiplier.
    Tier(usize),
    /// Those of the override at this position.
    Override(usize),
}

impl Tier {
    /// A tier that may spend as much as others.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), multiplier: Multiplier::ONE, priority: 0, limits: BTreeMap::new() }
    }
}

impl Tiers {
    /// These tiers and overrides, of which nobody is in one yet. Of several tiers of one name the first counts.
    pub fn new(tiers: impl IntoIterator<Item = Tier>, overrides: impl IntoIterator<Item = Override>) -> Self {
        let mut tiers: Vec<_> = tiers.into_iter().collect();
        tiers.sort_by(|one, other| one.name.cmp(&other.name));
        tiers.dedup_by(|later, first| later.name == first.name);
        Self { tiers: Arc::new(tiers), overrides: Overrides::new(overrides), ..Self::default() }
    }

    /// Replaces the tier of a name, or takes it away.
    pub(crate) fn set_tier(&mut self, name: &str, tier: Option<Tier>) {
        let tiers = Arc::make_mut(&mut self.tiers);
        let at = tiers.partition_point(|other| other.name.as_str() < name);
        let is_there = tiers.get(at).is_some_and(|other| other.name == name);
        let tier = tier.map(|tier| Tier { name: name.to_owned(), ..tier });
        tiers.splice(at..at + usize::from(is_there), tier);
    }

    /// Whether another one's tiers are these, so that only who is in them may differ.
    pub(crate) fn has_tiers_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.tiers, &other.tiers) || self.tiers == other.tiers
    }

    /// Whether nobody is in them.
    pub(crate) fn is_empty(&self) -> bool {
        self.tables() == [false; 5]
    }

    /// Which of its tables have something in them: tiers, groups, users, overrides, API keys.
    pub(crate) fn tables(&self) -> [bool; 5] {
        let Self { tiers, groups, users, overrides, api_keys } = self;
        [!tiers.is_empty(), !groups.is_empty(), !users.is_empty(), overrides.len() > 0, !api_keys.is_empty()]
    }

    /// What these and others that are below them say together: where a name stands in both, it is what these say.
    pub(crate) fn over(&self, below: &Self) -> Self {
        let mut both = below.clone();
        if !self.tiers.is_empty() {
            // Of two tiers of one name the first counts.
            both.tiers = Self::new(self.tiers.iter().chain(&*below.tiers).cloned(), []).tiers;
        }
        both.groups.extend(self.groups.iter().map(|(name, tier)| (name.clone(), tier.clone())));
        both.users.extend(self.users.iter().map(|(name, assigned)| (name.clone(), assigned.clone())));
        both.api_keys.extend(self.api_keys.iter().map(|(digest, key)| (*digest, key.clone())));
        both.overrides.lay_over(&self.overrides);
        both
    }

    /// The tiers, sorted by name.
    pub fn tiers(&self) -> &[Tier] {
        &self.tiers
    }

    /// What single users may spend, in the order in which it was given.
    pub fn overrides(&self) -> impl Iterator<Item = &Override> {
        self.overrides.iter().map(|(_, over)| over)
    }

    /// The override at a position, as [`overrides_of`](Self::overrides_of) tells them; `None` if there is none.
    ///
    /// An override keeps its position while others come and go, so positions are not always those in the list of all.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Override, Term, Tiers, UnixMicros, parse_rates};
    ///
    /// let limits = parse_rates("500 per hour")?.into();
    /// let raise = Override { user: "alice".into(), rule: None, limits, term: Term::default(), reason: None };
    /// let tiers = Tiers::new([], [raise.clone()]);
    /// let first = tiers.overrides_of("alice", UnixMicros(0)).next().expect("she has one");
    /// assert_eq!(tiers.override_at(first), Some(&raise));
    /// # Ok::<(), timebudget::RateError>(())
    /// ```
    pub fn override_at(&self, position: usize) -> Option<&Override> {
        self.overrides.at(position)
    }

    /// Whether there are overrides.
    pub(crate) const fn has_overrides(&self) -> bool {
        self.overrides.len() > 0
    }

    /// Whether some clients may spend something else than the rules say, so that limits have to be looked up by client.
    pub fn change_limits(&self) -> bool {
        !self.tiers.is_empty() || self.has_overrides()
    }

    /// The position of a tier by its name, which is compared to the letter; `None` if there is no such tier.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.tiers.binary_search_by(|tier| tier.name.as_str().cmp(name)).ok()
    }

    /// The position of a client's tier: the API key's, else the user's while it lasts, else the highest of the user's
    /// groups, else the default tier where there is one.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Tier, Tiers, UnixMicros};
    ///
    /// let tier = |name: &str, priority| Tier { priority, ..Tier::new(name) };
    /// let mut tiers = Tiers::new([tier("gold", 2), tier("silver", 1)], []);
    /// tiers.groups.insert("staff".into(), "silver".into());
    /// tiers.groups.insert("vips".into(), "gold".into());
    ///
    /// let groups = ["staff".to_owned(), "vips".to_owned()];
    /// let found = tiers.tier_of(None, Some("alice"), &groups, UnixMicros(0));
    /// assert_eq!(found.map(|at| tiers.tiers()[at].name.as_str()), Some("gold"));
    /// ```
    pub fn tier_of(
        &self,
        api_key: Option<&ApiKey>,
        user: Option<&str>,
        groups: &[String],
        at: UnixMicros,
    ) -> Option<usize> {
        let of_key = || self.position(api_key?.tier.as_deref()?);
        let of_user = || {
            let assigned = self.users.get(user?).filter(|assigned| assigned.term.holds(at))?;
            self.position(&assigned.tier)
        };
        of_key().or_else(of_user).or_else(|| self.highest(groups)).or_else(|| self.position(DEFAULT_TIER))
    }

    /// The positions of the overrides of a user that hold at an instant of the wall clock, in their order.
    pub fn overrides_of(&self, user: &str, at: UnixMicros) -> impl Iterator<Item = usize> {
        self.overrides.holding(user, at)
    }

    /// Whose limits of a rule hold for a client in a tier, with these overrides.
    pub fn source(&self, rule: &Rule, tier: Option<usize>, overrides: &[usize]) -> Source {
        let over = |at: &usize| self.overrides.at(*at);
        let named = |at: &&usize| over(at).is_some_and(|over| over.rule.as_deref() == Some(&*rule.name));
        let general = |at: &&usize| over(at).is_some_and(|over| over.is_for_all_and_fits(rule));
        let over = overrides.iter().find(named).or_else(|| overrides.iter().find(general));
        match (over, tier) {
            (Some(at), _) => Source::Override(*at),
            (None, Some(at)) => Source::Tier(at),
            (None, None) => Source::Rule,
        }
    }

    /// The limits of a rule, from where they come: those of the override, those that the tier has for this rule, the rule's own times the
    /// tier's multiplier, or the rule's own.
    ///
    /// Of a rule that counts refusals an override has those of requests alone. One that is there no more leaves the rule's own.
    ///
    /// # Panics
    ///
    /// The source is a tier of other [`Tiers`] that have more of them: positions mean something where they were told.
    pub fn limits<'a>(&'a self, rule: &'a Rule, source: Source) -> Cow<'a, [Limit]> {
        match source {
            Source::Rule => Cow::Borrowed(&rule.limits),
            Source::Override(at) => {
                self.overrides.at(at).map_or(Cow::Borrowed(&*rule.limits), |over| over.limits_for(rule))
            }
            Source::Tier(at) => match self.tiers[at].limits.get(&rule.name) {
                Some(own) => Cow::Borrowed(own),
                None => rule.limits.iter().map(|limit| self.tiers[at].multiplier.apply(limit)).collect(),
            },
        }
    }

    fn highest(&self, groups: &[String]) -> Option<usize> {
        let tiers = groups.iter().filter_map(|group| self.position(self.groups.get(group)?));
        tiers.max_by_key(|at| (self.tiers[*at].priority, Reverse(*at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::account::parse_rates;
    use crate::model::rule::key::Component;
    use crate::model::rule::rule::Counts;

    fn rates(text: &str) -> Vec<Limit> {
        parse_rates(text).unwrap()
    }

    fn tier(name: &str, millionths: u64, priority: u64) -> Tier {
        let multiplier = Multiplier(millionths);
        Tier { name: name.to_owned(), multiplier, priority, limits: BTreeMap::new() }
    }

    fn over(rule: Option<&str>, limits: &str, until: Option<i64>) -> Override {
        Override {
            user: "bob".to_owned(),
            rule: rule.map(str::to_owned),
            limits: rates(limits).into(),
            term: Term { from: None, until: until.map(UnixMicros) },
            reason: None,
        }
    }

    fn plans() -> Tiers {
        let mut gold = tier("gold", 2_000_000, 10);
        gold.limits.insert("export".to_owned(), rates("300s per hour").into());
        let premium = Assignment {
            tier: "premium".to_owned(),
            term: Term { from: Some(UnixMicros(10)), until: Some(UnixMicros(20)) },
        };
        Tiers {
            groups: [("vips", "gold"), ("irons", "iron"), ("fans", "premium")]
                .map(|(group, tier)| (group.to_owned(), tier.to_owned()))
                .into(),
            users: [("alice".to_owned(), premium)].into(),
            ..Tiers::new([tier("premium", 3_000_000, 0), tier("iron", 1_000_000, 10), gold], [])
        }
    }

    impl Tiers {
        fn set_overrides<const N: usize>(&mut self, overrides: [Override; N]) {
            self.overrides = Overrides::new(overrides);
        }
    }

    fn groups(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn an_assignment_goes_before_groups_while_it_lasts() {
        let plans = plans();
        let at = |micros| plans.tier_of(None, Some("alice"), &groups(&["vips"]), UnixMicros(micros));
        assert_eq!([at(9), at(10), at(19), at(20)], [Some(0), Some(2), Some(2), Some(0)]);
    }

    #[test]
    fn the_tier_of_an_api_key_goes_before_all() {
        let key = ApiKey { name: "Acme".to_owned(), tier: Some("iron".to_owned()), user: None };
        assert_eq!(plans().tier_of(Some(&key), Some("alice"), &[], UnixMicros(15)), Some(1));
    }

    #[test]
    fn of_the_tiers_of_groups_the_highest_counts_and_then_the_first_by_name() {
        let of = |names: &[&str]| plans().tier_of(None, Some("carol"), &groups(names), UnixMicros(0));
        assert_eq!(of(&["fans", "irons", "vips"]), Some(0));
        assert_eq!(of(&["fans", "irons"]), Some(1));
        assert_eq!(of(&["unknown"]), None);
    }

    #[test]
    fn the_default_tier_is_everybodys_who_has_no_other() {
        let mut plans = plans();
        plans.set_tier(DEFAULT_TIER, Some(tier(DEFAULT_TIER, 500_000, 99)));
        assert_eq!(plans.tier_of(None, None, &[], UnixMicros(0)), Some(0));
        assert_eq!(plans.tier_of(None, None, &groups(&["fans"]), UnixMicros(0)), Some(3));
    }

    #[test]
    fn an_override_for_the_rule_goes_before_one_for_all_and_both_before_tiers() {
        let mut plans = plans();
        let plain = plans.clone();
        plans.set_overrides([over(None, "7 per day", None), over(Some("export"), "900s per hour", Some(5))]);
        let export = Rule::new("export", Component::Site, rates("60s per hour"));
        let limits = |micros, tier| {
            let overrides: Vec<_> = plans.overrides_of("bob", UnixMicros(micros)).collect();
            plans.limits(&export, plans.source(&export, tier, &overrides)).into_owned()
        };
        assert_eq!(limits(4, Some(0)), rates("900s per hour"));
        assert_eq!(limits(5, Some(0)), rates("7 per day"));
        let limits = |tier| plain.limits(&export, plain.source(&export, tier, &[])).into_owned();
        assert_eq!(limits(Some(0)), rates("300s per hour"));
        assert_eq!(limits(Some(2)), rates("180s per hour"));
        assert_eq!(limits(None), rates("60s per hour"));
    }

    #[test]
    fn what_counts_refusals_takes_of_an_override_for_all_only_what_counts_requests() {
        let mut plans = plans();
        plans.set_overrides([over(None, "900s per hour", None)]);
        let ban = Rule { counts: Counts::Refusals, ..Rule::new("ban", Component::Ip, rates("2 per hour")) };
        assert_eq!(plans.source(&ban, None, &[0]), Source::Rule);
        plans.set_overrides([over(None, "900s per hour; 5 per day", None)]);
        assert_eq!(*plans.limits(&ban, plans.source(&ban, None, &[0])), rates("5 per day"));
    }
}
