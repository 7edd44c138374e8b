//! What is printed.
//!
//! `println!` would panic where a reader has gone away, as `head` does after its lines.

use std::io::{self, Write};

/// Prints a text, which ends its own lines; that nobody reads it is no failure.
pub(crate) fn to_stdout(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Prints a text to standard error; that nobody reads it is no failure.
pub(crate) fn to_stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
