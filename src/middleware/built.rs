//! Where a budget was built, and what is suspect about it.

use std::panic::Location;
use std::sync::Once;
use std::sync::atomic::AtomicBool;

use crate::model::Finding;

/// Where a budget was built, and what was suspect about it then.
#[derive(Debug)]
pub(crate) struct Built {
    /// The line that built it.
    pub(crate) at: &'static Location<'static>,
    /// The thread that built it.
    pub(crate) by: Thread,
    /// What only the builder saw.
    pub(crate) warnings: Vec<Finding>,
    /// Whether its rules were loaded from files, whose warnings the loader has told.
    pub(crate) is_loaded: bool,
    pub(crate) told: Once,
    /// Whether it was seen to charge a request twice.
    pub(crate) is_doubled: AtomicBool,
}

/// A thread, by the address of what each has of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Thread(usize);

impl Thread {
    pub(crate) fn current() -> Self {
        thread_local!(static OWN: u8 = const { 0 });
        Self(OWN.with(|own| std::ptr::from_ref(own).addr()))
    }
}

impl Built {
    /// A budget of code.
    pub(crate) fn by_code(at: &'static Location<'static>, warnings: Vec<Finding>) -> Self {
        Self {
            at,
            by: Thread::current(),
            warnings,
            is_loaded: false,
            told: Once::new(),
            is_doubled: AtomicBool::new(false),
        }
    }

    /// A budget of files.
    pub(crate) fn by_files(at: &'static Location<'static>) -> Self {
        Self { is_loaded: true, ..Self::by_code(at, Vec::new()) }
    }
}
