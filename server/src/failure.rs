//! Failures: what to tell the operator, and the exit status.

use std::fmt;
use std::process::ExitCode;

use crate::output;

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

    /// Prints the text and returns the exit status.
    pub(crate) fn report(&self) -> ExitCode {
        output::to_stderr(&format!("{}\n", self.text));
        ExitCode::from(self.status)
    }
}
