//! Rules: which requests, whose account, how much, what one request costs, and what a refused one is answered.
//!
//! A rule that exists is sound: site files, code and the run-time control all build it through the same checks (`check.rs`). Its
//! name is part of its accounts' identity, its quotas are not: a rule that is renamed begins with empty accounts, and one whose limits
//! are changed goes on with what was spent.

use std::fmt;

use crate::model::account::LimitSet;
use crate::model::client::Need;
use crate::model::condition::{Computed, Condition, Facts};
use crate::model::rule::charge_when::{Answer, ChargeWhen};
use crate::model::rule::key::{Component, KeySpec, Missing};
use crate::model::time::Micros;

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
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::Rule;
    /// assert!(Rule::can_be_named("api-reads.v2") && !Rule::can_be_named("api reads") && !Rule::can_be_named(""));
    /// ```
    pub fn can_be_named(name: &str) -> bool {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        (1..=64).contains(&name.len()) && name.bytes().all(is_plain)
    }
}

/// Which requests a rule counts.
///
/// # Examples
///
/// A ban of whoever is refused more than a hundred times an hour, by whatever rule:
///
/// ```
/// use timebudget::{Component, Counts, Rule, parse_rates};
/// let ban = Rule { counts: Counts::Refusals, ..Rule::new("ban", Component::Ip, parse_rates("100 per hour")?) };
/// assert!(ban.check().is_empty());
/// # Ok::<(), timebudget::RateError>(())
/// ```
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
///
/// A body that is sent whole with its head is over when the head leaves, so the two differ for streams alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Until {
    /// Until the last chunk of the response's body has been taken; while the client is waited for, it does not run.
    Body,
    /// Until the response's head leaves, as for streams of events.
    Head,
    /// As [`Body`](Self::Body); and where the response switches to another protocol, as to WebSocket, until that connection is
    /// closed.
    ///
    /// Time on such a connection runs always, also while nobody says anything, and its place under a cap is taken. Other rules
    /// settle when its head leaves.
    Close,
}

/// What a running request holds of a time limit until it ends.
///
/// Without a hold, a hundred requests of a minute each would be admitted to a budget of one minute, if they come at one moment: each of
/// them sees an account of which nothing is spent. `docs/accounting.md` has the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hold {
    /// What requests of its rule and route have taken of late, weighted by their length.
    Auto,
    /// Nothing: as many as come at once are admitted while anything is left, and may overspend it together.
    Off,
    /// Always this, in microseconds of server time: at most [`Micros::MAX_QUOTA`].
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
///
/// Limits of time are not concerned: of those a request is charged what it takes.
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
    /// What tells the rule's accounts apart: where each method has its own, that comes last.
    pub(crate) fn key_of_accounts(&self) -> KeySpec {
        KeySpec(self.key.0.iter().cloned().chain(self.per_method.then_some(Component::Method)).collect())
    }

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

/// What happens to a request that a rule refuses.
///
/// Whatever it is, the request is charged nothing, and the answer says when to come back (`Retry-After`).
///
/// # Examples
///
/// ```
/// use timebudget::{Action, Block};
/// assert_eq!(Action::default().to_string(), "block 429");
/// assert_eq!(Action::Block(Block { status: Some(503), ..Block::default() }).to_string(), "block 503");
/// assert!(Action::can_rewrite_to("/busy.html") && !Action::can_rewrite_to("/busy.html?from=limit"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// It is answered in place of the application, whose handlers never see it.
    Block(Block),
    /// It is served this path's page in place of its own, by the same application: such as a page that says to wait.
    ///
    /// The rules are not asked again for it. It has no query, and is written as in a URL.
    Rewrite(String),
}

impl Action {
    /// Whether a text is a path that requests can be rewritten to: it begins with `/` and has no query.
    pub fn can_rewrite_to(path: &str) -> bool {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&byte);
        path.starts_with('/') && path.bytes().all(is_plain)
    }
}

impl Default for Action {
    fn default() -> Self {
        Self::Block(Block::default())
    }
}

/// The answer to a refused request; by default 429, saying why in the form that the client asks for.
///
/// # Examples
///
/// ```
/// use timebudget::{Action, Block, Component, Rule, parse_rates};
/// let message = Some("You have had your exports of today.".into());
/// let rule = Rule {
///     action: Action::Block(Block { message, ..Block::default() }),
///     ..Rule::new("exports", Component::User, parse_rates("10 per day")?)
/// };
/// assert!(rule.check().is_empty());
/// # Ok::<(), timebudget::RateError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Another status than 429, from 400 to 599.
    pub status: Option<u16>,
    /// What the answer says instead of which budget is spent: a sentence for people, in plain text.
    pub message: Option<String>,
    /// The whole body, whatever form the client asks for.
    pub body: Option<String>,
    /// The media type of `body`; plain text if absent.
    pub content_type: Option<String>,
}

impl fmt::Display for Action {
    /// Writes what happens: `block 429`, `rewrite /busy.html`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(block) => write!(f, "block {}", block.status.unwrap_or(429)),
            Self::Rewrite(target) => write!(f, "rewrite {target}"),
        }
    }
}
