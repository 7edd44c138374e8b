//! The alert rules and the dashboard ask for nothing that is not served.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::monitored::Monitored;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(file(name)).unwrap()
}

/// The names of series that a page may have.
fn served() -> BTreeSet<String> {
    let server = Monitored::with_site(r#"{ "rate_limit": "600s per day" }"#, &[]);
    server.server.get("/");
    let page = server.metrics();
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let names = types.flat_map(|(name, kind)| match kind {
        "histogram" => ["_bucket", "_count", "_sum"].map(|end| format!("{name}{end}")).to_vec(),
        _ => vec![name.to_owned()],
    });
    names.collect()
}

/// The names of ours in a text.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    let ours = words.filter(|word| word.starts_with("timebudget_") || word.starts_with("process_"));
    ours.map(str::to_owned).collect()
}

/// Every `expr` of a dashboard's panels and variables.
fn expressions(of: &Value, found: &mut Vec<String>) {
    match of {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| match value.as_str() {
            Some(text) if ["expr", "query", "definition"].contains(&name.as_str()) => {
                found.push(text.to_owned());
            }
            _ => expressions(value, found),
        }),
        Value::Array(values) => values.iter().for_each(|value| expressions(value, found)),
        _ => {}
    }
}

#[test]
fn every_query_names_metrics_that_are_served() {
    let served = served();
    let alerts = text("monitoring/alerts.yml");
    let mut queries = Vec::new();
    expressions(&serde_json::from_str(&text("monitoring/dashboard.json")).unwrap(), &mut queries);
    assert!(queries.len() >= 8, "{queries:?}");
    queries.extend(alerts.lines().filter_map(|line| line.trim().strip_prefix("expr:")).map(str::to_owned));
    for query in &queries {
        let asked = names(query);
        assert!(!asked.is_empty() || query == "prometheus", "{query} asks for nothing of ours");
        let unknown: Vec<_> = asked.difference(&served).collect();
        assert!(unknown.is_empty(), "{query}: {unknown:?} in {served:?}");
    }
}

#[test]
fn the_page_about_metrics_names_all_that_are_served_and_no_others() {
    let page = text("monitoring.md");
    let of_metrics = page.split("\n## ").find(|section| section.starts_with("Metrics\n"));
    let lines = of_metrics.expect("the section about metrics").lines();
    let table = lines.filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let told: BTreeSet<_> = table.map(|(name, _)| name.to_owned()).collect();
    let base = |name: &String| match name.rsplit_once('_') {
        Some((base, "bucket" | "count" | "sum")) => base.to_owned(),
        _ => name.clone(),
    };
    assert_eq!(told, served().iter().map(base).collect());
}

#[test]
fn the_alert_rules_are_those_of_prometheus() {
    let output =
        Command::new("promtool").args(["check", "rules"]).arg(file("monitoring/alerts.yml")).output();
    let output = output.expect("promtool, of the package prometheus");
    let told =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("SUCCESS"), "{told}");
}

#[test]
fn the_alerts_fire_as_they_say() {
    let output =
        Command::new("promtool").args(["test", "rules"]).arg(file("monitoring/alerts_test.yml")).output();
    let output = output.expect("promtool, of the package prometheus");
    let told =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("SUCCESS"), "{told}");
}

#[test]
fn prometheus_finds_no_fault_with_the_page() {
    let server = Monitored::with_site(r#"{ "rate_limit": "600s per day" }"#, &[]);
    server.server.get("/");
    let page = server.metrics();
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("promtool, of the package prometheus");
    std::io::Write::write_all(&mut promtool.stdin.take().unwrap(), page.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{page}", String::from_utf8_lossy(&output.stderr));
}
