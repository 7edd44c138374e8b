//! Values of a site file, read so that every mistake is reported where it stands; numbers exactly as they were written.
//!
//! A reader answers with what it has read, or with `None` when it has reported what is wrong. So a parser goes on after a mistake and
//! finds the next, and `?` on an `Option` cannot lose a report. A field that is asked for is thereby known: what is left when an object
//! has been read is reported as unknown, with the nearest known name.
//!
//! Numbers keep their text until the unit is known: a quota is read in seconds and kept in microseconds, with six decimals exactly
//! and never through a float.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

use chrono::DateTime;

use crate::config::json::Json;
use crate::config::redacted::{redacted, redacted_text};
use crate::config::report::{Page, Problem};
use crate::model::{
    Decimal, Micros, Mistake, Multiplier, Period, Term, Unfit, UnixMicros, excerpt, nearest, quoted,
};

/// A value of a site file, where it stands, and the report of what is wrong with it.
///
/// Each reading method says what it expected; the message then has the place, the value and the expectation, in that order:
/// `rate_limit_rules[2].limits: 7: not a text; expected a rate string such as "10 per hour"`.
#[derive(Clone)]
pub(crate) struct Value<'a> {
    page: Page<'a>,
    place: String,
    json: &'a Json<'a>,
    /// Whether it may hold a credential, so that no message repeats it.
    is_secret: bool,
}

impl<'a> Value<'a> {
    /// The value of a top-level key.
    pub(crate) fn top(page: Page<'a>, key: &str, json: &'a Json<'a>) -> Self {
        Self { page, place: key.to_owned(), json, is_secret: false }
    }

    /// The same value, which may hold a credential.
    pub(crate) fn secret(self) -> Self {
        Self { is_secret: true, ..self }
    }

    /// The value itself.
    pub(crate) fn json(&self) -> &'a Json<'a> {
        self.json
    }

    /// Where the value stands.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// The file that the value stands in.
    pub(crate) fn page(&self) -> &Page<'a> {
        &self.page
    }

    /// The text that the value is.
    pub(crate) fn text(&self, expected: &str) -> Option<&'a str> {
        match self.json {
            Json::Text(text) => Some(text),
            _ => self.wrong(format_args!("not a text; expected {expected}")),
        }
    }

    /// True or false.
    pub(crate) fn flag(&self) -> Option<bool> {
        match self.json {
            Json::Bool(flag) => Some(*flag),
            _ => self.wrong("neither true nor false; expected one of them"),
        }
    }

    /// What one of some words stands for; `fault` is what is wrong with every other value.
    pub(crate) fn word<T: Copy>(&self, words: &[(&str, T)], fault: impl fmt::Display) -> Option<T> {
        let said = match self.json {
            Json::Text(text) => words.iter().find(|(word, _)| word == text),
            _ => None,
        };
        said.map(|(_, meant)| *meant).or_else(|| self.wrong(fault))
    }

    /// What a list holds; an empty one is an error.
    ///
    /// All items are read before an answer is given, so every wrong one is reported; one is enough for `None`.
    pub(crate) fn list<T>(
        &self,
        expected: &str,
        read: impl FnMut(&Value<'a>) -> Option<T>,
    ) -> Option<Vec<T>> {
        match self.json {
            Json::List(items) if items.is_empty() => {
                self.wrong(format_args!("an empty list; expected {expected}"))
            }
            _ => self.list_if_any(expected, read),
        }
    }

    /// What a list holds, which may be empty.
    pub(crate) fn list_if_any<T>(
        &self,
        expected: &str,
        read: impl FnMut(&Value<'a>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Json::List(_) = self.json else {
            return self.wrong(format_args!("not a list; expected {expected}"));
        };
        complete(self.items().iter().map(read))
    }

    /// What a value holds, or what the values of a list hold; an empty list is an error.
    ///
    /// Where a text does for most and a list for some, as `"method": "GET"` and `"method": ["GET", "HEAD"]`.
    pub(crate) fn one_or_many<T>(
        &self,
        expected: &str,
        mut read: impl FnMut(&Value<'a>) -> Option<T>,
    ) -> Option<Vec<T>> {
        match self.json {
            Json::List(_) => self.list(expected, read),
            _ => Some(vec![read(self)?]),
        }
    }

    /// The items of the list that the value is, if it is one.
    pub(crate) fn items(&self) -> Vec<Value<'a>> {
        let Json::List(items) = self.json else { return Vec::new() };
        let item = |(at, json)| self.part(format!("{}[{at}]", self.place), json);
        items.iter().enumerate().map(item).collect()
    }

    /// What the members of an object hold, whatever their names; a name that stands twice is an error.
    pub(crate) fn members<T>(
        &self,
        expected: &str,
        mut read: impl FnMut(&'a str, &Value<'a>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Json::Object(members) = self.json else {
            return self.wrong(format_args!("not an object; expected {expected}"));
        };
        let mut known = HashSet::with_capacity(members.len());
        if let Some((twice, _)) = members.iter().find(|(name, _)| !known.insert(name)) {
            self.page.wrong(&member_place(&self.place, twice), None, TWICE);
            return None;
        }
        complete(members.iter().map(|(name, json)| read(name, &self.member(name, json))))
    }

    /// What is read of the object's fields. All that `read` asks for are known, and all others are errors: it asks for every
    /// field before it may give up.
    pub(crate) fn object<T>(&self, read: impl FnOnce(&Fields<'a>) -> Option<T>) -> Option<T> {
        let Json::Object(members) = self.json else {
            // Which fields were expected is known when they have been asked for, here of nothing.
            let fields = Fields::new(self, &[]);
            let _ = self.page.inspection.apart(|| read(&fields));
            let known = listed(&fields.asked.borrow());
            return self.wrong(format_args!("not an object; expected an object of {known}"));
        };
        let fields = Fields::new(self, members);
        let errors = self.page.inspection.errors();
        let value = read(&fields);
        // A misspelt name explains why another one is missing, so it comes first.
        self.page.inspection.insert_errors(errors, fields.unknown());
        value
    }

    /// The value that was read, unless something is wrong with it. All that is wrong, or suspect, is reported here.
    pub(crate) fn checked<T>(&self, value: T, mistakes: impl IntoIterator<Item = Mistake>) -> Option<T> {
        let mut is_right = true;
        for mistake in mistakes {
            is_right &= !mistake.is_wrong();
            match mistake.is_wrong() {
                true => self.wrong::<()>(mistake.fault()).unwrap_or_default(),
                false => self.suspect(mistake.fault()),
            }
        }
        is_right.then_some(value)
    }

    /// Reports that the value is wrong; the answer is always `None`.
    pub(crate) fn wrong<T>(&self, fault: impl fmt::Display) -> Option<T> {
        self.page.wrong(&self.place, Some(self.shown()), fault);
        None
    }

    /// Reports that the value is wrong, without a word of what it holds; the answer is always `None`.
    pub(crate) fn wrong_discreetly<T>(&self, fault: impl fmt::Display) -> Option<T> {
        self.page.wrong(&self.place, Some(self.json.discreetly()), fault);
        None
    }

    /// Reports that a part of the value is wrong; the answer is always `None`.
    pub(crate) fn wrong_part<T>(&self, part: &str, fault: impl fmt::Display) -> Option<T> {
        self.page.wrong(&self.place, Some(quoted(&redacted_text(part))), fault);
        None
    }

    /// Reports that the value can be read but may not be meant.
    pub(crate) fn suspect(&self, fault: impl fmt::Display) {
        self.page.suspect(&self.place, Some(self.shown()), fault);
    }

    /// The same, without a word of what it holds.
    pub(crate) fn suspect_discreetly(&self, fault: impl fmt::Display) {
        self.page.suspect(&self.place, Some(self.json.discreetly()), fault);
    }

    /// Reports that a part of the value can be read but may not be meant.
    pub(crate) fn suspect_part(&self, part: &str, fault: impl fmt::Display) {
        self.page.suspect(&self.place, Some(quoted(&redacted_text(part))), fault);
    }

    /// The value as messages show it, which is often of another shape than its reader knows: what may be a credential is
    /// nowhere in it.
    fn shown(&self) -> String {
        if self.is_secret { self.json.discreetly() } else { redacted(self.name(), self.json).excerpt() }
    }

    /// The name of the member that the value is, or that its list is.
    fn name(&self) -> &str {
        let member = self.place.rsplit('.').next().unwrap_or_default();
        member.split('[').next().unwrap_or_default()
    }

    fn member(&self, name: &str, json: &'a Json<'a>) -> Self {
        self.part(member_place(&self.place, name), json)
    }

    fn part(&self, place: String, json: &'a Json<'a>) -> Self {
        Self { page: self.page.clone(), place, json, is_secret: self.is_secret }
    }
}

/// The fields of an object. A field that is asked for is thereby known.
///
/// So there is no list of known fields beside the code that reads them, which could say another thing than the code. It also means
/// that all fields have to be asked for before one of them ends the reading by `?`; those of [`Value::object`] show how.
pub(crate) struct Fields<'a> {
    object: Value<'a>,
    members: &'a [(String, Json<'a>)],
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Fields<'a> {
    fn new(object: &Value<'a>, members: &'a [(String, Json<'a>)]) -> Self {
        Self { object: object.clone(), members, asked: RefCell::default() }
    }

    /// The field of that name, if it is there.
    pub(crate) fn get(&self, name: &'static str) -> Option<Value<'a>> {
        self.asked.borrow_mut().push(name);
        let (_, json) = self.members.iter().find(|(other, _)| other == name)?;
        Some(self.object.member(name, json))
    }

    /// What a field holds that must be there.
    pub(crate) fn required<T>(
        &self,
        name: &'static str,
        expected: &str,
        read: impl FnOnce(&Value<'a>) -> Option<T>,
    ) -> Option<T> {
        let field = self.get(name);
        if field.is_none() {
            let place = member_place(&self.object.place, name);
            self.object.page.wrong(&place, None, format_args!("missing; expected {expected}"));
        }
        read(&field?)
    }

    /// What a field holds that may be left out: `Some(None)` if it is, `None` if it is wrong.
    pub(crate) fn optional<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&Value<'a>) -> Option<T>,
    ) -> Option<Option<T>> {
        self.get(name).map_or(Some(None), |field| read(&field).map(Some))
    }

    /// What a field holds, or the default where it is left out.
    pub(crate) fn or<T>(
        &self,
        name: &'static str,
        default: T,
        read: impl FnOnce(&Value<'a>) -> Option<T>,
    ) -> Option<T> {
        self.get(name).map_or(Some(default), |field| read(&field))
    }

    /// Whether the object has no fields at all, known or not.
    pub(crate) fn are_none(&self) -> bool {
        self.members.is_empty()
    }

    /// What is wrong with the names: those that nobody has asked for, and those that stand twice, each once.
    fn unknown(&self) -> Vec<Problem> {
        let known = self.asked.borrow();
        let of = |(name, json): &(String, Json<'a>)| {
            let (found, fault) = if !known.contains(&name.as_str()) {
                (Some(json.discreetly()), unknown(name, &known))
            } else if self.is_second_last(name, json) {
                (None, TWICE.to_owned())
            } else {
                return None;
            };
            Some(self.object.page.problem(&member_place(&self.object.place, name), found, fault))
        };
        self.members.iter().filter_map(of).collect()
    }

    /// Whether a member is the last of several of its name.
    fn is_second_last(&self, name: &str, json: &Json<'_>) -> bool {
        let mut same = self.members.iter().filter(|(other, _)| other == name).map(|(_, json)| json);
        let first = same.next();
        first.is_some() && same.next_back().is_some_and(|last| std::ptr::eq(last, json))
    }
}

/// All parts, if there was no error in any. All are read before that is known, so that every error is reported.
fn complete<T>(parts: impl Iterator<Item = Option<T>>) -> Option<Vec<T>> {
    let parts: Vec<_> = parts.collect();
    parts.into_iter().collect()
}

/// The fault of a field that stands twice in one object.
pub(crate) const TWICE: &str = "stands more than once; expected once, for readers differ on which one counts";

/// The fault of a field that is not known: its like, or else all that are known.
pub(crate) fn unknown(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(meant) => format!("no such field; did you mean {meant}?"),
        None => format!("no such field; expected {}", listed(known)),
    }
}

/// `a, b or c`.
pub(crate) fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// Where a member stands: `outer.name`, or `outer["odd name"]`; in a whole text that has no name, `name`.
pub(crate) fn member_place(outer: &str, name: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    match !name.is_empty() && name.chars().all(is_plain) {
        true if outer.is_empty() => excerpt(name),
        true => format!("{outer}.{}", excerpt(name)),
        false => format!("{outer}[{}]", quoted(&redacted_text(name))),
    }
}

/// What a quota of time may be.
pub(crate) const QUOTA: &str = "seconds from 0 to 9007199254.740992, with at most six decimals";
/// What a window may be.
pub(crate) const WINDOW: &str =
    "whole seconds from 1 to 4294967295, or \"hour\", \"day\", \"week\", \"month\" or \"year\"";

const MULTIPLIER: &str = "a number above 0 and at most 1000000, with at most six decimals";
const INSTANT: &str = "an instant such as \"2027-01-01T00:00:00Z\"";

/// The quota that a number of seconds is.
pub(crate) fn quota(value: &Value<'_>) -> Option<Micros> {
    match decimal(value, QUOTA)?.times(1_000_000) {
        Ok(micros) => Some(Micros(micros)),
        Err(unfit) => value.wrong(format_args!("{}; expected {QUOTA}", fault_of(unfit))),
    }
}

/// The period that a window is: a number of seconds, or a calendar period's name.
pub(crate) fn window(value: &Value<'_>) -> Option<Period> {
    if let Some(period) = named_period(value.json()) {
        return Some(period);
    }
    if matches!(value.json(), Json::Text(text) if Decimal::parse(text.trim()).is_none()) {
        return value.wrong(format_args!("no such window; expected {WINDOW}"));
    }
    let secs = decimal(value, WINDOW)?.times(1);
    let secs = secs.and_then(|secs| u32::try_from(secs).map_err(|_| Unfit::TooLarge));
    match secs.map(Period::seconds) {
        Ok(Some(period)) => Some(period),
        Ok(None) => value.wrong(format_args!("no time at all; expected {WINDOW}")),
        Err(Unfit::TooFine) => value.wrong(format_args!("not whole; expected {WINDOW}")),
        Err(unfit) => value.wrong(format_args!("{}; expected {WINDOW}", fault_of(unfit))),
    }
}

/// The multiplier that a number is.
pub(crate) fn multiplier(value: &Value<'_>) -> Option<Multiplier> {
    match decimal(value, MULTIPLIER)?.times(Multiplier::SCALE) {
        Ok(0) => value.wrong(format_args!("not above 0; expected {MULTIPLIER}")),
        Ok(millionths) if millionths <= 1_000_000 * Multiplier::SCALE => Some(Multiplier(millionths)),
        Err(Unfit::Negative) => value.wrong(format_args!("below zero; expected {MULTIPLIER}")),
        Err(Unfit::TooFine) => value.wrong(format_args!("too fine; expected {MULTIPLIER}")),
        Ok(_) | Err(Unfit::TooLarge) => value.wrong(format_args!("too large; expected {MULTIPLIER}")),
    }
}

/// A whole number.
pub(crate) fn whole(value: &Value<'_>, expected: &str) -> Option<u64> {
    match decimal(value, expected)?.times(1) {
        Ok(number) => Some(number),
        Err(Unfit::TooFine) => value.wrong(format_args!("not whole; expected {expected}")),
        Err(unfit) => value.wrong(format_args!("{}; expected {expected}", fault_of(unfit))),
    }
}

/// The term that the fields `from` and `until` of an object make; it may not be over before it begins.
pub(crate) fn term(fields: &Fields<'_>) -> Option<Term> {
    let from = fields.optional("from", instant);
    let until = fields.get("until");
    let end = until.as_ref().map_or(Some(None), |value| instant(value).map(Some));
    let term = Term { from: from?, until: end? };
    match until {
        Some(value) if !term.is_possible() => {
            value.wrong("not after from; expected a later instant, for it holds until before this one")
        }
        _ => Some(term),
    }
}

/// An instant as RFC 3339 writes it, to the microsecond.
fn instant(value: &Value<'_>) -> Option<UnixMicros> {
    match DateTime::parse_from_rfc3339(value.text(INSTANT)?) {
        Ok(instant) => Some(UnixMicros(instant.timestamp_micros())),
        Err(_) => value.wrong(format_args!("not an instant; expected {INSTANT}")),
    }
}

fn named_period(json: &Json<'_>) -> Option<Period> {
    let Json::Text(name) = json else { return None };
    match name.as_str() {
        "hour" => Some(Period::HOUR),
        "day" => Some(Period::DAY),
        "week" => Some(Period::WEEK),
        "month" => Some(Period::MONTH),
        "year" => Some(Period::YEAR),
        _ => None,
    }
}

/// A number, or a text that is one: `bench set-config` writes numbers as texts unless told otherwise.
fn decimal(value: &Value<'_>, expected: &str) -> Option<Decimal> {
    let number = match value.json() {
        Json::Number(text) => Decimal::parse(text),
        Json::Text(text) => Decimal::parse(text.trim()),
        _ => None,
    };
    match (&number, value.json()) {
        (None, _) => value.wrong(format_args!("not a number; expected {expected}")),
        (Some(_), Json::Text(_)) => {
            value.suspect("a text; taken as the number it holds");
            number
        }
        _ => number,
    }
}

const fn fault_of(unfit: Unfit) -> &'static str {
    match unfit {
        Unfit::Negative => "below zero",
        Unfit::TooFine => "finer than a microsecond",
        Unfit::TooLarge => "too large",
    }
}
