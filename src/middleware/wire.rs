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
    values: RefCell<Values>,
}

/// Makes the fields' values.
#[derive(Debug, Default)]
struct Values {
    /// Clients mostly have one limit.
    limit: Repeated,
    /// Windows end at one moment, which is so many seconds away for a second.
    reset: Repeated,
    digits: Digits,
}

/// The fields.
#[derive(Clone, Copy, Debug)]
enum Field {
    Limit,
    Remaining,
    Reset,
    Used,
}

const ALL: [Field; 4] = [Field::Limit, Field::Remaining, Field::Reset, Field::Used];

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
            values: RefCell::default(),
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
        let mut values = self.values.borrow_mut();
        headers.append(self.name(Field::Limit), values.limit.of(said.limit));
        headers.append(self.name(Field::Remaining), values.digits.of(said.remaining));
        headers.append(self.name(Field::Reset), values.reset.of(said.reset));
        if let Some(cost) = said.used {
            headers.append(self.name(Field::Used), values.digits.of(cost));
        }
        3 + usize::from(said.used.is_some())
            + said.rule.as_ref().map_or(0, |rule| append_resource(headers, rule, said.unit))
    }

    #[inline(always)]
    fn name(&self, field: Field) -> HeaderName {
        match &self.names {
            None => field.usual_name(),
            Some(own) => own[field as usize].clone(),
        }
    }

    /// Removes what an inner budget, or the handler, has written.
    pub(crate) fn remove(&self, headers: &mut HeaderMap) {
        for name in ALL.map(|field| self.name(field)).iter().chain([&RESOURCE, &UNIT]) {
            headers.remove(name);
        }
    }
}

impl Field {
    /// Constants, which cost less than what is looked up and copied.
    #[inline(always)]
    const fn usual_name(self) -> HeaderName {
        const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
        const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
        const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
        const USED: HeaderName = HeaderName::from_static("x-ratelimit-used");
        match self {
            Self::Limit => LIMIT,
            Self::Remaining => REMAINING,
            Self::Reset => RESET,
            Self::Used => USED,
        }
    }
}

const RESOURCE: HeaderName = HeaderName::from_static("x-ratelimit-resource");
const UNIT: HeaderName = HeaderName::from_static("x-ratelimit-unit");

fn append_resource(headers: &mut HeaderMap, rule: &RuleName, unit: Unit) -> usize {
    const TIME: HeaderValue = HeaderValue::from_static(Unit::Time.header_name());
    const REQUESTS: HeaderValue = HeaderValue::from_static(Unit::Requests.header_name());
    headers.append(
        UNIT,
        match unit {
            Unit::Time => TIME,
            Unit::Requests => REQUESTS,
        },
    );
    let Some(rule) = rule else { return 1 };
    headers.append(RESOURCE, rule.clone());
    2
}

fn own_names(names: &HeaderNames) -> [HeaderName; 4] {
    let HeaderNames { limit, remaining, reset, used } = names;
    let named =
        [(limit, Field::Limit), (remaining, Field::Remaining), (reset, Field::Reset), (used, Field::Used)];
    named.map(|(name, field)| field_name(name, field.usual_name()))
}

/// A field's name; one that is no token, which a site file cannot hold, gives way to the usual one.
fn field_name(name: &str, usual: HeaderName) -> HeaderName {
    HeaderName::from_bytes(name.as_bytes()).unwrap_or(usual)
}
