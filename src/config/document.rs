//! The text of a file, also where Python has written what is no JSON into it.
//!
//! Python's `json` writes `NaN`, `Infinity` and `-Infinity` for floats that are no numbers, and reads them. In a key that
//! belongs to somebody else they are nobody's business; so a text is read with a zero of the same length in the place of each.
//! Whoever asks for such a value is given what was written, and finds that it is no number.

use std::borrow::Cow;

use serde_json::Error;
use serde_json::value::RawValue;

use crate::config::json::Members;

/// The words that Python writes, each with a number of the same length.
const WORDS: [(&str, &str); 3] = [("NaN", "0.0"), ("Infinity", "0.000000"), ("-Infinity", "-0.000000")];

/// The text of a file.
pub(crate) struct Document<'a> {
    written: &'a str,
    /// The same as JSON: every character of it stands where it stood.
    json: Cow<'a, str>,
}

/// A value of a document, of which nothing but the syntax is known.
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
