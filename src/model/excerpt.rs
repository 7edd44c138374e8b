//! The beginning of a text, for messages.

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
    fn a_control_character_is_escaped() {
        assert_eq!(excerpt("a\u{1b}[2J"), "a\\u{1b}[2J");
    }
}
