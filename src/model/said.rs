//! What is said to people: mistakes, excerpts of what somebody wrote, and the word that was most likely meant.

use std::borrow::Cow;
use std::fmt;
use std::iter::once;
use std::str::Utf8Chunk;

/// What is wrong with a rule or a site, or suspect about it.
///
/// A site file and code are told the same, in the same words. Displays as what was found, where a value is to blame, the
/// fault, and what was expected: `42: not a status; expected a status, a class such as "4xx", or a list of them`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    weight: Weight,
    found: Option<String>,
    fault: String,
}

/// How bad a mistake is: whether a site is loaded, or a budget built, in spite of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Weight {
    /// It cannot be meant: a file that has it is not loaded, and a budget is not built.
    Wrong,
    /// It can be read, but may not be meant.
    Suspect,
}

impl Mistake {
    /// What cannot be meant.
    pub(crate) fn wrong(fault: impl Into<String>) -> Self {
        Self { weight: Weight::Wrong, found: None, fault: fault.into() }
    }

    /// What may not be meant.
    pub(crate) fn suspect(fault: impl Into<String>) -> Self {
        Self { weight: Weight::Suspect, found: None, fault: fault.into() }
    }

    /// The same, with the value that is to blame.
    pub(crate) fn with(self, found: impl fmt::Display) -> Self {
        Self { found: Some(found.to_string()), ..self }
    }

    /// The same, with the text that is to blame.
    pub(crate) fn with_text(self, found: &str) -> Self {
        self.with(quoted(found))
    }

    /// The same, which can be read after all.
    pub(crate) fn doubtful(self) -> Self {
        Self { weight: Weight::Suspect, ..self }
    }

    /// How bad it is: see [`is_wrong`](Self::is_wrong).
    pub const fn weight(&self) -> Weight {
        self.weight
    }

    /// Whether it cannot be meant.
    pub fn is_wrong(&self) -> bool {
        self.weight == Weight::Wrong
    }

    /// The value that is to blame, if one is: a text in quotation marks, cut where it is long.
    pub fn found(&self) -> Option<&str> {
        self.found.as_deref()
    }

    /// What is wrong with it, and what was expected.
    pub fn fault(&self) -> &str {
        &self.fault
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(found) = &self.found {
            write!(f, "{found}: ")?;
        }
        f.write_str(&self.fault)
    }
}

/// A mistake, and the rule that has it.
///
/// Displays as `the rule exports: a fault; expected something else`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The name of the rule; `None` where it is about the site as a whole.
    pub rule: Option<String>,
    /// What is wrong, or suspect.
    pub mistake: Mistake,
}

impl Finding {
    /// A mistake of a rule.
    pub(crate) fn of_rule(name: &str, mistake: Mistake) -> Self {
        Self { rule: Some(name.to_owned()), mistake }
    }

    /// A mistake of the site as a whole.
    pub(crate) const fn of_site(mistake: Mistake) -> Self {
        Self { rule: None, mistake }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rule {
            Some(rule) if rule.is_empty() || rule.contains(|letter: char| !letter.is_ascii_graphic()) => {
                write!(f, "the rule {}: ", quoted(rule))?;
            }
            Some(rule) => write!(f, "the rule {rule}: ")?,
            None => {}
        }
        self.mistake.fmt(f)
    }
}

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

/// How many letters of a secret are shown: enough to tell one's own secrets apart, and too few to guess the rest.
const SHOWN: usize = 4;

/// What a name has in it that mostly names a credential.
const TELLING: [&str; 8] = ["auth", "key", "token", "secret", "session", "password", "sid", "cookie"];

/// Whether what a client sends under a name may be a credential; of cookies, every one may be.
pub(crate) fn is_credential(kind: &str, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    kind == "cookie" || TELLING.iter().any(|telling| name.contains(telling))
}

/// The first letters of a secret, and `…` for the rest.
pub(crate) fn shortened(secret: &str) -> String {
    let shown = if secret.chars().count() > 2 * SHOWN { SHOWN } else { 0 };
    secret.chars().take(shown).chain(['…']).collect()
}

/// The known word nearest to `word`, or `None` if none is near enough to be worth naming.
///
/// Near enough means that at most a third of the letters of `word`, rounded up, differ; letters that differ in case
/// only count as equal. A word of which `word` is the first half or more is as near as one of which a letter differs.
/// Of words equally near the first wins.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = folded(word);
    let most = word.len().div_ceil(3);
    known
        .into_iter()
        .map(|candidate| (candidate, folded(candidate)))
        // The lengths alone rule most words out, and bound the work that a very long word can cause.
        .filter(|(_, letters)| letters.len().abs_diff(word.len()) <= most || is_begun(&word, letters))
        .map(|(candidate, letters)| match is_begun(&word, &letters) {
            true => (1, candidate),
            false => (distance(&word, &letters), candidate),
        })
        .filter(|(edits, _)| *edits <= most)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// What is wrong with a name that is not known: its like, or else some that are.
pub(crate) fn no_such<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest(name, known.clone()) {
        Some(meant) => format!("no such {what}; did you mean \"{meant}\"?"),
        None if known.clone().next().is_none() => format!("no such {what}; there is none"),
        None => format!("no such {what}; expected one of {}", listed_briefly(known)),
    }
}

/// The first few names.
fn listed_briefly<'a>(names: impl Iterator<Item = &'a str> + Clone) -> String {
    const MOST: usize = 10;
    let first: Vec<_> = names.clone().take(MOST).collect();
    let more = if names.count() > MOST { ", …" } else { "" };
    format!("{}{more}", first.join(", "))
}

/// Whether a word is the longer part of another, up to where somebody left off.
fn is_begun(word: &[char], whole: &[char]) -> bool {
    word.len() < whole.len() && 2 * word.len() >= whole.len() && whole.starts_with(word)
}

fn folded(word: &str) -> Vec<char> {
    word.chars().flat_map(char::to_lowercase).collect()
}

/// The least number of letters to insert, drop or replace to turn one word into the other (Levenshtein, 1965).
fn distance(from: &[char], to: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (taken, letter) in from.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = taken + 1;
        for (i, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = row[i + 1];
            row[i + 1] = replaced.min(row[i] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

/// Writes items with a separator between them.
pub(crate) fn separated<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    separator: &str,
) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        f.write_str(if at == 0 { "" } else { separator })?;
        item.fmt(f)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_credential_the_first_letters_are_shown() {
        assert!(is_credential("header", "X-Api-Key") && is_credential("cookie", "x"));
        assert!(!is_credential("header", "accept-language"));
        assert_eq!(shortened("Bearer 1234"), "Bear…");
        assert_eq!(shortened("abc"), "…", "a short one is not shown at all");
    }

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

#[cfg(test)]
mod nearest_tests {
    use super::*;

    const ZONES: [&str; 4] = ["Asia/Kolkata", "Asia/Calcutta", "Europe/Paris", "UTC"];

    #[test]
    fn a_slip_of_the_pen_finds_the_word() {
        assert_eq!(nearest("Asia/Kolkatta", ZONES), Some("Asia/Kolkata"));
        assert_eq!(nearest("Europe_Pari", ZONES), Some("Europe/Paris"));
    }

    #[test]
    fn case_does_not_make_a_word_far() {
        assert_eq!(nearest("EUROPE/PARIS", ZONES), Some("Europe/Paris"));
    }

    #[test]
    fn a_word_that_was_only_begun_finds_the_whole() {
        let keys = ["rate_limit_tiers", "rate_limit_ipv6_prefix"];
        assert_eq!(nearest("rate_limit_ipv6", keys), Some("rate_limit_ipv6_prefix"));
        assert_eq!(nearest("Asia", ZONES), None, "less than half");
    }

    #[test]
    fn a_word_like_none_finds_none() {
        assert_eq!(nearest("fortnight", ZONES), None);
        assert_eq!(nearest("", ZONES), None);
    }

    #[test]
    fn a_very_long_word_costs_no_comparison() {
        assert_eq!(nearest(&"x".repeat(1_000_000), ZONES), None);
    }

    #[test]
    fn the_distance_counts_single_letters() {
        let edits = |from, to| distance(&folded(from), &folded(to));
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("same", "same"), 0);
    }
}
