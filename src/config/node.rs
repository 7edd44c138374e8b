//! Values of a site file and where they stand.

use std::fmt;

use crate::config::json::Json;
use crate::config::report::Report;
use crate::model::nearest;
use crate::model::{excerpt, quoted};

/// A value of a site file and where it stands.
///
/// What asks a node for a kind of value gets `None` if it is of another kind, and the report has the error.
pub(super) struct Node<'a> {
    place: String,
    json: &'a Json<'a>,
    /// Whether it may hold a credential, so that no message repeats it.
    is_secret: bool,
}

/// The members of an object whose names are all known.
pub(super) struct Fields<'a> {
    place: String,
    members: &'a [(String, Json<'a>)],
    is_secret: bool,
}

/// The fields that an object may have.
pub(super) struct Known {
    /// Those that this version reads.
    pub(super) now: &'static [&'static str],
    /// Those that a later version will read: refused, for ignoring them would let requests through.
    pub(super) later: &'static [&'static str],
}

impl<'a> Node<'a> {
    /// The value of a top-level key.
    pub(super) fn top(key: &str, json: &'a Json<'a>) -> Self {
        Self { place: key.to_owned(), json, is_secret: false }
    }

    /// The same value, which may hold a credential.
    pub(super) fn secret(self) -> Self {
        Self { is_secret: true, ..self }
    }

    /// The value itself.
    pub(super) fn json(&self) -> &'a Json<'a> {
        self.json
    }

    /// Where the value stands.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// The text that the value is.
    pub(super) fn text(&self, expected: &str, report: &mut Report) -> Option<&'a str> {
        match self.json {
            Json::Text(text) => Some(text),
            _ => self.wrong(format_args!("no text; expected {expected}"), report),
        }
    }

    /// The items of the list that the value is; an empty list is an error.
    pub(super) fn items(&self, expected: &str, report: &mut Report) -> Option<Vec<Node<'a>>> {
        match self.json {
            Json::List(items) if items.is_empty() => {
                self.wrong(format_args!("an empty list; expected {expected}"), report)
            }
            Json::List(items) => Some(items.iter().enumerate().map(|(i, item)| self.item(i, item)).collect()),
            _ => self.wrong(format_args!("no list; expected {expected}"), report),
        }
    }

    /// The fields of the object that the value is; members that are not known, or stand twice, are errors.
    pub(super) fn fields(&self, known: &Known, report: &mut Report) -> Option<Fields<'a>> {
        let Json::Object(members) = self.json else {
            return self
                .wrong(format_args!("no object; expected an object of {}", listed(known.now)), report);
        };
        let fields = Fields { place: self.place.clone(), members, is_secret: self.is_secret };
        fields.members.iter().for_each(|(name, value)| fields.check(name, value, known, report));
        Some(fields)
    }

    /// The members of the object that the value is, whatever their names; none, or one that stands twice, is an error.
    pub(super) fn named(&self, expected: &str, report: &mut Report) -> Option<Vec<(&'a str, Node<'a>)>> {
        let Json::Object(members) = self.json else {
            return self.wrong(format_args!("no object; expected {expected}"), report);
        };
        if members.is_empty() {
            return self.wrong(format_args!("an empty object; expected {expected}"), report);
        }
        let names = || members.iter().map(|(name, _)| name);
        for (at, name) in names().enumerate() {
            if names().take(at).any(|other| other == name) {
                report.wrong(&member_place(&self.place, name), None, TWICE);
                return None;
            }
        }
        let node = |name: &str, json| Node {
            place: member_place(&self.place, name),
            json,
            is_secret: self.is_secret,
        };
        Some(members.iter().map(|(name, json)| (name.as_str(), node(name, json))).collect())
    }

    /// Reports that the value is wrong; the answer is always `None`.
    pub(super) fn wrong<T>(&self, fault: impl fmt::Display, report: &mut Report) -> Option<T> {
        report.wrong(&self.place, Some(self.shown()), fault);
        None
    }

    /// Reports that the value is wrong, without a word of what it holds; the answer is always `None`.
    pub(super) fn wrong_discreetly<T>(&self, fault: impl fmt::Display, report: &mut Report) -> Option<T> {
        report.wrong(&self.place, Some(self.json.discreetly()), fault);
        None
    }

    /// Reports that a part of the value is wrong; the answer is always `None`.
    pub(super) fn wrong_part<T>(
        &self,
        part: &str,
        fault: impl fmt::Display,
        report: &mut Report,
    ) -> Option<T> {
        report.wrong(&self.place, Some(quoted(part)), fault);
        None
    }

    /// Reports that the value can be read but may not be meant.
    pub(super) fn suspect(&self, fault: impl fmt::Display, report: &mut Report) {
        report.suspect(&self.place, Some(self.shown()), fault);
    }

    /// The same, without a word of what it holds.
    pub(super) fn suspect_discreetly(&self, fault: impl fmt::Display, report: &mut Report) {
        report.suspect(&self.place, Some(self.json.discreetly()), fault);
    }

    /// Reports that a part of the value can be read but may not be meant.
    pub(super) fn suspect_part(&self, part: &str, fault: impl fmt::Display, report: &mut Report) {
        report.suspect(&self.place, Some(quoted(part)), fault);
    }

    /// An item of the list that the value is.
    pub(super) fn item(&self, index: usize, json: &'a Json<'a>) -> Self {
        Self { place: format!("{}[{index}]", self.place), json, is_secret: self.is_secret }
    }

    fn shown(&self) -> String {
        if self.is_secret { self.json.discreetly() } else { self.json.excerpt() }
    }
}

impl<'a> Fields<'a> {
    /// The field of that name, if it is there.
    pub(super) fn optional(&self, name: &str) -> Option<Node<'a>> {
        let (name, json) = self.members.iter().find(|(other, _)| other == name)?;
        Some(Node { place: member_place(&self.place, name), json, is_secret: self.is_secret })
    }

    /// The field of that name; its absence is an error.
    pub(super) fn required(&self, name: &str, expected: &str, report: &mut Report) -> Option<Node<'a>> {
        let field = self.optional(name);
        if field.is_none() {
            let fault = format_args!("missing; expected {expected}");
            report.wrong(&member_place(&self.place, name), None, fault);
        }
        field
    }

    /// The names of the fields that are there, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.members.iter().map(|(name, _)| name.as_str())
    }

    fn check(&self, name: &'a str, value: &Json<'_>, known: &Known, report: &mut Report) {
        let place = member_place(&self.place, name);
        if known.later.contains(&name) {
            report.wrong(&place, Some(value.discreetly()), later(known.now));
        } else if !known.now.contains(&name) {
            report.wrong(&place, Some(value.discreetly()), unknown(name, known.now));
        } else if self.names().filter(|other| *other == name).count() > 1 && self.is_last(name, value) {
            report.wrong(&place, None, TWICE);
        }
    }

    /// Whether a member is the last of its name, so that each name is reported once.
    fn is_last(&self, name: &str, value: &Json<'_>) -> bool {
        let last = self.members.iter().rfind(|(other, _)| other == name);
        last.is_some_and(|(_, other)| std::ptr::eq(other, value))
    }
}

/// What a field that may be left out holds: nothing if it is not there; no answer if it is wrong.
pub(super) fn sound<T>(field: Option<Option<T>>) -> Option<Option<T>> {
    match field {
        None => Some(None),
        Some(value) => value.map(Some),
    }
}

/// All parts, if there was no error in any. Parts are read before that is asked, so that every error is reported.
pub(super) fn complete<T>(parts: Vec<Option<T>>) -> Option<Vec<T>> {
    parts.into_iter().collect()
}

/// True or false.
pub(super) fn flag(node: &Node<'_>, report: &mut Report) -> Option<bool> {
    match node.json() {
        Json::Bool(flag) => Some(*flag),
        _ => node.wrong("neither true nor false; expected one of them", report),
    }
}

/// The fault of a field that stands twice in one object.
pub(super) const TWICE: &str = "stands more than once; expected once, for readers differ on which one counts";

/// The fault of a field that only a later version reads.
pub(super) fn later(known: &[&str]) -> String {
    format!("not supported by this version; expected only {}", listed(known))
}

/// The fault of a field that is not known: its like, or else all that are known.
pub(super) fn unknown(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(meant) => format!("no such field; did you mean {meant}?"),
        None => format!("no such field; expected {}", listed(known)),
    }
}

/// `a, b or c`.
pub(super) fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// Where a member stands: `outer.name`, or `outer["odd name"]`.
pub(super) fn member_place(outer: &str, name: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    match !name.is_empty() && name.chars().all(is_plain) {
        true => format!("{outer}.{}", excerpt(name)),
        false => format!("{outer}[{}]", quoted(name)),
    }
}
