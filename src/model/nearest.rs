//! The known word that somebody most likely meant.

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

#[cfg(test)]
mod tests {
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
