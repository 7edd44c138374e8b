//! Whose account it is, behind proxies and without.

use std::path::Path;

use actix_web::{App, HttpServer, rt, web};
use timebudget::{Component, TimeBudget};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::harness::{Listening, World, serve, soon};

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

/// A proxy that connects through a Unix socket could not be trusted: all of its clients were one account.
#[actix_web::test]
async fn a_proxy_on_a_unix_socket_is_believed_where_unix_is_trusted() {
    let world = World::new();
    for (trusted, remaining) in [(r#""unix""#, [4, 4, 3]), (r#""10.0.0.1""#, [4, 3, 2])] {
        let file = format!(r#"{{"rate_limit": "5 per hour", "rate_limit_trusted_proxies": [{trusted}]}}"#);
        // The world's accounts are those of the first list too.
        let budget = World::beside(&world).budget_of(&file);
        let app = move || App::new().wrap(budget.clone()).default_service(web::to(async || "hello"));
        let path =
            std::env::temp_dir().join(format!("timebudget-{}-{}.sock", std::process::id(), trusted.len()));
        let server = HttpServer::new(app).workers(1).disable_signals().bind_uds(&path).unwrap().run();
        let handle = server.handle();
        rt::spawn(server);
        for (client, remaining) in ["192.0.2.1", "192.0.2.2", "192.0.2.1"].into_iter().zip(remaining) {
            let answer = over_socket(&path, &format!("X-Forwarded-For: {client}\r\n")).await;
            let expected = format!("x-ratelimit-remaining: {remaining}\r\n");
            assert!(answer.contains(&expected), "{trusted} {client}: {answer}");
        }
        handle.stop(false).await;
    }
}

/// What a server on a Unix socket answers.
async fn over_socket(path: &Path, fields: &str) -> String {
    let mut stream = UnixStream::connect(path).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{fields}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    answer
}

#[actix_web::test]
async fn so_many_hops_are_believed_whoever_connects() {
    let world = World::new();
    let file = r#"{"rate_limit": "2 per hour", "rate_limit_trusted_hops": 2}"#;
    let mut proxy = start(&world, file).connect().await;
    for (fields, remaining) in [
        ("X-Forwarded-For: 6.6.6.6, 192.0.2.1, 198.51.100.7\r\n", 1),
        ("X-Forwarded-For: 7.7.7.7, 192.0.2.1, 198.51.100.8\r\n", 0),
        ("X-Forwarded-For: 192.0.2.2, 198.51.100.7\r\n", 1),
    ] {
        assert_eq!(proxy.get_with("/", fields).await.remaining(), remaining, "{fields}");
    }
    assert_eq!(proxy.get_with("/", "X-Forwarded-For: 192.0.2.1, 198.51.100.9\r\n").await.status, 429);
}

/// A client behind NAT64 had an account of its own beside that of its IPv4 address.
#[actix_web::test]
async fn an_address_that_a_gateway_translates_is_the_ipv4_address_in_keys_conditions_and_lists() {
    let world = World::new();
    let file = r#"{"rate_limit_trusted_proxies": ["127.0.0.1", "64:ff9b::a00:0/104"], "rate_limit_exempt": {"ip": "203.0.113.0/24"}, "rate_limit": "2 per hour"}"#;
    let mut proxy = start(&world, file).connect().await;
    for (fields, remaining) in [
        ("X-Forwarded-For: 192.0.2.1\r\n", 1),
        ("X-Forwarded-For: 64:ff9b::c000:201\r\n", 0),
        ("X-Forwarded-For: 2002:c000:201::, 10.0.0.1, 64:ff9b::10.0.0.2\r\n", 1),
    ] {
        assert_eq!(proxy.get_with("/", fields).await.remaining(), remaining, "{fields}");
    }
    let exempt = proxy.get_with("/", "X-Forwarded-For: 64:ff9b::203.0.113.7\r\n").await;
    assert!(exempt.tells_nothing());
    assert_eq!(proxy.get_with("/", "X-Forwarded-For: ::ffff:192.0.2.1\r\n").await.status, 429);
}

#[actix_web::test]
async fn code_says_who_is_trusted_in_a_line() {
    let world = World::new();
    let per_ip = TimeBudget::rule("ip", "2 per hour").key(Component::Ip);
    let builder = TimeBudget::rules([per_ip]).engine(&world.engine()).trusted_proxies(["127.0.0.1", "unix"]);
    let budget = builder.build().unwrap();
    let server = serve(move || App::new().wrap(budget.clone()).default_service(web::to(async || "hello")));
    let mut proxy = server.connect().await;
    for client in ["192.0.2.1", "192.0.2.2"] {
        assert_eq!(proxy.get_with("/", &format!("X-Forwarded-For: {client}\r\n")).await.remaining(), 1);
    }
}
