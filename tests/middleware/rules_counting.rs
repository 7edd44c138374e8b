//! What rules count, and what they give back.

use actix_web::App;
use actix_web::http::StatusCode;
use actix_web::web::{self, Data};

use crate::harness::{Client, Gate, Listening, SECOND, Spout, Tap, World, secs, serve, slow};

fn start(world: &World, file: &str) -> Listening {
    let budget = world.budget_of(file);
    serve(move || {
        App::new()
            .wrap(budget.clone())
            .route("/fail", web::to(async || ("no", StatusCode::BAD_REQUEST)))
            .route("/error", web::to(async || Err::<&str, _>(actix_web::error::ErrorBadRequest("no"))))
            .default_service(web::to(async || "hello"))
    })
}

async fn statuses(client: &mut Client, path: &str, count: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..count {
        statuses.push(client.get(path).await.status);
    }
    statuses
}

#[actix_web::test]
async fn a_cost_of_two_of_four_lets_two_requests_pass() {
    let world = World::new();
    let file = r#"{"rate_limit_rules": [{"name": "a", "cost": 2, "limits": "4 per hour"}]}"#;
    let mut client = start(&world, file).connect().await;
    assert_eq!(statuses(&mut client, "/", 3).await, [200, 200, 429]);
}

#[actix_web::test]
async fn a_cost_of_nothing_is_never_spent() {
    let world = World::new();
    let file = r#"{"rate_limit_rules": [{"name": "a", "cost": 0, "limits": "1 per hour"}]}"#;
    let mut client = start(&world, file).connect().await;
    assert_eq!(statuses(&mut client, "/", 3).await, [200, 200, 200]);
}

#[actix_web::test]
async fn a_limit_that_is_charged_on_failure_then_refuses_requests_of_any_kind() {
    let world = World::new();
    let file = r#"{"rate_limit_rules": [
        {"name": "failures", "limits": "2 per hour", "charge_when": {"status": [400]}},
        {"name": "all", "limits": "100 per hour"}]}"#;
    let mut client = start(&world, file).connect().await;
    assert_eq!(statuses(&mut client, "/", 5).await, [200; 5]);
    assert_eq!(world.accounts()[0].spent, 0, "what is not charged is returned");
    assert_eq!(client.get("/fail").await.remaining(), 1);
    assert_eq!(client.get("/error").await.status, 400);
    assert_eq!(client.get("/").await.status, 429);
    assert_eq!(client.get("/fail").await.status, 429);
    assert_eq!(world.accounts()[1].spent, 7, "the other rule counts what was served");
}

#[actix_web::test]
async fn time_that_is_not_charged_is_returned() {
    let (world, gate) = (World::new(), Gate::new());
    let file = r#"{"rate_limit_rules": [
        {"name": "failures", "limits": "10s per hour", "charge_when": {"status": "4xx"}},
        {"name": "all", "limits": "100s per hour"}]}"#;
    let (budget, stop) = (world.budget_of(file), gate.clone());
    let server = serve(move || {
        App::new().wrap(budget.clone()).app_data(Data::new(stop.clone())).default_service(web::to(slow))
    });
    let mut client = server.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    gate.arrivals(1).await;
    world.advance(secs(3));
    gate.open(1);
    let answer = client.answer().await;
    assert_eq!(answer.remaining(), 97 * SECOND);
    let spent: Vec<_> = world.accounts().iter().map(|account| (account.spent, account.admitted)).collect();
    assert_eq!(spent, [(0, 0), (3 * SECOND, 0)]);
}

#[actix_web::test]
async fn thirty_at_once_on_a_limit_of_three_that_is_charged_by_the_answer_admit_three() {
    let (mut world, gate) = (World::new(), Gate::new());
    let file =
        r#"{"rate_limit_rules": [{"name": "a", "limits": "3 per hour", "charge_when": {"status": 500}}]}"#;
    let (budget, stop) = (world.budget_of(file), gate.clone());
    let server = serve(move || {
        App::new().wrap(budget.clone()).app_data(Data::new(stop.clone())).default_service(web::to(slow))
    });
    let mut clients = server.crowd(30).await;
    assert_eq!(world.decisions(30).await, 3);
    gate.open(3);
    let mut served = 0;
    for client in &mut clients {
        served += usize::from(client.answer().await.status == 200);
    }
    assert_eq!(served, 3);
    assert_eq!(world.spent(), 0, "all is returned");
}

#[actix_web::test]
async fn who_is_refused_twice_is_banned_from_everything() {
    let world = World::new();
    let file = r#"{"rate_limit_rules": [
        {"name": "narrow", "when": {"path": "/narrow"}, "limits": "1 per hour"},
        {"name": "ban", "counts": "refusals", "limits": "2 per day"}]}"#;
    let mut client = start(&world, file).connect().await;
    assert_eq!(statuses(&mut client, "/narrow", 3).await, [200, 429, 429]);
    assert_eq!(client.get("/else").await.status, 429, "banned");
    world.advance(secs(3_600));
    assert_eq!(client.get("/narrow").await.status, 429, "for the day");
    world.advance(secs(client.get("/").await.number("retry-after")));
    assert_eq!(client.get("/narrow").await.status, 200);
}

#[actix_web::test]
async fn requests_refused_to_one_client_do_not_drain_what_all_share() {
    let world = World::new();
    let file = r#"{"rate_limit_rules": [
        {"name": "shared", "key": "site", "limits": "10 per hour"},
        {"name": "each", "key": "header:x-key", "limits": "2 per hour"}]}"#;
    let mut client = start(&world, file).connect().await;
    for _ in 0..50 {
        client.get_with("/", "X-Key: greedy\r\n").await;
    }
    for key in ["b", "c", "d", "e"] {
        for _ in 0..2 {
            assert_eq!(client.get_with("/", &format!("X-Key: {key}\r\n")).await.status, 200);
        }
    }
    assert_eq!(client.get_with("/", "X-Key: f\r\n").await.status, 429, "now it is spent");
}

#[actix_web::test]
async fn a_rule_that_counts_all_counts_what_it_would_itself_let_pass() {
    let world = World::new();
    let file = r#"{"rate_limit_rules": [
        {"name": "wide", "key": "site", "counts": "all", "limits": "10 per minute"},
        {"name": "narrow", "key": "site", "counts": "all", "limits": "5 per minute", "action": {"block": {"status": 403}}}]}"#;
    let mut client = start(&world, file).connect().await;
    let mut expected = vec![200; 5];
    expected.extend([403; 5]);
    expected.extend([429; 2]);
    assert_eq!(statuses(&mut client, "/", 12).await, expected);
}

#[actix_web::test]
async fn the_time_of_a_stream_can_end_with_its_head() {
    let (world, (tap, spout)) = (World::new(), Tap::new());
    let file = r#"{"rate_limit_rules": [
        {"name": "events", "until": "head", "limits": "10s per hour; 1 concurrent"},
        {"name": "all", "limits": "100s per hour"}]}"#;
    let budget = world.budget_of(file);
    let server = serve(move || {
        App::new().wrap(budget.clone()).app_data(Data::new(spout.clone())).default_service(web::to(stream))
    });
    let mut client = server.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.head().await.status, 200);
    world.advance(secs(5));
    tap.send("one");
    assert_eq!(client.chunk().await, "one");
    let [events, place, all] = world.accounts()[..] else { panic!("three limits") };
    assert_eq!((events.spent, events.admitted, place.spent), (1, 0, 0));
    assert!(all.spent >= 5 * SECOND && all.admitted == 1, "{all:?}");
}

#[actix_web::test]
async fn an_upgraded_connection_is_charged_and_keeps_its_place_until_it_is_closed_where_a_rule_says_so() {
    let (world, (tap, spout)) = (World::new(), Tap::new());
    let file = r#"{"rate_limit_rules": [
        {"name": "sockets", "until": "close", "limits": "100s per hour; 1 concurrent"},
        {"name": "heads", "limits": "100s per hour; 1 concurrent"}]}"#;
    let budget = world.budget_of(file);
    let server = serve(move || {
        App::new().wrap(budget.clone()).app_data(Data::new(spout.clone())).default_service(web::to(upgrade))
    });
    let mut client = server.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n").await;
    assert_eq!(client.head().await.status, 101);
    // While nobody says anything, too.
    world.advance(secs(5));
    let [sockets, place, heads, other_place] = world.accounts()[..] else { panic!("four limits") };
    assert!(sockets.spent >= 5 * SECOND && sockets.admitted == 1 && place.admitted == 1, "{sockets:?}");
    assert_eq!((heads.spent, heads.admitted, other_place.admitted), (1, 0, 0));
    assert_eq!(server.connect().await.get("/").await.status, 429, "one is open");
    drop(tap);
    client.until_the_end().await;
    assert_eq!(world.accounts()[0].admitted, 0);
}

async fn upgrade(spout: Data<Spout>) -> actix_web::HttpResponse {
    actix_web::HttpResponse::SwitchingProtocols().upgrade("websocket").streaming(spout.body())
}

async fn stream(spout: Data<Spout>) -> actix_web::HttpResponse {
    actix_web::HttpResponse::Ok().streaming(spout.body())
}

#[actix_web::test]
async fn what_a_running_request_holds_can_be_said() {
    let (world, gate) = (World::new(), Gate::new());
    let file = r#"{"rate_limit_rules": [{"name": "a", "hold": "4s", "limits": "10s per hour"}]}"#;
    let (budget, stop) = (world.budget_of(file), gate.clone());
    let server = serve(move || {
        App::new().wrap(budget.clone()).app_data(Data::new(stop.clone())).default_service(web::to(slow))
    });
    let mut clients = [server.connect().await, server.connect().await, server.connect().await];
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    }
    gate.arrivals(3).await;
    let refused = server.connect().await.get("/").await;
    assert_eq!(refused.status, 429, "three hold twelve seconds of ten");
    gate.open(3);
    for client in &mut clients {
        assert_eq!(client.answer().await.status, 200);
    }
}
