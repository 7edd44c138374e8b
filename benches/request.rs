//! What a limiter adds to a request: in instructions and, under load, in CPU time and wall time.

mod harness;

use std::process::ExitCode;

use harness::{command, ours};

fn main() -> ExitCode {
    command::obey(command::Subjects { names: ours::SUBJECTS, start: ours::start })
}
