//! The request that this thread is working on.
//!
//! A worker polls one handler at a time. So what runs inside of a handler's poll, be it the handler or another budget,
//! finds its request here; a place among the request's own extensions would cost each request several hundred
//! instructions, and few ask.

use std::cell::Cell;
use std::rc::Rc;

use crate::middleware::running::Running;

thread_local! {
    static CURRENT: Cell<Option<Rc<Running>>> = const { Cell::new(None) };
}

/// Works on a request, and then goes back to the one that was worked on before, also if the work panics.
pub(super) fn during<T>(running: &Rc<Running>, work: impl FnOnce() -> T) -> T {
    let _before = Before(CURRENT.replace(Some(Rc::clone(running))));
    work()
}

/// The request that is worked on: the innermost one, where budgets are nested.
pub(super) fn current() -> Option<Rc<Running>> {
    let running = CURRENT.take();
    CURRENT.set(running.clone());
    running
}

struct Before(Option<Rc<Running>>);

impl Drop for Before {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}
