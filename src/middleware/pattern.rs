//! Patterns of routes that are no code's but somebody's text: the router's word on one that is none is a panic.

use std::fmt::Write as _;

/// The most parameters that the router lets a pattern have.
const PARAMETERS: usize = 16;

/// The most bytes of a pattern: the router keeps the names of its parameters for ever.
const BYTES: usize = 1_024;

/// Whether the router takes a text as the pattern of a resource.
///
/// Braces within a parameter come in pairs, and its name is one of a group in a regular expression; a tail, `{name}*`, has no
/// expression of its own.
pub(crate) fn is_pattern(text: &str) -> bool {
    let (mut rest, mut parameters, mut whole) = (text, 0, String::new());
    while let Some(begin) = rest.find('{') {
        let Some(length) = closed(&rest[begin..]) else { return false };
        let (inside, behind) = (&rest[begin + 1..begin + length - 1], &rest[begin + length..]);
        let (name, expression) = inside.split_once(':').unwrap_or((inside, "[^/]+"));
        if behind == "*" && inside.contains(':') {
            return false;
        }
        let _ = write!(whole, "{}(?P<{name}>{expression})", regex::escape(&rest[..begin]));
        parameters += 1;
        rest = behind;
    }
    let whole = format!("(?s-m)(^{whole}$)");
    // The router reads it by one of them: which one, the application has chosen.
    let is_read = || regex::Regex::new(&whole).is_ok() && regex_lite::Regex::new(&whole).is_ok();
    text.len() <= BYTES && parameters <= PARAMETERS && is_read()
}

/// How long a parameter is that a text begins with, its braces included.
fn closed(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    text.char_indices().find_map(|(at, letter)| {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(at + 1)
    })
}

#[cfg(test)]
mod tests {
    use actix_web::dev::ResourceDef;

    use super::*;

    /// Texts of which some are patterns, made of what patterns are made of.
    fn texts() -> impl Iterator<Item = String> {
        const PARTS: [&str; 14] =
            ["/", "a", "{", "}", "{a}", "{b}", ":", "[", "]", "*", "\\d", "{2}", "(", " "];
        let mut state = 1_u64;
        std::iter::repeat_with(move || {
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as usize
            };
            (0..next() % 8).map(|_| PARTS[next() % PARTS.len()]).collect()
        })
    }

    #[test]
    fn what_is_taken_for_a_pattern_is_one_to_the_router() {
        let taken: Vec<_> = texts().take(20_000).filter(|text| is_pattern(text)).collect();
        for text in &taken {
            ResourceDef::new(text.as_str());
        }
        assert!(taken.iter().filter(|text| text.contains('{')).count() > 100);
        for text in ["/", "/a/{b}", "/{a}*", "/{a:[a-z]{1,2}}/x", "/a-{b}.{c}", "", "/é/{日本}"] {
            assert!(is_pattern(text), "{text}");
        }
    }

    #[test]
    fn what_the_router_would_panic_over_is_no_pattern() {
        for text in ["/{", "/{}", "/{a", "/{a}/{a}", "/{a b}", "/{a:[}", "/{a:(}", "/{a:.}*", "/{9}"] {
            assert!(!is_pattern(text), "{text}");
        }
        assert!(!is_pattern(&(0..17).map(|number| format!("{{a{number}}}")).collect::<String>()));
        assert!(!is_pattern(&"a".repeat(1_025)));
    }
}
