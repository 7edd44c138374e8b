//! Fair rules: once little of what all share is left, nobody may spend more than a share of it.

use std::sync::{Arc, Mutex};

use actix_web::App;
use actix_web::dev::ServiceRequest;
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, Data};
use timebudget::{Budget, Component, KeyValue, LimitReport, TimeBudget, Watch, component_by};

use crate::harness::{Answer, Client, Gate, Listening, World, secs, serve};

/// A server whose handlers take as many seconds as their path says, behind a trusted proxy.
fn start(world: &World, rules: &str) -> Listening {
    let file = format!(r#"{{"rate_limit_trusted_proxies": ["127.0.0.1"], "rate_limit_rules": [{rules}]}}"#);
    let (budget, clock) = (world.budget_of(&file), world.clock());
    serve(move || {
        let clock = clock.clone();
        let work = move |seconds: web::Path<u64>| {
            clock.advance(secs(*seconds));
            async { "done" }
        };
        App::new().wrap(budget.clone()).route("/{seconds}", web::to(work))
    })
}

async fn ask_for(client: &mut Client, address: &str, seconds: u64) -> Answer {
    client.get_with(&format!("/{seconds}"), &format!("X-Forwarded-For: {address}\r\n")).await
}

async fn ask(client: &mut Client, address: &str) -> u16 {
    ask_for(client, address, 0).await.status
}

const TEN: &str = r#"{"name": "a", "key": "site", "fair": true, "limits": "10 per hour"}"#;

#[actix_web::test]
async fn whoever_has_spent_its_share_leaves_the_last_fifth_to_others() {
    let mut client = start(&World::new(), TEN).connect().await;
    for address in ["192.0.2.1"; 7] {
        assert_eq!(ask(&mut client, address).await, 200);
    }
    assert_eq!(ask(&mut client, "192.0.2.2").await, 200);
    let refused = ask_for(&mut client, "192.0.2.1", 0).await;
    assert_eq!(refused.standing(), (10, 0, 3_600, None), "seven of ten, by two clients");
    assert_eq!(refused.field("retry-after"), Some("3600"));
    assert!(refused.body.contains("your share of it is spent"), "{}", refused.body);
    for (address, status) in [("192.0.2.2", 200), ("192.0.2.1", 429), ("192.0.2.3", 200), ("192.0.2.4", 429)]
    {
        assert_eq!(ask(&mut client, address).await, status, "{address}");
    }
}

#[actix_web::test]
async fn a_client_that_is_alone_may_spend_everything() {
    let mut client = start(&World::new(), TEN).connect().await;
    for left in (0..10).rev() {
        let answer = ask_for(&mut client, "192.0.2.1", 0).await;
        assert_eq!((answer.status, answer.remaining()), (200, left));
    }
    assert_eq!(ask(&mut client, "192.0.2.1").await, 429);
}

#[actix_web::test]
async fn refused_newcomers_are_not_counted() {
    let rules =
        format!(r#"{{"name": "gate", "when": {{"ip": "198.51.100.0/24"}}, "limits": "0 per hour"}}, {TEN}"#);
    let mut client = start(&World::new(), &rules).connect().await;
    for _ in 0..8 {
        assert_eq!(ask(&mut client, "192.0.2.1").await, 200);
    }
    for other in 0..20 {
        assert_eq!(ask(&mut client, &format!("198.51.100.{other}")).await, 429);
    }
    assert_eq!(ask(&mut client, "192.0.2.1").await, 200, "still alone");
}

#[actix_web::test]
async fn a_new_window_begins_with_nobody() {
    let world = World::new();
    let mut client = start(&world, TEN).connect().await;
    for address in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        assert_eq!(ask(&mut client, address).await, 200);
    }
    world.advance(secs(3_600));
    for _ in 0..10 {
        assert_eq!(ask(&mut client, "192.0.2.1").await, 200);
    }
}

#[actix_web::test]
async fn time_is_shared_out_as_well() {
    let rule = r#"{"name": "a", "key": "site", "fair": "ip", "hold": "off", "limits": "100s per hour"}"#;
    let mut client = start(&World::new(), rule).connect().await;
    assert_eq!(ask_for(&mut client, "192.0.2.1", 60).await.status, 200);
    assert_eq!(ask_for(&mut client, "192.0.2.2", 19).await.status, 200);
    assert_eq!(ask_for(&mut client, "192.0.2.1", 1).await.remaining(), 20_000_000, "of 79 spent");
    let refused = ask_for(&mut client, "192.0.2.1", 1).await;
    assert_eq!((refused.status, refused.field("retry-after")), (429, Some("3520")), "61 of 100, by two");
    assert_eq!(ask_for(&mut client, "192.0.2.2", 10).await.status, 200);
    assert_eq!(ask_for(&mut client, "192.0.2.3", 10).await.status, 200);
    assert_eq!(ask_for(&mut client, "192.0.2.3", 1).await.status, 429, "everything is spent");
}

#[actix_web::test]
async fn each_shared_account_has_clients_of_its_own() {
    let rule = r#"{"name": "a", "key": "route", "per_method": true, "fair": true, "limits": "5 per hour"}"#;
    let mut client = start(&World::new(), rule).connect().await;
    for address in ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"] {
        assert_eq!(ask(&mut client, address).await, 200);
    }
    assert_eq!(ask(&mut client, "192.0.2.1").await, 429);
    let head = "HEAD /0 HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n";
    assert_eq!(client.ask(head).await.status, 429, "HEAD is GET");
    let post = "POST /0 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n";
    for status in [200, 200, 200, 200, 200, 429] {
        assert_eq!(client.ask(post).await.status, status);
    }
}

#[actix_web::test]
async fn what_is_returned_is_returned_to_the_share_and_the_client_stays_one() {
    let rule = r#"{"name": "a", "key": "site", "fair": true, "limits": "5 per hour", "charge_when": {"status": 404}}"#;
    let mut client = start(&World::new(), rule).connect().await;
    for _ in 0..9 {
        assert_eq!(ask(&mut client, "192.0.2.1").await, 200, "never charged");
    }
    let fails = |address: &str| format!("GET /x/y HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {address}\r\n\r\n");
    for status in [404, 404, 404, 404] {
        assert_eq!(client.ask(&fails("192.0.2.2")).await.status, status);
    }
    assert_eq!(ask(&mut client, "192.0.2.2").await, 429, "four of five, by two clients");
    assert_eq!(ask(&mut client, "192.0.2.1").await, 200);
}

#[actix_web::test]
async fn a_fair_rule_in_shadow_refuses_nobody() {
    let rule = TEN.replace("\"fair\"", "\"shadow\": true, \"fair\"");
    let mut client = start(&World::new(), &rule).connect().await;
    for address in ["192.0.2.1"; 8].into_iter().chain(["192.0.2.2"]).chain(["192.0.2.1"; 4]) {
        assert_eq!(ask(&mut client, address).await, 200);
    }
}

#[actix_web::test]
async fn a_refusal_by_a_share_is_told_of_its_limit() {
    let world = World::new();
    let rule = r#"{"name": "a", "key": "site", "fair": true, "limits": "5 per hour; 9 per day"}"#;
    let file = format!(
        r#"{{"rate_limit_trusted_proxies": ["127.0.0.1"], "rate_limit_headers": {{"standard": "draft-11"}}, "rate_limit_rules": [{rule}]}}"#
    );
    let (budget, told) = (world.budget_of(&file), Arc::new(Mutex::new(Vec::new())));
    let telling = Arc::clone(&told);
    let server = serve(move || {
        let told = Arc::clone(&telling);
        let watching = move |request: ServiceRequest, next: Next<_>| {
            let (told, watch) = (Arc::clone(&told), Watch::new());
            async move {
                let answer = watch.during(|| next.call(request)).await;
                *told.lock().unwrap() = watch.limits();
                answer
            }
        };
        App::new().wrap(budget.clone()).wrap(from_fn(watching)).default_service(web::to(async || "hello"))
    });
    let mut client = server.connect().await;
    for address in ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"] {
        assert_eq!(ask(&mut client, address).await, 200);
    }
    let refused = ask_for(&mut client, "192.0.2.1", 0).await;
    assert_eq!((refused.status, refused.number("retry-after")), (429, 3_600), "three of five, by two");
    assert_eq!(refused.field("ratelimit"), Some(r#""a/hour";r=0;t=3600"#));
    let limits = std::mem::take(&mut *told.lock().unwrap());
    let of = |limit: &LimitReport| (limit.refuses, limit.report.remaining, limit.report.used);
    assert_eq!(limits.iter().map(of).collect::<Vec<_>>(), [(true, 0, 0), (false, 5, 0)]);
}

#[actix_web::test]
async fn a_request_that_waits_for_what_is_held_is_not_told_of_a_spent_share() {
    let rule = r#"{"name": "a", "key": "site", "fair": true, "hold": "60s", "limits": "100s per hour"}"#;
    let world = World::new();
    let (budget, gate) = (world.budget_of(&format!(r#"{{"rate_limit_rules": [{rule}]}}"#)), Gate::new());
    let data = Data::new(gate.clone());
    let wait = async |gate: Data<Gate>| {
        gate.pass().await;
        "done"
    };
    let server =
        serve(move || App::new().app_data(data.clone()).wrap(budget.clone()).default_service(web::to(wait)));
    let mut waiting = [server.connect().await, server.connect().await];
    for client in &mut waiting {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    }
    gate.arrivals(2).await;
    let refused = server.connect().await.get("/").await;
    assert!(refused.body.contains("is held for running requests"), "{}", refused.body);
    assert_eq!(refused.field("retry-after"), Some("1"));
    gate.open(2);
}

#[actix_web::test]
async fn a_rule_in_rust_is_fair_among_whom_its_closure_tells_apart() {
    let world = World::new();
    let who = component_by(|request| Some(KeyValue::from(request.query_string())));
    let rule = TimeBudget::rule("a", "5 per hour").key(Component::Site).fair(who);
    let budget = world.build(rule);
    let server = serve(move || App::new().wrap(budget.clone()).default_service(web::to(async || "hello")));
    let mut client = server.connect().await;
    for (path, status) in [("/?a", 200), ("/?a", 200), ("/?a", 200), ("/?b", 200), ("/?a", 429), ("/?b", 200)]
    {
        assert_eq!(client.get(path).await.status, status, "{path}");
    }
}

#[actix_web::test]
async fn whoever_is_in_a_tier_has_a_share_of_the_tiers_quota() {
    let file = r#"{"rate_limit_trusted_proxies": ["127.0.0.1"], "rate_limit_identity": {"user": "X-User"},
        "rate_limit_tiers": {"gold": {"multiplier": 2}}, "rate_limit_users": {"alice": {"tier": "gold"}},
        "rate_limit_rules": [{"name": "a", "key": "site", "fair": "user", "limits": "10 per hour"}]}"#;
    let budget = World::new().budget_of(file);
    let server = serve(move || App::new().wrap(budget.clone()).default_service(web::to(async || "hello")));
    let mut client = server.connect().await;
    for (user, times, status) in [
        ("bob", 5, 200),
        ("alice", 3, 200),
        // Eight of ten are spent, and of sixteen that are four fifths of twenty.
        ("bob", 1, 429),
        ("alice", 8, 200),
        ("alice", 1, 429),
    ] {
        for _ in 0..times {
            let answer = client.get_with("/", &format!("X-User: {user}\r\n")).await;
            assert_eq!(answer.status, status, "{user}");
        }
    }
}

#[actix_web::test]
async fn what_a_handler_waives_is_returned_to_the_share() {
    let rule = r#"{"rate_limit_rules": [{"name": "a", "key": "site", "fair": true, "limits": "5 per hour; 9s per day"}]}"#;
    let budget = World::new().budget_of(rule);
    let free = async |budget: Budget| {
        budget.waive();
        "hello"
    };
    let server = serve(move || App::new().wrap(budget.clone()).default_service(web::to(free)));
    let mut client = server.connect().await;
    assert_eq!(client.statuses("/", 9).await, [200; 9]);
    assert_eq!(client.get("/").await.remaining(), 9_000_000);
}
