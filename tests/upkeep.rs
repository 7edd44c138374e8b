//! One thread keeps all engines of a process.

#![cfg(target_os = "linux")]

use std::fs;
use std::thread;
use std::time::Duration;

use timebudget::Engine;

/// How many threads of this process keep engines.
fn threads() -> usize {
    let all = fs::read_dir("/proc/self/task").expect("Linux tells").flatten();
    let names = all.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with("timebudget-tid")).count()
}

fn wait_for_threads(count: usize) {
    while threads() != count {
        thread::sleep(Duration::from_millis(10));
    }
}

/// A thing of each engine's own: a hundred budgets in tests were a hundred threads.
#[test]
fn many_engines_have_one_thread_which_goes_with_the_last_of_them_and_comes_again() {
    assert_eq!(threads(), 0);
    for _ in 0..2 {
        let engines: Vec<_> = (0..100).map(|_| Engine::in_memory()).collect();
        wait_for_threads(1);
        let one = engines[0].clone();
        drop(engines);
        assert_eq!((threads(), one == one.clone()), (1, true));
        drop(one);
        wait_for_threads(0);
    }
}
