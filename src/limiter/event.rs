//! Events: what observers are told of a decision, or of a settlement; and the routes that they are told it of, by numbers.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use parking_lot::RwLock;

use crate::limiter::Limiter;
use crate::limiter::account::AccountId;
use crate::model::{Counts, Limit, Micros, Now, Rule, Site, Unit, UnixMicros};
use crate::store::{Charge, Claim, Settlement};

/// What has been decided over a request, or settled of it.
///
/// It borrows what it tells of, so an observer copies what it wants to keep. What is worked out is worked out when it is asked for.
pub struct Event<'a> {
    pub(crate) limiter: &'a Limiter,
    pub(crate) claims: &'a [Claim],
    pub(crate) settlement: &'a Settlement,
    pub(crate) route: u32,
    pub(crate) now: &'a Now,
    pub(crate) kind: Kind,
    pub(crate) is_cut: bool,
    pub(crate) ended: Ended,
    pub(crate) what: What,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Admitted,
    Refused,
    RefusedInShadow,
    Settled,
}

/// Whether a settlement is the last of a request, and how long that has run then.
#[derive(Clone, Copy)]
pub(crate) enum Ended {
    /// Something of it runs on, or it is no settlement.
    No,
    /// All of it is settled at once: it has run as long as that says.
    AtOnce,
    /// The last of several.
    AtLast(Micros),
}

/// What is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A request.
    Request,
    /// [A block of code](crate::Limiter::charge).
    Block,
    /// Work on a request's behalf that goes on [elsewhere](crate::Budget::detached).
    Detached,
}

impl<'a> Event<'a> {
    /// The site.
    pub fn site(&self) -> &'a Site {
        self.limiter.site()
    }

    /// The route that the request has reached, or before it has, probably will.
    #[inline]
    pub const fn route(&self) -> Route {
        Route(self.route)
    }

    /// Whether it is a request, or something else that is charged.
    #[inline]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// When it happened.
    pub fn at(&self) -> UnixMicros {
        self.now.wall()
    }

    /// How long it has run, with what it was charged on top and without its pauses; 0 before it is settled.
    #[inline]
    pub fn used(&self) -> Micros {
        self.settled()
    }

    const fn settled(&self) -> Micros {
        let Settlement { cost, extra_micros, returned, .. } = *self.settlement;
        if returned { Micros::ZERO } else { Micros(cost.0.saturating_add_signed(extra_micros)) }
    }

    /// Of the last settlement of a request, how long it has run altogether, with what it was charged on top; 0 if it is
    /// charged nothing. `None` where some of its rules are settled before others, until the last of them is: so whoever
    /// counts these counts each request once, and each block or [detached](Kind::Detached) work.
    #[inline]
    pub const fn ended(&self) -> Option<Micros> {
        match self.ended {
            Ended::No => None,
            Ended::AtOnce => Some(self.settled()),
            Ended::AtLast(ran) => Some(ran),
        }
    }

    /// Of a refusal, whether only rules in shadow refuse, so that the request is not refused for it.
    #[inline]
    pub fn is_shadow(&self) -> bool {
        self.what == What::RefusedInShadow
    }

    /// Of a settlement, whether the request was ended before its time, since [a budget was spent](crate::Rule::overrun).
    pub const fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Whether it was decided without those who share the accounts, since they could not be asked.
    pub fn is_degraded(&self) -> bool {
        self.claims.iter().any(|claim| claim.run.is_degraded)
    }

    /// Of a refusal, the first limit that refuses, in the order of the rules.
    pub fn refusing(&self) -> Option<ObservedLimit<'_>> {
        self.limits().find(|limit| match self.what {
            What::Refused => limit.claim.refuses(),
            What::RefusedInShadow => limit.claim.ask.shadow && limit.claim.standing.refuses,
            What::Admitted | What::Settled => false,
        })
    }

    /// The limits: of a settlement those that are settled by it, else all that apply.
    #[inline]
    pub fn limits(&self) -> impl Iterator<Item = ObservedLimit<'_>> {
        self.claims.iter().map(|claim| ObservedLimit { event: self, claim })
    }
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("what", &self.what)
            .field("site", &self.site().name)
            .field("route", &self.route())
            .field("kind", &self.kind)
            .field("used", &self.used())
            .field("limits", &self.limits().collect::<Vec<_>>())
            .finish()
    }
}

/// A limit in an event: whose account it is on, and where that stands now.
///
/// # Examples
///
/// ```
/// use std::sync::Mutex;
/// use timebudget::{Event, Observe};
///
/// /// What each rule has cost whom, as lines of a log.
/// #[derive(Default)]
/// struct Ledger(Mutex<Vec<String>>);
///
/// impl Observe for Ledger {
///     fn settled(&self, event: &Event<'_>) {
///         let line = |limit: timebudget::ObservedLimit<'_>| {
///             format!("{} {} {} {}", event.site().name, limit.rule().name, limit.account(), limit.cost())
///         };
///         self.0.lock().unwrap().extend(event.limits().map(line));
///     }
/// }
/// # let _ = Ledger::default();
/// ```
#[derive(Clone, Copy)]
pub struct ObservedLimit<'a> {
    event: &'a Event<'a>,
    claim: &'a Claim,
}

impl<'a> ObservedLimit<'a> {
    /// The rule.
    pub fn rule(&self) -> &'a Rule {
        self.event.limiter.rule_at(self.claim.ask.rule)
    }

    /// What tells a rule of a site from all others, of other sites too, for as long as the process runs: a number, so that it costs
    /// little to count by.
    #[inline]
    pub fn rule_number(&self) -> u64 {
        self.event.limiter.rule_number_at(self.claim.ask.rule)
    }

    /// The limit, as it is for this request.
    pub fn limit(&self) -> Limit {
        self.event.limiter.granted(self.claim)
    }

    /// What it counts.
    #[inline]
    pub const fn unit(&self) -> Unit {
        if self.claim.ask.is_timed() { Unit::Time } else { Unit::Requests }
    }

    /// What the request is charged, in the limit's unit: of a settlement what it has been, and before what is known
    /// already, which is no time.
    ///
    /// A refused request is charged by rules alone that count refusals.
    #[inline]
    pub fn cost(&self) -> u64 {
        let Settlement { cost: ran, extra_micros, extra_requests, returned, .. } = *self.event.settlement;
        match self.claim.ask.charge {
            _ if self.event.what != What::Settled && !self.is_charged_yet() => 0,
            Charge::Time { .. } => ran.0.saturating_add_signed(extra_micros),
            Charge::Requests { .. } if returned => 0,
            Charge::Requests { cost } => cost.saturating_add(extra_requests),
            Charge::Place => 1,
        }
    }

    /// What the window grants.
    pub const fn quota(&self) -> u64 {
        self.claim.ask.quota
    }

    /// What is spent of it, by all requests.
    pub const fn spent(&self) -> u64 {
        self.claim.standing.spent
    }

    /// What is held for requests that run.
    pub const fn held(&self) -> u64 {
        self.claim.standing.hold
    }

    /// What is left of it after all that run; 0 where it refuses.
    pub const fn remaining(&self) -> u64 {
        self.claim.remaining()
    }

    /// How long the window lasts from now on.
    pub const fn left(&self) -> Micros {
        self.claim.standing.left
    }

    /// Whether it refuses, be it in shadow.
    pub const fn refuses(&self) -> bool {
        self.claim.standing.refuses
    }

    /// Whether its rule is in shadow.
    pub const fn is_shadow(&self) -> bool {
        self.claim.ask.shadow
    }

    /// Whose account it is on, as the store knows it: nobody's name.
    pub const fn account(&self) -> AccountId {
        AccountId(self.claim.ask.key)
    }

    /// Whether it is charged anything before the end.
    fn is_charged_yet(&self) -> bool {
        match self.event.what {
            What::Settled => true,
            What::Admitted | What::RefusedInShadow => self.claim.run.is_on,
            What::Refused => self.counts_refusal(),
        }
    }

    fn counts_refusal(&self) -> bool {
        let (rule, claims) = (self.claim.ask.rule, self.event.claims);
        match self.claim.ask.counts {
            _ if !matches!(self.claim.ask.charge, Charge::Requests { .. }) => false,
            Counts::Served => false,
            Counts::All => claims.iter().all(|claim| claim.ask.rule != rule || !claim.standing.refuses),
            Counts::Refusals => claims.iter().any(|claim| claim.ask.rule != rule && claim.refuses()),
        }
    }
}

impl fmt::Debug for ObservedLimit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObservedLimit")
            .field("rule", &self.rule().name)
            .field("limit", &self.limit())
            .field("cost", &self.cost())
            .field("spent", &self.spent())
            .field("refuses", &self.refuses())
            .finish_non_exhaustive()
    }
}

/// A route of the application, by method and pattern: a number, so that it costs little to count by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Route(pub(crate) u32);

impl Route {
    /// The number: the same for a method and pattern in all processes.
    #[inline]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The method and the pattern, `GET /users/{id}`; the method alone of requests that reach no pattern, with `?` for methods
    /// that HTTP does not know, and nothing where nobody knows.
    pub fn name(self) -> Option<Arc<str>> {
        names().read().get(&self.0).cloned()
    }
}

/// The names of routes, which an application has as many of as it has patterns.
fn names() -> &'static RwLock<HashMap<u32, Arc<str>>> {
    static NAMES: OnceLock<RwLock<HashMap<u32, Arc<str>>>> = OnceLock::new();
    NAMES.get_or_init(RwLock::default)
}

/// Gives a route its name.
pub(crate) fn name_route(number: u32, name: impl FnOnce() -> String) {
    if !names().read().contains_key(&number) {
        names().write().entry(number).or_insert_with(|| name().into());
    }
}
