//! Upkeep: the one thread of a process that keeps the stores of all engines tidy, and saves them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

use crate::limiter::engine::Shared;

/// How often windows that have ended are looked for.
const TIDY_EVERY: Duration = Duration::from_secs(1);

/// How often the store writes down what is to outlive the process, in rounds of tidying: what a crash loses at most.
const SAVE_EVERY: u32 = 10;

/// The engines that are to be kept, but for those of the round that goes on.
static KEPT: Mutex<Kept> = Mutex::new(Kept { engines: Vec::new(), has_thread: false });

struct Kept {
    engines: Vec<Keeping>,
    has_thread: bool,
}

/// An engine, and how far its upkeep has come.
struct Keeping {
    engine: Weak<Shared>,
    round: u32,
    was_saved: bool,
}

/// Keeps an engine until it ends.
pub(crate) fn begin(engine: &Arc<Shared>) {
    let mut kept = KEPT.lock();
    kept.engines.push(Keeping { engine: Arc::downgrade(engine), round: 0, was_saved: true });
    if kept.has_thread {
        return;
    }
    match thread::Builder::new().name("timebudget-tidy".into()).spawn(keep_tidy) {
        Ok(_) => kept.has_thread = true,
        Err(error) => log::warn!(
            "no thread to free ended windows with ({error}); they are freed when next used, and saved at the end"
        ),
    }
}

/// Goes on while there is an engine; the next one after that has another thread.
fn keep_tidy() {
    loop {
        thread::sleep(TIDY_EVERY);
        let mut engines = std::mem::take(&mut KEPT.lock().engines);
        // Without the lock: an engine that is made meanwhile does not wait for a slow disk.
        engines.retain_mut(Keeping::keep);
        let mut kept = KEPT.lock();
        kept.engines.append(&mut engines);
        if kept.engines.is_empty() {
            kept.has_thread = false;
            return;
        }
    }
}

impl Keeping {
    /// Goes a round, and says whether the engine is still there. One whose store panics does not take others along.
    fn keep(&mut self) -> bool {
        let Some(engine) = self.engine.upgrade() else { return false };
        let kept = catch_unwind(AssertUnwindSafe(|| self.go_round(&engine)));
        if kept.is_err() {
            log::error!("a store has panicked while it was tidied; it is tried again in a second");
        }
        true
    }

    /// Saves in the first round, too, so that a place that cannot be written to is known at once.
    fn go_round(&mut self, engine: &Shared) {
        let round = self.round;
        self.round = (round + 1) % SAVE_EVERY;
        engine.store.tidy(engine.clock.now());
        if round == 0 {
            self.save_and_tell(engine);
        }
    }

    /// Says once that accounts cannot be saved, and once that they can again.
    fn save_and_tell(&mut self, engine: &Shared) {
        let saved = engine.save();
        match &saved {
            Err(fault) if self.was_saved => log::error!("{fault}; tried again every {SAVE_EVERY} s"),
            Ok(()) if !self.was_saved => log::info!("accounts are saved again"),
            _ => {}
        }
        self.was_saved = saved.is_ok();
    }
}
