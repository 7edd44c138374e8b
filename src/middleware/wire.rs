//! How reports become header fields.

use std::cell::RefCell;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::limiter::Report;
use crate::middleware::digits::{Digits, Repeated};
use crate::model::{HeaderNames, HeaderPolicy, ResetStyle};

/// The header fields of one site in one worker.
#[derive(Debug)]
pub(super) struct Wire {
    enabled: bool,
    /// Whether there are the fields of the draft, too.
    standard: bool,
    reset_style: ResetStyle,
    /// The names of the four fields; `None` where they are the usual ones, which are cheaper as constants.
    names: Option<Box<[HeaderName; 4]>>,
    limit_value: Repeated,
    digits: RefCell<Digits>,
}

/// The names of the four fields: limit, remaining, reset and used.
const USUAL: [HeaderName; 4] = [
    HeaderName::from_static("x-ratelimit-limit"),
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("x-ratelimit-reset"),
    HeaderName::from_static("x-ratelimit-used"),
];

/// What is said of one limit.
pub(super) struct Said<'a> {
    pub(super) report: &'a Report,
    /// The limit's rule, where it could be another's.
    pub(super) rule: Option<&'a str>,
    /// Whether the request was served, and so has cost something.
    pub(super) served: bool,
}

impl Wire {
    pub(super) fn new(policy: &HeaderPolicy) -> Self {
        let HeaderPolicy { enabled, reset: reset_style, names, standard } = policy;
        Self {
            enabled: *enabled,
            standard: *enabled && standard.is_some(),
            reset_style: *reset_style,
            names: (*names != HeaderNames::default()).then(|| Box::new(own_names(names))),
            limit_value: Repeated::default(),
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
        match &self.names {
            None => self.append_named(headers, said, USUAL),
            Some(own) => self.append_named(headers, said, (**own).clone()),
        }
    }

    #[inline(always)]
    fn append_named(&self, headers: &mut HeaderMap, said: &Said<'_>, names: [HeaderName; 4]) -> usize {
        let Said { report, rule, served } = *said;
        let seconds = match self.reset_style {
            ResetStyle::Seconds => report.reset_secs,
            ResetStyle::Unix => report.reset_unix_secs,
        };
        let mut digits = self.digits.borrow_mut();
        let [limit, remaining, reset, used] = names;
        headers.append(limit, self.limit_value.of(report.limit));
        headers.append(remaining, digits.of(report.remaining));
        headers.append(reset, digits.of(seconds));
        if served {
            headers.append(used, digits.of(report.used));
        }
        3 + usize::from(served) + rule.map_or(0, |rule| append_resource(headers, rule, report))
    }

    /// Removes what an inner budget, or the handler, has written.
    pub(super) fn remove(&self, headers: &mut HeaderMap) {
        let usual = USUAL;
        let names = self.names.as_deref().unwrap_or(&usual);
        for name in names.iter().chain([&RESOURCE, &UNIT]) {
            headers.remove(name);
        }
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

fn own_names(names: &HeaderNames) -> [HeaderName; 4] {
    let HeaderNames { limit, remaining, reset, used } = names;
    let [usual_limit, usual_remaining, usual_reset, usual_used] = USUAL;
    [
        field_name(limit, usual_limit),
        field_name(remaining, usual_remaining),
        field_name(reset, usual_reset),
        field_name(used, usual_used),
    ]
}

/// A field's name; one that is no token, which a site file cannot hold, gives way to the usual one.
fn field_name(name: &str, usual: HeaderName) -> HeaderName {
    HeaderName::from_bytes(name.as_bytes()).unwrap_or(usual)
}
