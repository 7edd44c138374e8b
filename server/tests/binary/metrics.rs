//! What the page of metrics says of traffic.

use std::collections::BTreeMap;

use crate::monitored::Monitored;
use crate::scratch::Scratch;

const RULES: &str = r#"{ "rate_limit_exempt": { "path": "/health" }, "rate_limit_rules": [
    { "name": "whole", "key": "site", "limits": "600s per day" },
    { "name": "export", "when": { "path": "/export" }, "limits": "1 per day" },
    { "name": "trial", "when": { "path": "/trial" }, "limits": "1 per day", "shadow": true } ] }"#;

#[test]
fn requests_refusals_and_time_are_counted_by_site_and_rule() {
    let server = Monitored::with_site(RULES, &[]);
    let statuses = ["/a?ms=20", "/export", "/export", "/trial", "/trial", "/health"];
    let statuses = statuses.map(|path| server.server.get(path).status);
    assert_eq!(statuses, [200, 200, 429, 200, 200, 200]);
    let of = |metric: &str, rule: &str| {
        server.value(&format!("timebudget_{metric}{{site=\"*\",rule=\"{rule}\"}}"))
    };
    assert_eq!(of("requests_total", "whole"), 4.0);
    assert_eq!((of("requests_total", "export"), of("refusals_total", "export")), (1.0, 1.0));
    assert_eq!((of("refusals_total", "trial"), of("shadow_refusals_total", "trial")), (0.0, 1.0));
    let charged = of("charged_seconds_total", "whole");
    assert!((0.02..60.0).contains(&charged), "{charged}");
    let window = |what: &str| {
        server.value(&format!("timebudget_window_{what}{{site=\"*\",rule=\"whole\",period=\"day\"}}"))
    };
    assert_eq!(window("quota_seconds"), 600.0);
    assert!((window("spent_seconds") - charged).abs() < 0.001);
    let reset = window("reset_seconds");
    assert!((1.0..=90_000.0).contains(&reset), "{reset}");
    let route = |what: &str| format!("timebudget_request_seconds_{what}{{site=\"*\",route=\"GET\"}}");
    assert_eq!(server.value(&route("count")), 4.0);
    let bucket =
        |le: &str| format!("timebudget_request_seconds_bucket{{site=\"*\",route=\"GET\",le=\"{le}\"}}");
    assert_eq!(server.value(&bucket("+Inf")), 4.0);
    assert!(server.value(&bucket("0.01")) <= 3.0);
}

#[test]
fn responses_are_counted_by_site_and_class_of_status_exempt_ones_too() {
    let server = Monitored::with_site(RULES, &[]);
    for path in ["/a", "/export", "/export", "/health", "/?status=503"] {
        server.server.get(path);
    }
    let of =
        |status: &str| server.value(&format!("timebudget_responses_total{{site=\"*\",status=\"{status}\"}}"));
    assert_eq!(["2xx", "4xx", "5xx"].map(of), [3.0, 1.0, 1.0]);
    assert_eq!(of("3xx"), 0.0, "told before there is any");
}

#[test]
fn no_client_is_in_any_label() {
    let server = Monitored::with_site(
        r#"{ "rate_limit_rules": [{ "name": "each", "key": ["ip", "header:x-customer"], "limits": "1 per day" }] }"#,
        &[],
    );
    for _ in 0..2 {
        server.server.request("GET", "/secret-path", "host: localhost\r\nx-customer: alice\r\n");
    }
    let page = server.metrics();
    assert!(page.contains("timebudget_refusals_total{site=\"*\",rule=\"each\"} 1"), "{page}");
    assert!(!["alice", "127.0.0.1", "secret-path"].iter().any(|name| page.contains(name)), "{page}");
}

#[test]
fn no_path_host_or_method_of_a_clients_makes_a_line_of_its_own() {
    let server = Monitored::with_site(RULES, &[]);
    server.server.get("/");
    server.server.request("BREW", "/", "host: localhost\r\n");
    let lines = server.metrics().lines().count();
    for number in 0..50 {
        let host = format!("host: evil{number}.example\r\n");
        server.server.request("GET", &format!("/user/evil{number}?evil={number}"), &host);
        server.server.request(&format!("EVIL{number}"), "/", "host: localhost\r\n");
    }
    let page = server.metrics();
    assert!(page.lines().count() == lines && !page.to_lowercase().contains("evil"), "{page}");
}

#[test]
fn the_page_comes_in_the_format_that_is_asked_for() {
    let server = Monitored::with_site(RULES, &[]);
    server.server.get("/");
    let plain = server.ask("/metrics", "accept: text/plain;version=0.0.4\r\n");
    assert_eq!(plain.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let plain = String::from_utf8(plain.body).unwrap();
    assert!(
        plain.contains("# TYPE timebudget_requests_total counter") && !plain.contains("# EOF"),
        "{plain}"
    );
    let open =
        server.ask("/metrics", "accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n");
    assert!(open.header("content-type").unwrap().starts_with("application/openmetrics-text; version=1.0.0"));
    let open = String::from_utf8(open.body).unwrap();
    assert!(open.contains("# TYPE timebudget_requests counter") && open.ends_with("# EOF\n"), "{open}");
    assert!(open.contains("timebudget_build_info{"), "{open}");
}

#[test]
fn each_site_has_lines_of_its_own() {
    let scratch = Scratch::new();
    for site in ["a.example", "b.example"] {
        scratch.write(&format!("{site}/site_config.json"), r#"{ "rate_limit": "600s per day" }"#);
    }
    let directory = scratch.path("");
    let server = Monitored::start(scratch, &["--sites", directory.to_str().unwrap()]);
    for host in ["a.example", "a.example", "b.example"] {
        server.server.request("GET", "/", &format!("host: {host}\r\n"));
    }
    let of =
        |site: &str| server.value(&format!("timebudget_requests_total{{site=\"{site}\",rule=\"site\"}}"));
    assert_eq!((of("a.example"), of("b.example")), (2.0, 1.0));
}

#[test]
fn a_request_that_is_cut_is_counted_with_its_time() {
    let rules = r#"{ "rate_limit_rules": [{ "name": "hard", "key": "site", "limits": "100ms per day", "overrun": "cut" }] }"#;
    let server = Monitored::with_site(rules, &[]);
    assert_eq!(server.server.get("/?ms=60000").status, 429);
    server.wait_for("timebudget_cut_requests_total{site=\"*\",rule=\"hard\"}", 1.0);
    let cut = server.value("timebudget_cut_seconds_total{site=\"*\",rule=\"hard\"}");
    assert!((0.09..30.0).contains(&cut), "{cut}");
}

/// Every sample of a page, each of which is to be one.
fn samples(page: &str) -> BTreeMap<String, f64> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line:?}"));
        (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line:?}")))
    };
    lines.map(sample).collect()
}

fn is_counter(name: &str) -> bool {
    ["_total", "_count", "_bucket", "_sum"].iter().any(|end| name.split('{').next().unwrap().ends_with(end))
}

#[test]
fn pages_that_are_read_while_sites_are_reloaded_are_whole_and_no_count_falls() {
    let scratch = Scratch::new();
    let site = |number: usize| format!("s{number}.example/site_config.json");
    for number in 0..20 {
        scratch.write(&site(number), r#"{ "rate_limit": "600s per day" }"#);
    }
    let directory = scratch.path("");
    let server = Monitored::start(scratch, &["--sites", directory.to_str().unwrap()]);
    let mut before = BTreeMap::<String, f64>::new();
    for round in 0..20 {
        for number in 0..20 {
            server.server.request("GET", "/", &format!("host: s{number}.example\r\n"));
        }
        let rules = format!(r#"{{ "rate_limit": "{}s per day" }}"#, 600 + round);
        server.server.scratch.replace(&site(round), &rules);
        server.server.signal("HUP");
        let page = samples(&server.metrics());
        for (name, value) in before.iter().filter(|(name, _)| is_counter(name)) {
            assert!(
                page.get(name).is_some_and(|now| now >= value),
                "{name}: {value} and {:?}",
                page.get(name)
            );
        }
        before = page;
    }
    let of = |number: usize| format!("timebudget_requests_total{{site=\"s{number}.example\",rule=\"site\"}}");
    assert_eq!((before[&of(0)], before[&of(19)]), (20.0, 20.0));
}

#[test]
fn more_sites_than_are_told_apart_are_counted_together_and_the_page_is_bounded() {
    let scratch = Scratch::new();
    let sites = 1_300;
    for number in 0..sites {
        let text = r#"{ "rate_limit_rules": [
            { "name": "time", "key": "site", "limits": "600s per day; 60s per hour" },
            { "name": "each", "key": "ip", "limits": "9 per day" },
            { "name": "many", "key": "site", "limits": "900 per day" },
            { "name": "more", "key": "site", "limits": "9000 per week" } ] }"#;
        scratch.write(&format!("s{number}.example/site_config.json"), text);
    }
    let directory = scratch.path("");
    let server = Monitored::start(scratch, &["--sites", directory.to_str().unwrap()]);
    for number in 0..sites {
        server.server.request("GET", "/", &format!("host: s{number}.example\r\n"));
    }
    let page = server.metrics();
    let all = samples(&page);
    let count = |metric: &str| all.keys().filter(|name| name.starts_with(metric)).count();
    let other = |labels: &str| all[&format!("timebudget_{labels}")];
    // Of 5,200 rules, 1,300 pairs of a site and a route, and 1,300 sites.
    assert_eq!(count("timebudget_requests_total{"), 4_096 + 1);
    assert_eq!(other("requests_total{site=\"other\",rule=\"other\"}"), 5_200.0 - 4_096.0);
    assert_eq!(count("timebudget_request_seconds_count{"), 1_000 + 1);
    assert_eq!(other("request_seconds_count{site=\"other\",route=\"other\"}"), 300.0);
    assert_eq!(count("timebudget_responses_total{"), (1_000 + 1) * 6);
    assert_eq!(other("responses_total{site=\"other\",status=\"2xx\"}"), 300.0);
    assert!(
        count("timebudget_window_spent_seconds{") <= 2_000,
        "{}",
        count("timebudget_window_spent_seconds{")
    );
    assert!(page.len() < 8_000_000, "{} bytes", page.len());
}
