//! The request that this thread is working on.
//!
//! A worker polls one handler at a time. So what runs inside of a handler's poll, be it the handler or another budget,
//! finds its request here; a place among the request's own extensions would cost each request several hundred
//! instructions, and few ask.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::rc::Rc;

use crate::middleware::running::Running;

thread_local! {
    /// Without a destructor, for which each access would ask whether it is registered. It is empty whenever nothing is
    /// worked on, so that there is nothing to drop when the thread ends.
    static CURRENT: Cell<Option<ManuallyDrop<Rc<Running>>>> = const { Cell::new(None) };
}

/// Works on a request, and then goes back to the one that was worked on before, also if the work panics.
#[inline]
pub(super) fn during<T>(running: &Rc<Running>, work: impl FnOnce() -> T) -> T {
    let _before = Before(replace(Some(Rc::clone(running))));
    work()
}

/// The request that is worked on: the innermost one, where budgets are nested.
#[inline]
pub(super) fn current() -> Option<Rc<Running>> {
    let running = replace(None);
    let found = running.clone();
    replace(running);
    found
}

#[inline]
fn replace(running: Option<Rc<Running>>) -> Option<Rc<Running>> {
    CURRENT.replace(running.map(ManuallyDrop::new)).map(ManuallyDrop::into_inner)
}

struct Before(Option<Rc<Running>>);

impl Drop for Before {
    fn drop(&mut self) {
        drop(replace(self.0.take()));
    }
}
