//! What the library logs, of all tests of a program.

use std::sync::{Mutex, Once};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
static INSTALLED: Once = Once::new();

struct Journal;

impl log::Log for Journal {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.target().starts_with("timebudget") {
            LINES.lock().unwrap().push(format!("{} {}", record.level(), record.args()));
        }
    }

    fn flush(&self) {}
}

/// Keeps what is logged from now on, a line each that begins with its level.
pub(crate) fn keep() {
    INSTALLED.call_once(|| {
        log::set_logger(&Journal).unwrap();
        log::set_max_level(log::LevelFilter::Info);
    });
}

/// All lines so far, of all tests of this program.
pub(crate) fn lines() -> Vec<String> {
    LINES.lock().unwrap().clone()
}
