//! What upstreams say of the cost of requests, and what they are told of the time that is left.

use std::io::Write as _;
use std::thread;
use std::time::Duration;

use crate::client::{Client, with_site};
use crate::upstream::{Upstream, values};

fn answer(field: &str) -> Upstream {
    Upstream::answering(&format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{field}\r\n\r\n"))
}

const BELIEVED: &str =
    r#"{ "rate_limit": { "limit": 600, "window": "year" }, "rate_limit_upstream_charges": true }"#;
const NOT_BELIEVED: &str = r#"{ "rate_limit": { "limit": 600, "window": "year" } }"#;

#[test]
fn an_upstream_that_is_believed_charges_more_than_its_time() {
    let gateway = with_site(BELIEVED, &answer("X-RateLimit-Charge: 5s"), &[]);
    let answer = gateway.get("/");
    assert!((5_000_000..6_000_000).contains(&answer.number("x-ratelimit-used")), "{answer:?}");
    assert!((594_000_000..=595_000_000).contains(&answer.number("x-ratelimit-remaining")), "{answer:?}");
    assert_eq!(answer.header("x-ratelimit-charge"), None);
}

#[test]
fn an_upstream_that_is_believed_makes_requests_free() {
    let gateway = with_site(BELIEVED, &answer("X-RateLimit-Waive: 1"), &[]);
    for _ in 0..2 {
        let answer = gateway.get("/");
        assert_eq!(answer.number("x-ratelimit-remaining"), 600_000_000);
        assert_eq!(answer.header("x-ratelimit-waive"), None);
    }
}

#[test]
fn an_upstream_that_is_not_believed_charges_nothing_and_frees_nobody() {
    for field in ["X-RateLimit-Charge: 5s", "X-RateLimit-Waive: 1"] {
        let gateway = with_site(NOT_BELIEVED, &answer(field), &[]);
        let used = gateway.get("/").number("x-ratelimit-used");
        assert!((1..5_000_000).contains(&used), "{field}: {used}");
        assert!(gateway.get("/").number("x-ratelimit-remaining") < 600_000_000, "{field}");
    }
}

#[test]
fn a_client_charges_nothing() {
    let gateway = with_site(BELIEVED, &answer("X-App: 1"), &[]);
    let answer = gateway.request("GET", "/", "host: a\r\nX-RateLimit-Charge: 5s\r\nX-RateLimit-Waive: 1\r\n");
    assert!((1..5_000_000).contains(&answer.number("x-ratelimit-used")), "{answer:?}");
}

#[test]
fn a_charge_that_is_none_is_left_out() {
    for charge in ["five", "-5s", "", "5", "1e9s"] {
        let gateway = with_site(BELIEVED, &answer(&format!("X-RateLimit-Charge: {charge}")), &[]);
        let answer = gateway.get("/");
        assert_eq!(answer.status, 200);
        assert!(answer.number("x-ratelimit-used") < 5_000_000, "{charge}: {answer:?}");
    }
}

#[test]
fn an_upstream_is_told_the_time_that_is_left_where_a_rule_cuts() {
    let rule = |overrun| {
        format!(
            r#"{{ "rate_limit_rules": [{{ "name": "a", "key": "site", "overrun": "{overrun}", "limits": "100s per year" }}] }}"#
        )
    };
    for (overrun, is_told) in [("cut", true), ("finish", false)] {
        let upstream = answer("X-App: 1");
        let gateway = with_site(&rule(overrun), &upstream, &[]);
        let mut client = Client::new(&gateway);
        client.send("GET / HTTP/1.1\r\nHost: a\r\nX-RateLimit-Time-Left: 7\r\n\r\n");
        client.head();
        let told: Vec<u64> = values(&upstream.head(), "x-ratelimit-time-left")
            .iter()
            .map(|left| left.parse().unwrap())
            .collect();
        assert_eq!(told.len(), usize::from(is_told), "{overrun}");
        assert!(told.iter().all(|left| (90_000..=100_000).contains(left)), "{told:?}");
    }
}

/// What is charged for a request whose body lacks its last byte, where the application answers a second after the others.
fn used_without_the_last_byte(status: &str) -> u64 {
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
    let upstream = Upstream::new(move |connection| {
        connection.head();
        connection.bytes(1);
        thread::sleep(Duration::from_secs(1));
        connection.send(&answer);
    });
    let gateway = with_site(NOT_BELIEVED, &upstream, &[]);
    let mut client = Client::new(&gateway);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na");
    values(&client.head(), "x-ratelimit-used")[0].parse().unwrap()
}

#[test]
fn whoever_keeps_a_byte_back_pays_for_an_application_that_did_not_wait_for_it() {
    let used = used_without_the_last_byte("200 OK");
    assert!((900_000..2_000_000).contains(&used), "{used}");
}

/// An application that looks at no body, and answers when it has had its work of a second.
fn heedless(answer: &'static str) -> Upstream {
    Upstream::new(move |connection| {
        while connection.head().is_some() {
            thread::sleep(Duration::from_secs(1));
            connection.send(answer);
            connection.wait_for_end();
        }
    })
}

/// Each byte once ended the time for which the rest was kept back, so that only what came after the last one was charged.
#[test]
fn whoever_sends_a_byte_now_and_then_pays_for_an_application_that_did_not_wait_for_it() {
    let gateway = with_site(NOT_BELIEVED, &heedless("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), &[]);
    let mut client = Client::new(&gateway);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
    let mut sender = client.stream.try_clone().unwrap();
    thread::spawn(move || {
        while sender.write_all(b"a").is_ok() {
            thread::sleep(Duration::from_millis(100));
        }
    });
    let used: u64 = values(&client.head(), "x-ratelimit-used")[0].parse().unwrap();
    assert!((900_000..2_000_000).contains(&used), "{used}");
}

/// The rest of an answer is made while its head is on its way, and the application has waited for no more than it had.
#[test]
fn whoever_keeps_a_byte_back_pays_for_an_answer_that_is_made_bit_by_bit() {
    let upstream = Upstream::new(|connection| {
        while let Some(head) = connection.head() {
            if head.starts_with("GET") {
                connection.answer("");
                continue;
            }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbo");
            thread::sleep(Duration::from_secs(1));
            connection.send("dy");
            connection.wait_for_end();
        }
    });
    let gateway = with_site(NOT_BELIEVED, &upstream, &[]);
    let mut client = Client::new(&gateway);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na");
    assert!(client.head().starts_with("HTTP/1.1 200"));
    assert_eq!(client.up_to("dy"), "body");
    let left = gateway.get("/").number("x-ratelimit-remaining");
    assert!((598_000_000..599_100_000).contains(&left), "{left}");
}

#[test]
fn an_application_that_finds_a_slow_body_too_large_charges_nothing_for_the_wait() {
    let used = used_without_the_last_byte("413 Content Too Large");
    assert!(used < 500_000, "{used}");
}

#[test]
fn an_application_that_tires_of_waiting_for_the_body_charges_nothing_for_the_wait() {
    let used = used_without_the_last_byte("408 Request Timeout");
    assert!(used < 500_000, "{used}");
}

/// A rule of the site cuts, but not what this request was about.
#[test]
fn an_upstream_is_told_no_time_where_no_rule_that_cuts_is_about_the_request() {
    let site = r#"{ "rate_limit": "50s per year", "rate_limit_rules": [
        { "name": "reports", "key": "site", "when": { "path": "/reports" }, "overrun": "cut", "limits": "100s per year" } ] }"#;
    let upstream = answer("X-App: 1");
    let gateway = with_site(site, &upstream, &[]);
    for target in ["/", "/reports"] {
        assert_eq!(gateway.get(target).status, 200);
    }
    let told = upstream.heads().iter().map(|head| values(head, "x-ratelimit-time-left")).collect::<Vec<_>>();
    assert_eq!(told[0], [""; 0]);
    // Of the rule that cuts, whatever others say.
    let [left] = &told[1][..] else { panic!("{told:?}") };
    assert!((90_000..=100_000).contains(&left.parse::<u64>().unwrap()), "{left}");
}
