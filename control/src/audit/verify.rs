//! Whether the chain of the audit is whole.

use std::fmt;
use std::str::FromStr;

use crate::audit::Entry;

/// What was found of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many rows there are.
    pub rows: u64,
    /// The newest row; none where there are no rows. Kept elsewhere, it tells later whether the chain still has it.
    pub newest: Option<Mark>,
    /// The first row that is not what was written, or that is missing.
    pub broken_at: Option<u64>,
}

impl Verified {
    /// Whether all is as it was written.
    pub const fn is_whole(&self) -> bool {
        self.broken_at.is_none()
    }
}

/// A row, and its digest: all that has led to it. Displays, and is read, as `NUMBER:DIGEST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The row's number.
    pub number: u64,
    /// Its digest: 64 hexadecimal digits.
    pub digest: String,
}

/// That a text is no mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected NUMBER:DIGEST, as verify tells of the newest row")]
pub struct NoMark;

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.number, self.digest)
    }
}

impl FromStr for Mark {
    type Err = NoMark;

    fn from_str(text: &str) -> Result<Self, NoMark> {
        let (number, digest) = text.split_once(':').ok_or(NoMark)?;
        let is_digest = digest.len() == 64 && digest.chars().all(|letter| letter.is_ascii_hexdigit());
        let number = number.parse().ok().filter(|number| *number > 0 && is_digest).ok_or(NoMark)?;
        Ok(Self { number, digest: digest.to_ascii_lowercase() })
    }
}

/// A chain while its rows are read, the oldest first.
///
/// What it holds against is a change of rows, and rows that are missing. Who can write to the database can cut it at its end,
/// or write it anew; who keeps a [`Mark`] elsewhere sees that.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    known: Vec<Mark>,
    rows: u64,
    digest: String,
    broken_at: Option<u64>,
}

impl Chain {
    /// A chain that is known to have these rows.
    pub fn with(known: Vec<Mark>) -> Self {
        Self { known, ..Self::default() }
    }

    /// The next row.
    pub fn add(&mut self, entry: &Entry) {
        let is_next = entry.number == self.rows + 1 && entry.previous == self.digest;
        let is_known =
            self.known.iter().all(|mark| mark.number != entry.number || mark.digest == entry.digest);
        if self.broken_at.is_none() && !(is_next && is_known && entry.digest == entry.expected_digest()) {
            self.broken_at = Some(entry.number.min(self.rows + 1));
        }
        self.rows = entry.number;
        self.digest.clone_from(&entry.digest);
    }

    /// What was found, where the last row is known to have this number and digest.
    pub fn finish(self, number: u64, digest: &str) -> Verified {
        let is_all = self.rows == number && self.digest == digest;
        let has_known = self.known.iter().all(|mark| mark.number <= self.rows);
        let broken_at = self.broken_at.or_else(|| match (is_all, has_known) {
            (true, true) => None,
            (true, false) => Some(self.rows + 1),
            (false, _) => Some(self.rows.min(number) + 1),
        });
        let newest = (self.rows > 0).then_some(Mark { number: self.rows, digest: self.digest });
        Verified { rows: self.rows, newest, broken_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Draft;
    use crate::thing::Time;

    fn rows() -> Vec<Entry> {
        let mut rows: Vec<Entry> = Vec::new();
        for number in 1..=4 {
            let draft = Draft {
                at: Time::from_timestamp_micros(1_767_225_600_000_000 + number).unwrap(),
                actor: "ann".to_owned(),
                address: None,
                what: format!("tiers/t{number}"),
                action: "create".to_owned(),
                before: None,
                after: None,
                reason: Some("why".to_owned()),
                revision: Some(number as u64),
            };
            let previous = rows.last().map_or_else(String::new, |last| last.digest.clone());
            rows.push(draft.chained(number as u64, previous));
        }
        rows
    }

    fn mark(row: &Entry) -> Mark {
        Mark { number: row.number, digest: row.digest.clone() }
    }

    fn verified(rows: &[Entry], last: &Entry) -> Verified {
        let mut chain = Chain::default();
        rows.iter().for_each(|row| chain.add(row));
        chain.finish(last.number, &last.digest)
    }

    #[test]
    fn a_chain_as_it_was_written_is_whole() {
        let rows = rows();
        let newest = Some(mark(&rows[3]));
        assert_eq!(verified(&rows, &rows[3]), Verified { rows: 4, newest, broken_at: None });
        assert_eq!(Chain::default().finish(0, ""), Verified { rows: 0, newest: None, broken_at: None });
    }

    /// Cut at its end, it was whole to whoever looked at it alone.
    #[test]
    fn who_has_kept_a_row_elsewhere_sees_that_the_chain_was_cut_or_written_anew() {
        let rows = rows();
        let found = |rows: &[Entry], known: &Entry| {
            let mut chain = Chain::with(vec![mark(known)]);
            rows.iter().for_each(|row| chain.add(row));
            let last = rows.last().unwrap();
            chain.finish(last.number, &last.digest).broken_at
        };
        assert_eq!(found(&rows, &rows[1]), None);
        assert_eq!(found(&rows, &rows[3]), None);
        assert_eq!(found(&rows[..2], &rows[3]), Some(3));
        let other = Entry { digest: "0".repeat(64), ..rows[1].clone() };
        assert_eq!(found(&rows, &other), Some(2));
    }

    #[test]
    fn a_mark_is_read_as_it_is_written() {
        let mark = mark(&rows()[2]);
        assert_eq!(mark.to_string().parse(), Ok(mark.clone()));
        for text in
            ["", "3", "3:", ":", "x:abc", &format!("0:{}", mark.digest), &format!("3:{}0", mark.digest)]
        {
            assert_eq!(text.parse::<Mark>(), Err(NoMark), "{text}");
        }
    }

    #[test]
    fn a_row_that_was_changed_is_found() {
        let mut rows = rows();
        rows[1].actor = "bob".to_owned();
        assert_eq!(verified(&rows, &rows[3]).broken_at, Some(2));
        rows[1].digest = rows[1].expected_digest();
        assert_eq!(
            verified(&rows, &rows[3]).broken_at,
            Some(3),
            "its successor holds the digest that it had"
        );
    }

    #[test]
    fn rows_that_are_missing_are_found_wherever_they_stood() {
        let rows = rows();
        let without = |at: usize| {
            let mut rows = rows.clone();
            rows.remove(at);
            rows
        };
        assert_eq!(verified(&without(0), &rows[3]).broken_at, Some(1));
        assert_eq!(verified(&without(2), &rows[3]).broken_at, Some(3));
        assert_eq!(verified(&without(3), &rows[3]).broken_at, Some(4));
        assert_eq!(verified(&[], &rows[3]).broken_at, Some(1));
    }

    #[test]
    fn fields_cannot_be_moved_into_each_other() {
        let [row, ..] = &rows()[..] else { panic!("there are rows") };
        let moved = Entry { actor: "an".to_owned(), what: format!("n{}", row.what), ..row.clone() };
        assert_ne!(moved.expected_digest(), row.digest);
        let empty = Entry { address: Some(String::new()), ..row.clone() };
        assert_ne!(empty.expected_digest(), row.digest);
    }
}
