//! JSON as it was written: members in order and twice if they stand twice, numbers as their text.
//!
//! A map would keep the last of two members of one name, and a float would round a quota of nine decimals: both are mistakes that
//! are to be told, so neither is lost here. The text is read in two steps. Its syntax is checked as a whole, and each member stays
//! unread until somebody asks for its key; what belongs to others in the same file is never unpacked.
//!
//! Python's `json` writes `NaN`, `Infinity` and `-Infinity` for floats that are no numbers, and reads them. In a key that
//! belongs to somebody else they are nobody's business; so a text is read with a zero of the same length in the place of each.
//! Whoever asks for such a value is given what was written, and finds that it is no number.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Error;
use serde_json::value::RawValue;

use crate::model::excerpt;

/// Lists and objects of a configuration nest at most so deep; nothing of ours needs more than a few levels.
const MAX_DEPTH: u32 = 32;

/// A JSON value as it was written.
///
/// It displays as JSON on one line, and is compared as it was written: `1.0` is another value than `1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    /// The number's own text, for no float holds every number; also the `NaN` and `Infinity` that Python writes.
    Number(&'a str),
    Text(String),
    List(Vec<Json<'a>>),
    Object(Vec<(String, Json<'a>)>),
}

/// Why a value of sound syntax cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// A text with half of a surrogate pair in it, or the like.
    NotUnicode,
    TooDeep,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUnicode => "half a character; expected texts of whole Unicode characters",
            Self::TooDeep => "too deep; expected at most 32 levels of lists and objects",
        })
    }
}

impl<'a> Json<'a> {
    /// Reads a value whose syntax has been checked.
    ///
    /// # Errors
    ///
    /// [`Unreadable`] if a text in it is no Unicode, or if it nests deeper than 32 levels.
    pub(crate) fn read(value: Unread<'a>) -> Result<Self, Unreadable> {
        read(value, MAX_DEPTH)
    }

    /// The value, or what kind of value it is if it may hold a secret.
    ///
    /// Nobody knows what an unknown field holds: a misspelt `rate_limit_store` has a password in it.
    pub(crate) fn discreetly(&self) -> String {
        match self {
            Self::Text(_) => "a text".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Object(_) => "an object".to_owned(),
            Self::Null | Self::Bool(_) | Self::Number(_) => self.excerpt(),
        }
    }

    /// The value on one line, cut where it is long.
    ///
    /// For messages: a list of a thousand rules must not fill the log.
    pub(crate) fn excerpt(&self) -> String {
        excerpt(&self.to_string())
    }
}

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(flag) => write!(f, "{flag}"),
            Self::Number(text) => f.write_str(text),
            Self::Text(text) => write_text(f, text),
            Self::List(items) => {
                f.write_str("[")?;
                write_separated(f, items, |f, item| write!(f, "{item}"))?;
                f.write_str("]")
            }
            Self::Object(members) => {
                f.write_str("{")?;
                write_separated(f, members, |f, (name, value)| {
                    write_text(f, name)?;
                    write!(f, ": {value}")
                })?;
                f.write_str("}")
            }
        }
    }
}

/// A text in quotation marks, with those in it escaped.
fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?)
}

fn write_separated<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    write: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        write(f, item)?;
    }
    Ok(())
}

fn read(value: Unread<'_>, depth: u32) -> Result<Json<'_>, Unreadable> {
    let text = value.raw.get();
    let below = depth.checked_sub(1).ok_or(Unreadable::TooDeep);
    // The syntax is sound, so the first letter says what follows.
    match text.as_bytes().first() {
        Some(b'n') => Ok(Json::Null),
        Some(b't') => Ok(Json::Bool(true)),
        Some(b'f') => Ok(Json::Bool(false)),
        Some(b'"') => Ok(Json::Text(unpack(text)?)),
        Some(b'[') => read_list(value, below?),
        Some(b'{') => read_object(value, below?),
        _ => Ok(Json::Number(value.written())),
    }
}

fn read_list(value: Unread<'_>, depth: u32) -> Result<Json<'_>, Unreadable> {
    let items: Vec<&RawValue> = unpack(value.raw.get())?;
    let items = items.into_iter().map(|item| read(value.part(item), depth));
    Ok(Json::List(items.collect::<Result<_, _>>()?))
}

fn read_object(value: Unread<'_>, depth: u32) -> Result<Json<'_>, Unreadable> {
    let Members(members) = unpack(value.raw.get())?;
    let members = members.into_iter().map(|(name, part)| Ok((name, read(value.part(part), depth)?)));
    Ok(Json::Object(members.collect::<Result<_, _>>()?))
}

fn unpack<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Unreadable> {
    serde_json::from_str(text).map_err(|_| Unreadable::NotUnicode)
}

/// The members of one object; its values are not unpacked.
pub(crate) struct Members<'a>(pub(crate) Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

/// The words that Python writes, each with a number of the same length.
const WORDS: [(&str, &str); 3] = [("NaN", "0.0"), ("Infinity", "0.000000"), ("-Infinity", "-0.000000")];

/// The text of a file.
pub(crate) struct Document<'a> {
    written: &'a str,
    /// The same as JSON: every character of it stands where it stood.
    json: Cow<'a, str>,
}

/// A value of a document, of which nothing but the syntax is known.
///
/// A site file of a bench has database passwords and much more beside our keys; none of that is ever a value here.
#[derive(Clone, Copy)]
pub(crate) struct Unread<'a> {
    pub(crate) raw: &'a RawValue,
    document: &'a Document<'a>,
}

impl<'a> Document<'a> {
    pub(crate) fn new(written: &'a str) -> Self {
        Self { written, json: as_json(written) }
    }

    /// The members of the object that the text is, each still unread; `None` if the text is another JSON value.
    ///
    /// The syntax of all of them has been checked, but what nobody asks for is never unpacked.
    ///
    /// # Errors
    ///
    /// The first error of syntax, with its line and column.
    pub(crate) fn members(&'a self) -> Result<Option<Vec<(String, Unread<'a>)>>, String> {
        let whole = self.whole()?.raw.get();
        if !whole.starts_with('{') {
            return Ok(None);
        }
        let Members(members) = serde_json::from_str(whole).map_err(|error| syntax_fault(&error))?;
        Ok(Some(members.into_iter().map(|(name, raw)| (name, self.unread(raw))).collect()))
    }

    /// The value that the text is, still unread.
    ///
    /// # Errors
    ///
    /// The first error of syntax, with its line and column.
    pub(crate) fn whole(&'a self) -> Result<Unread<'a>, String> {
        let whole = serde_json::from_str(&self.json).map_err(|error| syntax_fault(&error))?;
        Ok(self.unread(whole))
    }

    const fn unread(&'a self, raw: &'a RawValue) -> Unread<'a> {
        Unread { raw, document: self }
    }
}

impl<'a> Unread<'a> {
    /// A value inside of this one.
    pub(crate) const fn part(self, raw: &'a RawValue) -> Self {
        self.document.unread(raw)
    }

    /// The value as it was written.
    pub(crate) fn written(self) -> &'a str {
        let json = self.raw.get();
        // It is a part of the document's text, and stands in the other text where it stands in this one.
        let start = (json.as_ptr() as usize).checked_sub(self.document.json.as_ptr() as usize);
        let written = start.and_then(|start| self.document.written.get(start..start + json.len()));
        written.unwrap_or(json)
    }
}

/// `line 3, column 5: not JSON: …`, where serde_json writes the position last.
fn syntax_fault(error: &Error) -> String {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let fault = text.strip_suffix(&format!(" at line {line} column {column}"));
    // Where a line ends too soon, serde_json counts its column from 0.
    let column = column.max(1);
    format!("line {line}, column {column}: not JSON: {}", fault.unwrap_or(&text))
}

fn as_json(written: &str) -> Cow<'_, str> {
    let places = places(written);
    if places.is_empty() {
        return written.into();
    }
    let (mut json, mut end) = (String::with_capacity(written.len()), 0);
    for (at, word, number) in places {
        json.push_str(&written[end..at]);
        json.push_str(number);
        end = at + word.len();
    }
    json.push_str(&written[end..]);
    json.into()
}

/// Where the words stand outside of texts, each alone, and what stands for them.
///
/// A text in quotation marks may say `NaN`, too, and stays as it is.
fn places(text: &str) -> Vec<(usize, &'static str, &'static str)> {
    let mut places = Vec::new();
    let (mut in_text, mut escaped, mut is_free) = (false, false, true);
    for (at, byte) in text.bytes().enumerate() {
        if in_text {
            in_text = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        if is_free && let Some((word, number)) = WORDS.iter().find(|(word, _)| is_alone(&text[at..], word)) {
            places.push((at, *word, *number));
        }
        in_text = byte == b'"';
        is_free = matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b':' | b',' | b'[');
    }
    places
}

/// Whether a text begins with a word, and something else follows.
fn is_alone(text: &str, word: &str) -> bool {
    let next = text.strip_prefix(word).map(|rest| rest.bytes().next());
    next.is_some_and(|next| next.is_none_or(|next| b" \t\r\n,]}".contains(&next)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The first member of an object, written as JSON again.
    fn first(text: &str) -> Result<String, Unreadable> {
        let document = Document::new(text);
        let members = document.members().unwrap().unwrap();
        Json::read(members[0].1).map(|json| json.to_string())
    }

    #[test]
    fn a_number_keeps_its_text() {
        for number in ["0.10000000000000000001e+400", "NaN", "-Infinity"] {
            assert_eq!(first(&format!("{{\"é\": {number}}}")), Ok(number.to_owned()));
            assert_eq!(
                first(&format!("{{\"n\": {{\"a\": [1, {number}]}}}}")),
                Ok(format!("{{\"a\": [1, {number}]}}"))
            );
        }
    }

    #[test]
    fn members_keep_their_order_and_stand_twice_if_written_twice() {
        let document = Document::new(r#"{"b": 1, "a": 2, "b": 3}"#);
        let names: Vec<_> = document.members().unwrap().unwrap();
        assert_eq!(names.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["b", "a", "b"]);
    }

    #[test]
    fn a_value_is_written_on_one_line() {
        let value = first("{\"x\": {\"a\": [1,\n null, true],\r\n \"b\": \"\\u0041\"}}").unwrap();
        assert_eq!(value, r#"{"a": [1, null, true], "b": "A"}"#);
    }

    #[test]
    fn a_value_is_written_as_json_again() {
        let text = r#"{"say \"hi\"": "{\"banned\":true}", "regex": "^\\d+"}"#;
        assert_eq!(first(&format!("{{\"x\": {text}}}")).unwrap(), text);
    }

    #[test]
    fn half_a_surrogate_pair_is_no_text() {
        assert_eq!(first(r#"{"x": ["\ud800"]}"#), Err(Unreadable::NotUnicode));
        assert_eq!(first(r#"{"x": {"\ud800": 1}}"#), Err(Unreadable::NotUnicode));
    }

    #[test]
    fn a_value_nests_32_levels_and_no_more() {
        let nested = |levels| format!("{{\"x\": {}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(first(&nested(32)).is_ok());
        assert_eq!(first(&nested(33)), Err(Unreadable::TooDeep));
        assert_eq!(first(&nested(100_000)), Err(Unreadable::TooDeep));
    }

    #[test]
    fn what_is_no_object_has_no_members() {
        for text in ["[]", "1", "\"{\"", "null"] {
            assert!(Document::new(text).members().unwrap().is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[\\[\\]{}:,\"\\\\a01eE.+-]{0,40}") {
            let document = Document::new(&text);
            if let Ok(Some(members)) = document.members() {
                members.into_iter().for_each(|(_, value)| drop(Json::read(value)));
            }
        }
    }

    #[test]
    fn what_python_writes_for_no_number_is_a_zero_of_the_same_length() {
        for (written, json) in [
            (r#"{"a": NaN, "b":[Infinity,-Infinity]}"#, r#"{"a": 0.0, "b":[0.000000,-0.000000]}"#),
            (r#"{"a": "NaN, \" NaN", "NaN": NaN}"#, r#"{"a": "NaN, \" NaN", "NaN": 0.0}"#),
            ("NaN", "0.0"),
            ("[1NaN, NaNs, -NaN, +Infinity]", "[1NaN, NaNs, -NaN, +Infinity]"),
            (r#"{"é": NaN}"#, r#"{"é": 0.0}"#),
        ] {
            assert_eq!(as_json(written), json);
        }
    }

    proptest! {
        #[test]
        fn every_character_stands_where_it_stood(text in r#"(NaN|-?Infinity|[\[\]{}:,"\\ a1é]){0,20}"#) {
            let json = as_json(&text);
            prop_assert_eq!(json.len(), text.len());
            let differs = |at: usize| text.as_bytes()[at] != json.as_bytes()[at];
            let words = "NaIfinty-".as_bytes();
            prop_assert!((0..text.len()).filter(|at| differs(*at)).all(|at| words.contains(&text.as_bytes()[at])));
        }
    }
}
