//! What control adds to a request, measured by the harness that measures the library; and what it adds to keep requests for replays.
//!
//! ```text
//! cargo bench -p timebudget-control --bench request -- instructions timebudget timebudget-control timebudget-recording
//! ```

#[path = "../../benches/harness/mod.rs"]
mod harness;

use std::process::ExitCode;
use std::time::Duration;

use actix_web::App;
use harness::command::{self, Subjects};
use harness::ours;
use harness::task::Task;
use harness::traffic::Traffic;
use timebudget::{Component, Engine, Limit, Micros, Period, Rule, Site, TimeBudget};
use timebudget_control::noting::Noting;
use timebudget_control::{Control, Options};

fn main() -> ExitCode {
    let names = [ours::SUBJECTS, &["timebudget-control", RECORDING]].concat();
    command::obey(Subjects { names: names.leak(), start })
}

/// The same where the requests of the last hour are kept.
const RECORDING: &str = "timebudget-recording";
/// In how much memory: it is soon full, so that the oldest are overwritten.
const KEPT: usize = 8 << 20;

fn start(subject: &str, task: Task) -> bool {
    let is_recording = subject == RECORDING;
    if subject != "timebudget-control" && !is_recording {
        return ours::start(subject, task);
    }
    let directory = tempfile::tempdir().expect("a directory of one's own");
    let options = Options::new(format!("sqlite://{}/timebudget.db", directory.path().display()));
    // Callgrind is fifty times slower than a machine.
    let options = options.with_patience(Duration::from_secs(100));
    let options = if is_recording { options.with_recent_requests(KEPT) } else { options };
    let control = actix_web::rt::System::new().block_on(Control::open(options)).expect("a new database");
    let quota = if task.traffic == Traffic::Refused { Micros::ZERO } else { Micros::MAX_QUOTA };
    let hour = Period::hours(1).expect("one is no zero");
    let rules = vec![Rule::new("budget", Component::Ip, vec![Limit::Time { quota, period: hour }])];
    let engine = Engine::in_memory().observe(control.observer());
    let budget = TimeBudget::of_site(Site { rules, ..Site::unlimited("bench") }, engine);
    match is_recording {
        true => task.run(move || {
            let noting = Noting::new(control.recording());
            App::new().wrap(budget.clone()).wrap(noting).service(task.hello())
        }),
        false => task.run(move || App::new().wrap(budget.clone()).service(task.hello())),
    }
    true
}
