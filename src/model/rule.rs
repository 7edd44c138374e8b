//! Rules: which requests, whose account, how much, and what happens then.

use crate::model::action::Action;
use crate::model::answer::{Answer, ChargeWhen};
use crate::model::computed::Computed;
use crate::model::condition::Condition;
use crate::model::cost::Cost;
use crate::model::facts::Facts;
use crate::model::key_spec::{Component, KeySpec, Missing};
use crate::model::limit::Limit;
use crate::model::units::Micros;

/// Which requests are limited, whose account they are charged to, and how much it may spend.
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
    /// Whether it applies only where no rule does that displaces it.
    pub otherwise: bool,
    /// Whether rules that apply otherwise give way to it.
    pub displaces: bool,
    /// Whose account.
    pub key: KeySpec,
    /// What stands in for a component of the key that a request does not have.
    pub missing: Missing,
    /// Whether each method has an account of its own.
    pub per_method: bool,
    /// Requests that it applies to, so that others give way to it, but neither refuses nor counts.
    pub exempt_when: Option<Condition>,
    /// How much; at most one limit of a unit and period, see [`tightest`].
    pub limits: Vec<Limit>,
    /// Limits in place of `limits`, where a closure gives some; none at all if it gives an empty list.
    pub limits_by: Option<Computed<Option<Vec<Limit>>>>,
    /// Which requests are counted.
    pub counts: Counts,
    /// Requests that one request is charged.
    pub cost: Cost,
    /// The answers that are charged; for others the reservation is returned. A request without an answer is charged.
    pub charge_when: Option<ChargeWhen>,
    /// How long a request's time runs.
    pub until: Until,
    /// What tells clients apart that share an account, if none of them may spend more than its share once little is left.
    pub fair: Option<KeySpec>,
    /// What a running request holds of a time limit until it ends.
    pub hold: Hold,
    /// Whether the rule decides and counts, but never refuses.
    pub shadow: bool,
    /// What happens to a request that the rule refuses.
    pub action: Action,
}

impl Rule {
    /// A rule for every request, whose other fields have their defaults.
    pub fn new(name: impl Into<String>, key: impl Into<KeySpec>, limits: Vec<Limit>) -> Self {
        Self {
            name: name.into(),
            when: Condition::ALWAYS,
            otherwise: false,
            displaces: true,
            key: key.into(),
            missing: Missing::Use(Component::Ip),
            per_method: false,
            exempt_when: None,
            limits,
            limits_by: None,
            counts: Counts::Served,
            cost: Cost::Fixed(1),
            charge_when: None,
            until: Until::Body,
            fair: None,
            hold: Hold::Auto,
            shadow: false,
            action: Action::default(),
        }
    }

    /// Whether a request to this answer is given back what it was charged.
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
pub enum Counts {
    /// Those that are served.
    #[default]
    Served,
    /// Those that the rule itself would let pass, whatever others decide.
    All,
    /// Those that other rules refuse.
    Refusals,
}

/// How long a request's time runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Until the last chunk of the response's body.
    Body,
    /// Until the response's head leaves, as for streams of events.
    Head,
}

/// What a running request holds of a time limit until it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// What requests of its rule and route have taken of late.
    Auto,
    /// Nothing.
    Off,
    /// Always this.
    Fixed(Micros),
}

/// The limits without those that a tighter one of the same unit and period makes pointless.
///
/// An account is known by its unit and period but not by its quota. So two such limits of one rule would be one
/// account, and every request would be charged to it twice.
///
/// # Examples
///
/// ```
/// use timebudget::tightest;
/// use timebudget::parse_rates;
/// let limits = parse_rates("20 per hour; 10s per hour; 10 per 60 minutes; 3 concurrent; 2 concurrent")?;
/// assert_eq!(tightest(limits), parse_rates("10 per hour; 10s per hour; 2 concurrent")?);
/// # Ok::<(), timebudget::RateError>(())
/// ```
pub fn tightest(limits: Vec<Limit>) -> Vec<Limit> {
    let mut kept: Vec<Limit> = Vec::with_capacity(limits.len());
    for limit in limits {
        match kept.iter_mut().find(|other| is_one_account(other, &limit)) {
            Some(other) if other.quota() <= limit.quota() => {}
            Some(other) => *other = limit,
            None => kept.push(limit),
        }
    }
    kept
}

fn is_one_account(one: &Limit, other: &Limit) -> bool {
    // Caps on running requests, and they alone, have no period.
    one.unit() == other.unit() && one.period() == other.period()
}
