//! The peers, measured by the harness that measures ours, in the same run.

mod accounts;
#[path = "../../harness/mod.rs"]
mod harness;
#[path = "../../harness/micro.rs"]
mod micro;
mod subjects;

use std::process::ExitCode;

use harness::command::{self, Subjects};
use harness::{ours, stats, task::Task};

fn main() -> ExitCode {
    if accounts::obey() {
        return ExitCode::SUCCESS;
    }
    let names = [ours::SUBJECTS, subjects::SUBJECTS].concat();
    command::obey(Subjects { names: names.leak(), start })
}

fn start(subject: &str, task: Task) -> bool {
    ours::start(subject, task) || subjects::start(subject, task)
}
