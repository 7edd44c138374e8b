//! The fields of a response's head that say where the client stands, written with as little work as they can be.
//!
//! Names are constants. Small numbers come from a table, and a number is written only where it has changed since the worker's last one:
//! in most responses the limit is the same and the rest differs in its last digits.

use std::cell::RefCell;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use bytes::{Buf as _, Bytes, BytesMut};

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
    fn said_of(&self, report: &Report, rule: Option<RuleName>, served: bool) -> Said {
        let reset = match self.reset_style {
            ResetStyle::Seconds => report.reset_secs,
            ResetStyle::Unix => report.reset_unix_secs,
        };
        let Report { limit, remaining, used, unit, .. } = *report;
        Said { limit, remaining, reset, used: served.then_some(used), unit, rule }
    }

    /// Writes where a client stands.
    #[inline(always)]
    pub(crate) fn write(&self, headers: &mut HeaderMap, said: &Said) {
        if !self.enabled {
            return;
        }
        let before = headers.len_keys();
        let written = self.append(headers, said);
        // Something of these names was there already. To count names is cheaper than to look for each.
        if headers.len_keys() != before + written {
            self.write_anew(headers, said);
        }
    }

    #[inline(never)]
    fn write_anew(&self, headers: &mut HeaderMap, said: &Said) {
        self.remove(headers);
        self.append(headers, said);
    }

    /// Writes where a client stood when it was reported.
    #[inline(never)]
    pub(crate) fn write_reported(
        &self,
        headers: &mut HeaderMap,
        report: &Report,
        rule: Option<RuleName>,
        served: bool,
    ) {
        self.write(headers, &self.said_of(report, rule, served));
    }

    /// Appends the fields, and returns how many they are.
    #[inline(always)]
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
    /// The last large number without its last group, and how many digits it has at the end of `text`.
    high: u64,
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
        // So many bytes are copied in a few steps, and no loop, however long the number is.
        self.room.extend_from_slice(&self.text);
        let mut digits = self.room.split().freeze();
        digits.advance(MOST - self.length);
        value(digits, number)
    }

    /// Writes the digits that differ from those of the number before.
    #[inline]
    fn write(&mut self, number: u64) {
        let high = number / SMALL;
        if high != self.high || self.length == 0 {
            self.high = high;
            let mut buffer = itoa::Buffer::new();
            let digits = buffer.format(number).as_bytes();
            self.length = digits.len();
            self.text[MOST - digits.len()..].copy_from_slice(digits);
        } else {
            let at = (number % SMALL) as usize * GROUP;
            self.text[MOST - GROUP..].copy_from_slice(&GROUPS[at..at + GROUP]);
        }
    }
}

/// The last value of a field that mostly repeats.
#[derive(Debug)]
pub(crate) struct Repeated {
    number: u64,
    value: HeaderValue,
}

impl Default for Repeated {
    fn default() -> Self {
        Self { number: 0, value: small(0) }
    }
}

impl Repeated {
    #[inline]
    pub(crate) fn of(&mut self, number: u64) -> HeaderValue {
        if self.number != number {
            *self = Self::new(number);
        }
        self.value.clone()
    }

    #[cold]
    fn new(number: u64) -> Self {
        let value = if number < SMALL { small(number) } else { HeaderValue::from(number) };
        Self { number, value }
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
