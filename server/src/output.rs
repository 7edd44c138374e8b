//! What is printed: texts, and failures with the exit status that scripts see.
//!
//! `println!` would panic where a reader has gone away, as `head` does after its lines.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

/// Prints a text, which ends its own lines; that nobody reads it is no failure.
pub(crate) fn to_stdout(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Prints a text to standard error; that nobody reads it is no failure.
pub(crate) fn to_stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// The exit status where the machine is at fault: a port in use, a signal that cannot be listened for.
const SYSTEM: u8 = 1;

/// The exit status where arguments or files are wrong, as clap has it for arguments.
const WRONG: u8 = 2;

/// Why the program ends early: a text for people and an exit status for scripts.
#[derive(Debug)]
pub(crate) struct Failure {
    status: u8,
    text: String,
}

impl Failure {
    /// The machine could not do what was asked.
    pub(crate) fn system(text: impl fmt::Display) -> Self {
        Self { status: SYSTEM, text: text.to_string() }
    }

    /// What was asked, or a file that was named, is wrong.
    pub(crate) fn wrong(text: impl fmt::Display) -> Self {
        Self { status: WRONG, text: text.to_string() }
    }

    /// What it says.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Prints the text and returns the exit status.
    pub(crate) fn report(&self) -> ExitCode {
        to_stderr(&format!("{}\n", self.text));
        ExitCode::from(self.status)
    }
}
