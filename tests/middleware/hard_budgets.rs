//! Hard budgets: what runs is ended when the budget is spent.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use actix_web::dev::Service as _;
use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpResponse, Responder, body, rt, test};
use futures_util::stream::{self, LocalBoxStream};
use futures_util::{FutureExt as _, StreamExt as _};
use timebudget::{Budget, Micros, Overrun, TimeBudget};

use crate::harness::{Event, Gate, Listening, SECOND, Spout, Tap, World, secs, serve, soon};

/// Counts the futures and bodies that were dropped.
#[derive(Clone, Default)]
struct Dropped(Arc<AtomicU32>);

/// In a handler or a body: tells that it is dropped.
struct Guard(Dropped);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, SeqCst);
    }
}

impl Dropped {
    fn count(&self) -> u32 {
        self.0.load(SeqCst)
    }

    async fn becomes(&self, count: u32) {
        let all = async {
            while self.count() < count {
                rt::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        };
        soon(all).await;
        assert_eq!(self.count(), count);
    }
}

/// An application whose handlers wait at a gate, and what of them was dropped.
struct Street {
    world: World,
    gate: Gate,
    dropped: Dropped,
    tap: Tap,
    server: Listening,
}

impl Street {
    /// With 60 s per hour.
    fn new(overrun: Overrun) -> Self {
        let world = World::new();
        let rule =
            TimeBudget::rule("street", "60s per hour").key(timebudget::Component::Site).overrun(overrun);
        let budget = world.build(rule);
        Self::under(world, budget)
    }

    fn of(file: &str) -> Self {
        let world = World::new();
        let budget = world.budget_of(file);
        Self::under(world, budget)
    }

    fn under(world: World, budget: TimeBudget) -> Self {
        let ((tap, spout), gate, dropped) = (Tap::new(), Gate::new(), Dropped::default());
        let state = (gate.clone(), dropped.clone(), spout);
        let server = serve(move || {
            let (gate, dropped, spout) = state.clone();
            App::new()
                .wrap(budget.clone())
                .app_data(Data::new(gate))
                .app_data(Data::new(dropped))
                .app_data(Data::new(spout))
                .route("/", web::to(slow))
                .route("/forever", web::to(forever))
                .route("/stream", web::to(streamed))
                .route("/sized", web::to(sized))
                .route("/upload", web::to(upload))
                .route("/upgrade", web::to(upgrade))
                .route("/paused", web::to(paused))
                .route("/waived", web::to(waived))
                .route("/time-left", web::to(time_left))
                .route("/cut-in", web::to(cut_in))
                .route("/panics", web::to(panics))
                .route("/page", web::to(async || "a page"))
        });
        Self { world, gate, dropped, tap, server }
    }

    /// A client whose request is at the gate.
    async fn walker(&self, request: &str) -> crate::harness::Client {
        let mut client = self.server.connect().await;
        client.send(request).await;
        self.gate.arrivals(1).await;
        client
    }
}

async fn slow(gate: Data<Gate>, dropped: Data<Dropped>) -> &'static str {
    let _guard = Guard(dropped.get_ref().clone());
    gate.pass().await;
    "done"
}

async fn forever() -> &'static str {
    std::future::pending().await
}

async fn streamed(gate: Data<Gate>, dropped: Data<Dropped>, spout: Data<Spout>) -> HttpResponse {
    HttpResponse::Ok().streaming(chunks(&gate, &dropped, &spout))
}

async fn sized(gate: Data<Gate>, dropped: Data<Dropped>, spout: Data<Spout>) -> HttpResponse {
    HttpResponse::Ok().no_chunking(100).streaming(chunks(&gate, &dropped, &spout))
}

/// What comes out of the spout; it arrives at the gate when it is first waited for.
fn chunks(gate: &Gate, dropped: &Dropped, spout: &Spout) -> LocalBoxStream<'static, io::Result<Bytes>> {
    let (gate, begins, goes_on) = (gate.clone(), Guard(dropped.clone()), Guard(dropped.clone()));
    let begin = stream::once(async move {
        let _guard = &begins;
        gate.pass().await;
        Ok(Bytes::from_static(b"begun"))
    });
    let chunks = begin.chain(spout.body()).map(move |chunk| {
        let _guard = &goes_on;
        chunk
    });
    chunks.boxed_local()
}

async fn upload(gate: Data<Gate>, dropped: Data<Dropped>, body: web::Payload) -> HttpResponse {
    let _guard = Guard(dropped.get_ref().clone());
    gate.pass().await;
    let body = body.to_bytes().await.expect("no more than is allowed");
    gate.pass().await;
    HttpResponse::Ok().body(body)
}

async fn upgrade(gate: Data<Gate>, dropped: Data<Dropped>, spout: Data<Spout>) -> impl Responder {
    let body = chunks(&gate, &dropped, &spout);
    HttpResponse::build(StatusCode::SWITCHING_PROTOCOLS).upgrade("websocket").streaming(body)
}

async fn paused(gate: Data<Gate>, budget: Budget) -> &'static str {
    budget.pause();
    gate.pass().await;
    budget.resume();
    gate.pass().await;
    "done"
}

async fn waived(gate: Data<Gate>, budget: Budget) -> &'static str {
    budget.waive();
    gate.pass().await;
    "free"
}

async fn time_left(gate: Data<Gate>, budget: Budget) -> String {
    gate.pass().await;
    format!("{:?}", budget.time_left().map(|left| Micros::from(left).0))
}

async fn cut_in(gate: Data<Gate>, budget: Budget) -> String {
    gate.pass().await;
    format!("{:?}", budget.cut_in().map(|left| Micros::from(left).0))
}

async fn panics(gate: Data<Gate>) -> &'static str {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("as the test wants it");
        }
    }
    let _panics = Panics;
    gate.pass().await;
    "done"
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

#[actix_web::test]
async fn before_the_head_the_answer_is_that_of_a_refusal_and_the_handler_is_dropped() {
    let mut street = Street::new(Overrun::Cut);
    let mut client = street.walker(&get("/")).await;
    street.world.advance(secs(59));
    street.world.is_quiet().await;
    assert_eq!(street.dropped.count(), 0);
    street.world.advance(secs(1));
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.standing()), (429, (60 * SECOND, 0, 3_540, None)));
    assert_eq!(answer.field("retry-after"), Some("3540"));
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    assert!(answer.body.contains("The budget of 60 s of server time is spent."), "{}", answer.body);
    street.dropped.becomes(1).await;
    street.world.assert_settled_at(60 * SECOND);
    assert_eq!(street.world.count(Event::Settled), 1);
    assert_eq!(client.get("/").await.status, 429, "the connection goes on");
}

#[actix_web::test]
async fn the_answer_is_in_the_form_that_the_client_accepts() {
    let street = Street::new(Overrun::Cut);
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n";
    let mut client = street.walker(request).await;
    street.world.advance(secs(60));
    let answer = client.answer().await;
    assert_eq!(answer.field("content-type"), Some("text/html; charset=utf-8"));
    assert!(answer.body.starts_with("<!DOCTYPE html>"), "{}", answer.body);
}

#[actix_web::test]
async fn without_a_word_of_it_what_runs_ends_by_itself() {
    let street = Street::new(Overrun::Finish);
    let mut client = street.walker(&get("/")).await;
    street.world.advance(secs(100));
    street.gate.open(1);
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.used()), (200, 100 * SECOND));
}

#[actix_web::test]
async fn a_body_that_has_begun_breaks_off() {
    for path in ["/stream", "/sized"] {
        let mut street = Street::new(Overrun::Cut);
        let mut client = street.server.connect().await;
        client.send(get(path)).await;
        assert_eq!(client.head().await.status, 200);
        street.gate.arrivals(1).await;
        street.world.advance(secs(10));
        street.gate.open(1);
        if path == "/stream" {
            assert_eq!(client.chunk().await, "begun");
        }
        street.tap.send("and on");
        street.world.is_quiet().await;
        street.world.advance(secs(50));
        let rest = String::from_utf8(client.until_the_end().await).expect("text");
        assert!(
            rest.contains("and on") && !rest.ends_with("0\r\n\r\n") && rest.len() < 100,
            "{path}: {rest:?}"
        );
        street.dropped.becomes(2).await;
        street.world.assert_settled_at(60 * SECOND);
    }
}

#[actix_web::test]
async fn all_that_run_are_ended_when_their_line_meets_the_quota() {
    let mut street = Street::new(Overrun::Cut);
    let mut clients = Vec::new();
    for _ in 0..30 {
        clients.push(street.walker(&get("/")).await);
    }
    street.world.is_quiet().await;
    street.world.advance(secs(2));
    for client in &mut clients {
        assert_eq!(client.answer().await.status, 429);
    }
    street.dropped.becomes(30).await;
    street.world.assert_settled_at(60 * SECOND);
    assert_eq!(street.world.count(Event::Settled), 30);
}

#[actix_web::test]
async fn who_ends_leaves_the_others_more_time() {
    let mut street = Street::new(Overrun::Cut);
    let mut first = street.walker(&get("/")).await;
    let mut second = street.server.connect().await;
    second.send(get("/forever")).await;
    street.world.is_quiet().await;
    street.world.advance(secs(20));
    street.gate.open(1);
    assert_eq!(first.answer().await.used(), 20 * SECOND);
    street.world.is_quiet().await;
    street.world.advance(secs(19));
    street.world.is_quiet().await;
    assert_eq!(street.world.account().admitted, 1);
    street.world.advance(secs(1));
    assert_eq!(second.answer().await.status, 429);
    street.world.assert_settled_at(60 * SECOND);
}

#[actix_web::test]
async fn who_waits_for_its_client_is_ended_when_that_comes_back() {
    let mut street = Street::new(Overrun::Cut);
    let mut upload = street.server.connect().await;
    upload.send("POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n12").await;
    street.gate.arrivals(1).await;
    street.gate.open(1);
    street.world.saw(Event::Paused).await;
    let mut other = street.walker(&get("/")).await;
    street.world.advance(secs(60));
    assert_eq!(other.answer().await.status, 429);
    street.world.advance(secs(60));
    assert_eq!(street.dropped.count(), 1);
    upload.send("34").await;
    assert_eq!(upload.answer().await.status, 429);
    street.dropped.becomes(2).await;
    // A request costs a microsecond at least, that one too.
    street.world.assert_settled_at(60 * SECOND + 1);
}

#[actix_web::test]
async fn what_spends_nothing_is_left_alone() {
    let street = Street::new(Overrun::Cut);
    let mut paused = street.walker(&get("/paused")).await;
    let mut waived = street.walker(&get("/waived")).await;
    street.world.advance(secs(100));
    let mut other = street.walker(&get("/")).await;
    street.world.advance(secs(60));
    assert_eq!(other.answer().await.status, 429);
    street.gate.open(2);
    assert_eq!(waived.answer().await.body, "free");
    assert_eq!(paused.answer().await.status, 429, "once it runs again");
}

#[actix_web::test]
async fn a_preflight_is_not_ended() {
    let street = Street::new(Overrun::Cut);
    let preflight = "OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://a.example\r\n\
                     Access-Control-Request-Method: GET\r\n\r\n";
    let mut client = street.walker(preflight).await;
    street.world.advance(secs(100));
    street.gate.open(1);
    assert_eq!(client.answer().await.status, 200);
}

/// It told nobody that its time ran again: who ran beside it was ended ten seconds late, and 80 s of 60 were spent.
#[actix_web::test]
async fn who_runs_beside_a_preflight_that_runs_again_is_ended_in_time() {
    let mut street = Street::new(Overrun::Cut);
    let preflight = "OPTIONS /paused HTTP/1.1\r\nHost: localhost\r\nOrigin: http://a.example\r\n\
                     Access-Control-Request-Method: GET\r\n\r\n";
    let _beside = street.walker(preflight).await;
    let mut client = street.walker(&get("/")).await;
    street.world.is_quiet().await;
    street.world.advance(secs(40));
    street.gate.open(1);
    street.gate.arrivals(1).await;
    street.world.is_quiet().await;
    street.world.advance(secs(10));
    assert_eq!(client.answer().await.status, 429);
}

#[actix_web::test]
async fn another_protocol_is_not_ended() {
    let street = Street::new(Overrun::Cut);
    let mut client = street.server.connect().await;
    client
        .send("GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        .await;
    assert_eq!(client.head().await.status, 101);
    street.gate.arrivals(1).await;
    street.world.advance(secs(1_000));
    assert_eq!(street.dropped.count(), 0);
    street.world.assert_settled_at(1);
}

#[actix_web::test]
async fn a_handler_that_panics_when_it_is_dropped_is_settled() {
    let mut street = Street::new(Overrun::Cut);
    let mut client = street.walker(&get("/panics")).await;
    street.world.is_quiet().await;
    street.world.advance(secs(60));
    assert!(client.is_hung_up_on().await);
    street.world.assert_settled_at(60 * SECOND);
    assert_eq!(street.world.count(Event::Settled), 1);
    assert_eq!(street.server.connect().await.get("/page").await.status, 429, "it serves on");
}

#[actix_web::test]
async fn a_window_that_ends_first_grants_the_quota_anew() {
    let mut street = Street::new(Overrun::Cut);
    street.world.advance(secs(3_590));
    let mut client = street.walker(&get("/")).await;
    street.world.is_quiet().await;
    street.world.advance(secs(69));
    street.world.is_quiet().await;
    assert_eq!(street.dropped.count(), 0);
    street.world.advance(secs(1));
    assert_eq!(client.answer().await.status, 429);
    street.world.assert_settled_at(60 * SECOND);
}

#[actix_web::test]
async fn a_rule_in_shadow_ends_nothing_and_another_page_is_no_answer_any_more() {
    let rule = |more: &str| {
        format!(
            r#"{{"rate_limit_rules": [{{"name": "a", "limits": "60s per hour", "overrun": "cut", {more}}}]}}"#
        )
    };
    let shadow = Street::of(&rule(r#""shadow": true"#));
    let mut client = shadow.walker(&get("/")).await;
    shadow.world.advance(secs(100));
    shadow.gate.open(1);
    assert_eq!(client.answer().await.status, 200);

    let rewriting = Street::of(&rule(r#""action": {"rewrite": "/page"}"#));
    let mut client = rewriting.walker(&get("/")).await;
    rewriting.world.advance(secs(60));
    assert_eq!(client.answer().await.status, 429);
    assert_eq!(client.get("/").await.body, "a page");

    let teapot = Street::of(&rule(
        r#""action": {"block": {"status": 503, "body": "later", "content_type": "text/x"}}"#,
    ));
    let mut client = teapot.walker(&get("/")).await;
    teapot.world.advance(secs(60));
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (503, "later"));
    assert_eq!(answer.field("content-type"), Some("text/x"));
}

#[actix_web::test]
async fn of_nested_budgets_either_ends_what_runs() {
    for (outer, inner) in [("60s per hour", "100s per hour"), ("100s per hour", "60s per hour")] {
        let (mut world, gate, dropped) = (World::new(), Gate::new(), Dropped::default());
        let hard = |name: &str, rate: &str| {
            let rule = TimeBudget::rule(name, rate).key(timebudget::Component::Site).overrun(Overrun::Cut);
            world.build(rule)
        };
        let (outer, inner) = (hard("outer", outer), hard("inner", inner));
        let state = (gate.clone(), dropped.clone());
        let server = serve(move || {
            let (gate, dropped) = state.clone();
            App::new()
                .wrap(inner.clone())
                .wrap(outer.clone())
                .app_data(Data::new(gate))
                .app_data(Data::new(dropped))
                .route("/", web::to(slow))
        });
        let mut client = server.connect().await;
        client.send(get("/")).await;
        gate.arrivals(1).await;
        world.is_quiet().await;
        world.advance(secs(60));
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.standing()), (429, (60 * SECOND, 0, 3_540, None)));
        dropped.becomes(1).await;
        assert_eq!(world.count(Event::Settled), 2);
        world.assert_settled_at(60 * SECOND);
    }
}

/// The block had no timer, and told nobody who has one: the request ran on to 60 s, and 120 were spent.
#[actix_web::test]
async fn a_request_is_ended_as_early_as_a_block_beside_it_demands() {
    let world = World::new();
    let rule = TimeBudget::rule("street", "60s per hour").key(timebudget::Component::Site);
    let budget = world.build(rule.overrun(Overrun::Cut));
    let mut street = Street::under(world, budget.clone());
    let mut client = street.walker(&get("/")).await;
    street.world.is_quiet().await;
    let block = budget.charge("street", ()).await.expect("there is time");
    street.world.is_quiet().await;
    street.world.advance(secs(30));
    assert_eq!(client.answer().await.status, 429);
    drop(block);
    street.world.assert_settled_at(60 * SECOND);
}

/// What goes on in the moment after the budget was seen to be spent was asked twice: the handler was not polled, since it was
/// spent, and not ended, since somebody had reset it. It slept on until the new budget's timer, and so did its client.
#[actix_web::test]
async fn what_is_seen_to_be_spent_is_ended_though_it_is_reset_in_the_next_moment() {
    for path in ["/", "/stream"] {
        let (world, gate, (tap, spout)) = (World::new(), Gate::new(), Tap::new());
        let rule = TimeBudget::rule("street", "60s per hour").key(timebudget::Component::Site);
        let app = App::new()
            .wrap(world.build(rule.overrun(Overrun::Cut)))
            .app_data(Data::new(gate.clone()))
            .app_data(Data::new(Dropped::default()))
            .app_data(Data::new(spout))
            .route("/", web::to(slow))
            .route("/stream", web::to(streamed));
        let app = test::init_service(app).await;
        let request = test::TestRequest::with_uri(path).to_request();
        let mut answered = Box::pin(async {
            let answer = app.call(request).await?;
            body::to_bytes(answer.into_body()).await.map_err(actix_web::Error::from)
        });
        assert!((&mut answered).now_or_never().is_none());
        world.reset_what_is_spent();
        world.advance(secs(60));
        // It is woken, and would not be polled.
        gate.open(1);
        let cut = soon(answered).await.expect_err("it is ended");
        assert!(cut.to_string().contains("the request was ended"), "{path}: {cut}");
        drop(tap);
    }
}

/// What never waits has no timer, and others were not told when it had ended: 20 s of such work came on top of the 60.
#[actix_web::test]
async fn a_request_is_ended_as_early_as_work_that_never_waits_demands() {
    let world = World::new();
    let rule = TimeBudget::rule("street", "60s per hour").key(timebudget::Component::Site);
    let (budget, clock, gate) = (world.build(rule.overrun(Overrun::Cut)), world.clock(), Gate::new());
    let state = (gate.clone(), Dropped::default(), clock);
    let server = serve(move || {
        let (gate, dropped, clock) = state.clone();
        let busy = move || {
            clock.advance(secs(5));
            std::future::ready("done")
        };
        let app = App::new().wrap(budget.clone()).app_data(Data::new(gate)).app_data(Data::new(dropped));
        app.route("/", web::to(slow)).route("/busy", web::to(busy))
    });
    let mut world = world;
    let mut slow = server.connect().await;
    slow.send(get("/")).await;
    gate.arrivals(1).await;
    world.is_quiet().await;
    let mut other = server.connect().await;
    for _ in 0..4 {
        assert_eq!(other.get("/busy").await.status, 200);
    }
    world.is_quiet().await;
    // 20 s of each.
    world.advance(secs(20));
    assert_eq!(slow.answer().await.status, 429);
    world.assert_settled_at(60 * SECOND);
}

#[actix_web::test]
async fn a_handler_can_ask_how_long_it_may_go_on() {
    let mut street = Street::new(Overrun::Finish);
    let mut first = street.walker(&get("/time-left")).await;
    street.world.advance(secs(20));
    let mut second = street.server.connect().await;
    second.send(get("/forever")).await;
    street.world.is_quiet().await;
    street.gate.open(1);
    assert_eq!(first.answer().await.body, format!("Some({})", 20 * SECOND), "40 s, of two");
}

#[actix_web::test]
async fn without_a_limit_of_time_there_is_no_end_to_it() {
    let street = Street::of(r#"{"rate_limit": "10 per hour"}"#);
    let mut client = street.walker(&get("/time-left")).await;
    street.gate.open(1);
    assert_eq!(client.answer().await.body, "None");
}

/// It was said of every rule of the site that cuts, whichever the request was about.
#[actix_web::test]
async fn it_is_known_how_long_until_a_request_is_cut_by_the_rules_that_are_about_it() {
    let file = r#"{ "rate_limit_rules": [
        { "name": "ends", "key": "site", "limits": "30s per hour" },
        { "name": "cut", "key": "site", "limits": "60s per hour", "overrun": "cut", "when": { "header": { "x-cut": "yes" } } },
        { "name": "shadow", "key": "site", "limits": "20s per hour", "overrun": "cut", "shadow": true } ] }"#;
    let street = Street::of(file);
    let asked = "GET /cut-in HTTP/1.1\r\nHost: localhost\r\nX-Cut: yes\r\n\r\n".to_owned();
    for (request, left) in [(asked, format!("Some({})", 55 * SECOND)), (get("/cut-in"), "None".to_owned())] {
        let mut client = street.walker(&request).await;
        street.world.advance(secs(5));
        street.gate.open(1);
        assert_eq!(client.answer().await.body, left);
    }
}
