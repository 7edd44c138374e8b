//! What is printed: texts, tables of them, and failures with the exit status that scripts see.
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

/// The rows, indented, with each column as wide as its widest cell; the last column takes what room it needs.
///
/// A cell of several lines in the last column goes on below itself.
pub(crate) fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    rows.iter().map(|row| line(row, &widths)).collect()
}

fn line<const N: usize>(row: &[String; N], widths: &[usize; N]) -> String {
    let mut line = String::new();
    for (at, (cell, &width)) in row.iter().zip(widths).enumerate() {
        let indent = format!("\n{}", " ".repeat(line.chars().count() + 2));
        let cell = cell.replace('\n', &indent);
        line += "  ";
        line += &if at + 1 < N { format!("{cell:width$}") } else { cell };
    }
    format!("{}\n", line.trim_end())
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

#[cfg(test)]
mod tests {
    use super::aligned;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a", "bb", "c\nd"], ["aaa", "é", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(aligned(&rows), "  a    bb  c\n           d\n  aaa  é\n");
    }
}
