//! The fields of a response's head that say where the client stands, written with as little work as they can be.
//!
//! Names are constants. Small numbers come from a table, and a number is written only where it has changed since the worker's last one:
//! in most responses the limit is the same and the rest differs in its last digits.

use std::cell::RefCell;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use bytes::{Bytes, BytesMut};

use crate::limiter::{Report, Tightest};
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

/// How many numbers are in the table: those of up to four digits.
const SMALL: u64 = 10_000;

/// How many digits a group has, which is one of the table's numbers.
const GROUP: usize = 4;

/// How much room for digits is made at once.
const ROOM: usize = 4096;

/// The digits of the largest number.
const MOST: usize = 20;

/// All small numbers one after another, each with zeros before it.
static GROUPS: [u8; GROUP * SMALL as usize] = groups();

const fn groups() -> [u8; GROUP * SMALL as usize] {
    let mut all = [0; GROUP * SMALL as usize];
    let mut at = 0;
    while at < all.len() {
        let number = at / GROUP;
        all[at] = b'0' + (number / 1000) as u8;
        all[at + 1] = b'0' + (number / 100 % 10) as u8;
        all[at + 2] = b'0' + (number / 10 % 10) as u8;
        all[at + 3] = b'0' + (number % 10) as u8;
        at += GROUP;
    }
    all
}

/// Where the digits of large numbers are written.
#[derive(Debug, Default)]
pub(crate) struct Digits {
    room: BytesMut,
    /// The last large number, and how many digits it has at the end of `text`.
    last: u64,
    length: usize,
    text: [u8; MOST],
}

impl Digits {
    /// A number as a value.
    #[inline]
    pub(crate) fn of(&mut self, number: u64) -> HeaderValue {
        if number < SMALL { small(number) } else { self.large(number) }
    }

    fn large(&mut self, number: u64) -> HeaderValue {
        self.write(number);
        if self.room.capacity() < MOST {
            self.room.reserve(ROOM);
        }
        self.room.extend_from_slice(&self.text[MOST - self.length..]);
        value(self.room.split().freeze(), number)
    }

    /// Writes the digits that differ from those of the number before.
    #[inline]
    fn write(&mut self, number: u64) {
        if number / SMALL != self.last / SMALL || self.length == 0 {
            let mut buffer = itoa::Buffer::new();
            let digits = buffer.format(number).as_bytes();
            self.length = digits.len();
            self.text[MOST - digits.len()..].copy_from_slice(digits);
        } else {
            let at = (number % SMALL) as usize * GROUP;
            self.text[MOST - GROUP..].copy_from_slice(&GROUPS[at..at + GROUP]);
        }
        self.last = number;
    }
}

/// The last value of a field that mostly repeats.
#[derive(Debug)]
pub(crate) struct Repeated(RefCell<(u64, HeaderValue)>);

impl Default for Repeated {
    fn default() -> Self {
        Self(RefCell::new((0, HeaderValue::from_static("0"))))
    }
}

impl Repeated {
    #[inline]
    pub(crate) fn of(&self, number: u64) -> HeaderValue {
        let mut last = self.0.borrow_mut();
        if last.0 != number {
            *last = (number, HeaderValue::from(number));
        }
        last.1.clone()
    }
}

#[inline]
fn small(number: u64) -> HeaderValue {
    let zeros = usize::from(number < 1000) + usize::from(number < 100) + usize::from(number < 10);
    let at = number as usize * GROUP;
    value(Bytes::from_static(&GROUPS[at + zeros..at + GROUP]), number)
}

/// Digits are what a value may hold.
#[inline]
fn value(digits: Bytes, number: u64) -> HeaderValue {
    HeaderValue::from_maybe_shared(digits).unwrap_or_else(|_| HeaderValue::from(number))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_numbers_have_no_zeros_before_them() {
        let mut digits = Digits::default();
        for number in (0..=SMALL + 1).chain([99_999, 100_000, u64::MAX]) {
            assert_eq!(digits.of(number), number.to_string());
        }
    }

    proptest! {
        #[test]
        fn numbers_that_begin_alike_are_written_as_they_are(
            numbers in prop::collection::vec((any::<u64>(), 0..64_u32, 0..20_000_u64), 1..20),
        ) {
            let mut digits = Digits::default();
            for (number, shift, less) in numbers {
                let number = number >> shift;
                for number in [number, number.saturating_sub(less), number.saturating_add(less)] {
                    prop_assert_eq!(digits.of(number), number.to_string());
                }
            }
        }
    }
}
