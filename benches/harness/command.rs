//! The command line that every request benchmark has.

use std::process::ExitCode;

use super::target::Target;
use super::task::{Job, Task};
use super::traffic::Traffic;
use super::{instructions, load};

const USAGE: &str = "instructions [SUBJECT…] | load [SUBJECT…]   (SLICES=N: so many slices a measurement)";

/// All subjects of a benchmark and how to start one.
#[derive(Clone, Copy)]
pub(crate) struct Subjects {
    /// Their names, `bare` first.
    pub(crate) names: &'static [&'static str],
    /// Runs a task with the subject of that name, or returns `false`.
    pub(crate) start: fn(&str, Task) -> bool,
}

/// Obeys the command line.
///
/// `push` and `serve` are what a measurement's child processes are started with.
pub(crate) fn obey(subjects: Subjects) -> ExitCode {
    // `cargo bench` adds `--bench` to what it is given.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["instructions", ref chosen @ ..] => instructions::print(&choose(subjects, chosen)),
        ["load", ref chosen @ ..] => load::print(&choose(subjects, chosen)),
        ["push", subject, traffic, requests] => {
            let requests = requests.parse().expect("a number of requests");
            return start(subjects, subject, traffic, Job::Push(requests));
        }
        ["serve", subject, traffic] => return start(subjects, subject, traffic, Job::Serve),
        _ => {
            eprintln!("usage: {USAGE}\nsubjects: {}", subjects.names.join(" "));
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// The chosen subjects, or all; never a bare app, which every measurement includes.
fn choose<'a>(subjects: Subjects, chosen: &[&'a str]) -> Vec<&'a str> {
    let all = if chosen.is_empty() { subjects.names } else { chosen };
    all.iter().copied().filter(|name| !name.starts_with("bare")).collect()
}

fn start(subjects: Subjects, subject: &str, traffic: &str, job: Job) -> ExitCode {
    let traffic: Traffic = traffic.parse().expect("a kind of traffic");
    let task = Task { job, traffic, target: Target::of(subject), status: traffic.status(subject) };
    if (subjects.start)(subject, task) {
        return ExitCode::SUCCESS;
    }
    eprintln!("{subject:?}: no such subject; expected {}", subjects.names.join(", "));
    ExitCode::from(2)
}
