//! What is no longer in force: freed where nobody waits for it, once nobody looks at it.
//!
//! Thousands of limiters take milliseconds to free. Whoever puts others in force does not wait for that, and no worker does it within a
//! request: what it looked at is kept until it has looked at what came after.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

/// What somebody may still look at.
pub(crate) type Old = Arc<dyn Any + Send + Sync>;

/// How often it is looked whether somebody does.
const EVERY: Duration = Duration::from_millis(20);

/// For how many rounds what somebody looks at is kept, ten seconds: a worker that nobody asks anything never looks again.
const PATIENCE: u32 = 500;

/// How much is kept at most, however fast one change follows another.
const MOST: usize = 6;

static RETIRED: Mutex<Retired> = Mutex::new(Retired::new());

/// Frees something soon.
pub(crate) fn retire(old: Old) {
    let mut retired = RETIRED.lock();
    let without_room = retired.keep(old);
    let needs_thread = !std::mem::replace(&mut retired.has_thread, true);
    drop(retired);
    drop(without_room);
    let begun = || thread::Builder::new().name("timebudget-free".to_owned()).spawn(free);
    if needs_thread && begun().is_err() {
        // Then it waits for whoever retires something next.
        RETIRED.lock().has_thread = false;
    }
}

/// Frees at once what nobody looks at: an engine ends with the last of its limiters, and saves its store then.
pub(crate) fn free_unseen() {
    let unseen = RETIRED.lock().round();
    drop(unseen);
}

/// Goes on while there is something; what comes after that has another thread.
fn free() {
    loop {
        let mut retired = RETIRED.lock();
        let unseen = retired.round();
        if unseen.is_empty() && retired.waiting.is_empty() {
            retired.has_thread = false;
            return;
        }
        drop(retired);
        drop(unseen);
        thread::sleep(EVERY);
    }
}

struct Retired {
    /// Each with the rounds that it has waited.
    waiting: VecDeque<(Old, u32)>,
    has_thread: bool,
}

impl Retired {
    const fn new() -> Self {
        Self { waiting: VecDeque::new(), has_thread: false }
    }

    /// Keeps something, and returns what there is no room for any more.
    fn keep(&mut self, old: Old) -> Option<Old> {
        self.waiting.push_back((old, 0));
        if self.waiting.len() > MOST { self.waiting.pop_front().map(|(oldest, _)| oldest) } else { None }
    }

    /// Takes out what nobody looks at, and what somebody has looked at for too long.
    fn round(&mut self) -> Vec<Old> {
        let waiting = std::mem::take(&mut self.waiting).into_iter().map(|(old, rounds)| (old, rounds + 1));
        let (ended, waiting): (VecDeque<_>, _) =
            waiting.partition(|(old, rounds)| Arc::strong_count(old) == 1 || *rounds > PATIENCE);
        self.waiting = waiting;
        ended.into_iter().map(|(old, _)| old).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_looks_at_is_freed_once_nobody_does_and_not_by_him() {
        let (mut retired, old) = (Retired::new(), Arc::new("old"));
        assert!(retired.keep(Arc::clone(&old) as Old).is_none());
        assert!(retired.round().is_empty());
        let looking = Arc::downgrade(&old);
        drop(old);
        assert!(looking.upgrade().is_some(), "it is still kept");
        drop(retired.round());
        assert!(looking.upgrade().is_none() && retired.waiting.is_empty());
    }

    #[test]
    fn nothing_is_kept_for_ever_and_of_many_the_oldest_go_first() {
        let mut retired = Retired::new();
        let old: Vec<_> = (0..=MOST).map(Arc::new).collect();
        let without_room: Vec<_> =
            old.iter().filter_map(|old| retired.keep(Arc::clone(old) as Old)).collect();
        assert_eq!(without_room.len(), 1);
        assert_eq!(without_room[0].downcast_ref(), Some(&0_usize));
        (0..PATIENCE).for_each(|_| assert!(retired.round().is_empty()));
        assert_eq!(retired.round().len(), MOST);
    }
}
