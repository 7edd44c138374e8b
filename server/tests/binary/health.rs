//! Whether the server says that it lives and serves.

use std::io::{Read as _, Write as _};

use crate::monitored::Monitored;
use crate::running::timebudget;
use crate::scratch::Scratch;

const HOURLY: &str = r#"{ "rate_limit": "600s per hour" }"#;

#[test]
fn without_a_database_it_tells_of_itself_and_has_no_pages() {
    let server = Monitored::with_site(HOURLY, &[]);
    assert_eq!(server.ask("/live", "").json()["live"], true);
    let ready = server.ask("/ready", "");
    assert_eq!(ready.status, 200);
    let expected = serde_json::json!({ "ready": true, "store": "up", "files": "in force" });
    assert_eq!(ready.json(), expected);
    assert_eq!(server.ask("/", "").status, 404);
    assert_eq!(server.ask("/api/v1/session", "").status, 404);
    assert!(!server.server.scratch.path("timebudget.db").exists());
}

#[test]
fn without_members_this_machine_alone_is_answered_unless_it_is_told_otherwise() {
    let forwarded = "x-forwarded-for: 192.0.2.7\r\n";
    let server = Monitored::with_site(HOURLY, &[]);
    assert_eq!((server.ask("/live", forwarded).status, server.ask("/ready", forwarded).status), (200, 403));
    let refused = server.ask("/metrics", forwarded);
    assert!(String::from_utf8(refused.body).unwrap().contains("--admin-open-metrics"));
    let open = Monitored::with_site(HOURLY, &["--admin-open-metrics"]);
    assert_eq!(open.ask("/metrics", forwarded).status, 200);
}

#[test]
fn wrong_files_are_told_and_keep_nobody_from_being_served() {
    let server = Monitored::with_site(HOURLY, &[]);
    server.server.scratch.replace("site.json", "{");
    server.server.signal("HUP");
    server.server.wait_for_log("not reloaded");
    let ready = server.ask("/ready", "");
    assert_eq!(
        (ready.status, ready.json()["files"].as_str()),
        (200, Some("wrong; older rules are in force"))
    );
    assert_eq!(server.value("timebudget_reloads_total{outcome=\"failed\"}"), 1.0);
    assert_eq!(server.value("timebudget_files_wrong"), 1.0);
}

#[test]
fn a_store_that_refuses_without_its_servers_is_not_ready() {
    // Nothing listens on port 1.
    let store = "redis://127.0.0.1:1?on_store_fault=refuse&deadline=100ms";
    let server = Monitored::with_site(HOURLY, &["--store", store]);
    let ready = server.ask("/ready", "");
    assert_eq!(ready.status, 503);
    let told = ready.json();
    assert_eq!(told["ready"], false);
    assert!(told["reason"].as_str().unwrap().starts_with("store: its servers do not answer"), "{told}");
    assert_eq!(server.server.get("/").status, 503);
    assert_eq!(server.value("timebudget_store_faults_total{site=\"*\"}"), 1.0);
    assert_eq!((server.value("timebudget_store_up"), server.value("timebudget_ready")), (0.0, 0.0));
}

#[test]
fn a_store_that_decides_without_its_servers_is_ready_and_says_so() {
    let store = "redis://127.0.0.1:1?deadline=100ms";
    let server = Monitored::with_site(HOURLY, &["--store", store]);
    let ready = server.ask("/ready", "");
    assert_eq!(ready.status, 200);
    assert_eq!(ready.json()["store"], "its servers do not answer; decided without them");
    assert_eq!(server.server.get("/").status, 200);
    assert_eq!(server.value("timebudget_store_degraded_decisions_total"), 1.0);
}

#[test]
fn while_it_ends_it_is_not_ready() {
    let mut server = Monitored::with_site(HOURLY, &[]);
    let mut connection = server.server.connect();
    let head = "POST /?ms=1 HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n";
    connection.write_all(head.as_bytes()).unwrap();
    let mut asked = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    connection.read_exact(&mut asked).unwrap();
    server.server.signal("TERM");
    server.server.wait_for_log("ending");
    let ready = crate::running::eventually(
        "not ready",
        || Some(server.ask("/ready", "")).filter(|ready| ready.status == 503),
        || server.server.log(),
    );
    assert_eq!(ready.json()["reason"], "draining");
    connection.write_all(b"hello").unwrap();
    drop(connection);
    assert_eq!(server.server.ended().code(), Some(0), "{}", server.server.log());
}

#[test]
fn an_admin_address_that_is_taken_ends_it_with_a_reason() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let scratch = Scratch::new();
    let file = scratch.write("site.json", HOURLY);
    let args = ["serve", "--site", file.to_str().unwrap(), "--listen", "127.0.0.1:0", "--admin", &address];
    let output = timebudget(args.iter().chain(&["--database", "none"])).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains(&format!("{address}: cannot listen")), "{told}");
}
