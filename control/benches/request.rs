//! What control adds to a request, measured by the harness that measures the library.
//!
//! ```text
//! cargo bench -p timebudget-control --bench request -- instructions timebudget timebudget-control
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
use timebudget_control::{Control, Options};

fn main() -> ExitCode {
    let names = [ours::SUBJECTS, &["timebudget-control"]].concat();
    command::obey(Subjects { names: names.leak(), start })
}

fn start(subject: &str, task: Task) -> bool {
    if subject != "timebudget-control" {
        return ours::start(subject, task);
    }
    let directory = tempfile::tempdir().expect("a directory of one's own");
    let options = Options::new(format!("sqlite://{}/timebudget.db", directory.path().display()));
    // Callgrind is fifty times slower than a machine.
    let options = options.with_patience(Duration::from_secs(100));
    let control = actix_web::rt::System::new().block_on(Control::open(options)).expect("a new database");
    let quota = if task.traffic == Traffic::Refused { Micros::ZERO } else { Micros::MAX_QUOTA };
    let hour = Period::hours(1).expect("one is no zero");
    let rules = vec![Rule::new("budget", Component::Ip, vec![Limit::Time { quota, period: hour }])];
    let engine = Engine::in_memory().observe(control.observer());
    let budget = TimeBudget::of_site(Site { rules, ..Site::unlimited("bench") }, engine);
    task.run(move || App::new().wrap(budget.clone()).service(task.hello()));
    true
}
