//! Counts by key in bounded memory, however many keys there are.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::FixedState;

/// The most keys that are told apart. When they are more, the smaller half is forgotten, and counted together.
const MOST: usize = 131_072;

/// What is counted of a key, in one world or in two that are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// How many requests.
    pub requests: u64,
    /// The time that they took, in microseconds.
    pub micros: u64,
    /// In which world how many are refused.
    pub refused: [u64; 2],
    /// The time of those, in microseconds.
    pub refused_micros: [u64; 2],
}

impl Row {
    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.micros = self.micros.saturating_add(other.micros);
        for world in 0..2 {
            self.refused[world] += other.refused[world];
            self.refused_micros[world] =
                self.refused_micros[world].saturating_add(other.refused_micros[world]);
        }
    }

    /// What makes it worth to be kept: refusals, then time, then requests.
    const fn weight(&self) -> (u64, u64, u64) {
        (self.refused[0] + self.refused[1], self.micros, self.requests)
    }
}

/// Rows by key. What is told of a key that was forgotten in between is less than the truth, never more.
#[derive(Debug)]
pub struct Bounded<K> {
    rows: HashMap<K, Row, FixedState>,
    /// What was counted of keys that were forgotten.
    pub others: Row,
}

impl<K> Default for Bounded<K> {
    fn default() -> Self {
        Self { rows: HashMap::default(), others: Row::default() }
    }
}

impl<K: Eq + Hash> Bounded<K> {
    /// Adds to the row of a key.
    #[inline]
    pub fn add<Q>(&mut self, key: &Q, row: &Row)
    where
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
        K: Borrow<Q>,
    {
        match self.rows.get_mut(key) {
            Some(known) => known.add(row),
            None => self.insert(key.to_owned(), *row),
        }
    }

    #[inline(never)]
    fn insert(&mut self, key: K, row: Row) {
        if self.rows.len() >= MOST {
            self.forget();
        }
        self.rows.insert(key, row);
    }

    #[cold]
    fn forget(&mut self) {
        let mut weights: Vec<_> = self.rows.values().map(Row::weight).collect();
        let (smaller, middle, _) = weights.select_nth_unstable(MOST / 2);
        let (middle, others) = (*middle, &mut self.others);
        // Where many are equal, so many of them go as there is no room for beside those that are larger.
        let mut equal = MOST / 2 - smaller.iter().filter(|weight| **weight < middle).count();
        self.rows.retain(|_, row| {
            let stays = match row.weight().cmp(&middle) {
                Ordering::Less => false,
                Ordering::Equal if equal > 0 => {
                    equal -= 1;
                    false
                }
                Ordering::Equal | Ordering::Greater => true,
            };
            if !stays {
                others.add(row);
            }
            stays
        });
    }

    /// The row of a key, if it is told apart.
    pub fn get<Q>(&self, key: &Q) -> Option<&Row>
    where
        Q: Eq + Hash + ?Sized,
        K: Borrow<Q>,
    {
        self.rows.get(key)
    }

    /// The rows that something is told of, the most of it first; of equal ones those with the smaller key.
    pub fn largest(&self, of: impl Fn(&Row) -> u64, most: usize) -> Vec<(&K, Row)>
    where
        K: Ord,
    {
        let mut rows: Vec<_> =
            self.rows.iter().filter(|(_, row)| of(row) > 0).map(|(key, row)| (key, *row)).collect();
        rows.sort_by(|one, other| of(&other.1).cmp(&of(&one.1)).then_with(|| one.0.cmp(other.0)));
        rows.truncate(most);
        rows
    }

    /// How many keys something is told of.
    pub fn count(&self, of: impl Fn(&Row) -> bool) -> usize {
        self.rows.values().filter(|row| of(row)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of many equal ones those went that were met first, and smaller ones stayed.
    #[test]
    fn who_is_smaller_goes_before_any_of_many_equal_ones() {
        let mut rows = Bounded::<u64>::default();
        let of = |micros| Row { requests: 1, micros, ..Row::default() };
        let small = MOST as u64 / 4;
        for key in 0..=MOST as u64 {
            rows.add(&key, &of(if key < small { 1 } else { 2 }));
        }
        assert_eq!(rows.rows.len(), MOST / 2 + 1);
        assert_eq!(
            rows.others.micros,
            small + 2 * small,
            "all that are small, and as many of the others as must go"
        );
    }

    #[test]
    fn of_millions_of_keys_the_large_ones_are_known_and_nothing_is_lost() {
        let mut rows = Bounded::<u64>::default();
        let one = Row { requests: 1, micros: 1, ..Row::default() };
        for key in 0..1_000_000_u64 {
            rows.add(&key, &one);
            rows.add(&(key % 10), &Row { refused: [1, 0], ..one });
        }
        assert!(rows.rows.len() <= MOST);
        let largest = rows.largest(|row| row.refused[0], 20);
        assert_eq!(
            largest.iter().map(|(key, row)| (**key, row.refused[0])).collect::<Vec<_>>(),
            (0..10).map(|key| (key, 100_000)).collect::<Vec<_>>()
        );
        let kept: u64 = rows.rows.values().map(|row| row.requests).sum();
        assert_eq!(kept + rows.others.requests, 2_000_000);
    }
}
