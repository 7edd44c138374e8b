//! The beginning of a text, for messages.

use std::borrow::Cow;
use std::iter::once;
use std::str::Utf8Chunk;

/// The longest text that a message quotes in full, in characters.
const LONGEST: usize = 60;

/// The text itself, or its beginning and `…` where it is long.
///
/// Control characters are escaped, so that what somebody wrote into a file cannot move the cursor of whoever reads
/// the message.
pub(crate) fn excerpt(text: &str) -> String {
    let mut letters = text.chars();
    let mut kept = String::new();
    for letter in letters.by_ref().take(LONGEST) {
        match letter.is_control() {
            true => kept.extend(letter.escape_unicode()),
            false => kept.push(letter),
        }
    }
    if letters.next().is_some() {
        kept.push('…');
    }
    kept
}

/// What a client has sent as people can read it: what is no text is written as `\xE9`.
pub(crate) fn readable(bytes: &[u8]) -> Cow<'_, str> {
    str::from_utf8(bytes).map_or_else(
        |_| Cow::Owned(bytes.utf8_chunks().map(|chunk| escaped(&chunk)).collect()),
        Cow::Borrowed,
    )
}

fn escaped(chunk: &Utf8Chunk<'_>) -> String {
    let others = chunk.invalid().iter().map(|byte| format!("\\x{byte:02X}"));
    once(chunk.valid().to_owned()).chain(others).collect()
}

/// The excerpt of a text in quotation marks.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", excerpt(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_is_quoted_in_full() {
        assert_eq!(excerpt("10 per hour"), "10 per hour");
        assert_eq!(excerpt(&"é".repeat(60)), "é".repeat(60));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(excerpt(&"é".repeat(61)), format!("{}…", "é".repeat(60)));
    }

    #[test]
    fn what_is_no_text_is_readable() {
        assert_eq!(readable(b"jos\xe9 \xc3\xa9"), "jos\\xE9 é");
        assert!(matches!(readable(b"jos"), Cow::Borrowed("jos")));
    }

    #[test]
    fn a_control_character_is_escaped() {
        assert_eq!(excerpt("a\u{1b}[2J"), "a\\u{1b}[2J");
    }
}
