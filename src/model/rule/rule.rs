//! Rules: which requests, whose account, how much, what one request costs, and what happens then.

use crate::model::account::LimitSet;
use crate::model::client::Need;
use crate::model::condition::{Computed, Condition, Facts};
use crate::model::rule::answer::{Action, Answer, ChargeWhen};
use crate::model::rule::key::{Component, KeySpec, Missing};
use crate::model::time::Micros;
use std::fmt;

/// Which requests are limited, whose account they are charged to, and how much it may spend.
///
/// All rules of a site that match a request apply to it, and it is served only if all of them admit it. What is refused
/// leaves no trace in any account, unless [`counts`](Self::counts) says otherwise.
///
/// An account is known by its site, rule, unit, period, key and window, never by its quota. So a new quota under the same
/// name meets what has been spent; a rule that is renamed begins anew.
///
/// Site files and [`TimeBudget::rule`](crate::TimeBudget::rule) make rules, too, and say what is wrong with them. Whoever
/// makes one by hand asks [`check`](Self::check).
///
/// # Examples
///
/// ```
/// use timebudget::{Component, Cost, Rule};
/// use timebudget::parse_rates;
/// let rule = Rule { cost: Cost::Fixed(2), ..Rule::new("search", Component::Ip, parse_rates("10 per minute")?) };
/// assert!(rule.when.is_always() && !rule.shadow);
/// # Ok::<(), timebudget::RateError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The name, unique within its site: part of the account, of metrics and of refusals.
    pub name: String,
    /// Which requests.
    pub when: Condition,
    /// Whether it applies only where no rule does that [displaces](Self::displaces) it: a budget for all that is left.
    pub otherwise: bool,
    /// Whether rules that apply [otherwise](Self::otherwise) give way to it, for the requests that it applies to.
    pub displaces: bool,
    /// Whose account: requests with the same key draw on the same quota.
    pub key: KeySpec,
    /// What stands in for a component of the key that a request does not have.
    pub missing: Missing,
    /// Whether each method has an account of its own; HEAD shares that of GET.
    pub per_method: bool,
    /// Requests that it applies to, so that others give way to it, but neither refuses nor counts.
    pub exempt_when: Option<Condition>,
    /// How much, in each window; all limits have to admit the request. A quota of 0 refuses every request.
    pub limits: LimitSet,
    /// Limits in place of `limits`, where a closure gives some; none at all if it gives an empty list.
    pub limits_by: Option<Computed<Option<LimitSet>>>,
    /// Which requests are counted: only those that are served, unless it says more.
    pub counts: Counts,
    /// What one request is charged of limits that count requests. Of time it is charged what it takes.
    pub cost: Cost,
    /// The answers that are charged; for others the reservation is returned. A request without an answer is charged.
    pub charge_when: Option<ChargeWhen>,
    /// How long a request's time runs.
    pub until: Until,
    /// What tells clients apart that share an account, if none of them may spend more than its share once little is left.
    pub fair: Option<KeySpec>,
    /// What a running request holds of a time limit until it ends, in microseconds that others cannot spend meanwhile.
    pub hold: Hold,
    /// What becomes of requests that run when a budget of time is spent.
    pub overrun: Overrun,
    /// Whether the rule decides and counts, but never refuses: to try a limit out, and to see whom it would meet.
    pub shadow: bool,
    /// What happens to a request that the rule refuses.
    pub action: Action,
}

impl Rule {
    /// A rule for every request, whose other fields have their defaults: those of a site file that does not say them.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Component, Limit, Missing, Period, Rule};
    /// let hourly = Limit::requests(50).per(Period::HOUR);
    /// let rule = Rule::new("search", [Component::User, Component::Method], [hourly, Limit::concurrent(2)]);
    /// assert_eq!(rule.missing, Missing::Use(Component::Ip));
    /// assert!(rule.check().is_empty());
    /// ```
    pub fn new(name: impl Into<String>, key: impl Into<KeySpec>, limits: impl Into<LimitSet>) -> Self {
        Self {
            name: name.into(),
            when: Condition::ALWAYS,
            otherwise: false,
            displaces: true,
            key: key.into(),
            missing: Missing::Use(Component::Ip),
            per_method: false,
            exempt_when: None,
            limits: limits.into(),
            limits_by: None,
            counts: Counts::Served,
            cost: Cost::Fixed(1),
            charge_when: None,
            until: Until::Body,
            fair: None,
            hold: Hold::Auto,
            overrun: Overrun::Finish,
            shadow: false,
            action: Action::default(),
        }
    }

    /// Whether a request with this answer is given back what it was charged; never, where the rule charges all answers.
    pub fn returns(&self, answer: &dyn Answer) -> bool {
        self.charge_when.as_ref().is_some_and(|charged| !charged.charges(answer))
    }

    /// Whether the rule applies to a request but neither refuses nor counts it.
    pub fn is_exempt(&self, facts: &dyn Facts) -> bool {
        self.exempt_when.as_ref().is_some_and(|exempt| exempt.matches(facts))
    }

    /// Whether a text can be a rule's name: 1 to 64 ASCII letters, digits, and `-` `_` `.` between them.
    pub fn can_be_named(name: &str) -> bool {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        (1..=64).contains(&name.len()) && name.bytes().all(is_plain)
    }
}

/// Which requests a rule counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Counts {
    /// Those that are served.
    #[default]
    Served,
    /// Those that the rule itself would let pass, whatever others decide: whoever is refused elsewhere spends here.
    All,
    /// Those that other rules refuse: for bans of whoever is refused too often.
    ///
    /// Such a rule has limits of requests only, for what is refused takes no time.
    Refusals,
}

/// How long a request's time runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Until {
    /// Until the last chunk of the response's body has been taken; while the client is waited for, it does not run.
    Body,
    /// Until the response's head leaves, as for streams of events.
    Head,
}

/// What a running request holds of a time limit until it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hold {
    /// What requests of its rule and route have taken of late, weighted by their length.
    Auto,
    /// Nothing: as many as come at once are admitted while anything is left, and may overspend it together.
    Off,
    /// Always this, in microseconds of server time.
    Fixed(Micros),
}

/// What becomes of requests that run when a budget of time is spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overrun {
    /// They end by themselves, and what they take until then is spent beyond the budget.
    #[default]
    Finish,
    /// They are ended: the account's line says when.
    ///
    /// Whose answer has not begun is answered 429, and a body that has begun breaks off. The future of the handler is
    /// dropped where it waits; what it has spawned goes on. A rule in shadow ends nothing.
    Cut,
}

/// Requests that one request is charged; 0 is charged nothing, but is refused where one request would be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cost {
    /// Each request the same.
    Fixed(u64),
    /// What a closure says, of it at most [`Cost::MOST`].
    Computed(Computed<u64>),
}

impl Cost {
    /// The most that a request is charged, 2^53: what the largest quota grants.
    pub const MOST: u64 = 1 << 53;

    /// What a request is charged: a number of requests, at most [`Cost::MOST`].
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::Computed;
    /// use timebudget::Cost;
    /// # use timebudget::Facts;
    /// # struct Request;
    /// # impl Facts for Request {
    /// #     fn method(&self) -> &str { "GET" }
    /// #     fn path(&self) -> &str { "/" }
    /// #     fn ip(&self) -> Option<std::net::IpAddr> { None }
    /// # }
    /// let endless = Cost::Computed(Computed::new(|_| u64::MAX));
    /// assert_eq!(endless.amount(&Request), Cost::MOST);
    /// assert_eq!(Cost::from(2).amount(&Request), 2);
    /// ```
    #[inline]
    pub fn amount(&self, facts: &dyn Facts) -> u64 {
        match self {
            Self::Fixed(cost) => *cost,
            Self::Computed(computed) => Self::computed(computed, facts),
        }
    }

    #[cold]
    fn computed(computed: &Computed<u64>, facts: &dyn Facts) -> u64 {
        computed.compute(facts).min(Self::MOST)
    }
}

impl From<u64> for Cost {
    fn from(cost: u64) -> Self {
        Self::Fixed(cost)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Served => "served",
            Self::All => "all",
            Self::Refusals => "refusals",
        })
    }
}

impl Rule {
    /// What the rule's conditions and key need to know of clients.
    pub(crate) fn needs(&self) -> Vec<Need> {
        let components = self.components().filter_map(Component::need);
        self.conditions().flat_map(Condition::needs).chain(components).collect()
    }

    /// Whether code computes something for the rule: it may ask whatever it likes, who the client is too.
    pub fn is_computed(&self) -> bool {
        self.limits_by.is_some()
            || matches!(self.cost, Cost::Computed(_))
            || self.conditions().any(Condition::is_computed)
            || self.components().any(|component| matches!(component, Component::Computed(_)))
    }

    fn conditions(&self) -> impl Iterator<Item = &Condition> {
        [Some(&self.when), self.exempt_when.as_ref()].into_iter().flatten()
    }

    fn components(&self) -> impl Iterator<Item = &Component> {
        let stand_in = match &self.missing {
            Missing::Use(component) => Some(component),
            Missing::Skip => None,
        };
        let fair = self.fair.iter().flat_map(|fair| &fair.0);
        self.key.0.iter().chain(fair).chain(stand_in)
    }
}
