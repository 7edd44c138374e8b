//! Instructions per request by callgrind: what a subject adds to the bare app, the same on every machine.

use std::process::Command;

use super::target::Target;
use super::traffic::Traffic;

/// The two lengths of a run; the slope between them has no fixed costs in it.
const FEW: u64 = 10_000;
const MANY: u64 = 40_000;

/// What a subject adds to the bare app that is asked for the same.
pub(crate) struct Row {
    pub(crate) subject: String,
    /// With each kind of traffic; none where the bare app does what the subject never comes to: a refused request is not routed,
    /// and to route one among patterns takes longer than to refuse it.
    pub(crate) added: [Option<f64>; 3],
    /// The bare app's own.
    pub(crate) bare: f64,
}

/// Prints the table: for each subject and kind of traffic, instructions per request less the bare app's.
pub(crate) fn print(subjects: &[&str]) {
    println!("instructions that a request adds to the bare app's (callgrind, in process)\n");
    println!("| subject | one account | every request a new one | refused | the bare app's |");
    println!("|---|---:|---:|---:|---:|");
    for Row { subject, added, bare } in rows(subjects) {
        let [one, many, refused] = added.map(figure);
        println!("| {subject} | {one} | {many} | {refused} | {bare:.0} |");
    }
}

/// Measures these subjects.
pub(crate) fn rows(subjects: &[&str]) -> Vec<Row> {
    let mut bares = Bares::default();
    let row = |subject: &&str| {
        let target = Target::of(subject);
        let bare = bares.per_request(target);
        let makes_sense = |traffic| traffic != Traffic::Refused || target == Target::Page;
        let added =
            Traffic::ALL.map(|traffic| makes_sense(traffic).then(|| per_request(subject, traffic) - bare));
        Row { subject: (*subject).to_owned(), added, bare }
    };
    subjects.iter().map(row).collect()
}

/// A figure as tables show it.
pub(crate) fn figure(figure: Option<f64>) -> String {
    figure.map_or_else(|| "–".to_owned(), |figure| format!("{figure:.0}"))
}

/// The bare apps that have been measured, each once.
#[derive(Default)]
struct Bares(Vec<(Target, f64)>);

impl Bares {
    fn per_request(&mut self, target: Target) -> f64 {
        if let Some((_, known)) = self.0.iter().find(|(measured, _)| *measured == target) {
            return *known;
        }
        let measured = per_request(target.bare(), Traffic::One);
        self.0.push((target, measured));
        measured
    }
}

fn per_request(subject: &str, traffic: Traffic) -> f64 {
    let [few, many] = [FEW, MANY].map(|requests| collect(subject, traffic, requests));
    (many - few) as f64 / (MANY - FEW) as f64
}

/// The instructions that so many requests take.
///
/// Only the loop is collected: calibrating a time-stamp counter spins for a span of *time*, so start-up takes
/// another number of instructions in each run.
fn collect(subject: &str, traffic: Traffic, requests: u64) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args(["--collect-atstart=no", "--toggle-collect=*task*collected*"])
        .arg(std::env::current_exe().expect("a process knows its program"))
        .args(["push", subject, &traffic.to_string(), &requests.to_string()])
        .output()
        .expect("valgrind is installed");
    let report = String::from_utf8_lossy(&output.stderr);
    collected(&report).unwrap_or_else(|| panic!("{subject}, {traffic}: callgrind failed:\n{report}"))
}

/// The figure in callgrind's line `==1234== Collected : 5678`.
fn collected(report: &str) -> Option<u64> {
    let line = report.lines().find(|line| line.contains("Collected :"))?;
    line.rsplit(' ').next()?.parse().ok().filter(|figure| *figure > 0)
}
