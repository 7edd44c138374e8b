//! Overrides: what single users may spend for a time, whatever their tiers say.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use rpds::{HashTrieMapSync, VectorSync};

use crate::model::account::{Limit, LimitSet};
use crate::model::rule::rule::{Counts, Rule};
use crate::model::time::{Term, UnixMicros};

/// Limits of a single user for a time: a raise for a day of moving data, or a brake.
///
/// It takes the place of the rule's limits and of whatever the user's tier says of them.
///
/// # Examples
///
/// ```
/// use timebudget::{Component, Override, Rule, Source, Term, Tiers, UnixMicros, parse_rates};
///
/// let raise = Override {
///     user: "alice".into(),
///     rule: Some("search".into()),
///     limits: parse_rates("500 per hour")?.into(),
///     term: Term::default(),
///     reason: Some("moves her data".into()),
/// };
/// let tiers = Tiers::new([], [raise]);
/// let rule = Rule::new("search", Component::User, parse_rates("50 per hour")?);
/// let of_alice: Vec<_> = tiers.overrides_of("alice", UnixMicros(0)).collect();
/// let source = tiers.source(&rule, None, &of_alice);
/// assert_eq!(source, Source::Override(0));
/// assert_eq!(*tiers.limits(&rule, source), parse_rates("500 per hour")?);
/// # Ok::<(), timebudget::RateError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The user's name.
    pub user: String,
    /// The rule's name; `None` for all rules that have no override of their own.
    pub rule: Option<String>,
    /// The limits in place of all others.
    pub limits: LimitSet,
    /// While it lasts.
    pub term: Term,
    /// Why, for people to read: `timebudget explain` shows it, and clients never see it.
    pub reason: Option<String>,
}

impl Override {
    pub(crate) fn is_for_all_and_fits(&self, rule: &Rule) -> bool {
        self.rule.is_none() && !self.limits_for(rule).is_empty()
    }

    /// A rule that counts refusals takes limits of requests only: what is refused takes no time, and has no place.
    pub(crate) fn limits_for(&self, rule: &Rule) -> Cow<'_, [Limit]> {
        match rule.counts {
            Counts::Refusals => self.limits.iter().filter(|limit| limit.counts_requests()).copied().collect(),
            Counts::Served | Counts::All => Cow::Borrowed(&self.limits),
        }
    }

    /// Whether both are of one user and rule, and hold at one time.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.user == other.user && self.rule == other.rule && self.term.meets(&other.term)
    }
}

/// Overrides in the order in which they were given; a clone costs nothing, and a change of one user's leaves those of the others
/// shared.
///
/// Each has a position, which it keeps as long as it is there.
#[derive(Clone, Default)]
pub(crate) struct Overrides {
    /// By position; nothing where one was taken away.
    places: VectorSync<Option<Arc<Override>>>,
    /// The positions of each user's, rising.
    of_users: HashTrieMapSync<String, Arc<[usize]>>,
    /// How many there are.
    len: usize,
    /// How many there are of each rule, and of them those that limit more than requests.
    of_rules: BTreeMap<Option<String>, (usize, usize)>,
    /// How many there are with so many limits.
    of_lengths: BTreeMap<usize, usize>,
}

impl Overrides {
    pub(crate) fn new(overrides: impl IntoIterator<Item = Override>) -> Self {
        let mut all = Self::default();
        let mut of_users: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for over in overrides {
            of_users.entry(over.user.clone()).or_default().push(all.places.len());
            all.count(&over, true);
            all.places.push_back_mut(Some(Arc::new(over)));
        }
        for (user, positions) in of_users {
            all.of_users.insert_mut(user, positions.into());
        }
        all
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// How many limits the one has that has most.
    pub(crate) fn most_limits(&self) -> usize {
        self.of_lengths.last_key_value().map_or(0, |(most, _)| *most)
    }

    /// The rules that they name, each with whether one of its overrides limits more than requests.
    pub(crate) fn rules(&self) -> impl Iterator<Item = (&str, bool)> {
        self.of_rules.iter().filter_map(|(rule, (_, timed))| Some((rule.as_deref()?, *timed > 0)))
    }

    pub(crate) fn at(&self, position: usize) -> Option<&Override> {
        self.places.get(position)?.as_deref()
    }

    /// Each with its position, in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Override)> {
        self.places.iter().enumerate().filter_map(|(at, over)| Some((at, over.as_deref()?)))
    }

    /// A user's, each with its position, in their order.
    pub(crate) fn of(&self, user: &str) -> impl Iterator<Item = (usize, &Override)> {
        let positions = self.of_users.get(user).map_or(&[][..], |positions| positions);
        positions.iter().filter_map(|at| Some((*at, self.at(*at)?)))
    }

    /// The positions of a user's that hold at an instant.
    pub(crate) fn holding(&self, user: &str, at: UnixMicros) -> impl Iterator<Item = usize> {
        self.of(user).filter(move |(_, over)| over.term.holds(at)).map(|(position, _)| position)
    }

    /// Puts these in the place of all that a user has.
    pub(crate) fn set(&mut self, user: &str, overrides: impl IntoIterator<Item = Override>) {
        self.retain_of(user, |_| false);
        for over in overrides {
            self.push(Arc::new(Override { user: user.to_owned(), ..over }));
        }
    }

    /// These behind the others, in the place of those of the same users and rules that hold at the same time.
    pub(crate) fn lay_over(&mut self, above: &Self) {
        for (_, over) in above.iter() {
            self.retain_of(&over.user, |below| !below.meets(over));
        }
        above.places.iter().flatten().for_each(|over| self.push(Arc::clone(over)));
    }

    fn push(&mut self, over: Arc<Override>) {
        let (user, at) = (over.user.clone(), self.places.len());
        let positions = self.of(&user).map(|(position, _)| position).chain([at]).collect();
        self.count(&over, true);
        self.places.push_back_mut(Some(over));
        self.of_users.insert_mut(user, positions);
    }

    fn retain_of(&mut self, user: &str, is_kept: impl Fn(&Override) -> bool) {
        let (kept, gone): (Vec<_>, Vec<_>) = self.of(user).partition(|(_, over)| is_kept(over));
        let (kept, gone): (Arc<[usize]>, Vec<usize>) =
            (kept.into_iter().map(|(at, _)| at).collect(), gone.into_iter().map(|(at, _)| at).collect());
        if gone.is_empty() {
            return;
        }
        for at in gone {
            let over = self.places.get(at).cloned().flatten();
            over.iter().for_each(|over| self.count(over, false));
            self.places.set_mut(at, None);
        }
        match kept.is_empty() {
            true => drop(self.of_users.remove_mut(user)),
            false => self.of_users.insert_mut(user.to_owned(), kept),
        }
        // As many gaps as overrides: each of as many changes has paid for its part of this.
        if self.places.len() > 2 * self.len + SLACK {
            *self = Self::new(self.iter().map(|(_, over)| over.clone()));
        }
    }

    fn count(&mut self, over: &Override, is_put: bool) {
        let is_timed = !over.limits.iter().all(Limit::counts_requests);
        let step = |count: &mut usize| *count = if is_put { *count + 1 } else { count.saturating_sub(1) };
        step(&mut self.len);
        let (all, timed) = self.of_rules.entry(over.rule.clone()).or_default();
        step(all);
        if is_timed {
            step(timed);
        }
        if *all == 0 {
            self.of_rules.remove(&over.rule);
        }
        let of_length = self.of_lengths.entry(over.limits.len()).or_default();
        step(of_length);
        if *of_length == 0 {
            self.of_lengths.remove(&over.limits.len());
        }
    }
}

/// So many gaps are left whatever there is.
const SLACK: usize = 1_000;

impl PartialEq for Overrides {
    /// Where they stand does not matter, but their order does.
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().map(|(_, over)| over).eq(other.iter().map(|(_, over)| over))
    }
}

impl Eq for Overrides {}

impl fmt::Debug for Overrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(_, over)| over)).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::account::parse_rates;

    fn over(user: usize, rates: &str) -> Override {
        Override {
            user: format!("user{user}"),
            rule: user.is_multiple_of(2).then(|| "export".to_owned()),
            limits: parse_rates(rates).unwrap().into(),
            term: Term::default(),
            reason: None,
        }
    }

    const RATES: [&str; 3] = ["9 per day", "1s per hour; 9 per day", "2 concurrent; 1s per hour; 9 per day"];

    proptest! {
        /// Against a list that is made anew each time.
        #[test]
        fn changes_of_single_users_leave_what_a_new_list_would_be(
            changes in prop::collection::vec((0..5_usize, prop::collection::vec(0..3_usize, 0..3)), 0..40),
        ) {
            let (mut changed, mut plain) = (Overrides::default(), Vec::<Override>::new());
            for (user, put) in changes {
                let put: Vec<_> = put.into_iter().map(|rates| over(user, RATES[rates])).collect();
                changed.set(&format!("user{user}"), put.clone());
                plain.retain(|other| other.user != format!("user{user}"));
                plain.extend(put);
            }
            let new = Overrides::new(plain.iter().cloned());
            prop_assert_eq!(&changed, &new);
            prop_assert_eq!(changed.most_limits(), new.most_limits());
            prop_assert_eq!(changed.rules().collect::<Vec<_>>(), new.rules().collect::<Vec<_>>());
            for user in (0..5).map(|user| format!("user{user}")) {
                let of = |all: &Overrides| all.of(&user).map(|(_, over)| over.clone()).collect::<Vec<_>>();
                prop_assert_eq!(of(&changed), of(&new));
            }
        }
    }

    #[test]
    fn gaps_do_not_become_many() {
        let mut all = Overrides::new((0..10).map(|user| over(user, RATES[0])));
        for round in 0..10_000 {
            all.set("user3", [over(3, RATES[round % 3])]);
        }
        assert_eq!(all.len(), 10);
        assert!(all.places.len() <= 2 * 10 + SLACK + 1, "{} places", all.places.len());
    }

    #[test]
    fn what_lies_above_takes_the_place_of_what_it_meets() {
        let mut below = Overrides::new([over(1, RATES[0]), over(2, RATES[0])]);
        below.lay_over(&Overrides::new([over(2, RATES[1]), over(3, RATES[1])]));
        let left: Vec<_> = below.iter().map(|(_, over)| (over.user.as_str(), over.limits.len())).collect();
        assert_eq!(left, [("user1", 1), ("user2", 2), ("user3", 2)]);
    }
}
