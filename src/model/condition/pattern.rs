//! Patterns of texts: globs, and the regular expressions that they are made of, as people write them too.

use std::fmt;

use regex::Error;
use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::Look;
use regex_syntax::hir::literal::Extractor;

use crate::model::condition::letters::{DOTTED, DOTTED_IN_LOWER_CASE};

/// The most characters that a glob has: what is longer is a mistake.
const LONGEST_GLOB: usize = 127;

/// A pattern: in a path `*` is any run of characters but `/`, `**` any run at all, `?` any character but `/`; in another text,
/// such as a header, a slash is a character like any other.
///
/// The whole path or text must match. A wildcard may stand for nothing, so `/a/**` matches `/a/` and `/a/b/c` but not `/a`.
/// Matching takes time in proportion to the length of the text, whatever the client chose it to be. What is no UTF-8 is
/// a replacement character to it.
///
/// # Examples
///
/// ```
/// use timebudget::Glob;
/// let exports = Glob::new("/api/*/export").unwrap();
/// assert!(exports.matches("/api/v2/export"));
/// assert!(!exports.matches("/api/v2/users/export"), "a star stops at a slash");
/// assert!(Glob::new("/api/**/export").unwrap().matches("/api/v2/users/export"));
/// ```
#[derive(Clone, Debug)]
pub struct Glob {
    pub(crate) text: String,
    /// To paths, whose slashes wildcards stop at.
    of_paths: Regex,
    /// To other texts.
    of_texts: Regex,
}

impl Glob {
    /// The glob that a text is; `None` if it is longer than 127 characters.
    ///
    /// There is no other mistake: whatever is no wildcard stands for itself, brackets and backslashes too.
    pub fn new(text: &str) -> Option<Self> {
        if text.chars().count() > LONGEST_GLOB { None } else { Self::compiled(text) }
    }

    /// The same, written otherwise: of letters in lower case there can be more.
    pub(crate) fn written(&self, text: &str) -> Self {
        Self::compiled(text).unwrap_or_else(|| self.clone())
    }

    fn compiled(text: &str) -> Option<Self> {
        // So short a pattern, of such parts, is never too large.
        let compiled = |pattern: String| RegexBuilder::new(&pattern).build().ok();
        let of_paths = compiled(regex_of(text, "[^/]", "(?-u:[^/])*"))?;
        let of_texts = compiled(regex_of(text, "(?s:.)", ANYTHING))?;
        Some(Self { text: text.to_owned(), of_paths, of_texts })
    }

    /// Whether the whole of a path matches.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::Glob;
    /// let styles = Glob::new("/static/**.css").unwrap();
    /// assert!(styles.matches("/static/site/print.css"));
    /// assert!(!styles.matches("/static/site/print.css.map"));
    /// ```
    pub fn matches(&self, path: impl AsRef<[u8]>) -> bool {
        self.matches_path(path.as_ref())
    }

    pub(crate) fn matches_path(&self, path: &[u8]) -> bool {
        self.of_paths.is_match(String::from_utf8_lossy(path).as_bytes())
    }

    /// Whether the whole of a text matches that is no path.
    pub(crate) fn matches_text(&self, text: &[u8]) -> bool {
        self.of_texts.is_match(String::from_utf8_lossy(text).as_bytes())
    }

    /// Whether a path can match that ends in a slash.
    pub(crate) fn can_end_in_slash(&self) -> bool {
        // One star at the end may stand for nothing.
        let bare = self.text.trim_end_matches('*');
        bare.ends_with('/') || self.text.len() - bare.len() >= 2
    }

    /// What every path begins with that matches.
    pub(crate) fn literal_prefix(&self) -> String {
        self.text.split(WILDCARDS).next().unwrap_or_default().to_owned()
    }
}

const WILDCARDS: [char; 2] = ['*', '?'];

/// The regular expression of any run of characters.
const ANYTHING: &str = "(?s-u:.)*";

/// The regular expression of a glob, in which `?` and `*` are what is given for them.
fn regex_of(glob: &str, one: &str, run: &str) -> String {
    let mut pattern = String::from("^");
    let mut rest = glob;
    while let Some(at) = rest.find(WILDCARDS) {
        let behind = &rest[at..];
        pattern.push_str(&regex::escape(&rest[..at]));
        rest = behind.trim_start_matches('*');
        pattern.push_str(match behind.len() - rest.len() {
            0 => one,
            1 => run,
            _ => ANYTHING,
        });
        if rest.len() == behind.len() {
            rest = &rest[1..];
        }
    }
    pattern.push_str(&regex::escape(rest));
    pattern.push('$');
    pattern
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Glob {}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

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
pub struct Pattern {
    regex: Regex,
    /// Which the text alone does not tell.
    is_in_any_case: bool,
}

/// Why a text is no pattern: the reason alone, in a few words. Its source draws the place, over several lines.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}", reason(.0))]
pub struct PatternError(#[source] Error);

impl Pattern {
    /// The pattern that a text is.
    ///
    /// # Errors
    ///
    /// What is wrong with the text; a pattern that compiles to more than a mebibyte is too large.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        Self::by(text, false, MAX_SIZE)
    }

    /// The same, found in letters of any case, as hosts are.
    ///
    /// # Errors
    ///
    /// As of [`Pattern::new`].
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::Pattern;
    /// let bots = Pattern::in_any_case("bot|spider")?;
    /// assert!(bots.matches("GoogleBot/2.1") && bots.as_str() == "bot|spider");
    /// # Ok::<(), timebudget::PatternError>(())
    /// ```
    pub fn in_any_case(text: &str) -> Result<Self, PatternError> {
        Self::by(text, true, MAX_SIZE)
    }

    /// The same, found in paths whose letters are in one case, whatever case it is written in.
    pub(crate) fn in_one_case(&self) -> Self {
        // In any case it is a few times as large at most, and was not too large.
        let of = |text: &str| Self::by(text, true, usize::MAX);
        // Between brackets, more is found than was meant.
        let of_two = of(&self.as_str().replace(DOTTED, &format!("(?:{DOTTED_IN_LOWER_CASE})")));
        of_two.or_else(|_| of(self.as_str())).unwrap_or_else(|_| self.clone())
    }

    /// Whether it is written so.
    pub(crate) fn is_in_one_case(&self) -> bool {
        self.is_in_any_case && !self.as_str().contains(DOTTED)
    }

    fn by(text: &str, is_in_any_case: bool, size: usize) -> Result<Self, PatternError> {
        let mut builder = RegexBuilder::new(text);
        builder.case_insensitive(is_in_any_case).size_limit(size).dfa_size_limit(MAX_SIZE);
        let regex = builder.build().map_err(PatternError)?;
        Ok(Self { regex, is_in_any_case })
    }

    /// The pattern as it was written, without what [`in_any_case`](Self::in_any_case) adds to it.
    pub fn as_str(&self) -> &str {
        self.regex.as_str()
    }

    /// Whether the pattern is found in a text.
    ///
    /// In what is no UTF-8 it is looked for as it stands, and then with a replacement character for what is no text: a
    /// `.` matches no part of a character, and a client could else hide from `^.*bot.*$` behind a single byte.
    pub fn matches(&self, text: impl AsRef<[u8]>) -> bool {
        let text = text.as_ref();
        self.regex.is_match(text) || (str::from_utf8(text).is_err() && self.matches_lossily(text))
    }

    #[cold]
    fn matches_lossily(&self, text: &[u8]) -> bool {
        self.regex.is_match(String::from_utf8_lossy(text).as_bytes())
    }

    /// What every text begins with in which the pattern is found; empty if that is not known.
    pub(crate) fn literal_prefix(&self) -> String {
        self.known_prefix().unwrap_or_default()
    }

    fn known_prefix(&self) -> Option<String> {
        let mut parser = ParserBuilder::new().case_insensitive(self.is_in_any_case).build();
        let parsed = parser.parse(self.as_str()).ok()?;
        if !parsed.properties().look_set_prefix().contains(Look::Start) {
            return None;
        }
        let beginnings = Extractor::new().extract(&parsed);
        String::from_utf8(beginnings.longest_common_prefix()?.to_vec()).ok()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (self.as_str(), self.is_in_any_case) == (other.as_str(), other.is_in_any_case)
    }
}

impl Eq for Pattern {}

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
mod glob_tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(glob: &str, path: &str) -> bool {
        Glob::new(glob).unwrap().matches(path)
    }

    #[test]
    fn one_star_stays_within_a_segment() {
        assert!(matches("/users/*/photo", "/users/alice/photo"));
        assert!(matches("/users/*/photo", "/users//photo"));
        assert!(!matches("/users/*/photo", "/users/a/b/photo"));
    }

    #[test]
    fn two_stars_cross_segments() {
        assert!(matches("/a/**/z", "/a/b/c/z"));
        assert!(matches("/a/***", "/a/b/c"));
        assert!(!matches("/a/**/z", "/a/z"));
        assert!(!matches("/a/**", "/a"));
    }

    #[test]
    fn a_question_mark_is_one_character_but_no_slash() {
        assert!(matches("/é?", "/é€"));
        assert!(!matches("/a?b", "/a/b"));
        assert!(!matches("/a?", "/a"));
    }

    /// `*bot*` did not match Googlebot, whose name a slash follows.
    #[test]
    fn in_a_text_that_is_no_path_a_slash_is_a_character_like_any_other() {
        let text = |glob: &str, text: &str| Glob::new(glob).unwrap().matches_text(text.as_bytes());
        assert!(text("*bot*", "Googlebot/2.1 (+http://www.google.com/bot.html)"));
        assert!(text("Mozilla/?.0 *", "Mozilla/5.0 (X11/Linux)") && text("a?b", "a/b") && text("**", "/"));
        assert!(!text("*bot", "Googlebot/2.1"));
    }

    #[test]
    fn a_glob_has_127_characters_at_most() {
        assert!(matches(&"?".repeat(127), &"x".repeat(127)));
        assert_eq!(Glob::new(&"?".repeat(128)), None);
    }

    #[test]
    fn the_empty_glob_matches_the_empty_path_only() {
        assert!(matches("", ""));
        assert!(!matches("", "/"));
    }

    /// What a glob means, by its definition and in exponential time.
    fn means(glob: &[char], path: &[char]) -> bool {
        match (glob, path) {
            ([], _) => path.is_empty(),
            (['*', '*', rest @ ..], _) => (0..=path.len()).any(|n| means(rest, &path[n..])),
            (['*', rest @ ..], _) => {
                let segment = path.iter().take_while(|letter| **letter != '/').count();
                (0..=segment).any(|n| means(rest, &path[n..]))
            }
            (_, []) => false,
            (['?', glob @ ..], [letter, path @ ..]) => *letter != '/' && means(glob, path),
            ([wanted, glob @ ..], [letter, path @ ..]) => wanted == letter && means(glob, path),
        }
    }

    proptest! {
        #[test]
        fn a_glob_matches_what_it_means(glob in "(a|b|/|[*]|[*][*]|[?]){0,7}", path in "[ab/]{0,8}") {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&glob, &path), means(&letters(&glob), &letters(&path)));
        }
    }
}

#[cfg(test)]
pub(crate) mod pattern_tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::condition::letters::in_one_case;
    use crate::model::condition::letters::tests::letters;

    /// The two were equal, so a reload that changed one into the other changed nothing.
    #[test]
    fn a_pattern_in_any_case_is_another_one() {
        let (plain, any) = (Pattern::new("a").unwrap(), Pattern::in_any_case("a").unwrap());
        assert!(plain != any && any == any.clone());
    }

    /// The beginning was read without the flag: `/ADMIN/x` was no candidate for `^/admin/`.
    #[test]
    fn a_pattern_in_any_case_begins_with_what_has_no_case() {
        for (pattern, prefix) in [("^/admin/", "/"), ("^/2026/[a-z]+", "/2026/"), ("/a", "")] {
            assert_eq!(Pattern::in_any_case(pattern).unwrap().literal_prefix(), prefix, "{pattern}");
        }
    }

    #[test]
    fn a_pattern_in_one_case_is_found_in_the_form_of_every_letter_that_it_is_made_of() {
        // The library of patterns knows an older Unicode than the language: to it these are no letters yet.
        let is_new = Pattern::new("^\\p{Cn}$").unwrap();
        for letter in letters().filter(|letter| !is_new.matches(letter.to_string())) {
            let pattern = Pattern::new(&format!("^{letter}+$")).unwrap().in_one_case();
            let form = in_one_case(letter.to_string().into());
            assert!(pattern.matches(&*form) && pattern.is_in_one_case(), "{letter} {form}");
        }
        let range = Pattern::new("^[A-İ]$").unwrap().in_one_case();
        assert!(range.matches("a") && !range.matches("7"));
    }

    /// Patterns with anchors, flags, alternations, groups and repetitions, plain or in any case.
    pub(crate) fn pattern() -> impl Strategy<Value = Pattern> {
        let begin = prop::sample::select(vec!["", "^", "^/a/", "(?i)^/", "^/(?i)", "^/b/|"]);
        let piece = prop::sample::select(vec![
            "^", "$", "\\A", "\\b", "/", "|/a", "/b/", "A", "k", ".", "[ab]", "?", "*", "{0}", "(?i)",
            "(?m)", "(?-i)", "(?s)", "(a", "(?i:", "|", ")",
        ]);
        let text = (begin, prop::collection::vec(piece, 0..8))
            .prop_map(|(begin, rest)| begin.to_owned() + &rest.concat());
        (text, any::<bool>()).prop_filter_map("a pattern", |(text, is_in_any_case)| {
            Pattern::by(&text, is_in_any_case, MAX_SIZE).ok()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn every_text_that_a_pattern_is_found_in_begins_with_its_prefix(
            pattern in pattern(),
            text in "(/|/a/|a|A|b|B|k|K|\u{212a}|\n){0,6}",
        ) {
            prop_assert!(!pattern.matches(&text) || text.starts_with(&pattern.literal_prefix()));
        }
    }

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
