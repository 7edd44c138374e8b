//! Whose account it is, behind proxies and without.

use actix_web::App;
use actix_web::web;

use crate::harness::{Listening, World, serve};

fn start(world: &World, file: &str) -> Listening {
    let budget = world.budget_of(file);
    serve(move || App::new().wrap(budget.clone()).default_service(web::to(async || "hello")))
}

#[actix_web::test]
async fn a_client_that_no_proxy_speaks_for_stays_one_account_whatever_it_sends() {
    let world = World::new();
    let file = r#"{"rate_limit": "40 per hour", "rate_limit_trusted_proxies": ["10.0.0.0/8"]}"#;
    let mut client = start(&world, file).connect().await;
    for sent in 1..=40 {
        let field = format!("X-Forwarded-For: 192.0.2.{sent}\r\nForwarded: for=192.0.2.{sent}\r\n");
        assert_eq!(client.get_with("/", &field).await.remaining(), 40 - sent);
    }
    assert_eq!(client.get_with("/", "X-Forwarded-For: 192.0.2.99\r\n").await.status, 429);
}

#[actix_web::test]
async fn clients_behind_a_trusted_proxy_have_accounts_of_their_own() {
    let world = World::new();
    let file = r#"{"rate_limit": "2 per hour", "rate_limit_trusted_proxies": ["127.0.0.0/8", "10.0.0.0/8"]}"#;
    let mut proxy = start(&world, file).connect().await;
    for (fields, remaining) in [
        ("X-Forwarded-For: 192.0.2.1\r\n", 1),
        ("X-Forwarded-For: 192.0.2.2:4711, 10.0.0.7\r\n", 1),
        ("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: [::ffff:192.0.2.1]:80\r\n", 0),
        ("X-Forwarded-For: 2001:db8:0:1::1\r\n", 1),
        ("X-Forwarded-For: 2001:db8:0:1:ffff::\r\n", 0),
        ("X-Forwarded-For: 2001:db8:0:2::1\r\n", 1),
    ] {
        assert_eq!(proxy.get_with("/", fields).await.remaining(), remaining, "{fields}");
    }
    assert_eq!(proxy.get_with("/", "X-Forwarded-For: 192.0.2.1\r\n").await.status, 429);
}

#[actix_web::test]
async fn what_is_no_address_is_the_proxys_own_account() {
    let world = World::new();
    let file = r#"{"rate_limit": "5 per hour", "rate_limit_trusted_proxies": ["127.0.0.1"]}"#;
    let mut proxy = start(&world, file).connect().await;
    let fields =
        ["", "X-Forwarded-For: \r\n", "X-Forwarded-For: 6.6.6.6, unknown\r\n", "X-Forwarded-For: \u{ff}\r\n"];
    for (remaining, field) in [4, 3, 2, 1].into_iter().zip(fields) {
        assert_eq!(proxy.get_with("/", field).await.remaining(), remaining, "{field}");
    }
}

#[actix_web::test]
async fn another_header_and_another_prefix_can_be_chosen() {
    let world = World::new();
    let file = r#"{"rate_limit": "5 per hour", "rate_limit_trusted_proxies": ["127.0.0.1"],
        "rate_limit_forwarded_header": "Forwarded", "rate_limit_ipv6_prefix": 48}"#;
    let mut proxy = start(&world, file).connect().await;
    for (fields, remaining) in [
        ("Forwarded: for=\"[2001:db8:1:1::1]:4711\";proto=https\r\n", 4),
        ("Forwarded: for=\"[2001:db8:1:2::1]\"\r\nX-Forwarded-For: 6.6.6.6\r\n", 3),
        ("Forwarded: for=\"[2001:db8:2:1::1]\"\r\n", 4),
    ] {
        assert_eq!(proxy.get_with("/", fields).await.remaining(), remaining, "{fields}");
    }
}
