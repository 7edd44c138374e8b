//! Names: of rulesets, tiers, groups, users, keys and members.

/// So many characters are a name at most.
const MOST: usize = 200;

/// Whether a text is a name: of any script, but nothing that a page or a log cannot show.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn name(text: &str) -> Result<(), &'static str> {
    match text {
        "" => Err("empty; expected a name"),
        // In a path both are taken for a way, and never arrive.
        "." | ".." => Err("stands for a place in paths; expected a name that can stand in one"),
        _ if text.chars().count() > MOST => Err("too long; expected at most 200 characters"),
        _ if text.chars().any(is_invisible) => Err("has invisible characters; expected a name without them"),
        _ if text.trim() != text => Err("has spaces around it; expected a name without them"),
        _ => Ok(()),
    }
}

/// Control characters, and those that turn the direction of what stands around them.
fn is_invisible(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_be_of_every_script_but_must_be_visible() {
        for right in
            ["a", "Größe", "日本語 プラン", "<b>", "=1+1", "../..", "...", ".a", "x".repeat(200).as_str()]
        {
            assert_eq!(name(right), Ok(()), "{right}");
        }
        for wrong in ["", ".", "..", " a", "a\n", "a\u{0}b", "a\u{202e}b", "x".repeat(201).as_str()] {
            assert!(name(wrong).is_err(), "{wrong:?}");
        }
    }
}
