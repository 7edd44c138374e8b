//! What becomes of spans that cannot be sent, and of those that wait at the end.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};

use crate::answer::Answer;
use crate::client::ROOMY;
use crate::collector::Collector;
use crate::running::{Running, eventually};
use crate::traced;

const ADMIN: [&str; 4] = ["--admin", "127.0.0.1:0", "--database", "none"];

/// The value of a metric.
fn value(server: &Running, metric: &str) -> u64 {
    server.wait_for_output("admin on http://");
    let output = server.output();
    let admin = output.lines().find_map(|line| line.strip_prefix("admin on http://")).unwrap();
    let mut connection = TcpStream::connect(admin).unwrap();
    connection.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let page = String::from_utf8(Answer::read(&connection).unwrap().body).unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{metric} in {page}")).parse().unwrap()
}

#[test]
fn what_waits_at_the_end_is_sent() {
    let collector = Collector::new();
    let uri = collector.uri();
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*uri), ("OTEL_BSP_SCHEDULE_DELAY", "3600000")];
    let mut server = traced(ROOMY, &[], &variables);
    for _ in 0..20 {
        server.get("/");
    }
    server.signal("TERM");
    assert!(server.ended().success());
    assert_eq!(collector.spans().len(), 20);
}

#[test]
fn spans_that_nobody_takes_are_lost_and_counted_and_told_of_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let uri = format!("http://{address}");
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*uri),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "300"),
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
    ];
    let server = traced(ROOMY, &ADMIN, &variables);
    for number in 1..=3 {
        assert_eq!(server.get("/").status, 200);
        let is_lost = || (value(&server, "timebudget_trace_dropped_spans_total") == number).then_some(());
        eventually("a span that is lost", is_lost, || server.log());
    }
    assert_eq!(server.log().matches("traces: spans cannot be sent").count(), 1, "{}", server.log());
    assert_eq!(value(&server, "timebudget_trace_spans_total"), 0);
}

#[test]
fn before_a_collector_that_never_answers_the_queue_is_bounded_and_requests_are_served() {
    // Connections wait in its queue; nobody takes them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}", silent.local_addr().unwrap());
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*uri),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000"),
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "8"),
    ];
    let mut server = traced(ROOMY, &ADMIN, &variables);
    for _ in 0..50 {
        assert_eq!(server.get("/").status, 200);
    }
    let lost = || (value(&server, "timebudget_trace_dropped_spans_total") == 42).then_some(());
    eventually("42 spans that are lost", lost, || server.log());
    server.signal("TERM");
    assert!(server.ended().success(), "the end waits some seconds, and no longer");
}

#[test]
fn a_collector_that_is_back_is_sent_spans_again() {
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = refusing.local_addr().unwrap();
    drop(refusing);
    let uri = format!("http://{address}");
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*uri), ("OTEL_BSP_SCHEDULE_DELAY", "20")];
    let server = traced(ROOMY, &[], &variables);
    server.get("/");
    server.wait_for_log("traces: spans cannot be sent");
    let collector = Collector::at(TcpListener::bind(address).unwrap());
    server.get("/");
    collector.wait_for(1, &server);
    server.wait_for_log("traces: spans are sent again");
}
