//! The logs of `docs/replay`, as each server writes them.

use std::path::{Path, PathBuf};

use super::Replayed;
use crate::scratch::Scratch;

/// Three requests of a client within a minute, and no more.
const SITE: &str =
    r#"{ "rate_limit_rules": [{ "name": "client", "key": "ip", "limits": "3 per minute; 60s per hour" }] }"#;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/replay").join(name)
}

/// Each log has five requests of one client within a minute, from 2026-11-26 09:00:01 UTC on, and one of another.
#[test]
fn each_servers_log_is_known_by_itself_and_the_same_requests_are_refused() {
    let logs = [
        ("nginx.log", "nginx, combined and $request_time"),
        ("nginx-upstream.log", "nginx, combined with upstream times"),
        ("ingress-nginx.log", "nginx, ingress-nginx"),
        ("apache-us.log", "Apache, combined and %D"),
        ("apache-s.log", "Apache, combined and %T"),
        ("caddy.log", "Caddy, JSON"),
        ("traefik.log", "Traefik, common"),
        ("traefik.json.log", "Traefik, JSON"),
        ("haproxy.log", "HAProxy, httplog"),
        ("timebudget.log", "timebudget"),
    ];
    for (name, format) in logs {
        let scratch = Scratch::new();
        let replayed = Replayed::of(&scratch, SITE, &[&example(name)], &[]);
        replayed.says(&format!("{name}: {format}\n"));
        let lines: Vec<_> = replayed.refused().into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [4, 5], "{name}\n{}", replayed.printed);
        assert_eq!(replayed.requests.len(), 6, "{name}");
        let first = &replayed.requests[0];
        assert_eq!(
            (first["client"].as_str(), first["path"].as_str()),
            (Some("192.0.2.7"), Some("/a")),
            "{name}"
        );
        let time = first["time"].as_str().unwrap();
        assert!(time.starts_with("2026-11-26T09:00:0"), "{name}: {time}");
        replayed.says("GET /users/{n}");
    }
}

#[test]
fn logs_of_several_servers_are_joined_by_their_times() {
    let scratch = Scratch::new();
    let (nginx, caddy) = (example("nginx.log"), example("caddy.log"));
    let replayed = Replayed::of(&scratch, SITE, &[&nginx, &caddy], &[]);
    assert_eq!(replayed.requests.len(), 12);
    let times: Vec<_> = replayed.requests.iter().map(|request| request["time"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let served = replayed.requests.iter().filter(|request| request["rule"].is_null()).count();
    assert_eq!(served, 3 + 2, "three of the one client, whoever has logged them, and each of the others'");
}

#[test]
fn a_format_that_is_written_out_is_read() {
    let scratch = Scratch::new();
    let log = scratch.write("access.log", "[26/Nov/2026:09:00:01 +0000] 192.0.2.7 GET \"/a?b\" 0.250 gold\n");
    let format = r#"[$time_local] $remote_addr $request_method "$request_uri" $request_time $http_x_plan"#;
    let site = r#"{ "rate_limit_rules": [{ "name": "gold", "when": { "header": { "X-Plan": "gold" } }, "key": "site", "limits": "0 per day" }] }"#;
    let replayed = Replayed::of(&scratch, site, &[&log], &["--format", format]);
    assert_eq!(replayed.refused(), [(1, "gold".to_owned())]);
}

#[test]
fn what_rules_ask_for_and_the_log_does_not_have_is_told() {
    let scratch = Scratch::new();
    let site = r#"{ "rate_limit_rules": [{ "name": "gold", "when": { "header": { "X-Plan": "gold" } }, "key": "site", "limits": "0 per day" }] }"#;
    let replayed = Replayed::of(&scratch, site, &[&example("nginx.log")], &[]);
    replayed.says("warning: rules ask for what the log does not have, and find nothing: header X-Plan");
}
