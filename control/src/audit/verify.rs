//! Whether the chain of the audit is whole.

use crate::audit::Entry;

/// What was found of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many rows there are.
    pub rows: u64,
    /// The first row that is not what was written, or that is missing.
    pub broken_at: Option<u64>,
}

impl Verified {
    /// Whether all is as it was written.
    pub const fn is_whole(&self) -> bool {
        self.broken_at.is_none()
    }
}

/// A chain while its rows are read, the oldest first.
///
/// What it holds against is a change of rows, and rows that are missing. Who can write to the database can write the whole
/// chain anew; who keeps the newest digest elsewhere sees that.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    rows: u64,
    digest: String,
    broken_at: Option<u64>,
}

impl Chain {
    /// The next row.
    pub fn add(&mut self, entry: &Entry) {
        let is_next = entry.number == self.rows + 1 && entry.previous == self.digest;
        if self.broken_at.is_none() && !(is_next && entry.digest == entry.expected_digest()) {
            self.broken_at = Some(entry.number.min(self.rows + 1));
        }
        self.rows = entry.number;
        self.digest.clone_from(&entry.digest);
    }

    /// What was found, where the last row is known to have this number and digest.
    pub fn finish(self, number: u64, digest: &str) -> Verified {
        let is_all = self.rows == number && self.digest == digest;
        let broken_at = self.broken_at.or_else(|| (!is_all).then_some(self.rows.min(number) + 1));
        Verified { rows: self.rows, broken_at }
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

    fn verified(rows: &[Entry], last: &Entry) -> Verified {
        let mut chain = Chain::default();
        rows.iter().for_each(|row| chain.add(row));
        chain.finish(last.number, &last.digest)
    }

    #[test]
    fn a_chain_as_it_was_written_is_whole() {
        let rows = rows();
        assert_eq!(verified(&rows, &rows[3]), Verified { rows: 4, broken_at: None });
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
