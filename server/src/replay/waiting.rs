//! Those who wait for their turn, the earliest first.
//!
//! A heap would look at a dozen places far apart for each of a hundred thousand that wait. But starts come nearly in their order: so each lies
//! with those of the same few milliseconds, and only who is next is sorted among them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::replay::order::Place;

/// How many microseconds a slot has.
const SLOT: i64 = 16_384;

/// How many slots there are at most: four minutes. Who is farther off is kept in a heap.
const MOST: i64 = 16_384;

/// One that waits: when it began, in which order it came, and where it is.
type Waits = (i64, u32, Place);

/// Those who wait.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// Slots that follow each other; of the first the last is next.
    slots: VecDeque<Vec<Waits>>,
    /// The number of the first.
    first: i64,
    /// Whether the first is sorted.
    is_sorted: bool,
    far: BinaryHeap<Reverse<Waits>>,
    /// Slots that are not needed now.
    spare: Vec<Vec<Waits>>,
    len: usize,
}

impl Waiting {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Lets one wait. Of those with the same start the one that came first is first.
    pub(crate) fn push(&mut self, start: i64, came: u32, place: Place) {
        self.len += 1;
        let slot = start.div_euclid(SLOT);
        if self.slots.is_empty() {
            (self.first, self.is_sorted) = (slot, false);
        }
        let end = self.first + self.slots.len() as i64;
        if slot >= self.first + MOST || slot <= end - MOST {
            return self.far.push(Reverse((start, came, place)));
        }
        for _ in slot..self.first {
            (self.first, self.is_sorted) = (self.first - 1, false);
            self.slots.push_front(self.spare.pop().unwrap_or_default());
        }
        for _ in end..=slot {
            self.slots.push_back(self.spare.pop().unwrap_or_default());
        }
        let all = &mut self.slots[(slot - self.first) as usize];
        if slot == self.first && self.is_sorted {
            let at = all.partition_point(|other| *other > (start, came, place));
            all.insert(at, (start, came, place));
        } else {
            all.push((start, came, place));
        }
    }

    /// When the next one began.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<i64> {
        let near = self.near().map(|(start, ..)| start);
        let far = self.far.peek().map(|Reverse((start, ..))| *start);
        near.into_iter().chain(far).min()
    }

    /// The next one, with its start.
    pub(crate) fn pop(&mut self) -> Option<(i64, Place)> {
        let near = self.near();
        let far = self.far.peek().map(|Reverse(far)| *far);
        let (start, _, place) = match (near, far) {
            (Some(near), Some(far)) if far < near => self.far.pop()?.0,
            (Some(_), _) => self.slots.front_mut()?.pop()?,
            (None, _) => self.far.pop()?.0,
        };
        self.len -= 1;
        Some((start, place))
    }

    /// The next of those in slots.
    #[inline]
    fn near(&mut self) -> Option<Waits> {
        while let Some(first) = self.slots.front_mut() {
            if first.is_empty() {
                self.spare.extend(self.slots.pop_front());
                (self.first, self.is_sorted) = (self.first + 1, false);
                continue;
            }
            if !self.is_sorted {
                first.sort_unstable_by(|one, other| other.cmp(one));
                self.is_sorted = true;
            }
            return first.last().copied();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher as _;

    use foldhash::quality::FixedState;

    use super::*;

    #[test]
    fn they_are_in_the_order_of_a_heap_however_they_come() {
        let (mut waiting, mut heap) = (Waiting::default(), BinaryHeap::new());
        let (mut asked, mut now) = (0_u64, 0_i64);
        let mut random = |below: u64| {
            asked += 1;
            FixedState::default().hash_one(asked) % below
        };
        for came in 0..200_000_u32 {
            // Mostly near, and at times days away, to and fro.
            let far = match random(1_000) {
                0 => 200_000_000_000,
                1 => -200_000_000_000,
                2..20 => -60_000_000,
                _ => 0,
            };
            now += random(2_000) as i64;
            let start = now + far + random(100_000) as i64;
            waiting.push(start, came, came);
            heap.push(Reverse((start, came)));
            for _ in 0..random(3) {
                let next = heap.pop().map(|Reverse(next)| next);
                assert_eq!(waiting.peek(), next.map(|(start, _)| start));
                assert_eq!(waiting.pop(), next);
            }
            assert_eq!(waiting.len(), heap.len());
        }
        while let Some(Reverse(next)) = heap.pop() {
            assert_eq!(waiting.pop(), Some(next));
        }
        assert_eq!((waiting.pop(), waiting.len()), (None, 0));
    }
}
