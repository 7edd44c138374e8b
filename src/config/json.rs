//! JSON as it was written: members in order and twice if they stand twice, numbers as their text.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::config::document::Unread;
use crate::model::excerpt;

/// Lists and objects of a configuration nest at most so deep; nothing of ours needs more than a few levels.
const MAX_DEPTH: u32 = 32;

/// A JSON value as it was written.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::document::Document;

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
}
