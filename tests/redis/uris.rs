//! Stores by their URIs.

use timebudget::store::open;

#[test]
fn every_topology_has_a_uri() {
    for uri in [
        "memory://",
        "redis://localhost",
        "redis://:secret@localhost:6380/3?mode=batched&sync=1s&deadline=20ms",
        "rediss://user:p%40ss@redis.example/?prefix=shop&on_store_fault=refuse",
        "redis+sentinel://a:26379,b,c:1/mymaster/0?sentinel_password=x",
        "redis+cluster://a,b:7001,[::1]:7002/?on_store_fault=allow&secret=s",
    ] {
        assert!(open(uri).is_ok(), "{uri}: {}", open(uri).unwrap_err());
    }
}

#[test]
fn an_error_names_what_is_wrong() {
    for (uri, expected) in [
        ("", "a text without ://: scheme: no such store"),
        ("memory://x", "memory://x: parameters: expected none, or ?snapshot=FILE"),
        ("memory://?snapshot=", "memory://: parameters: expected none, or ?snapshot=FILE"),
        ("memory://?snapshot=/no such place/x", "memory://: snapshot: /no such place/x: cannot be written: "),
        ("redis://", "redis://: host: expected HOST or HOST:PORT"),
        ("redis://a,b", "redis://a,b: host: several"),
        ("redis://a:port", "redis://a:port: host: expected"),
        ("redis://::1", "redis://::1: host: expected"),
        ("redis://a/x", "redis://a: database: expected a number"),
        ("redis://a?mode=fast", "redis://a: mode: \"fast\": expected exact or batched"),
        ("redis://a?sync=5", "redis://a: sync: \"5\": expected 10ms to 1s"),
        ("redis://a?sync=2s", "redis://a: sync: \"2s\""),
        ("redis://a?deadline=0ms", "redis://a: deadline: \"0ms\": expected 1ms to 10s"),
        ("redis://a?sink=1s", "redis://a: sink: no such parameter; did you mean sync?"),
        ("redis://a?prefix={}", "redis://a: prefix: expected"),
        (
            "redis://a?on_store_fault=panic",
            "redis://a: on_store_fault: \"panic\": expected local or allow or refuse",
        ),
        ("redis+cluster://a/1", "redis+cluster://a: path: a cluster has database 0 only"),
        ("redis+sentinel://a", "redis+sentinel://a: path: no service"),
        ("redis://:%zz@a", "redis://a: text: a % is not followed"),
        ("redit://a", "redit://a: scheme: no such store"),
    ] {
        let error = open(uri).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{uri}: {error}");
    }
}

#[test]
fn no_error_repeats_a_password() {
    for uri in [
        "redis://user:hunter2@a/x",
        "redis://user:hun?ter2@a",
        "redis://user:hunter2/@a:port",
        "redis://a/x?secret=hunter2",
        "redis://a?sentinel_password=hunter2&mode=x",
        "redis://hunter2@a:port",
        "hunter2",
    ] {
        let error = open(uri).unwrap_err().to_string();
        assert!(!error.contains("ter2"), "{error}");
    }
}
