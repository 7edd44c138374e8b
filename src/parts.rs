//! Long lists in parts, which several threads work on at once.
//!
//! It is for what somebody waits for and is all arithmetic: what is right about three thousand sites, and the limiters of them.

use std::iter;
use std::panic;
use std::thread;

/// How many items a part has at least: a thread takes as long to begin as some of them take.
const LEAST: usize = 128;
/// How many parts there are at most, so that a large machine goes on serving meanwhile.
const MOST: usize = 8;

/// What becomes of each part of a list, in the order of the list; the parts together are the list.
///
/// The first part is this thread's. A short list is all of it, and so is any on a machine with one core.
pub(crate) fn in_parts<'a, T: Sync, R: Send>(items: &'a [T], work: impl Fn(&'a [T]) -> R + Sync) -> Vec<R> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    in_so_many(items, cores.min(MOST).min(items.len() / LEAST), work)
}

fn in_so_many<'a, T: Sync, R: Send>(
    items: &'a [T],
    parts: usize,
    work: impl Fn(&'a [T]) -> R + Sync,
) -> Vec<R> {
    if parts < 2 || items.is_empty() {
        return vec![work(items)];
    }
    let (own, others) = items.split_at(items.len().div_ceil(parts));
    let work = &work;
    thread::scope(|scope| {
        let spawn = |part| {
            let named = thread::Builder::new().name("timebudget-part".to_owned());
            (part, named.spawn_scoped(scope, move || work(part)))
        };
        let others: Vec<_> = others.chunks(own.len()).map(spawn).collect();
        let done = |(part, thread): (_, Result<thread::ScopedJoinHandle<'_, R>, _>)| match thread {
            Ok(thread) => thread.join().unwrap_or_else(|panic| panic::resume_unwind(panic)),
            // The system has no thread to give.
            Err(_) => work(part),
        };
        iter::once(work(own)).chain(others.into_iter().map(done)).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_the_list_in_its_order_however_many_there_are() {
        for count in [0, 1, 2, 7, 100, 1_001] {
            let items: Vec<_> = (0..count).collect();
            for parts in [0, 1, 2, 3, 8, 2_000] {
                let done = in_so_many(&items, parts, <[usize]>::to_vec);
                assert!(done.len() <= parts.max(1) && done.concat() == items, "{count} in {parts}");
            }
        }
    }

    #[test]
    fn several_threads_work_where_there_are_several_parts() {
        let threads = in_so_many(&[0; 4], 4, |_| thread::current().id());
        assert_eq!(threads.iter().collect::<std::collections::HashSet<_>>().len(), 4);
        assert_eq!(threads[0], thread::current().id());
    }

    #[test]
    #[should_panic(expected = "the third")]
    fn a_panic_of_one_is_everybodys() {
        in_so_many(&[1, 2, 3], 3, |part| assert_ne!(part, [3], "the third"));
    }
}
