//! Regular expressions that take linear time, whatever a client sends.

use std::fmt;

use regex::Error;
use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::hir::Look;
use regex_syntax::hir::literal::Extractor;

/// The most bytes that a compiled pattern takes.
const MAX_SIZE: usize = 1 << 20;

/// A regular expression: matched in time in proportion to the text, anchored only where it says so.
///
/// # Examples
///
/// ```
/// use timebudget::Pattern;
/// let version = Pattern::new("^/v[0-9]+/").unwrap();
/// assert!(version.matches("/v12/users") && !version.matches("/api/v1/"));
/// assert_eq!(Pattern::new("(a").unwrap_err().to_string(), "unclosed group");
/// ```
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError(String);

impl Pattern {
    /// The pattern that a text is.
    ///
    /// # Errors
    ///
    /// What is wrong with the text; a pattern that compiles to more than a mebibyte is too large.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        Self::by(&mut RegexBuilder::new(text))
    }

    /// The same, found in letters of any case, as hosts are.
    ///
    /// # Errors
    ///
    /// As of [`Pattern::new`].
    pub fn in_any_case(text: &str) -> Result<Self, PatternError> {
        Self::by(RegexBuilder::new(text).case_insensitive(true))
    }

    fn by(builder: &mut RegexBuilder) -> Result<Self, PatternError> {
        let regex = builder.size_limit(MAX_SIZE).dfa_size_limit(MAX_SIZE).build();
        regex.map(Self).map_err(|error| PatternError(reason(&error)))
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether the pattern is found in a text.
    ///
    /// In what is no UTF-8 it is looked for as it stands, and then with a replacement character for what is no text: a
    /// `.` matches no part of a character, and a client could else hide from `^.*bot.*$` behind a single byte.
    pub fn matches(&self, text: impl AsRef<[u8]>) -> bool {
        let text = text.as_ref();
        self.0.is_match(text) || (str::from_utf8(text).is_err() && self.matches_lossily(text))
    }

    #[cold]
    fn matches_lossily(&self, text: &[u8]) -> bool {
        self.0.is_match(String::from_utf8_lossy(text).as_bytes())
    }

    /// What every text begins with in which the pattern is found; empty if that is not known.
    pub(crate) fn literal_prefix(&self) -> String {
        prefix_of(self.0.as_str()).unwrap_or_default()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PatternError {}

fn prefix_of(pattern: &str) -> Option<String> {
    let parsed = regex_syntax::parse(pattern).ok()?;
    if !parsed.properties().look_set_prefix().contains(Look::Start) {
        return None;
    }
    let beginnings = Extractor::new().extract(&parsed);
    String::from_utf8(beginnings.longest_common_prefix()?.to_vec()).ok()
}

/// The reason alone: the library draws the pattern above it, over several lines.
fn reason(error: &Error) -> String {
    match error {
        Error::CompiledTooBig(_) => {
            "too large; expected a pattern that compiles to a mebibyte at most".to_owned()
        }
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.strip_prefix("error: ").unwrap_or(last).to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_built_to_be_slow_is_not() {
        let slow = Pattern::new("^(a+)+$").unwrap();
        assert!(!slow.matches(format!("{}b", "a".repeat(100_000))));
    }

    #[test]
    fn only_an_anchored_pattern_has_a_fixed_beginning() {
        for (pattern, prefix) in [
            ("^/api/v[0-9]+/", "/api/v"),
            ("^/api/users$", "/api/users"),
            ("^(/api/a|/api/b)", "/api/"),
            ("^/a(/b)?", "/a"),
            ("^/a|/b", ""),
            ("(?m)^/a", ""),
            ("(?i)^/a", "/"),
            ("/a", ""),
            ("^", ""),
        ] {
            assert_eq!(Pattern::new(pattern).unwrap().literal_prefix(), prefix, "{pattern}");
        }
    }

    #[test]
    fn a_pattern_that_would_fill_the_memory_is_an_error() {
        let error = Pattern::new("((a{100}){100}){100}").unwrap_err();
        assert!(error.to_string().starts_with("too large"), "{error}");
    }
}
