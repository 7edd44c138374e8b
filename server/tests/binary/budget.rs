//! Budgets: what a client sees of them.

use std::ffi::OsStr;
use std::thread;
use std::time::Duration;

use crate::answer::Answer;
use crate::running::Running;
use crate::scratch::Scratch;

/// Asks until it is refused; a window that ends in between makes it a little longer.
fn refused(server: &Running, target: &str) -> Answer {
    let mut answers = (0..100).map(|_| server.get(target));
    answers.find(|answer| answer.status == 429).unwrap()
}

#[test]
fn an_answer_says_where_the_client_stands() {
    let server = Running::with_site(r#"{ "rate_limit": { "limit": 600, "window": "year" } }"#);
    let first = server.get("/report?ms=20");
    assert_eq!((first.status, first.number("x-ratelimit-limit")), (200, 600_000_000));
    let used = first.number("x-ratelimit-used");
    assert!(used >= 20_000, "{first:?}");
    assert_eq!(first.number("x-ratelimit-remaining"), 600_000_000 - used);
    assert!((1..=366 * 86_400).contains(&first.number("x-ratelimit-reset")), "{first:?}");
    assert_eq!(first.header("retry-after"), None);
}

#[test]
fn a_spent_budget_refuses_until_its_window_ends() {
    let server = Running::with_site(r#"{ "rate_limit": "50ms per 2 seconds" }"#);
    let refusal = refused(&server, "/?ms=60");
    assert_eq!(refusal.number("x-ratelimit-remaining"), 0);
    assert_eq!(refusal.header("cache-control"), Some("no-store"));
    assert_eq!(refusal.header("x-ratelimit-used"), None);
    let reset = refusal.number("x-ratelimit-reset");
    assert!((1..=2).contains(&reset), "{refusal:?}");
    assert_eq!(refusal.number("retry-after"), reset);
    thread::sleep(Duration::from_secs(reset));
    assert_eq!(server.get("/").status, 200);
}

#[test]
fn a_count_of_requests_is_exact_over_all_workers() {
    let scratch = Scratch::new();
    let file = scratch.write("site.json", r#"{ "rate_limit": "40 per year" }"#);
    let [workers, four, site] = ["--workers", "4", "--site"].map(OsStr::new);
    let server = Running::start(scratch, &[workers, four, site, file.as_os_str()]);
    let ten = || (0..10).map(|_| server.get("/").status).collect::<Vec<_>>();
    let statuses: Vec<_> = thread::scope(|scope| {
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(ten)).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let served = statuses.iter().filter(|status| **status == 200).count();
    let refused = statuses.iter().filter(|status| **status == 429).count();
    assert_eq!((served, refused), (40, 40));
}

#[test]
fn each_host_has_its_own_budget() {
    let scratch = Scratch::new();
    scratch.write("common_site_config.json", r#"{ "rate_limit": "100 per year" }"#);
    scratch.write("a.example/site_config.json", r#"{ "rate_limit": "1 per year" }"#);
    scratch.write("b.example/site_config.json", r#"{ "rate_limit": "2 per year" }"#);
    let server = Running::with_sites(scratch);
    let of = |fields: &str| server.request("GET", "/", fields);
    assert_eq!(of("host: a.example\r\n").number("x-ratelimit-limit"), 1);
    assert_eq!(of("host: A.EXAMPLE:8080\r\n").status, 429);
    assert_eq!(of("host: b.example\r\n").number("x-ratelimit-remaining"), 1);
    assert_eq!(of("host: c.example\r\n").number("x-ratelimit-limit"), 100);
    assert_eq!(of("host: a.example\r\nx-forwarded-host: b.example\r\n").status, 429);
}
