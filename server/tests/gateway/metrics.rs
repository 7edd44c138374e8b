//! What the page of metrics says of upstreams.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};

use crate::answer::Answer;
use crate::client::{Client, ROOMY, start};
use crate::running::{Running, eventually};
use crate::upstream::{Connection, Upstream, ok};

const ADMIN: [&str; 4] = ["--admin", "127.0.0.1:0", "--database", "none"];

fn gateway(args: &[&str]) -> Running {
    let gateway = start(ROOMY, &[&ADMIN[..], args].concat());
    gateway.wait_for_output("upstream ");
    gateway
}

/// All samples of the page, by name and labels.
fn samples(gateway: &Running) -> BTreeMap<String, f64> {
    let output = gateway.output();
    let admin = output.lines().find_map(|line| line.strip_prefix("admin on http://")).unwrap();
    let mut connection = TcpStream::connect(admin).unwrap();
    connection.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let page = String::from_utf8(Answer::read(&connection).unwrap().body).unwrap();
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

/// The value of a metric of an upstream, of which these labels are told beside.
fn value(gateway: &Running, upstream: &str, metric: &str, labels: &str) -> f64 {
    let name = format!("timebudget_upstream_{metric}{{upstream=\"{upstream}\"{labels}}}");
    let samples = samples(gateway);
    *samples.get(&name).unwrap_or_else(|| panic!("{name} in {samples:#?}"))
}

#[test]
fn each_kind_of_fault_is_counted_for_its_upstream() {
    let serve = |connection: &mut Connection| {
        let Some(head) = connection.head() else { return };
        match head.split(' ').nth(1).unwrap() {
            "/hung_up" => {}
            "/no_answer" => connection.send("nonsense\r\n\r\n"),
            "/broken_answer" => connection.send("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\npart"),
            "/head_timeout" => connection.wait_for_end(),
            path => panic!("{path}"),
        }
    };
    let upstream = Upstream::new(serve);
    let kinds = ["hung_up", "no_answer", "broken_answer", "head_timeout"];
    let gateway = gateway(&["--upstream", &upstream.uri(), "--upstream-timeout", "500ms"]);
    for kind in kinds {
        let mut client = Client::new(&gateway);
        client.send(format!("GET /{kind} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
        client.rest();
    }
    let of = |kind: &str| value(&gateway, &upstream.uri(), "faults_total", &format!(",kind=\"{kind}\""));
    assert_eq!(kinds.map(of), [1.0; 4]);
    assert_eq!(["unreachable", "connect_timeout"].map(of), [0.0; 2], "told before there is any");
    assert_eq!(value(&gateway, &upstream.uri(), "requests_total", ""), 4.0);
    // The gateway's own answers; the body that broke off had a head.
    let samples = samples(&gateway);
    let responses =
        |status: &str| samples.get(&format!("timebudget_responses_total{{site=\"*\",status=\"{status}\"}}"));
    let counts = ["2xx", "5xx"].map(|status| responses(status).copied().unwrap_or_default());
    assert_eq!(counts.iter().sum::<f64>(), 4.0, "{samples:#?}");
    assert!(counts[1] >= 3.0, "{samples:#?}");
}

#[test]
fn what_an_upstream_answers_is_in_its_histogram_and_its_connections_are_told_idle_or_busy() {
    let upstream = Upstream::new(|connection| {
        while let Some(head) = connection.head() {
            if head.starts_with("GET /slow") {
                connection.wait_for_end();
                return;
            }
            connection.answer("hello");
        }
    });
    let gateway = gateway(&["--upstream", &upstream.uri(), "--keep-idle", "1h"]);
    let of = |metric: &str, labels: &str| value(&gateway, &upstream.uri(), metric, labels);
    for _ in 0..3 {
        assert_eq!(gateway.get("/").status, 200);
    }
    assert_eq!((of("seconds_count", ""), of("requests_total", ""), of("retries_total", "")), (3.0, 3.0, 0.0));
    let connections = || ["idle", "busy"].map(|state| of("connections", &format!(",state=\"{state}\"")));
    assert_eq!(connections(), [1.0, 0.0]);
    let mut waiting = Client::new(&gateway);
    waiting.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.wait_for_heads(4);
    assert_eq!(connections(), [0.0, 1.0]);
    drop(waiting);
    let is_free = || (connections() == [0.0, 0.0]).then_some(());
    eventually("no connection", is_free, || format!("{:#?}", samples(&gateway)));
    let gone = "timebudget_responses_total{site=\"*\",status=\"gone\"}";
    assert_eq!(samples(&gateway).get(gone), Some(&1.0));
}

#[test]
fn what_is_sent_once_more_is_counted_as_two_requests_and_a_retry() {
    let upstream = Upstream::hangs_up_when_asked();
    let gateway = gateway(&["--upstream", &upstream.uri(), "--keep-idle", "1h"]);
    assert_eq!([gateway.get("/").status, gateway.get("/").status], [200, 200]);
    let of = |metric: &str| value(&gateway, &upstream.uri(), metric, "");
    assert_eq!((of("requests_total"), of("retries_total"), of("seconds_count")), (3.0, 1.0, 2.0));
}

#[test]
fn an_upstream_that_no_site_has_any_more_keeps_its_counts_and_has_no_state() {
    let (old, new) = (Upstream::answering(&ok("old")), Upstream::answering(&ok("new")));
    let site = |upstream: &Upstream| format!(r#"{{ "rate_limit_upstream": "{}" }}"#, upstream.uri());
    let gateway = start(&site(&old), &[&ADMIN[..], &["--keep-idle", "50ms"]].concat());
    gateway.wait_for_output("admin on ");
    assert_eq!(gateway.get("/").body, b"old");
    gateway.scratch.replace("site.json", &site(&new));
    let is_new = || (gateway.get("/").body == b"new").then_some(());
    eventually("the new upstream", is_new, || gateway.log());
    let out = |upstream: &Upstream| format!("timebudget_upstream_out{{upstream=\"{}\"}}", upstream.uri());
    let is_gone = || (!samples(&gateway).contains_key(&out(&old))).then_some(());
    eventually("no state of the old one", is_gone, || format!("{:#?}", samples(&gateway)));
    assert!(samples(&gateway).contains_key(&out(&new)));
    assert!(value(&gateway, &old.uri(), "requests_total", "") >= 1.0);
}

#[test]
fn a_websocket_has_its_line_in_the_access_log_when_it_ends() {
    let upstream = Upstream::new(|connection| {
        connection.head();
        connection
            .send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
        connection.wait_for_end();
    });
    let gateway = gateway(&["--upstream", &upstream.uri(), "--access-log", "-"]);
    let mut client = Client::new(&gateway);
    client.send("GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 101"));
    assert!(!gateway.output().contains("/chat"), "{}", gateway.output());
    drop(client);
    gateway.wait_for_output(r#""path":"/chat","status":101"#);
}

#[test]
fn an_address_that_is_left_out_is_told_so() {
    let up = Upstream::answering(&ok("up"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let down = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let gateway = gateway(&["--upstream", &down, "--upstream", &up.uri()]);
    for _ in 0..4 {
        assert_eq!(gateway.get("/").status, 200);
    }
    let of = |upstream: &str| value(&gateway, upstream, "out", "");
    assert_eq!((of(&down), of(&up.uri())), (1.0, 0.0));
    assert_eq!(value(&gateway, &down, "faults_total", ",kind=\"unreachable\""), 1.0);
}
