//! Shares: what a client has of an account that it shares by a fair rule.

use std::fmt;

use crate::model::{Limit, Micros};
use crate::store::{SharedOut, is_fair};

/// What a client has of an account that it shares with others, by a limit of a [fair](crate::Rule::fair) rule.
///
/// Amounts are in the limit's unit: microseconds, or requests. Below four fifths of the limit nobody is held to a share.
///
/// # Examples
///
/// ```
/// use timebudget::{Asked, Component, Rule, Site, TimeBudget, parse_rates};
///
/// # actix_web::rt::System::new().block_on(async {
/// let limits = parse_rates("100 per day")?;
/// let rule = Rule { fair: Some(Component::Ip.into()), ..Rule::new("all", Component::Site, limits) };
/// let site = Site { rules: vec![rule], ..Site::unlimited("shop.example") };
/// let budget = TimeBudget::builder().site(site).build()?;
/// let rehearsal = budget.rehearse(&Asked::new("GET", "/")?.as_accounts_stand()).await?;
/// let share = rehearsal.standings[0].share.expect("the rule is fair");
/// assert_eq!((share.clients, share.granted, share.spent, share.refuses), (1, 100, 0, false));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Share {
    /// How many clients the limit is shared out among in this window: those that were served, and this one.
    pub clients: u64,
    /// An equal part of the limit, rounded up.
    pub granted: u64,
    /// What the client has had of it.
    pub spent: u64,
    /// Whether the client is refused for it: it has had its part, and four fifths of the whole are spent.
    pub refuses: bool,
}

impl Share {
    /// A client's part of a quota of which `whole` is spent by all together.
    pub(crate) fn of(quota: u64, whole: u64, out: SharedOut) -> Self {
        let SharedOut { clients, spent } = out;
        // One that has had nothing is a newcomer: the others are counted.
        let clients = clients.saturating_add(u64::from(spent == 0)).max(1);
        let refuses = !is_fair(quota, whole, spent, clients);
        Self { clients, granted: quota.div_ceil(clients), spent, refuses }
    }

    /// The share in words, of a limit: `2 s of 15 s spent, among 4 clients`.
    pub(crate) const fn in_words(self, limit: Limit) -> impl fmt::Display {
        InWords(self, limit)
    }
}

struct InWords(Share, Limit);

impl fmt::Display for InWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Share { clients, granted, spent, refuses }, limit) = self;
        let among = if *clients == 1 { "alone".to_owned() } else { format!("among {clients} clients") };
        match limit {
            Limit::Time { .. } => write!(f, "{} of {} spent, {among}", Micros(*spent), Micros(*granted))?,
            _ => write!(f, "{spent} of {granted} spent, {among}")?,
        }
        f.write_str(match (refuses, spent < granted) {
            (true, _) => ": refused, for little is left of the whole",
            (false, false) => ": more is to be had, for enough is left of the whole",
            (false, true) => "",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Period;

    #[test]
    fn a_share_is_refused_where_a_decision_would_refuse_it() {
        let of = |whole, clients, spent| Share::of(100, whole, SharedOut { clients, spent });
        let told = |share: Share| (share.clients, share.granted, share.refuses);
        assert_eq!(told(of(0, 0, 0)), (1, 100, false));
        assert_eq!(told(of(79, 3, 50)), (3, 34, false), "enough is left");
        assert_eq!(told(of(80, 3, 34)), (3, 34, true));
        assert_eq!(told(of(80, 3, 33)), (3, 34, false));
        assert_eq!(told(of(99, 3, 0)), (4, 25, false), "a newcomer is one more");
    }

    #[test]
    fn words_say_why_a_share_that_is_spent_refuses_or_does_not() {
        let of = |whole, spent| Share::of(60_000_000, whole, SharedOut { clients: 4, spent });
        let limit = Limit::time(Micros::from_secs(60)).per(Period::HOUR);
        let said = |share: Share| share.in_words(limit).to_string();
        assert_eq!(said(of(1, 2_500_000)), "2.5 s of 15 s spent, among 4 clients");
        assert_eq!(
            said(of(48_000_000, 16_000_000)),
            "16 s of 15 s spent, among 4 clients: refused, for little is left of the whole"
        );
        assert!(
            said(of(40_000_000, 16_000_000)).ends_with("more is to be had, for enough is left of the whole")
        );
    }
}
