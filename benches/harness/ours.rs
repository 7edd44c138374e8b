//! The bare app and ours: the one place where the library plugs into the harness.

use actix_web::App;
use timebudget::{Component, Engine, HeaderPolicy, Limit, Micros, Period, Rule, Site, TimeBudget};

use super::task::{Task, hello};
use super::traffic::Traffic;

/// The subjects of this file, the bare app first.
pub(crate) const SUBJECTS: &[&str] = &["bare", "timebudget", "timebudget-no-headers"];

/// Runs the task with a subject of this file; `false` if it has none of that name.
pub(crate) fn start(subject: &str, task: Task) -> bool {
    match subject {
        "bare" => task.run(|| App::new().service(hello())),
        "timebudget" => limited(task, HeaderPolicy::default()),
        "timebudget-no-headers" => limited(task, HeaderPolicy { enabled: false, ..HeaderPolicy::default() }),
        _ => return false,
    }
    true
}

/// A time limit by the client's address, in windows of an hour.
fn limited(task: Task, headers: HeaderPolicy) {
    let quota = if task.traffic == Traffic::Refused { Micros::ZERO } else { Micros::MAX_QUOTA };
    let period = Period::hours(1).expect("one is no zero");
    let rule = Rule::new("budget", Component::Ip, vec![Limit::Time { quota, period }]);
    let site = Site { rules: vec![rule], headers, ..Site::unlimited("bench") };
    let budget = TimeBudget::of_site(site, Engine::in_memory());
    task.run(move || App::new().wrap(budget.clone()).service(hello()));
}
