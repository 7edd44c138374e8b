//! Whatever a client sends: no panic, no 5xx of ours, no way round the limit.

use std::net::SocketAddr;

use actix_web::web::{self, Data};
use actix_web::{App, HttpServer, rt};
use tokio::net::UnixStream;

use crate::harness::{Client, Gate, Listening, SECOND, World, secs, serve, slow};

fn start(budget: timebudget::TimeBudget, gate: &Gate) -> Listening {
    let gate = gate.clone();
    serve(move || {
        App::new()
            .wrap(budget.clone())
            .app_data(Data::new(gate.clone()))
            .route("/slow", web::to(slow))
            .service(web::scope("/api").route("/auth/login", web::to(async || "login")))
            .default_service(web::to(async || "hello"))
    })
}

const SLOW: &str = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";

/// A site file whose conditions look at paths and methods.
const FILE: &str = r#"{"rate_limit": "600s per hour; 100000 per hour",
    "rate_limit_exempt": {"all": [{"path": {"glob": "/free/**"}}, {"method": "GET"}]}}"#;

#[actix_web::test]
async fn strange_requests_are_served_and_charged_or_turned_away_by_the_parser() {
    let world = World::new();
    let server = start(world.budget_of(FILE), &Gate::new());
    let long = "x".repeat(10_000);
    let paths = [
        "/".to_owned(),
        "*".to_owned(),
        "//".to_owned(),
        "/../..".to_owned(),
        "/%".to_owned(),
        "/%0".to_owned(),
        "/%00".to_owned(),
        "/%2F%2f".to_owned(),
        "/%FF%FE%80".to_owned(),
        "/\u{e9}".to_owned(),
        "/a?%FF=\u{ff}&&==".to_owned(),
        "/free/%2e%2e/api".to_owned(),
        "?".to_owned(),
        "http://".to_owned(),
        "a:80".to_owned(),
        format!("/{long}"),
        format!("/{}", "%ff".repeat(3_000)),
        format!("/{}", "/".repeat(10_000)),
        format!("/?{long}"),
    ];
    for method in ["GET", "get", "OPTIONS", "PROPFIND", "FOO-BAR", "!#$%&'*+-.^_`|~", &"M".repeat(1_000)] {
        for path in &paths {
            let mut client = server.connect().await;
            client.send(format!("{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
            let head = client.head().await;
            assert!(head.status < 500, "{method} {path:.40}: {head:?}");
        }
    }
    let answer = server.connect().await.get("/").await;
    assert_eq!(answer.status, 200);
    assert!(world.accounts().iter().all(|account| account.admitted == 0), "all is settled");
}

#[actix_web::test]
async fn strange_fields_are_no_way_round_the_limit() {
    let world = World::new();
    let mut client = start(world.budget_per_ip("20 per hour"), &Gate::new()).connect().await;
    let fields = [
        "X-Forwarded-For: 1.2.3.4\r\n",
        "Forwarded: for=1.2.3.4\r\n",
        "X-Real-IP: 1.2.3.4\r\n",
        "X-Forwarded-For: nobody\r\n",
        "X-Forwarded-For: \u{ff}\r\n",
        "Accept: \u{ff}\r\n",
        "Origin: \u{ff}\r\nAccess-Control-Request-Method: \u{ff}\r\n",
        "X-RateLimit-Remaining: 100\r\n",
        "Cookie: a\r\nCookie: b\r\n",
        "Authorization: Basic !!!\r\n",
    ];
    for (sent, field) in (1..).zip(fields) {
        let answer = client.get_with("/", field).await;
        assert_eq!((answer.status, answer.remaining()), (200, 20 - sent), "{field}");
    }
}

#[actix_web::test]
async fn conditions_see_the_path_as_the_router_does() {
    let world = World::new();
    let file =
        r#"{"rate_limit": "100s per hour", "rate_limit_exempt": {"not": {"path": "/api/auth/login"}}}"#;
    let mut client = start(world.budget_of(file), &Gate::new()).connect().await;
    for path in ["/api/auth/login", "/api/auth/%6Cogin", "/%61pi/auth/log%69n", "/api/auth/login?x=%6C"] {
        let answer = client.get(path).await;
        assert_eq!((answer.body.as_str(), answer.tells_nothing()), ("login", false), "{path}");
    }
    for path in ["/api/auth/%256Cogin", "/api/auth/Login", "/api/auth%2Flogin"] {
        let answer = client.get(path).await;
        assert_eq!((answer.body == "login", answer.tells_nothing()), (false, true), "{path}");
    }
    for path in ["/api/auth/login/", "//api/auth/login", "/api///auth/%6Cogin//"] {
        let answer = client.get(path).await;
        assert_eq!((answer.body == "login", answer.tells_nothing()), (false, false), "{path}: one to rules");
    }
}

#[actix_web::test]
async fn peers_without_an_address_share_one_account() {
    let world = World::new();
    let budget = world.budget_per_ip("5 per hour");
    let path = std::env::temp_dir().join(format!("timebudget-{}.sock", std::process::id()));
    let server =
        HttpServer::new(move || App::new().wrap(budget.clone()).default_service(web::to(async || "hello")));
    rt::spawn(server.workers(1).disable_signals().bind_uds(&path).expect("a socket").run());
    for remaining in [4, 3, 2] {
        let stream = UnixStream::connect(&path).await.expect("it listens");
        assert_eq!(Client::over(stream).get("/").await.remaining(), remaining);
    }
    std::fs::remove_file(path).expect("the socket is there");
}

#[actix_web::test]
async fn an_address_of_ipv4_is_the_same_on_a_listener_of_both_kinds() {
    let world = World::new();
    let budget = world.budget_per_ip("5 per hour");
    let server =
        HttpServer::new(move || App::new().wrap(budget.clone()).default_service(web::to(async || "hello")));
    let Ok(server) = server.workers(1).disable_signals().bind("[::]:0") else {
        return; // A machine without IPv6.
    };
    let server = server.bind("127.0.0.1:0").expect("a free port");
    let ports: Vec<_> = server.addrs().iter().map(SocketAddr::port).collect();
    rt::spawn(server.run());
    for (port, remaining) in ports.into_iter().zip([4, 3]) {
        let mut client = Client::connect(SocketAddr::from(([127, 0, 0, 1], port))).await;
        assert_eq!(client.get("/").await.remaining(), remaining);
    }
}

#[actix_web::test]
async fn setting_the_wall_clock_while_requests_run_neither_refunds_nor_locks_out() {
    for hours in [-30, -5, -1, 1, 5, 30] {
        let (world, gate) = (World::new(), Gate::new());
        let server = start(world.budget("10s per hour"), &gate);
        let (mut running, mut other) = (server.connect().await, server.connect().await);
        world.advance(secs(1_800));
        running.send(SLOW).await;
        gate.arrivals(1).await;
        world.advance(secs(6));
        world.clock().set_wall_by(hours * 3_600);
        assert_eq!(world.spent(), 6 * SECOND, "{hours}: no refund");
        world.advance(secs(6));
        gate.open(1);
        assert_eq!(running.answer().await.used(), 12 * SECOND, "{hours}");

        let refused = other.get("/").await;
        assert_eq!(refused.standing(), (10 * SECOND, 0, 1_788, None), "{hours}: what was left of the window");
        world.advance(secs(1_787));
        assert_eq!(other.get("/").await.status, 429, "{hours}");
        world.advance(secs(1));
        assert_eq!(other.get("/").await.status, 200, "{hours}: no lock-out");
    }
}

#[actix_web::test]
async fn setting_the_wall_clock_to_and_fro_under_load_breaks_nothing() {
    let world = World::new();
    let mut client = start(world.budget("600s per hour; 100000 per day"), &Gate::new()).connect().await;
    for step in 0..200 {
        world.clock().set_wall_by(if step % 2 == 0 { 7_300 } else { -7_200 });
        world.advance(secs(61));
        let answer = client.get("/").await;
        assert_eq!(answer.status, 200);
        let (_, _, reset, used) = answer.standing();
        assert!((1..=86_400).contains(&reset) && used == Some(1), "{answer:?}");
    }
}
