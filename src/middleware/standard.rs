//! The fields of draft-ietf-httpapi-ratelimit-headers-11: `RateLimit-Policy` and `RateLimit`.
//!
//! Both are Lists of Strings with Parameters (RFC 9651), an item for each limit. A policy is known by its rule's name,
//! and where the rule has several limits by what tells them apart: `default/hour`, `site/time/day`, `site/concurrent`.
//! There are no partition keys: whose account it is stays the server's secret.

use std::fmt::Write as _;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::limiter::AppliedLimit;
use crate::model::Limit;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The largest Integer that a field can hold (RFC 9651, section 3.3.1): as microseconds 31 years.
const LARGEST: u64 = 999_999_999_999_999;

/// Both fields of one budget.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standard {
    policy: String,
    limit: String,
}

impl Standard {
    /// What is told of limits that have admitted a request.
    pub(crate) fn of_served<'a>(limits: impl Iterator<Item = AppliedLimit<'a>>) -> Self {
        Self::of(limits, |_| true)
    }

    /// What is told of limits that have been asked about a refused request: the policies of all, and where those stand
    /// that refuse.
    ///
    /// `Retry-After` should not name an earlier time than a limit beside it (the draft's "Server Behavior"), and who is
    /// refused by the hour need not wait for the day.
    pub(crate) fn of_refused<'a>(limits: impl Iterator<Item = AppliedLimit<'a>>) -> Self {
        Self::of(limits, |limit| limit.refuses)
    }

    fn of<'a>(
        limits: impl Iterator<Item = AppliedLimit<'a>>,
        is_told: impl Fn(&AppliedLimit<'a>) -> bool,
    ) -> Self {
        let mut fields = Self::default();
        for limit in limits {
            // A name that no field can hold is left out.
            let Some(name) = name(&limit) else { continue };
            fields.append_policy(&name, &limit);
            if is_told(&limit) {
                fields.append_limit(&name, &limit);
            }
        }
        fields
    }

    /// Writes the fields beside those of budgets inside, or in place of what the handler has written.
    pub(crate) fn write(&self, headers: &mut HeaderMap, is_beside: bool) {
        for (name, text) in [(POLICY, &self.policy), (LIMIT, &self.limit)] {
            if !is_beside {
                headers.remove(&name);
            }
            if let Some(value) = value(text) {
                headers.append(name, value);
            }
        }
    }

    fn append_policy(&mut self, name: &str, limit: &AppliedLimit<'_>) {
        let unit = match limit.limit {
            Limit::Time { .. } => "microseconds",
            Limit::Requests { .. } => "requests",
            Limit::Concurrent { .. } => "concurrent-requests",
        };
        separate(&mut self.policy);
        // Writing to a text cannot fail.
        let _ = write!(self.policy, "{name};q={};qu=\"{unit}\"", integer(limit.quota));
        if let Some(window) = limit.window_secs {
            let _ = write!(self.policy, ";w={}", integer(window));
        }
    }

    fn append_limit(&mut self, name: &str, limit: &AppliedLimit<'_>) {
        separate(&mut self.limit);
        let _ = write!(self.limit, "{name};r={}", integer(limit.remaining));
        if let Some(wait) = limit.wait_secs {
            let _ = write!(self.limit, ";t={}", integer(wait));
        }
    }
}

/// The name of a policy as a String; `None` if it has other letters than ASCII's printable ones.
fn name(limit: &AppliedLimit<'_>) -> Option<String> {
    let is_plain = limit.rule.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let rule = is_plain.then(|| limit.rule.replace('\\', "\\\\").replace('"', "\\\""))?;
    Some(match limit.limit {
        _ if limit.is_only => format!("\"{rule}\""),
        Limit::Time { period, .. } => format!("\"{rule}/time/{period}\""),
        Limit::Requests { period, .. } => format!("\"{rule}/{period}\""),
        Limit::Concurrent { .. } => format!("\"{rule}/concurrent\""),
    })
}

fn integer(number: u64) -> u64 {
    number.min(LARGEST)
}

fn separate(list: &mut String) {
    if !list.is_empty() {
        list.push_str(", ");
    }
}

/// A List's text as a value; an empty List is no field at all (RFC 9651, section 3.1).
fn value(text: &str) -> Option<HeaderValue> {
    if text.is_empty() { None } else { HeaderValue::from_str(text).ok() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sfv::{BareItem, Item, List, ListEntry, Parser};

    use super::*;
    use crate::model::{Micros, Period};

    const HOURLY: AppliedLimit<'_> = AppliedLimit {
        rule: "login",
        is_only: true,
        limit: Limit::Requests { quota: 10, period: Period::HOUR },
        quota: 10,
        window_secs: Some(3_600),
        remaining: 7,
        wait_secs: Some(61),
        refuses: false,
    };

    fn parsed(text: &str) -> Vec<Item> {
        let list: List = Parser::new(text).parse().unwrap();
        let item = |entry| match entry {
            ListEntry::Item(item) => item,
            ListEntry::InnerList(list) => panic!("{list:?}"),
        };
        list.into_iter().map(item).collect()
    }

    fn parameter<'a>(item: &'a Item, name: &str) -> Option<&'a BareItem> {
        item.params.iter().find(|(key, _)| key.as_str() == name).map(|(_, value)| value)
    }

    fn number(item: &Item, name: &str) -> Option<i64> {
        parameter(item, name).map(|value| i64::from(value.as_integer().expect("an Integer")))
    }

    fn text(item: &Item) -> String {
        item.bare_item.as_string().expect("a String").as_str().to_owned()
    }

    #[test]
    fn a_limit_is_an_item_in_each_field() {
        let fields = Standard::of_served([HOURLY].into_iter());
        assert_eq!(fields.policy, r#""login";q=10;qu="requests";w=3600"#);
        assert_eq!(fields.limit, r#""login";r=7;t=61"#);
    }

    #[test]
    fn several_limits_of_a_rule_have_names_of_their_own() {
        let time = Limit::Time { quota: Micros(5), period: Period::DAY };
        let (requests, cap) = (AppliedLimit { is_only: false, ..HOURLY }, Limit::Concurrent { cap: 2 });
        let time = AppliedLimit { limit: time, ..requests };
        let cap = AppliedLimit { limit: cap, window_secs: None, wait_secs: None, ..requests };
        let fields = Standard::of_served([requests, time, cap].into_iter());
        let names: Vec<_> = parsed(&fields.policy).iter().map(text).collect();
        assert_eq!(names, ["login/hour", "login/time/day", "login/concurrent"]);
        assert_eq!(fields.limit.matches(";t=").count(), 2);
        assert!(fields.policy.ends_with(r#""login/concurrent";q=10;qu="concurrent-requests""#));
    }

    #[test]
    fn of_a_refusal_all_policies_are_told_and_the_limits_that_refuse() {
        let refusing = AppliedLimit { rule: "ban", remaining: 0, refuses: true, ..HOURLY };
        let fields = Standard::of_refused([HOURLY, refusing].into_iter());
        assert_eq!(parsed(&fields.policy).len(), 2);
        assert_eq!(fields.limit, r#""ban";r=0;t=61"#);
    }

    #[test]
    fn a_rule_whose_name_no_field_can_hold_is_left_out() {
        let fields = Standard::of_served([AppliedLimit { rule: "caf\u{e9}", ..HOURLY }].into_iter());
        let mut headers = HeaderMap::new();
        fields.write(&mut headers, false);
        assert!(headers.is_empty());
    }

    #[test]
    fn fields_take_the_place_of_a_handlers_and_stand_beside_an_inner_budgets() {
        let mut headers = HeaderMap::new();
        headers.insert(LIMIT, HeaderValue::from_static("\"proxied\";r=1"));
        let fields = Standard::of_served([HOURLY].into_iter());
        fields.write(&mut headers, false);
        assert_eq!(headers.get_all(LIMIT).count(), 1);
        fields.write(&mut headers, true);
        assert_eq!((headers.get_all(LIMIT).count(), headers.get_all(POLICY).count()), (2, 2));
    }

    proptest! {
        #[test]
        fn an_independent_parser_reads_what_was_meant(
            rule in "[ -~]{1,20}",
            (quota, remaining) in any::<(u64, u64)>(),
            window in prop::option::of(1..=u64::MAX),
            wait in prop::option::of(any::<u64>()),
        ) {
            let limit = AppliedLimit {
                rule: &rule, quota, remaining, window_secs: window, wait_secs: wait, ..HOURLY
            };
            let fields = Standard::of_served([limit, HOURLY].into_iter());
            let (policy, limit) = (parsed(&fields.policy), parsed(&fields.limit));
            prop_assert_eq!((policy.len(), limit.len()), (2, 2));
            let shown = |number: u64| number.min(LARGEST) as i64;
            prop_assert_eq!((text(&policy[0]), text(&limit[0])), (rule.clone(), rule.clone()));
            prop_assert_eq!(number(&policy[0], "q"), Some(shown(quota)));
            prop_assert_eq!(number(&policy[0], "w"), window.map(shown));
            prop_assert_eq!(number(&limit[0], "r"), Some(shown(remaining)));
            prop_assert_eq!(number(&limit[0], "t"), wait.map(shown));
            let unit = parameter(&policy[0], "qu").and_then(BareItem::as_string).map(sfv::StringRef::as_str);
            prop_assert_eq!(unit, Some("requests"));
        }
    }
}
