//! What spans tell, and of which trace they are.

use std::net::TcpListener;

use crate::client::ROOMY;
use crate::collector::{Collector, Seen};
use crate::upstream::{Upstream, ok, values};
use crate::{before, traced};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

const SERVER: i32 = 2;
const CLIENT: i32 = 3;

fn of_kind(spans: &[Seen], kind: i32) -> Vec<&Seen> {
    spans.iter().filter(|span| span.kind == kind).collect()
}

#[test]
fn a_request_is_a_span_inside_of_the_clients_and_around_the_upstreams() {
    let (collector, upstream) = (Collector::new(), Upstream::answering(&ok("hello")));
    let server = before(&upstream.uri(), &collector.uri(), &[]);
    let fields = format!(
        "host: shop.example:8080\r\ntraceparent: 00-{TRACE}-{PARENT}-01\r\ntracestate: a=1\r\ntracestate: b=2\r\n"
    );
    assert_eq!(server.request("GET", "/a/b?token=secret", &fields).status, 200);
    let spans = collector.wait_for(2, &server);
    let (serving, asking) = (of_kind(&spans, SERVER)[0], of_kind(&spans, CLIENT)[0]);
    assert_eq!((&*serving.trace, &*serving.parent, &*serving.name), (TRACE, PARENT, "GET"));
    assert_eq!((&*asking.trace, &*asking.parent, &*asking.name), (TRACE, &*serving.id, "GET"));
    for (name, value) in [
        ("http.request.method", "GET"),
        ("url.path", "/a/b"),
        ("url.scheme", "http"),
        ("network.protocol.version", "1.1"),
        ("server.address", "shop.example"),
        ("server.port", "8080"),
        ("http.response.status_code", "200"),
        ("timebudget.site", "*"),
        ("timebudget.rule", ""),
        ("error.type", ""),
    ] {
        assert_eq!(serving.of(name), value, "{name} of {serving:#?}");
    }
    let charged: u64 = serving.of("timebudget.charged_us").parse().unwrap();
    assert!((1..=serving.micros).contains(&charged), "{serving:#?}");
    assert!(!serving.is_error && asking.micros <= serving.micros);
    assert_eq!(asking.of("url.full"), format!("{}/a/b", upstream.uri()));
    assert_eq!((asking.of("server.address"), asking.of("http.response.status_code")), ("127.0.0.1", "200"));
    assert_eq!(asking.of("server.port"), upstream.address.port().to_string());
    assert!(!spans.iter().any(|span| span.has("secret")), "{spans:#?}");
    // The upstream works for the span of the request that it is asked.
    assert_eq!(upstream.values("traceparent"), [format!("00-{TRACE}-{}-01", asking.id)]);
    assert_eq!(upstream.values("tracestate"), ["a=1,b=2"]);
}

#[test]
fn a_request_without_a_parent_begins_a_trace_and_what_cannot_be_read_is_none() {
    let (collector, upstream) = (Collector::new(), Upstream::answering(&ok("hello")));
    let server = before(&upstream.uri(), &collector.uri(), &[]);
    let twice = format!("traceparent: 00-{TRACE}-{PARENT}-01\r\n").repeat(2);
    for parent in ["", "traceparent: nonsense\r\n", &twice] {
        let fields = format!("host: a\r\n{parent}tracestate: a=1\r\n");
        assert_eq!(server.request("GET", "/", &fields).status, 200);
    }
    let spans = collector.wait_for(6, &server);
    for serving in of_kind(&spans, SERVER) {
        assert!(
            serving.parent.is_empty() && serving.trace != TRACE && serving.trace.len() == 32,
            "{serving:#?}"
        );
    }
    for (head, asking) in upstream.heads().iter().zip(of_kind(&spans, CLIENT)) {
        assert_eq!(values(head, "traceparent"), [format!("00-{}-{}-01", asking.trace, asking.id)]);
        assert!(values(head, "tracestate").is_empty(), "it belongs to a parent: {head}");
    }
}

#[test]
fn a_refusal_names_its_rule_and_asks_no_upstream() {
    let rules = r#"{ "rate_limit_rules": [{ "name": "few", "key": "site", "limits": "1 per day" }] }"#;
    let (collector, upstream) = (Collector::new(), Upstream::answering(&ok("hello")));
    let (collected, asked) = (collector.uri(), upstream.uri());
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*collected), ("OTEL_BSP_SCHEDULE_DELAY", "20")];
    let server = traced(rules, &["--upstream", &asked], &variables);
    assert_eq!([server.get("/").status, server.get("/").status], [200, 429]);
    let spans = collector.wait_for(3, &server);
    let refused = of_kind(&spans, SERVER)[1];
    assert_eq!((refused.of("timebudget.rule"), refused.of("timebudget.charged_us")), ("few", "0"));
    assert_eq!((refused.of("http.response.status_code"), refused.is_error), ("429", false));
    assert_eq!(of_kind(&spans, CLIENT).len(), 1);
}

#[test]
fn what_goes_wrong_at_an_upstream_is_an_error_by_its_kind() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let collector = Collector::new();
    let server = before(&nowhere, &collector.uri(), &[]);
    assert_eq!(server.get("/").status, 502);
    let spans = collector.wait_for(2, &server);
    let (serving, asking) = (of_kind(&spans, SERVER)[0], of_kind(&spans, CLIENT)[0]);
    assert_eq!((serving.of("error.type"), serving.is_error), ("502", true));
    assert_eq!((asking.of("error.type"), asking.is_error), ("unreachable", true));
    assert_eq!(asking.of("http.response.status_code"), "");
}

#[test]
fn what_is_sent_once_more_is_another_span() {
    let collector = Collector::new();
    let upstream = Upstream::hangs_up_when_asked();
    let (collected, asked) = (collector.uri(), upstream.uri());
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*collected), ("OTEL_BSP_SCHEDULE_DELAY", "20")];
    let server = traced(ROOMY, &["--upstream", &asked, "--keep-idle", "1h"], &variables);
    assert_eq!([server.get("/").status, server.get("/").status], [200, 200]);
    let spans = collector.wait_for(5, &server);
    let asked = of_kind(&spans, CLIENT);
    let told: Vec<_> =
        asked.iter().map(|span| (span.of("error.type"), span.of("http.request.resend_count"))).collect();
    assert_eq!(told, [("", ""), ("hung_up", ""), ("", "1")]);
    assert_eq!(asked[1].parent, asked[2].parent);
    let heads = upstream.heads();
    let parents: Vec<_> = heads.iter().flat_map(|head| values(head, "traceparent")).collect();
    let expected = asked.iter().map(|span| format!("00-{}-{}-01", span.trace, span.id));
    assert_eq!(parents, expected.collect::<Vec<_>>());
}

#[test]
fn what_a_client_writes_is_bounded_and_a_method_of_its_own_is_no_name() {
    let (collector, upstream) = (Collector::new(), Upstream::answering(&ok("hello")));
    let server = before(&upstream.uri(), &collector.uri(), &[]);
    server.request("BREW", &format!("/{}", "a".repeat(4_000)), "host: a\r\n");
    let spans = collector.wait_for(2, &server);
    for span in &spans {
        assert_eq!((&*span.name, span.of("http.request.method")), ("HTTP", "_OTHER"), "{span:#?}");
        assert_eq!(span.of("http.request.method_original"), "BREW");
        assert!(span.of("url.path").len() <= 1_024 && span.of("url.full").len() <= 1_100, "{span:#?}");
    }
}

#[test]
fn a_client_that_goes_before_the_answer_leaves_a_span() {
    let upstream = Upstream::new(|connection| {
        connection.head();
        connection.wait_for_end();
    });
    let collector = Collector::new();
    let server = before(&upstream.uri(), &collector.uri(), &[]);
    let mut client = crate::client::Client::new(&server);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.wait_for_heads(1);
    drop(client);
    let spans = collector.wait_for(2, &server);
    let serving = of_kind(&spans, SERVER)[0];
    assert_eq!((serving.of("error.type"), serving.of("http.response.status_code")), ("client_gone", ""));
}
