//! The limiter: joins a site's rules with the clock and the store.

mod account;
mod accounts;
mod admission;
mod alarm;
mod alarms;
mod asking;
mod books;
mod charge;
mod claims;
mod client;
mod client_accounts;
mod decision;
mod ending;
mod engine;
mod event;
mod expectations;
pub mod explanation;
mod hashed_keys;
mod holding;
mod lessons;
mod meter;
mod observe;
mod open_rule;
mod prospect;
mod refusal;
mod report;
mod roster;
#[cfg(test)]
mod samples;
mod share;
mod terms;
mod told;
mod untold;
mod words;

use std::sync::Arc;

use parking_lot::Mutex;
use smallvec::SmallVec;

pub use self::account::{AccountError, AccountId, AccountStanding, NoAccountId};
pub use self::accounts::{AccountFilter, Accounts};
pub use self::admission::Reservation;
pub use self::admission::{Admission, Pending};
pub(crate) use self::alarm::Alarm;
use self::books::Books;
pub use self::charge::ChargeError;
pub(crate) use self::claims::Claims;
pub use self::client::Client;
pub use self::client_accounts::{Amount, ClientAccounts};
pub(crate) use self::decision::{Decision, Question};
pub use self::engine::Engine;
pub(crate) use self::engine::Shared;
pub use self::event::{Event, Kind, ObservedLimit, Route};
pub(crate) use self::event::{What, name_route};
pub(crate) use self::holding::Holding;
pub use self::observe::Observe;
use self::observe::Observer;
pub(crate) use self::observe::Observers;
use self::open_rule::{Flag, OpenRule};
pub use self::prospect::Prospect;
pub use self::refusal::Refusal;
pub(crate) use self::refusal::Refused;
pub(crate) use self::report::AppliedLimit;
pub(crate) use self::report::Tightest;
pub use self::report::{Cause, LimitReport, Report};
use self::roster::Roster;
pub use self::share::Share;
use self::terms::{OpenTiers, TiersInForce};
pub(crate) use self::untold::{More, Untold};
use crate::model::{
    Answer, Condition, Counts, Facts, Limit, Micros, Now, Overrun, Rule, RuleIndex, SharedTiers, Site, Until,
};
use crate::store::{Charge, Claim, Fault, Mode, Verdict};

/// Positions of rules in their site.
pub(crate) type Positions = SmallVec<[u16; 4]>;

/// How many rules are sooner asked one by one than looked up.
const FEW_RULES: usize = 8;

/// A running limiter: one site's rules over an engine.
#[derive(Debug)]
pub struct Limiter {
    site: Arc<Site>,
    /// The site as it was given, if it was shared, or one that is like it: then nothing has to be compared.
    given: Mutex<Option<Arc<Site>>>,
    rules: Vec<OpenRule>,
    /// Which rules a request can fulfil, where they are too many to ask each.
    index: Option<RuleIndex>,
    /// Whether headers must say which of several limits they describe.
    pub(crate) has_several_limits: Flag,
    /// Whether a rule applies only where no other does.
    has_otherwise: bool,
    /// Whether a rule decides in shadow.
    has_shadow: bool,
    /// Whether somebody is told of decisions: an observer, or of shadows the log.
    is_seen: bool,
    /// Whether somebody is told of admissions.
    admissions_seen: bool,
    /// Who is told of decisions and settlements.
    observer: Observer,
    /// Whether rules charge some answers only.
    pub(crate) judges_answers: bool,
    /// Whether the claims of a request may have to be settled each in its own way.
    settles_by_rule: bool,
    /// Whether the time of a rule runs on a connection that has switched to another protocol.
    pub(crate) charges_tunnels: bool,
    /// Whether claims may have to be settled that do not run: those of rules that count refusals, decide in shadow, or charge some
    /// answers, or some part of one, only.
    leaves_unvisited: bool,
    /// Whether a settlement is more than one call of the store: by rule, or told to an observer.
    settles_apart: bool,
    /// Whether a rule ends what runs when its budget is spent.
    pub(crate) cuts: bool,
    /// Whether a rule asks who clients are, or some have other limits than the rules say.
    asks_who: Flag,
    /// Whether some clients have other limits than the rules say.
    has_tiers: Flag,
    /// Who they are, and those limits.
    terms: Arc<TiersInForce>,
    /// Whether it is not known what the rules are, so that nothing can be decided.
    is_closed: bool,
    pub(crate) engine: Arc<Shared>,
    /// Kept for those who look after accounts.
    _roster: Arc<Roster>,
}

impl Limiter {
    /// The most rules that a site has.
    pub const MOST_RULES: usize = u16::MAX as usize + 1;

    /// A limiter of a site.
    ///
    /// A second limiter of the same site name on the same engine draws on the same accounts: that is how a reload works.
    ///
    /// # Panics
    ///
    /// If the site has more than [`Limiter::MOST_RULES`] rules, which no site file has: those beyond would limit nobody.
    pub fn new(site: Site, engine: &Engine) -> Self {
        Self::open(Arc::new(site), engine, None)
    }

    /// The same of a site that others share, in the place of another limiter of the site if there was one.
    pub(crate) fn of(site: &Arc<Site>, engine: &Engine, before: Option<&Self>) -> Self {
        let given = Mutex::new(Some(Arc::clone(site)));
        Self { given, ..Self::open(Arc::clone(site), engine, before) }
    }

    fn open(site: Arc<Site>, engine: &Engine, before: Option<&Self>) -> Self {
        assert!(site.rules.len() <= Self::MOST_RULES, "{} rules; expected at most 65536", site.rules.len());
        let site = site.in_form();
        let before = |rule: &Rule| before?.rules.iter().find(|open| *open.name == *rule.name);
        let rules: Vec<_> = (0..)
            .zip(&site.rules)
            .map(|(at, rule)| OpenRule::new(rule, at, &site, engine.shared(), before(rule)))
            .collect();
        let conditions = site.rules.iter().map(|rule| &rule.when);
        let judges_answers = site.rules.iter().any(|rule| rule.charge_when.is_some());
        let settles_by_rule = judges_answers || site.rules.iter().any(|rule| rule.until != Until::Body);
        let counts_refusals = site.rules.iter().any(|rule| rule.counts == Counts::Refusals);
        let has_shadow = site.rules.iter().any(|rule| rule.shadow);
        let observer = engine.shared().observer();
        let terms = OpenTiers::new(site.tiers.clone(), &with_books(&site, &rules), &*engine.shared().store);
        let terms = Arc::new(TiersInForce::from_pointee(terms));
        let books = rules.iter().map(|rule| Arc::clone(&rule.books)).collect();
        let roster = engine.shared().rosters.enlist(Roster::new(&site, books, &terms));
        let limiter = Self {
            given: Mutex::default(),
            rules,
            index: (site.rules.len() > FEW_RULES).then(|| RuleIndex::new(conditions)),
            has_several_limits: Flag::default(),
            has_otherwise: site.rules.iter().any(|rule| rule.otherwise),
            has_shadow,
            is_seen: has_shadow || !observer.is_nobody(),
            admissions_seen: has_shadow || observer.hears_admissions(),
            judges_answers,
            settles_by_rule,
            charges_tunnels: site.rules.iter().any(|rule| rule.until == Until::Close),
            leaves_unvisited: settles_by_rule || has_shadow || counts_refusals,
            settles_apart: settles_by_rule || !observer.is_nobody(),
            observer,
            cuts: site.rules.iter().any(|rule| rule.overrun == Overrun::Cut && !rule.shadow),
            asks_who: Flag::default(),
            has_tiers: Flag::default(),
            terms,
            is_closed: false,
            engine: Arc::clone(engine.shared()),
            _roster: roster,
            site,
        };
        limiter.follow(&limiter.terms.load());
        limiter
    }

    /// Puts other tiers in force. Requests that run go on by those that admitted them.
    ///
    /// Where only who is in them is another, nothing is worked out anew. The rules, what was learned of them, and what workers
    /// know of the limiter stay in any case.
    pub(crate) fn set_tiers(&self, tiers: &SharedTiers) {
        let before = self.terms.load();
        if before.tiers == *tiers {
            return;
        }
        let terms = Arc::new(match before.tiers.has_tiers_of(tiers) {
            true => before.of_others(tiers.clone()),
            false => OpenTiers::new(tiers.clone(), &with_books(&self.site, &self.rules), &*self.engine.store),
        });
        self.follow(&terms);
        self.terms.store(terms);
    }

    /// Turns the flags as terms want it that are in force from now on.
    ///
    /// It comes before the terms themselves: a request that sees the new flags and the old terms finds nothing there, and has the
    /// rule's own limits, as it would have had a moment before.
    fn follow(&self, terms: &OpenTiers) {
        for (rule, open) in self.site.rules.iter().zip(&self.rules) {
            open.follow(rule, terms);
        }
        let limits = self.rules.iter().map(|rule| rule.most(terms)).sum::<usize>();
        let computes_limits = self.site.rules.iter().any(|rule| rule.limits_by.is_some());
        self.has_several_limits.set(limits > 1 || computes_limits);
        self.has_tiers.set(terms.tiers.change_limits());
        self.asks_who.set(terms.tiers.change_limits() || asks_who(&self.site));
    }

    /// The limiter of a site whose rules nobody knows: every decision is a [`Fault`].
    pub(crate) fn closed(site: Site, engine: &Engine) -> Self {
        // Without a rule, each decision comes by where it is asked whether the limiter is closed.
        let site = Site { rules: Vec::new(), exempt: None, ..site };
        Self { is_closed: true, ..Self::new(site, engine) }
    }

    /// Whether it is open, and its site just like that one, whoever is in which tier.
    pub(crate) fn is_of(&self, site: &Arc<Site>) -> bool {
        let mut given = self.given.lock();
        if self.is_closed || given.as_ref().is_some_and(|given| Arc::ptr_eq(given, site)) {
            return !self.is_closed;
        }
        let is_as =
            self.site.is_as(site) || !site.is_in_form() && self.site.is_as(&Arc::clone(site).in_form());
        if is_as {
            *given = Some(Arc::clone(site));
        }
        is_as
    }

    /// The site as it was when the limiter was made: of [tiers](Self::tiers), others may be in force.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Who may spend something else than the rules say, as it is in force.
    ///
    /// Tiers, and who is in them, are replaced while requests run: what is returned stays as it is. A request that has been
    /// admitted goes on by those that admitted it.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Engine, Limiter, Site, Tier, Tiers};
    /// let tiers = Tiers::new([Tier::new("gold")], []);
    /// let limiter = Limiter::new(Site { tiers: tiers.into(), ..Site::unlimited("shop") }, &Engine::in_memory());
    /// assert_eq!(limiter.tiers().position("gold"), Some(0));
    /// ```
    pub fn tiers(&self) -> SharedTiers {
        self.terms.load().tiers.clone()
    }

    /// The site as it is in force.
    pub(crate) fn site_in_force(&self) -> Site {
        Site { tiers: self.tiers(), ..(*self.site).clone() }
    }

    /// Decides over a request: all rules whose condition it fulfils must admit it.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the store failed.
    pub fn admit(self: &Arc<Self>, facts: &dyn Facts) -> Result<Admission, Fault> {
        Admission::of(Arc::clone(self), facts)
    }

    pub(crate) fn now(&self) -> Now {
        self.engine.clock.now()
    }

    pub(crate) fn decide(&self, claims: &mut [Claim], mode: Mode, now: Now) -> Result<Verdict, Fault> {
        if claims.is_empty() {
            return self.is_open().map(|()| Verdict::Admitted);
        }
        self.engine.store.admit(claims, mode, now)
    }

    /// # Errors
    ///
    /// Nobody knows the rules of the site.
    pub(crate) fn is_open(&self) -> Result<(), Fault> {
        if self.is_closed { Err(closed(&self.site)) } else { Ok(()) }
    }

    /// Tells that nobody could decide over a request.
    #[cold]
    pub(crate) fn failed(&self, fault: Fault) -> Fault {
        self.observer.tell_of_fault(&self.site.name, &fault);
        fault
    }

    /// Logs which rules in shadow would have refused a request that is admitted.
    fn log_shadows(&self, claims: &[Claim]) {
        let mut logged = None;
        for claim in claims.iter().filter(|claim| claim.ask.shadow && claim.standing.refuses) {
            if logged.replace(claim.ask.rule) != Some(claim.ask.rule) {
                let (rule, site) = (self.rule_name_at(claim.ask.rule), &self.site.name);
                log::info!("the rule {rule} of {site}, which is in shadow, would have refused a request");
            }
        }
    }

    /// Whether another limiter's accounts may be the same as this one's.
    pub(crate) fn shares_accounts_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.engine, &other.engine)
    }

    /// What tells the rule at a position from those of other sites.
    #[inline]
    pub(crate) fn rule_number_at(&self, position: u16) -> u64 {
        self.rules[usize::from(position)].number
    }

    /// The name of the rule at a position.
    pub(crate) fn rule_name_at(&self, position: u16) -> &str {
        &self.rules[usize::from(position)].name
    }

    /// The same, to keep.
    pub(crate) fn shared_rule_name(&self, position: u16) -> Arc<str> {
        Arc::clone(&self.rules[usize::from(position)].name)
    }

    /// Those of the rules that do not charge an answer.
    pub(crate) fn returning(&self, mut rules: Positions, answer: &dyn Answer) -> Positions {
        rules.retain(|rule| self.rule_at(*rule).returns(answer));
        rules
    }

    /// The limit that a claim is on.
    fn limit_of(&self, claim: &Claim) -> Option<Limit> {
        self.rules[usize::from(claim.ask.rule)].limit_of(claim.ask.book)
    }

    /// The same, with what it grants the request that is claimed.
    fn granted(&self, claim: &Claim) -> Limit {
        // Every claim is on a book of its rule.
        let limit = self.limit_of(claim).unwrap_or(Limit::Concurrent { cap: u32::MAX });
        report::with_quota(limit, claim.ask.quota)
    }

    /// The rule at a position.
    pub(crate) fn rule_at(&self, position: u16) -> &Rule {
        &self.site.rules[usize::from(position)]
    }

    pub(crate) fn expected(&self, claim: &Claim, route: u32) -> Micros {
        let quota = if let Charge::Time { .. } = claim.ask.charge { claim.ask.quota } else { u64::MAX };
        self.rules[usize::from(claim.ask.rule)].expected(route, Micros(quota))
    }
}

#[cold]
fn closed(site: &Site) -> Fault {
    Fault(format!("nobody knows the rules of {}, whose file is wrong", site.name))
}

/// The rules of a site with their books.
fn with_books<'a>(site: &'a Site, rules: &'a [OpenRule]) -> Vec<(&'a Rule, &'a Books)> {
    site.rules.iter().zip(rules.iter().map(|open| &*open.books)).collect()
}

/// Whether any rule of a site depends on who clients are.
fn asks_who(site: &Site) -> bool {
    let asks = |condition: &Condition| condition.is_computed() || !condition.needs().is_empty();
    site.exempt.as_ref().is_some_and(asks)
        || site.rules.iter().any(|rule| rule.is_computed() || !rule.needs().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Component;

    #[test]
    #[should_panic = "65537 rules; expected at most 65536"]
    fn a_rule_whose_position_no_claim_can_hold_is_not_left_out() {
        let rules = vec![Rule::new("a", Component::Site, Vec::new()); Limiter::MOST_RULES + 1];
        let _ = Limiter::new(Site { rules, ..Site::unlimited("demo.example") }, &Engine::in_memory());
    }
}
