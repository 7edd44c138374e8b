//! Reading the body that somebody sent: every mistake at once, each with its path, in the words of `timebudget check`.

use std::fmt;

use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use timebudget::config::{Errors, Layer};

use crate::thing::name::name;
use crate::thing::{Time, Written};

/// One thing that is wrong with what somebody sent.
///
/// Displays as `rules[2].limits: missing; expected …`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Wrong {
    /// Where: the path of the value in the body, empty for all of it.
    pub path: String,
    /// What is wrong, and what was expected.
    pub message: String,
}

impl Wrong {
    /// What is wrong at a path.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }

    /// What a loader of the library says; the front of its places is not the body's.
    pub(crate) fn of_errors(errors: &Errors, front: &str) -> Vec<Self> {
        let of = |problem: &timebudget::config::Problem| {
            let place = problem.place().strip_prefix(front).unwrap_or(problem.place());
            Self::new(place.strip_prefix('.').unwrap_or(place), problem.message())
        };
        errors.problems().iter().map(of).collect()
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}

/// The members of a body, in their order.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// A body while it is read. What is asked for is known; what is left over at the end is not.
pub(crate) struct Fields {
    members: Vec<(String, Box<RawValue>)>,
    known: Vec<&'static str>,
    wrong: Vec<Wrong>,
}

impl Fields {
    /// Reads a body: what `read` makes of it, unless anything was wrong.
    pub(crate) fn read<T>(body: &str, read: impl FnOnce(&mut Self) -> Option<T>) -> Result<T, Vec<Wrong>> {
        let members = match serde_json::from_str(body) {
            Ok(Members(members)) => members,
            Err(error) => return Err(vec![Wrong::new("", unreadable(&error))]),
        };
        let mut fields = Self { members, known: Vec::new(), wrong: Vec::new() };
        let done = read(&mut fields);
        fields.refuse_strangers();
        match done {
            Some(done) if fields.wrong.is_empty() => Ok(done),
            _ => Err(fields.wrong),
        }
    }

    /// A text among the members of a body, if it is there.
    pub(crate) fn peek(body: &str, field: &str) -> Option<String> {
        let Members(members) = serde_json::from_str(body).ok()?;
        let (_, raw) = members.iter().find(|(name, _)| name == field)?;
        serde_json::from_str(raw.get()).ok()
    }

    /// Notes a mistake.
    pub(crate) fn wrong<T>(&mut self, path: &str, message: impl Into<String>) -> Option<T> {
        self.wrong.push(Wrong::new(path, message));
        None
    }

    /// The value of a field; a `null` is no value.
    pub(crate) fn raw(&mut self, field: &'static str) -> Option<Written> {
        self.raw_or_null(field).filter(|raw| raw.text() != "null")
    }

    /// The value of a field, which may be `null`.
    pub(crate) fn raw_or_null(&mut self, field: &'static str) -> Option<Written> {
        self.known.push(field);
        let member = self.members.iter().find(|(name, _)| name == field);
        member.map(|(_, raw)| Written::from(&**raw))
    }

    /// A field of a type of JSON: `Some(None)` where it is absent, `None` where it is wrong.
    pub(crate) fn optional<T: DeserializeOwned>(
        &mut self,
        field: &'static str,
        expected: &str,
    ) -> Option<Option<T>> {
        let Some(raw) = self.raw(field) else { return Some(None) };
        match serde_json::from_str(raw.text()) {
            Ok(value) => Some(Some(value)),
            Err(_) => self.wrong(field, format!("{}: expected {expected}", shown(raw.text()))),
        }
    }

    /// The same where it must be there.
    pub(crate) fn required<T: DeserializeOwned>(&mut self, field: &'static str, expected: &str) -> Option<T> {
        match self.optional(field, expected)? {
            Some(value) => Some(value),
            None => self.wrong(field, format!("missing; expected {expected}")),
        }
    }

    /// A name: see [`name`].
    pub(crate) fn name(&mut self, field: &'static str, expected: &str) -> Option<String> {
        let text: String = self.required(field, expected)?;
        self.checked_name(field, text)
    }

    /// A name that may be absent.
    pub(crate) fn optional_name(&mut self, field: &'static str, expected: &str) -> Option<Option<String>> {
        match self.optional(field, expected)? {
            Some(text) => self.checked_name(field, text).map(Some),
            None => Some(None),
        }
    }

    /// The name that stands in the path already, and may stand in the body as well.
    pub(crate) fn same_name(&mut self, field: &'static str, path: &str) -> Option<String> {
        let own: Option<String> = self.optional(field, "a text")?;
        match own {
            Some(own) if own != path => {
                self.wrong(field, format!("{}: is not that of the path, {}", quoted(&own), quoted(path)))
            }
            _ => self.checked_name(field, path.to_owned()),
        }
    }

    fn checked_name(&mut self, field: &'static str, text: String) -> Option<String> {
        match name(&text) {
            Ok(()) => Some(text),
            Err(fault) => self.wrong(field, format!("{}: {fault}", quoted(&text))),
        }
    }

    /// A time to come.
    pub(crate) fn time(&mut self, field: &'static str, now: Time) -> Option<Option<Time>> {
        const EXPECTED: &str = "a time such as \"2027-01-01T00:00:00Z\"";
        let Some(text) = self.optional::<String>(field, EXPECTED)? else { return Some(None) };
        match chrono::DateTime::parse_from_rfc3339(&text) {
            Ok(time) if time > now && time.timestamp() < LAST => Some(Some(time.to_utc())),
            Ok(time) if time > now => self.wrong(field, format!("{}: too far away", quoted(&text))),
            Ok(_) => self.wrong(field, format!("{}: has passed; expected a time to come", quoted(&text))),
            Err(_) => self.wrong(field, format!("{}: no time; expected {EXPECTED}", quoted(&text))),
        }
    }

    /// A value as the library's own loader reads it in a layer: `front` is its place there.
    pub(crate) fn of_layer(&mut self, layer: &str, front: &str) -> Option<()> {
        match Layer::parse("body", layer) {
            Ok(_) => Some(()),
            Err(errors) => {
                self.wrong.extend(Wrong::of_errors(&errors, front));
                None
            }
        }
    }

    fn refuse_strangers(&mut self) {
        for (at, (name, _)) in self.members.iter().enumerate() {
            if self.members[..at].iter().any(|(other, _)| other == name) {
                self.wrong.push(Wrong::new(name, "stands more than once; expected it once"));
            } else if !self.known.contains(&name.as_str()) {
                let meant = nearest(name, self.known.iter().copied());
                let meant = meant.map_or_else(
                    || format!("no such field; expected one of {}", self.known.join(", ")),
                    |meant| format!("no such field; did you mean {meant}?"),
                );
                self.wrong.push(Wrong::new(name, meant));
            }
        }
    }
}

/// The end of the year 9999, the last that RFC 3339 can write.
const LAST: i64 = 253_402_300_800;

/// What is wrong with a text that is no object of JSON.
fn unreadable(error: &serde_json::Error) -> String {
    match error.is_data() {
        true => "not an object; expected one".to_owned(),
        false => format!("not JSON: {error}"),
    }
}

/// The word that was most likely meant.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Long words are not compared: nobody misspells so many letters, and comparing costs their product.
    let letters = word.chars().take(65).count();
    let most = letters.div_ceil(3);
    let distance = |other: &'a str| (strsim::osa_distance(word, other), other);
    let known =
        known.into_iter().filter(|other| letters < 65 && other.chars().count().abs_diff(letters) <= most);
    known
        .map(distance)
        .filter(|(edits, _)| *edits <= most)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, other)| other)
}

/// What is wrong with a name that is not known.
pub(crate) fn no_such<'a>(what: &str, wanted: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let meant = nearest(wanted, known);
    let meant = meant.map_or_else(String::new, |meant| format!("; did you mean {}?", quoted(meant)));
    format!("{}: no such {what}{meant}", quoted(wanted))
}

/// A text in quotation marks, cut where it is long.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", cut(text).escape_debug())
}

fn shown(json: &str) -> String {
    cut(json)
}

fn cut(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
