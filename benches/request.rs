//! What a limiter adds to a request: in instructions and, under load, in CPU time and wall time.
//!
//! `-- check` compares the instructions with the figures in `instructions.txt`; `-- rewrite` writes those.

#[path = "harness/figures.rs"]
mod figures;
mod harness;

use std::process::ExitCode;

use harness::{command, instructions, ours, traffic};

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("check") => figures::check(),
        Some("rewrite") => figures::rewrite(),
        _ => command::obey(command::Subjects { names: ours::SUBJECTS, start: ours::start }),
    }
}
