//! The bare app and ours: the one place where the library plugs into the harness.

use actix_web::App;
use timebudget::{
    Component, Condition, Engine, HeaderPolicy, Limit, Method, Micros, Period, Rule, Site, Text, TimeBudget,
};

#[path = "../../examples/observer/counts.rs"]
mod counts;

use self::counts::Counts;
use super::task::Task;
use super::traffic::Traffic;

/// The subjects of this file, the bare apps first.
pub(crate) const SUBJECTS: &[&str] = &[
    "bare",
    "bare-paths",
    "timebudget",
    "timebudget-no-headers",
    "timebudget-paths",
    "timebudget-rules",
    "timebudget-observed",
];

/// Runs the task with a subject of this file; `false` if it has none of that name.
pub(crate) fn start(subject: &str, task: Task) -> bool {
    let silent = HeaderPolicy { enabled: false, ..HeaderPolicy::default() };
    match subject {
        "bare" | "bare-paths" => task.run(move || App::new().service(task.hello())),
        "timebudget" | "timebudget-paths" => limited(task, one_rule(task.traffic), HeaderPolicy::default()),
        "timebudget-no-headers" => limited(task, one_rule(task.traffic), silent),
        "timebudget-observed" => {
            let rules = one_rule(task.traffic);
            serve(task, rules, HeaderPolicy::default(), Engine::in_memory().observe(Counts::default()));
        }
        "timebudget-rules" => limited(task, five_rules(task.traffic), HeaderPolicy::default()),
        _ => return false,
    }
    true
}

/// Serves behind these rules.
fn limited(task: Task, rules: Vec<Rule>, headers: HeaderPolicy) {
    serve(task, rules, headers, Engine::in_memory());
}

fn serve(task: Task, rules: Vec<Rule>, headers: HeaderPolicy, engine: Engine) {
    let site = Site { rules, headers, ..Site::unlimited("bench") };
    let budget = TimeBudget::of_site(site, engine);
    task.run(move || App::new().wrap(budget.clone()).service(task.hello()));
}

/// A time limit by the client's address, in windows of an hour.
fn one_rule(traffic: Traffic) -> Vec<Rule> {
    let quota = if traffic == Traffic::Refused { Micros::ZERO } else { Micros::MAX_QUOTA };
    vec![Rule::new("budget", Component::Ip, vec![time(quota)])]
}

/// Two rules that every request meets, time by site and requests by address, among three that none does. Those are told
/// apart by path, folder and method, as rules mostly are; it is the second of the two that refuses.
fn five_rules(traffic: Traffic) -> Vec<Rule> {
    let many = u64::from(u32::MAX);
    let quota = if traffic == Traffic::Refused { 0 } else { many };
    let of_folder = |name, folder: &str, limit| Rule {
        when: Condition::Path(Text::Below(folder.to_owned())),
        ..Rule::new(name, Component::Ip, vec![limit])
    };
    let post = Method::new("POST").expect("a method's name");
    vec![
        of_folder("login", "/login", requests(10)),
        Rule::new("site", Component::Site, vec![time(Micros::MAX_QUOTA)]),
        Rule {
            when: Condition::Method(vec![post]),
            ..Rule::new("writes", Component::Ip, vec![requests(100)])
        },
        of_folder("reports", "/reports", time(Micros::from_secs(60))),
        Rule::new("address", Component::Ip, vec![requests(quota)]),
    ]
}

fn time(quota: Micros) -> Limit {
    Limit::Time { quota, period: hour() }
}

fn requests(quota: u64) -> Limit {
    Limit::Requests { quota, period: hour() }
}

fn hour() -> Period {
    Period::hours(1).expect("one is no zero")
}
