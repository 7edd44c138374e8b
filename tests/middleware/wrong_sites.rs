//! Sites whose own file is wrong: they alone suffer, and not for longer than it is wrong.

use timebudget::config::Meanwhile;

use crate::harness::{Bench, PAGE, SECOND, World, secs};

const COMMON: &str = r#"{ "rate_limit": "99s per hour" }"#;
const WRONG: &str = r#"{ "rate_limit": "-1 per fortnight", "domains": ["shop.example"] }"#;

fn wrong(bench: &Bench) -> Vec<(String, Meanwhile, i64)> {
    let wrong = bench.sites.as_ref().unwrap().wrong();
    wrong.into_iter().map(|wrong| (wrong.site, wrong.meanwhile, wrong.since.secs())).collect()
}

const TEN_O_CLOCK: i64 = 1_699_999_200;

/// One wrong file stopped the start of 3,000 sites.
#[actix_web::test]
async fn at_a_start_a_wrong_site_is_refused_and_the_others_are_served() {
    let world = World::new();
    let bench = Bench::serving(&world, &[("", COMMON), ("a.example", WRONG), ("b.example", "{}")]);
    assert_eq!((bench.limit("b.example").await, bench.limit("c.example").await), (99, 99));
    for host in ["a.example", "shop.example"] {
        let refused = bench.ask(host, "").await;
        assert_eq!((refused.status, refused.field("retry-after")), (503, Some("1")), "{host}");
        assert_eq!(refused.field("content-type"), Some("application/problem+json"));
        assert_eq!(refused.field("cache-control"), Some("no-store"));
        assert!(refused.body.contains(r#""status":503"#), "{}", refused.body);
        for secret in ["fortnight", "file", "a.example", "rate_limit"] {
            assert!(!refused.body.contains(secret), "{}", refused.body);
        }
        assert!(bench.ask(host, "Accept: text/html\r\n").await.body.starts_with("<!DOCTYPE html>"));
    }
    assert_eq!(wrong(&bench), [("a.example".to_owned(), Meanwhile::Refused, TEN_O_CLOCK)]);
}

#[actix_web::test]
async fn a_preflight_of_a_wrong_site_tells_nothing_either() {
    let world = World::new();
    let bench = Bench::serving(&world, &[("", COMMON), ("a.example", "{")]);
    let mut client = bench.connect().await;
    let preflight = "OPTIONS / HTTP/1.1\r\nHost: a.example\r\nOrigin: http://x\r\nAccess-Control-Request-Method: PUT\r\n\r\n";
    assert_eq!(client.ask(preflight).await.status, 503);
}

/// It said that there are no limits, while each request was refused.
#[actix_web::test]
async fn the_page_of_limits_of_a_wrong_site_says_that_nobody_knows() {
    let world = World::new();
    let bench = Bench::serving(&world, &[("", COMMON), ("a.example", "{")]);
    let mut client = bench.connect().await;
    for (host, status) in [("a.example", 503), ("b.example", 200)] {
        let request = format!("GET {PAGE} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(client.ask(&request).await.status, status, "{host}");
    }
}

#[actix_web::test]
async fn where_the_common_file_says_open_a_wrong_site_is_not_limited() {
    let common = r#"{ "rate_limit": "0s per hour", "rate_limit_on_error": "open" }"#;
    let world = World::new();
    let bench = Bench::serving(&world, &[("", common), ("a.example", "not even JSON"), ("b.example", "{}")]);
    let open = bench.ask("a.example", "").await;
    assert!(open.status == 200 && open.tells_nothing(), "{open:?}");
    assert_eq!(bench.ask("b.example", "").await.status, 429);
    assert_eq!(wrong(&bench)[0].1, Meanwhile::Open);
}

#[actix_web::test]
async fn at_a_reload_a_wrong_site_keeps_its_last_rules_hosts_and_budget() {
    let right = r#"{ "rate_limit": "11s per hour", "domains": ["shop.example"] }"#;
    let world = World::new();
    let mut bench = Bench::serving(&world, &[("", COMMON), ("a.example", right), ("b.example", "{}")]);
    assert_eq!(bench.ask("shop.example", "").await.remaining(), 11 * SECOND - 1);
    world.advance(secs(5));
    bench.write("a.example", "{ half a file");
    bench.write("b.example", r#"{ "rate_limit": "22s per hour" }"#);
    bench.reload();
    assert_eq!(bench.limit("b.example").await, 22, "the others go on");
    assert_eq!(bench.ask("shop.example", "").await.remaining(), 11 * SECOND - 2);
    assert_eq!(wrong(&bench), [("a.example".to_owned(), Meanwhile::LastRules, TEN_O_CLOCK + 5)]);

    world.advance(secs(5));
    bench.write("c.example", "{}");
    bench.reload();
    assert_eq!(wrong(&bench)[0].2, TEN_O_CLOCK + 5, "since when it is wrong, not since the last reload");

    bench.write("a.example", r#"{ "rate_limit": "12s per hour" }"#);
    bench.reload();
    assert_eq!(bench.ask("a.example", "").await.remaining(), 12 * SECOND - 3, "healed, with the old spend");
    assert_eq!(bench.limit("shop.example").await, 99, "a host that it has given up");
    assert!(wrong(&bench).is_empty());
}

#[actix_web::test]
async fn nobody_takes_the_hosts_of_a_site_while_its_file_is_wrong() {
    let right = r#"{ "rate_limit": "22s per hour", "rate_limit_hosts": ["shop.example"] }"#;
    let world = World::new();
    let mut bench = Bench::serving(&world, &[("", COMMON), ("b.example", right)]);
    bench.write("b.example", "{");
    bench.write(
        "a.example",
        r#"{ "rate_limit": "11s per hour", "rate_limit_hosts": ["shop.example", "b.example"] }"#,
    );
    bench.reload();
    assert_eq!((bench.limit("shop.example").await, bench.limit("b.example").await), (22, 22));
    assert_eq!(bench.limit("a.example").await, 11, "who tries loses no more than the host");
}

#[actix_web::test]
async fn a_site_that_was_wrong_from_the_beginning_is_served_as_soon_as_it_is_right() {
    let world = World::new();
    let mut bench = Bench::serving(&world, &[("", COMMON), ("a.example", WRONG)]);
    assert_eq!(bench.ask("a.example", "").await.status, 503);
    bench.reload();
    assert_eq!(bench.ask("a.example", "").await.status, 503, "nothing has changed");
    bench.write("a.example", r#"{ "rate_limit": "11s per hour" }"#);
    bench.reload();
    assert_eq!(bench.limit("a.example").await, 11);
}

#[actix_web::test]
async fn a_default_site_that_is_wrong_is_refused_with_all_hosts_that_it_answers_for() {
    let world = World::new();
    let common = r#"{ "rate_limit": "99s per hour", "default_site": "a.example" }"#;
    let bench = Bench::serving(&world, &[("", common), ("a.example", "{"), ("b.example", "{}")]);
    assert_eq!((bench.ask("elsewhere", "").await.status, bench.limit("b.example").await), (503, 99));
}
