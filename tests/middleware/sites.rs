//! Many sites in one server, chosen by the request's host, and replaced while they are in force.

use std::sync::Arc;

use actix_web::App;
use actix_web::web::{self, Data};
use timebudget::config::Loaded;
use timebudget::{Sites, TimeBudget};

use crate::harness::{Answer, Client, Gate, Listening, SECOND, World, secs, serve, site, slow};

/// `a.example`, `b.example`, and everyone else, with limits by which they are told apart.
fn loaded(limits: [u32; 3]) -> Loaded {
    let file = |limit| {
        format!(r#"{{"rate_limit": "{limit}s per hour", "rate_limit_exempt": {{"path": "/health"}}}}"#)
    };
    let [a, b, fallback] = limits.map(file);
    let named = |name: &str, file| (name.to_owned(), Arc::new(site(name, file)));
    let mut loaded = Loaded::from_site(site("*", &fallback));
    loaded.sites = vec![named("a.example", &a), named("b.example", &b)];
    loaded
}

fn start(world: &World, gate: &Gate) -> (Listening, Arc<Sites>) {
    let sites = Arc::new(Sites::new(loaded([11, 22, 33]), world.engine()));
    let (budget, gate) = (TimeBudget::of_sites(Arc::clone(&sites)), gate.clone());
    let server = serve(move || {
        App::new()
            .wrap(budget.clone())
            .app_data(Data::new(gate.clone()))
            .route("/slow", web::to(slow))
            .default_service(web::to(async || "hello"))
    });
    (server, sites)
}

/// The seconds that the site grants whose budget a request fell under.
async fn limit_of(client: &mut Client, request: &str) -> u64 {
    limit(&client.ask(request).await)
}

fn limit(answer: &Answer) -> u64 {
    answer.number("x-ratelimit-limit") / SECOND
}

#[actix_web::test]
async fn the_host_chooses_the_site() {
    let world = World::new();
    let mut client = start(&world, &Gate::new()).0.connect().await;
    for (host, expected) in [
        ("a.example", 11),
        ("b.example", 22),
        ("A.Example", 11),
        ("a.example:8080", 11),
        ("b.example.", 22),
        ("B.EXAMPLE.:443", 22),
        ("c.example", 33),
        ("sub.a.example", 33),
        ("a.example.evil", 33),
        ("", 33),
        (":80", 33),
        ("[::1]:80", 33),
        ("*", 33),
        ("a.example, b.example", 33),
        ("a.example b.example", 33),
        ("\u{e9}.example", 33),
        ("../a.example", 33),
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(limit_of(&mut client, &request).await, expected, "{host:?}");
    }
    assert_eq!(limit_of(&mut client, "GET / HTTP/1.0\r\n\r\n").await, 33, "no host");
}

#[actix_web::test]
async fn the_host_of_a_whole_target_comes_before_the_host_field() {
    let world = World::new();
    let mut client = start(&world, &Gate::new()).0.connect().await;
    for target in [
        "http://b.example/",
        "http://b.example:81/x?y",
        "http://me@B.example/",
        "http://a.example@b.example:1/",
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: a.example\r\n\r\n");
        assert_eq!(limit_of(&mut client, &request).await, 22, "{target}");
    }
}

#[actix_web::test]
async fn forwarding_fields_choose_nothing() {
    let world = World::new();
    let mut client = start(&world, &Gate::new()).0.connect().await;
    for field in [
        "X-Forwarded-Host: b.example",
        "Forwarded: host=b.example",
        "X-Host: b.example",
        "X-Original-Host: b.example",
        "X-Forwarded-Server: b.example",
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: a.example\r\n{field}\r\n\r\n");
        assert_eq!(limit_of(&mut client, &request).await, 11, "{field}");
    }
}

#[actix_web::test]
async fn sites_have_accounts_of_their_own() {
    let world = World::new();
    let mut client = start(&world, &Gate::new()).0.connect().await;
    for host in ["a.example", "b.example", "c.example"] {
        let answer = client.ask(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert_eq!(answer.remaining(), limit(&answer) * SECOND - 1, "{host}");
    }
    let other = client.ask("GET / HTTP/1.1\r\nHost: d.example\r\n\r\n").await;
    assert_eq!(other.remaining(), 33 * SECOND - 2, "unknown hosts share one");
}

#[actix_web::test]
async fn an_exempt_request_has_no_headers_and_costs_nothing() {
    let world = World::new();
    let mut client = start(&world, &Gate::new()).0.connect().await;
    for path in ["/health", "/health?deep=1", "/%68ealth"] {
        let answer = client.ask(&format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n")).await;
        assert!(answer.status == 200 && answer.tells_nothing(), "{path}: {answer:?}");
    }
    let answer = client.ask("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    assert_eq!(answer.remaining(), 11 * SECOND - 1);
}

#[actix_web::test]
async fn new_rules_meet_the_old_spend() {
    let (world, gate) = (World::new(), Gate::new());
    let (server, sites) = start(&world, &gate);
    let mut client = server.connect().await;
    let request = "GET /slow HTTP/1.1\r\nHost: a.example\r\n\r\n";
    client.send(request).await;
    gate.arrivals(1).await;
    world.advance(secs(5));

    sites.replace(loaded([6, 22, 33]));
    let mut other = server.connect().await;
    let during = other.ask("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    assert_eq!((during.status, limit(&during)), (429, 6), "5 s are spent, and as much is held");

    gate.open(1);
    let survivor = client.answer().await;
    assert_eq!(
        (survivor.status, survivor.used()),
        (200, 5 * SECOND),
        "it ends by the rules that admitted it"
    );
    assert_eq!(limit(&survivor), 11);
    let after = client.ask("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    assert_eq!((limit(&after), after.remaining()), (6, SECOND - 1));
    assert_eq!(world.account().admitted, 0);
}
