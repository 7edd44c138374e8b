//! Letters of any case as one: the form of a text in which texts are equal that differ by nothing else.

use std::borrow::Cow;
use std::char::ToLowercase;

/// The only letter that is two in lower case, of which a pattern knows nothing.
pub(crate) const DOTTED: char = 'İ';
/// It in lower case: an `i`, and a dot above.
pub(crate) const DOTTED_IN_LOWER_CASE: &str = "i\u{307}";

/// The text in lower case, with one letter for all that are one in upper or in lower case.
///
/// Lower case alone tells letters apart that are one in upper case: `σ` and the `ς` at the end of a word, or the Greek `μ` and
/// the `µ` of units. Some routers compare in upper case, as JavaScript's regular expressions do, and some in lower. So a
/// letter goes to upper case and back, where it is one letter there. `ß` stays, which is two, and so does `ı`, which is another
/// letter than `i` to both.
///
/// A text that is in this form already is borrowed if it was.
pub(crate) fn in_one_case(text: Cow<'_, str>) -> Cow<'_, str> {
    if is_plain(&text) {
        return text;
    }
    if text.is_ascii() {
        let mut lower = text.into_owned();
        lower.make_ascii_lowercase();
        return Cow::Owned(lower);
    }
    let folded: String = text.chars().flat_map(folded).collect();
    if *text == folded { text } else { Cow::Owned(folded) }
}

/// Whether a text plainly has this form: ASCII, and no capitals.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
}

fn folded(letter: char) -> ToLowercase {
    let upper = alone(letter.to_lowercase()).and_then(|lower| alone(lower.to_uppercase()));
    upper.filter(|_| letter != 'ı').unwrap_or(letter).to_lowercase()
}

/// The letter, if it is one.
fn alone(mut letters: impl ExactSizeIterator<Item = char>) -> Option<char> {
    letters.next().filter(|_| letters.len() == 0)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn form(text: &str) -> Cow<'_, str> {
        in_one_case(Cow::Borrowed(text))
    }

    /// Every letter that is another one in another case.
    pub(crate) fn letters() -> impl Iterator<Item = char> {
        ('\0'..=char::MAX)
            .filter(|letter| letter.to_lowercase().chain(letter.to_uppercase()).ne([*letter; 2]))
    }

    #[test]
    fn what_is_one_in_upper_or_in_lower_case_is_one() {
        for (one, other) in [
            ("/LOGIN", "/login"),
            ("/\u{212a}eys", "/keys"), // The sign of kelvins.
            ("/ΟΔΟΣ", "/οδος"),
            ("/οδοσ", "/οδος"),
            ("/µs", "/μs"),
            ("/ſale", "/sale"),
            ("/STRAẞE", "/straße"),
            ("/İletişim", "/i\u{307}letişim"),
            ("/Ⱥ", "/ⱥ"), // Of two bytes, and of three.
            ("/Ǆ/ǅ", "/ǆ/ǆ"),
            ("/Ꭰ", "/ꭰ"),
        ] {
            assert_eq!(form(one), form(other), "{one} {other}");
        }
    }

    #[test]
    fn other_letters_stay_others() {
        for (one, other) in [("/kayıt", "/kayit"), ("/straße", "/strasse"), ("/é", "/e"), ("/İ", "/i")] {
            assert_ne!(form(one), form(other), "{one} {other}");
        }
    }

    #[test]
    fn what_is_in_this_form_is_borrowed() {
        for text in ["", "/", "/login", "/straße", "/kayıt", "/é/日本"] {
            assert!(matches!(form(text), Cow::Borrowed(_)), "{text}");
        }
    }

    /// Fastify compares what `toLowerCase` makes of both, and an Express router what each letter is alone in upper case, unless
    /// that is ASCII of what is none (ECMA-262, Canonicalize).
    #[test]
    fn two_letters_that_a_router_of_javascript_takes_for_one_are_one() {
        for letter in letters() {
            let own = form(&letter.to_string()).into_owned();
            assert_eq!(form(&letter.to_lowercase().to_string()), own, "{letter} in lower case");
            let upper = alone(letter.to_uppercase()).filter(|upper| letter.is_ascii() || !upper.is_ascii());
            assert_eq!(form(&upper.unwrap_or(letter).to_string()), own, "{letter} in upper case");
        }
    }

    #[test]
    fn the_form_of_a_form_is_itself() {
        for letter in letters() {
            let own = form(&letter.to_string()).into_owned();
            assert_eq!(form(&own), own, "{letter}");
        }
    }
}
