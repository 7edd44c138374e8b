//! Who has been told of as near its limit: once for each account and window.

use std::collections::HashMap;

use timebudget::{AccountId, Period, Unit, UnixMicros};

use crate::live::record::Near;

/// The accounts that were told of, until their windows end.
#[derive(Debug, Default)]
pub(crate) struct ToldOf(HashMap<Account, UnixMicros>);

/// An account: of one limit of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Account {
    rule: u64,
    id: AccountId,
    unit: Unit,
    period: Option<Period>,
}

impl ToldOf {
    /// How many are kept; of more nobody is told.
    const MOST: usize = 100_000;

    /// Whether an account has not been told of in its window; from now on it has.
    pub(crate) fn is_news(&mut self, near: &Near) -> bool {
        let account = Account { rule: near.rule, id: near.account, unit: near.unit, period: near.period };
        // What is left of a window is known to the microsecond, and a clock that was set moves its end.
        let lasts = self.0.get(&account).is_some_and(|until| *until > near.at);
        if lasts || (self.0.len() >= Self::MOST && !self.0.contains_key(&account)) {
            return false;
        }
        self.0.insert(account, near.until);
        true
    }

    /// Forgets those whose windows have ended.
    pub(crate) fn forget(&mut self, now: UnixMicros) {
        self.0.retain(|_, until| *until > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(id: u8, at_secs: i64, until_secs: i64) -> Near {
        let (at, until) = (UnixMicros(at_secs * 1_000_000), UnixMicros(until_secs * 1_000_000));
        let account = format!("{id:032x}").parse().expect("an id");
        let (unit, period) = (Unit::Time, Some(Period::HOUR));
        Near { rule: 1, account, unit, period, spent: 8, quota: 10, at, until }
    }

    #[test]
    fn an_account_is_told_of_once_in_each_of_its_windows() {
        let mut told = ToldOf::default();
        assert!(told.is_news(&near(1, 0, 3_600)));
        assert!(!told.is_news(&near(1, 3_599, 3_600)));
        assert!(told.is_news(&near(2, 3_599, 3_600)));
        assert!(told.is_news(&near(1, 3_600, 7_200)));
    }

    #[test]
    fn limits_of_one_client_are_told_of_each() {
        let mut told = ToldOf::default();
        let hour = near(1, 0, 3_600);
        assert!(told.is_news(&hour));
        assert!(told.is_news(&Near { period: Some(Period::DAY), ..hour }));
        assert!(told.is_news(&Near { unit: Unit::Requests, ..hour }));
        assert!(told.is_news(&Near { rule: 2, ..hour }));
    }

    #[test]
    fn those_whose_windows_have_ended_are_forgotten() {
        let mut told = ToldOf::default();
        told.is_news(&near(1, 0, 60));
        told.is_news(&near(2, 0, 3_600));
        told.forget(UnixMicros(60_000_000));
        assert_eq!(told.0.len(), 1);
    }
}
