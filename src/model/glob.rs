//! Globs: patterns with wildcards, matched in linear time.

use std::fmt;

/// The most characters that a glob has: one bit each, and one for the end.
const MAX_LENGTH: usize = 127;

/// A pattern: in a path `*` is any run of characters but `/`, `**` any run at all, `?` any character but `/`; in another text,
/// such as a header, a slash is a character like any other.
///
/// The whole path or text must match. A wildcard may stand for nothing, so `/a/**` matches `/a/` and `/a/b/c` but not `/a`.
/// Matching a path takes time in proportion to its length, whatever the client chose it to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Exactly(char),
    /// `?`
    One,
    /// `*`
    Run,
    /// `**`
    LongRun,
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| match step {
            Step::Exactly(letter) => write!(f, "{letter}"),
            Step::One => f.write_str("?"),
            Step::Run => f.write_str("*"),
            Step::LongRun => f.write_str("**"),
        })
    }
}

impl Glob {
    /// The glob that a text is; `None` if it is longer than 127 characters.
    pub fn new(text: &str) -> Option<Self> {
        let mut steps = Vec::new();
        for letter in text.chars() {
            match (letter, steps.last()) {
                ('*', Some(Step::Run)) => replace_last(&mut steps, Step::LongRun),
                // A third star adds nothing to two.
                ('*', Some(Step::LongRun)) => {}
                ('*', _) => steps.push(Step::Run),
                ('?', _) => steps.push(Step::One),
                _ => steps.push(Step::Exactly(letter)),
            }
        }
        (text.chars().count() <= MAX_LENGTH).then_some(Self { steps })
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
        self.matches_where(path, |letter| letter != Some('/'))
    }

    /// Whether the whole of a text matches that is no path.
    pub(crate) fn matches_text(&self, text: &[u8]) -> bool {
        self.matches_where(text, |_| true)
    }

    /// Whether the whole of a text matches; `is_free` says which characters `*` and `?` stand for.
    fn matches_where(&self, text: &[u8], is_free: fn(Option<char>) -> bool) -> bool {
        // Bit i: the text so far can be matched by the first i steps.
        let mut reached = self.past_empty_runs(1);
        for chunk in text.utf8_chunks() {
            // A byte that is no text is a character of its own, and no glob names it.
            let (letters, others) = (chunk.valid().chars().map(Some), chunk.invalid().iter().map(|_| None));
            for letter in letters.chain(others) {
                reached = self.past_empty_runs(self.after(reached, letter, is_free(letter)));
            }
        }
        reached >> self.steps.len() & 1 == 1
    }

    /// Whether a path can match that ends in a slash.
    pub(crate) fn can_end_in_slash(&self) -> bool {
        let last = self.steps.iter().rev().find(|step| **step != Step::Run);
        matches!(last, Some(Step::Exactly('/') | Step::LongRun))
    }

    /// What every path begins with that matches.
    pub(crate) fn literal_prefix(&self) -> String {
        let exact = |step: &Step| if let Step::Exactly(letter) = step { Some(*letter) } else { None };
        self.steps.iter().map_while(exact).collect()
    }

    fn after(&self, reached: u128, letter: Option<char>, is_free: bool) -> u128 {
        let mut next = 0;
        for (i, step) in self.steps.iter().enumerate() {
            let here = reached & 1 << i;
            next |= match step {
                Step::Exactly(wanted) if Some(*wanted) == letter => here << 1,
                Step::One if is_free => here << 1,
                Step::Run if is_free => here,
                Step::LongRun => here,
                _ => 0,
            };
        }
        next
    }

    fn past_empty_runs(&self, mut reached: u128) -> u128 {
        for (i, step) in self.steps.iter().enumerate() {
            if matches!(step, Step::Run | Step::LongRun) {
                reached |= (reached & 1 << i) << 1;
            }
        }
        reached
    }
}

fn replace_last(steps: &mut [Step], step: Step) {
    if let Some(last) = steps.last_mut() {
        *last = step;
    }
}

#[cfg(test)]
mod tests {
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
