//! What users of other limiters and of metrics have reported, tried on ours.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use actix_web::http::StatusCode;
use actix_web::{App, HttpResponse, web};
use timebudget::{Component, Engine, Event, Key, Observe, Period, TimeBudget};

use crate::harness::{World, serve};

/// Every route by which an observer is told of requests.
#[derive(Default)]
struct Routes(Mutex<HashSet<String>>);

impl Observe for Routes {
    fn settled(&self, event: &Event<'_>) {
        let name = event.route().name().expect("a route that is told has a name");
        self.0.lock().unwrap().insert(name.to_string());
    }
}

/// Scanners asked a server for 400,000 paths that it did not have, in methods of their own, and each made a time series.
#[actix_web::test]
async fn who_counts_by_route_counts_all_paths_without_one_as_one() {
    let world = World::new();
    let routes = Arc::new(Routes::default());
    let rule = TimeBudget::rule("site", "600s per hour");
    let budget = TimeBudget::builder().rule(rule).engine(&world.engine()).observe(Arc::clone(&routes));
    let budget = budget.build().unwrap();
    let server =
        serve(move || App::new().wrap(budget.clone()).route("/users/{id}", web::get().to(async || "user")));
    let mut client = server.connect().await;
    for number in 0..600 {
        for path in
            [format!("/.env.{number}"), format!("/a{number}/b/c{number}.php"), format!("/users/{number}")]
        {
            client.get(&path).await;
        }
        let unheard = format!("SCAN{number} /users/{number} HTTP/1.1\r\nHost: a\r\n\r\n");
        client.ask(&unheard).await;
    }
    let mut known: Vec<_> = routes.0.lock().unwrap().iter().cloned().collect();
    known.sort();
    assert_eq!(known, ["?", "GET", "GET /users/{id}"]);
}

/// Somebody solved a captcha, and nobody could find the key by which the limiter knew the address.
#[actix_web::test]
async fn an_ipv6_client_is_found_by_any_address_of_its_network() {
    let world = World::new();
    let file = r#"{"rate_limit_trusted_proxies": ["127.0.0.1"],
        "rate_limit_rules": [{"name": "calls", "key": "ip", "limits": "1 per day"}]}"#;
    let budget = world.budget_of(file);
    let server = serve(move || App::new().wrap(budget.clone()).default_service(web::to(async || "hello")));
    let mut client = server.connect().await;
    let from = "X-Forwarded-For: 2001:db8:1:2:aaaa::1\r\n";
    assert_eq!(client.get_with("/", from).await.status, 200);
    assert_eq!(client.get_with("/", from).await.status, 429);
    let accounts = world.engine().accounts();
    for other in ["2001:db8:1:3::1", "2001:db8:1:2::"] {
        let address: IpAddr = other.parse().unwrap();
        accounts.of("test", "calls", address).unwrap().reset().await.unwrap();
        let expected = if other == "2001:db8:1:2::" { 200 } else { 429 };
        assert_eq!(client.get_with("/", from).await.status, expected, "{other}");
    }
}

/// Who had mistyped a password all day and then typed the right one stayed locked out for the day; to forget the minute and
/// the hour as well would have let guessers go on.
#[actix_web::test]
async fn a_login_that_succeeds_resets_the_days_limit_of_its_own_address_and_no_other() {
    let world = World::new();
    let engine: Engine = world.engine();
    let rule = TimeBudget::rule("login", "3 per minute; 4 per day").key(Component::Ip);
    let budget = world.build(rule);
    let server = serve(move || {
        let engine = engine.clone();
        let login = move || {
            let own = engine.accounts().of("*", "login", Key::from("127.0.0.1")).unwrap();
            async move { own.per(Period::DAY).reset().await.unwrap()[0].spent.to_string() }
        };
        App::new()
            .wrap(budget.clone())
            .route("/login", web::to(login))
            .default_service(web::to(async || "no"))
    });
    let mut client = server.connect().await;
    assert_eq!(client.statuses("/", 2).await, [200, 200]);
    let answer = client.get("/login").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "0"));
    assert_eq!(client.get("/").await.status, 429);
    world.advance(std::time::Duration::from_secs(60));
    assert_eq!(client.statuses("/", 4).await, [200, 200, 200, 429]);
    world.advance(std::time::Duration::from_secs(60));
    assert_eq!(client.statuses("/", 2).await, [200, 429]);
}

/// A server counted those who asked for a WebSocket without upgrading, told them so by 426, and never let go of the place.
#[actix_web::test]
async fn who_asks_for_another_protocol_and_does_not_get_it_leaves_its_place_under_a_cap() {
    let world = World::new();
    let budget = world.build(TimeBudget::rule("tunnels", "2 concurrent").key(Component::Ip));
    let refuse = async || HttpResponse::new(StatusCode::UPGRADE_REQUIRED);
    let server = serve(move || App::new().wrap(budget.clone()).default_service(web::to(refuse)));
    let mut client = server.connect().await;
    assert_eq!(client.statuses("/stream", 40).await, [426; 40]);
}
