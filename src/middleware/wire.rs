//! How reports become header fields.
//!
//! Names and values that repeat are kept; those that do not are cut from one buffer per worker and site.

use std::cell::RefCell;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use bytes::BytesMut;

use crate::limiter::Report;
use crate::model::{HeaderNames, HeaderPolicy, ResetStyle};

/// How much room for digits is made at once.
const DIGITS: usize = 4096;

/// The header fields of one site in one worker.
#[derive(Debug)]
pub(super) struct Wire {
    enabled: bool,
    /// Whether there are the fields of the draft, too.
    standard: bool,
    reset_style: ResetStyle,
    limit: HeaderName,
    remaining: HeaderName,
    reset: HeaderName,
    used: HeaderName,
    limit_value: Repeated,
    reset_value: Repeated,
    digits: RefCell<BytesMut>,
}

/// What is said of one limit.
pub(super) struct Said<'a> {
    pub(super) report: &'a Report,
    /// The limit's rule, where it could be another's.
    pub(super) rule: Option<&'a str>,
    /// Whether the request was served, and so has cost something.
    pub(super) served: bool,
}

/// The last value of a field that mostly repeats.
#[derive(Debug)]
struct Repeated(RefCell<(u64, HeaderValue)>);

impl Wire {
    pub(super) fn new(policy: &HeaderPolicy) -> Self {
        let HeaderPolicy { enabled, reset: reset_style, names, standard } = policy;
        let defaults = HeaderNames::default();
        Self {
            enabled: *enabled,
            standard: *enabled && standard.is_some(),
            reset_style: *reset_style,
            limit: field_name(&names.limit, &defaults.limit, "x-ratelimit-limit"),
            remaining: field_name(&names.remaining, &defaults.remaining, "x-ratelimit-remaining"),
            reset: field_name(&names.reset, &defaults.reset, "x-ratelimit-reset"),
            used: field_name(&names.used, &defaults.used, "x-ratelimit-used"),
            limit_value: Repeated::default(),
            reset_value: Repeated::default(),
            digits: RefCell::default(),
        }
    }

    pub(super) const fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Whether there are the fields of the draft, too.
    pub(super) const fn is_standard(&self) -> bool {
        self.standard
    }

    /// Writes where a client stands.
    pub(super) fn write(&self, headers: &mut HeaderMap, said: &Said<'_>) {
        if !self.enabled {
            return;
        }
        let before = headers.len_keys();
        let written = self.append(headers, said);
        // Something of these names was there already. To count names is cheaper than to look for each.
        if headers.len_keys() != before + written {
            self.remove(headers);
            self.append(headers, said);
        }
    }

    /// Appends the fields, and returns how many they are.
    #[inline]
    fn append(&self, headers: &mut HeaderMap, said: &Said<'_>) -> usize {
        let Said { report, rule, served } = *said;
        let reset = match self.reset_style {
            ResetStyle::Seconds => report.reset_secs,
            ResetStyle::Unix => report.reset_unix_secs,
        };
        let [remaining, used] = self.numbers(report.remaining, report.used);
        headers.append(self.limit.clone(), self.limit_value.of(report.limit));
        headers.append(self.remaining.clone(), remaining);
        headers.append(self.reset.clone(), self.reset_value.of(reset));
        if served {
            headers.append(self.used.clone(), used);
        }
        3 + usize::from(served) + rule.map_or(0, |rule| append_resource(headers, rule, report))
    }

    /// Removes what an inner budget, or the handler, has written.
    pub(super) fn remove(&self, headers: &mut HeaderMap) {
        for name in [&self.limit, &self.remaining, &self.reset, &self.used, &RESOURCE, &UNIT] {
            headers.remove(name);
        }
    }

    /// Two values, cut from the buffer at once.
    fn numbers(&self, first: u64, second: u64) -> [HeaderValue; 2] {
        let mut digits = self.digits.borrow_mut();
        if digits.capacity() < 40 {
            digits.reserve(DIGITS);
        }
        digits.extend_from_slice(itoa::Buffer::new().format(first).as_bytes());
        let end_of_first = digits.len();
        digits.extend_from_slice(itoa::Buffer::new().format(second).as_bytes());
        let mut second_digits = digits.split().freeze();
        let first_digits = second_digits.split_to(end_of_first);
        let value = |bytes, number: u64| {
            HeaderValue::from_maybe_shared(bytes).unwrap_or_else(|_| HeaderValue::from(number))
        };
        [value(first_digits, first), value(second_digits, second)]
    }
}

const RESOURCE: HeaderName = HeaderName::from_static("x-ratelimit-resource");
const UNIT: HeaderName = HeaderName::from_static("x-ratelimit-unit");

fn append_resource(headers: &mut HeaderMap, rule: &str, report: &Report) -> usize {
    headers.append(UNIT, HeaderValue::from_static(report.unit.header_name()));
    // A rule's name that no field can hold is left out.
    let Ok(rule) = HeaderValue::from_str(rule) else { return 1 };
    headers.append(RESOURCE, rule);
    2
}

impl Default for Repeated {
    fn default() -> Self {
        Self(RefCell::new((0, HeaderValue::from_static("0"))))
    }
}

impl Repeated {
    fn of(&self, number: u64) -> HeaderValue {
        let mut last = self.0.borrow_mut();
        if last.0 != number {
            *last = (number, HeaderValue::from(number));
        }
        last.1.clone()
    }
}

/// A field's name; one that is no token, which a site file cannot hold, gives way to the default.
fn field_name(name: &str, default: &str, lower: &'static str) -> HeaderName {
    if name == default {
        return HeaderName::from_static(lower);
    }
    HeaderName::from_bytes(name.as_bytes()).unwrap_or(HeaderName::from_static(lower))
}
