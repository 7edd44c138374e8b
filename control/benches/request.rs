//! What control adds to a request, measured by the harness that measures the library.
//!
//! ```text
//! cargo bench -p timebudget-control --bench request -- instructions timebudget timebudget-control
//! ```

#[path = "../../benches/harness/mod.rs"]
mod harness;

use std::process::ExitCode;
use std::sync::Arc;

use actix_web::App;
use harness::command::{self, Subjects};
use harness::task::Task;
use harness::traffic::Traffic;
use harness::{ours, stats as _};
use timebudget::{Component, Engine, Limit, Micros, Period, Rule, Site, TimeBudget};

fn main() -> ExitCode {
    let names = [ours::SUBJECTS, &["timebudget-control"]].concat();
    command::obey(Subjects { names: names.leak(), start })
}

fn start(subject: &str, task: Task) -> bool {
    if subject != "timebudget-control" {
        return ours::start(subject, task);
    }
    let quota = if task.traffic == Traffic::Refused { Micros::ZERO } else { Micros::MAX_QUOTA };
    let hour = Period::hours(1).expect("one is no zero");
    let rules = vec![Rule::new("budget", Component::Ip, vec![Limit::Time { quota, period: hour }])];
    let recorder = Arc::new(timebudget_control::live::recorder::Recorder::new(|| {}));
    let engine = Engine::in_memory().observe(Arc::clone(&recorder));
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(std::time::Duration::from_millis(200));
            drop(recorder.take());
        }
    });
    let budget = TimeBudget::of_site(Site { rules, ..Site::unlimited("bench") }, engine);
    task.run(move || App::new().wrap(budget.clone()).service(task.hello()));
    true
}
