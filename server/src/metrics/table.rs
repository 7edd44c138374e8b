//! A table of counters by number, in which nobody waits for anybody to find a line.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};

use parking_lot::Mutex;

/// Lines of counters, each by a number and with a name; `S` slots, a power of two.
///
/// As many lines as it was made for, at most half of the slots: what comes later is counted together.
pub(crate) struct Table<L, N, const S: usize> {
    slots: Box<[Slot<L>]>,
    /// The names of lines, by their slots.
    names: Mutex<Vec<(usize, Arc<N>)>>,
    /// How many lines have names of their own at most.
    most: usize,
    /// Where the rest is counted.
    other: L,
}

#[derive(Default)]
struct Slot<L> {
    /// The number; 0 in a slot without a line.
    number: AtomicU64,
    line: L,
}

impl<L: Default, N, const S: usize> Table<L, N, S> {
    pub(crate) fn new(most: usize) -> Self {
        const { assert!(S.is_power_of_two()) };
        Self {
            slots: (0..S).map(|_| Slot::default()).collect(),
            names: Mutex::default(),
            most: most.min(S / 2),
            other: L::default(),
        }
    }

    /// The line of a number, which mostly is found where it is first looked for; `name` is asked for when it is new.
    #[inline]
    pub(crate) fn line(&self, number: u64, name: impl FnOnce() -> N) -> &L {
        // 0 stands for no line: that number shares one with 1.
        let number = number.max(1);
        let slot = &self.slots[number as usize % S];
        if slot.number.load(Acquire) == number { &slot.line } else { self.other_line(number, name) }
    }

    #[cold]
    fn other_line(&self, number: u64, name: impl FnOnce() -> N) -> &L {
        match self.find(number) {
            Ok(found) => found,
            Err(_) => self.add(number, name),
        }
    }

    /// The line of a number, or the slot that it would have.
    fn find(&self, number: u64) -> Result<&L, usize> {
        for step in 0..S {
            let at = (number as usize).wrapping_add(step) % S;
            match self.slots[at].number.load(Acquire) {
                found if found == number => return Ok(&self.slots[at].line),
                0 => return Err(at),
                _ => {}
            }
        }
        Ok(&self.other)
    }

    fn add(&self, number: u64, name: impl FnOnce() -> N) -> &L {
        let name = name();
        let mut names = self.names.lock();
        match self.find(number) {
            // Somebody else has added it meanwhile.
            Ok(found) => found,
            Err(_) if names.len() >= self.most => &self.other,
            Err(at) => {
                names.push((at, Arc::new(name)));
                self.slots[at].number.store(number, Release);
                &self.slots[at].line
            }
        }
    }

    /// Every line that has a name, and at last, without one, the rest.
    pub(crate) fn each(&self, mut look: impl FnMut(Option<&N>, &L)) {
        // Who meets a new number waits for the lock: it is not held while names are looked at.
        let names = self.names.lock().clone();
        for (at, name) in names {
            look(Some(&name), &self.slots[at].line);
        }
        look(None, &self.other);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;

    type Counts = Table<AtomicU64, String, 8>;

    fn told(counts: &Counts) -> Vec<(Option<String>, u64)> {
        let mut told = Vec::new();
        counts.each(|name, count| told.push((name.cloned(), count.load(Relaxed))));
        told
    }

    fn count(counts: &Counts, number: u64) {
        counts.line(number, || number.to_string()).fetch_add(1, Relaxed);
    }

    #[test]
    fn numbers_that_meet_in_one_slot_are_told_apart() {
        let counts = Counts::new(4);
        [3, 11, 3, 19].iter().for_each(|number| count(&counts, *number));
        let named = |number: u64, count| (Some(number.to_string()), count);
        assert_eq!(told(&counts), [named(3, 2), named(11, 1), named(19, 1), (None, 0)]);
    }

    #[test]
    fn what_has_no_room_is_counted_together() {
        let counts = Counts::new(2);
        (1..=5).for_each(|number| count(&counts, number));
        count(&counts, 1);
        assert_eq!(told(&counts), [(Some("1".into()), 2), (Some("2".into()), 1), (None, 3)]);
    }

    #[test]
    fn threads_that_meet_a_number_at_once_count_on_one_line() {
        let counts = Counts::new(4);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1_000).for_each(|at| count(&counts, at % 4 + 1)));
            }
        });
        let mut told = told(&counts);
        told.sort();
        assert_eq!(told.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [0, 1_000, 1_000, 1_000, 1_000]);
    }
}
