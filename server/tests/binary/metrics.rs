//! What the page of metrics says of traffic.

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
    let page = server.metrics();
    assert!(!page.contains("status=\"3xx\""), "no line without a response: {page}");
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
