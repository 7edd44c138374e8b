//! How reports become header fields.

use std::cell::RefCell;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::limiter::{Report, Tightest};
use crate::middleware::digits::{Digits, Repeated};
use crate::model::{HeaderNames, HeaderPolicy, ResetStyle, Unit};

/// The header fields of one site in one worker.
#[derive(Debug)]
pub(crate) struct Wire {
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
#[derive(Debug)]
pub(crate) struct Said {
    limit: u64,
    remaining: u64,
    reset: u64,
    /// What a served request has cost; a refused one has cost nothing.
    used: Option<u64>,
    unit: Unit,
    /// The limit's rule, where it could be another's.
    rule: Option<RuleName>,
}

/// A rule's name as a value; `None` of one that no field can hold, which is left out.
pub(crate) type RuleName = Option<HeaderValue>;

impl Wire {
    pub(crate) fn new(policy: &HeaderPolicy) -> Self {
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

    pub(crate) const fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Whether there are the fields of the draft, too.
    pub(crate) const fn is_standard(&self) -> bool {
        self.standard
    }

    /// What is said of where a limit stands.
    #[inline]
    pub(crate) fn said(&self, stands: &Tightest<'_>, rule: Option<RuleName>, served: bool) -> Said {
        let reset = match self.reset_style {
            ResetStyle::Seconds => stands.reset_secs(),
            ResetStyle::Unix => stands.reset_unix_secs(),
        };
        let used = served.then(|| stands.used());
        Said { limit: stands.limit(), remaining: stands.remaining(), reset, used, unit: stands.unit(), rule }
    }

    /// The same, where it was reported before.
    pub(crate) fn said_of(&self, report: &Report, rule: Option<RuleName>, served: bool) -> Said {
        let reset = match self.reset_style {
            ResetStyle::Seconds => report.reset_secs,
            ResetStyle::Unix => report.reset_unix_secs,
        };
        let Report { limit, remaining, used, unit, .. } = *report;
        Said { limit, remaining, reset, used: served.then_some(used), unit, rule }
    }

    /// Writes where a client stands.
    #[inline]
    pub(crate) fn write(&self, headers: &mut HeaderMap, said: &Said) {
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
    fn append(&self, headers: &mut HeaderMap, said: &Said) -> usize {
        match &self.names {
            None => self.append_named(headers, said, USUAL),
            Some(own) => self.append_named(headers, said, (**own).clone()),
        }
    }

    #[inline(always)]
    fn append_named(&self, headers: &mut HeaderMap, said: &Said, names: [HeaderName; 4]) -> usize {
        let Said { unit, ref rule, .. } = *said;
        let mut digits = self.digits.borrow_mut();
        let [limit, remaining, reset, used] = names;
        headers.append(limit, self.limit_value.of(said.limit));
        headers.append(remaining, digits.of(said.remaining));
        headers.append(reset, digits.of(said.reset));
        if let Some(cost) = said.used {
            headers.append(used, digits.of(cost));
        }
        3 + usize::from(said.used.is_some())
            + rule.as_ref().map_or(0, |rule| append_resource(headers, rule, unit))
    }

    /// Removes what an inner budget, or the handler, has written.
    pub(crate) fn remove(&self, headers: &mut HeaderMap) {
        let usual = USUAL;
        let names = self.names.as_deref().unwrap_or(&usual);
        for name in names.iter().chain([&RESOURCE, &UNIT]) {
            headers.remove(name);
        }
    }
}

const RESOURCE: HeaderName = HeaderName::from_static("x-ratelimit-resource");
const UNIT: HeaderName = HeaderName::from_static("x-ratelimit-unit");

fn append_resource(headers: &mut HeaderMap, rule: &RuleName, unit: Unit) -> usize {
    headers.append(UNIT, HeaderValue::from_static(unit.header_name()));
    let Some(rule) = rule else { return 1 };
    headers.append(RESOURCE, rule.clone());
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
