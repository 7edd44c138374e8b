//! Rules: which requests, whose account, how much.

use crate::model::condition::Condition;
use crate::model::limit::Limit;

/// Which requests are limited, whose account they are charged to, and how much it may spend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The name, unique within its site: part of the account, of metrics and of refusals.
    pub name: String,
    /// Which requests.
    pub when: Condition,
    /// Whose account.
    pub key: KeySpec,
    /// How much; at most one limit of a unit and period, see [`tightest`].
    pub limits: Vec<Limit>,
}

/// What an account is keyed by: the values of these facts, in this order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeySpec(pub Vec<Component>);

impl From<Component> for KeySpec {
    fn from(component: Component) -> Self {
        Self(vec![component])
    }
}

/// One fact that tells accounts apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Component {
    /// The site: one account for all its requests.
    Site,
    /// The client's address.
    Ip,
}

/// The limits without those that a tighter one of the same unit and period makes pointless.
///
/// An account is known by its unit and period but not by its quota. So two such limits of one rule would be one
/// account, and every request would be charged to it twice.
///
/// # Examples
///
/// ```
/// use timebudget::model::rule::tightest;
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
