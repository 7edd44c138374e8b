//! What the variables of the environment do.

use crate::collector::Collector;
use crate::upstream::{Upstream, ok, values};
use crate::{before, traced};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn the_service_has_the_name_and_the_attributes_that_it_is_given_and_a_name_of_its_own_else() {
    for (variables, name, place) in [
        (&[][..], "timebudget", ""),
        (&[("OTEL_SERVICE_NAME", "edge"), ("OTEL_RESOURCE_ATTRIBUTES", "place=here,x=y")], "edge", "here"),
        (&[("OTEL_RESOURCE_ATTRIBUTES", "service.name=edge")], "edge", ""),
    ] {
        let (collector, upstream) = (Collector::new(), Upstream::answering(&ok("hello")));
        let server = before(&upstream.uri(), &collector.uri(), variables);
        server.get("/");
        let span = &collector.wait_for(1, &server)[0];
        assert_eq!((span.resource("service.name"), span.resource("place")), (name, place), "{span:#?}");
        assert_eq!(span.resource("service.version"), env!("CARGO_PKG_VERSION"));
    }
}

#[test]
fn spans_go_where_they_are_told_to_with_the_fields_that_they_are_given() {
    for (variable, path, expected) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "/base", "post /base/v1/traces http/1.1"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "/here", "post /here http/1.1"),
    ] {
        let collector = Collector::new();
        let endpoint = collector.uri() + path;
        let variables = [
            (variable, &*endpoint),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20abc,x-tenant=one"),
            ("OTEL_BSP_SCHEDULE_DELAY", "20"),
        ];
        let server = traced("{}", &[], &variables);
        server.get("/");
        collector.wait_for(1, &server);
        let head = collector.head();
        assert_eq!(head[0], expected);
        for field in ["content-type: application/x-protobuf", "authorization: basic abc", "x-tenant: one"] {
            assert!(head.iter().any(|line| line == field), "{field} in {head:#?}");
        }
    }
}

#[test]
fn a_sampler_that_takes_none_sends_none_and_tells_the_upstream_so() {
    let (collector, upstream) = (Collector::new(), Upstream::answering(&ok("hello")));
    let mut server = before(&upstream.uri(), &collector.uri(), &[("OTEL_TRACES_SAMPLER", "always_off")]);
    server.request("GET", "/", &format!("host: a\r\ntraceparent: {PARENT}\r\n"));
    let told = upstream.values("traceparent");
    assert!(told[0].starts_with(&PARENT[..36]) && told[0].ends_with("-00"), "{told:?}");
    server.signal("TERM");
    assert!(server.ended().success());
    assert!(collector.spans().is_empty());
}

#[test]
fn a_ratio_takes_about_so_many_of_the_traces_that_begin_here() {
    let (collector, upstream) = (Collector::new(), Upstream::answering(&ok("hello")));
    let sampler = [("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.25")];
    let mut server = before(&upstream.uri(), &collector.uri(), &sampler);
    for _ in 0..400 {
        assert_eq!(server.get("/").status, 200);
    }
    server.signal("TERM");
    assert!(server.ended().success());
    // 200 of 800 spans; beyond 5 standard deviations is once in two million runs.
    let sent = collector.spans().len();
    assert!((114..=286).contains(&sent), "{sent}");
}

#[test]
fn where_they_are_switched_off_nothing_is_touched() {
    for variable in [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")] {
        let (collector, upstream) = (Collector::new(), Upstream::answering(&ok("hello")));
        let mut server = before(&upstream.uri(), &collector.uri(), &[variable]);
        server.request("GET", "/", &format!("host: a\r\ntraceparent: {PARENT}\r\n"));
        assert_eq!(values(&upstream.head(), "traceparent"), [PARENT]);
        server.signal("TERM");
        assert!(server.ended().success());
        assert!(collector.spans().is_empty(), "{variable:?}");
    }
}

#[test]
fn what_the_environment_says_wrongly_is_told_and_keeps_nobody_from_being_served() {
    for (variable, value, told) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "not a uri", "OTEL_EXPORTER_OTLP_ENDPOINT: no traces are sent"),
        ("OTEL_TRACES_EXPORTER", "zipkin", "OTEL_TRACES_EXPORTER: zipkin: no such exporter here"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "OTEL_EXPORTER_OTLP_PROTOCOL: grpc: not spoken here"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "-1", "OTEL_BSP_MAX_QUEUE_SIZE: -1: expected a whole number above 0"),
    ] {
        let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"), (variable, value)];
        let server = traced("{}", &[], &variables);
        assert_eq!(server.get("/").status, 200, "{variable}");
        server.wait_for_log(told);
    }
}
