//! Observers and closures that ask, within a request, where it stands.
//!
//! What the request holds was borrowed while they were told of it, so that to ask was to panic; and where the request was
//! being dropped, to end the process.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};

use actix_web::dev::Service as _;
use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, init_service, read_body};
use actix_web::web::{self, Bytes};
use actix_web::{App, Error, HttpResponse, error, rt};
use futures_util::stream;
use timebudget::{Budget, Component, Event, Kind, Micros, Observe, Overrun, RuleBuilder, TimeBudget, Watch};

use crate::harness::{World, secs};

thread_local! {
    /// What the request that this thread works on is watched by, and the budget that its handler has.
    static OWN: RefCell<(Watch, Option<Budget>)> = RefCell::default();
}

/// What whoever asks now is told: what each limit says that the request has used.
fn asked() -> String {
    OWN.with_borrow(|(watch, budget)| {
        let used: Vec<_> = watch.limits().iter().map(|limit| limit.report.used.to_string()).collect();
        let beside = budget.as_ref().map(|budget| format!(" {}", budget.limits().len()));
        let _ = (
            watch.charged(),
            watch.is_waived(),
            watch.refused_by(),
            watch.user(),
            watch.api_key(),
            watch.host(),
        );
        let _ = budget
            .as_ref()
            .map(|budget| (budget.report(), budget.used(), budget.time_left(), budget.cut_in()));
        format!("[{}]{}", used.join(" "), beside.unwrap_or_default())
    })
}

/// Asks whenever it is told something.
#[derive(Default)]
struct Curious(Mutex<Vec<String>>);

impl Curious {
    fn note(&self, what: &str) {
        self.0.lock().unwrap().push(format!("{what} {}", asked()));
    }
}

impl Observe for Curious {
    fn admitted(&self, _: &Event<'_>) {
        self.note("admitted");
    }

    fn refused(&self, _: &Event<'_>) {
        self.note("refused");
    }

    fn settled(&self, _: &Event<'_>) {
        self.note("settled");
    }
}

async fn keep(budget: Budget) -> &'static str {
    OWN.with_borrow_mut(|own| own.1 = Some(budget));
    "kept"
}

async fn stream(budget: Budget) -> HttpResponse {
    keep(budget).await;
    let chunks = stream::iter(["a", "b"].map(|chunk| Ok::<_, Error>(Bytes::from_static(chunk.as_bytes()))));
    HttpResponse::Ok().streaming(chunks)
}

async fn free(budget: Budget) -> &'static str {
    budget.waive();
    "free"
}

async fn detach(budget: Budget) -> &'static str {
    drop(budget.detached());
    "detached"
}

/// What an observer that asks is told of requests for these paths, one after another.
async fn told(world: &World, rule: RuleBuilder, paths: &[&str]) -> Vec<String> {
    let curious = Arc::new(Curious::default());
    let budget = TimeBudget::builder().rule(rule).engine(&world.engine()).observe(Arc::clone(&curious));
    let clock = world.clock();
    let app = App::new()
        .wrap(budget.build().unwrap())
        .route("/kept", web::to(keep))
        .route("/stream", web::to(stream))
        .route("/free", web::to(free))
        .route("/error", web::to(async || Err::<String, _>(error::ErrorImATeapot("as the test wants it"))))
        .route("/detached", web::to(detach))
        .route("/dropped", web::to(async || std::future::pending::<String>().await))
        .default_service(web::to(move || {
            clock.advance(secs(10));
            async {
                rt::task::yield_now().await;
                "slow"
            }
        }));
    let app = init_service(app).await;
    for path in paths {
        let watch = Watch::new();
        OWN.set((watch.clone(), None));
        let answer = watch.during(|| app.call(TestRequest::with_uri(path).to_request()));
        if *path == "/dropped" {
            assert!(futures_util::FutureExt::now_or_never(answer).is_none());
        } else if let Ok(answer) = answer.await {
            read_body(answer).await;
        }
    }
    OWN.set(Default::default());
    std::mem::take(&mut *curious.0.lock().unwrap())
}

#[actix_web::test]
async fn an_observer_may_ask_where_the_request_stands_of_which_it_is_told() {
    let rule = || TimeBudget::rule("all", "600s per hour");
    for (path, expected) in [
        ("/kept", &["admitted []", "settled [1] 1"][..]),
        ("/stream", &["admitted []", "settled [1] 1"]),
        ("/free", &["admitted []", "settled [0]"]),
        ("/error", &["admitted []", "settled [1]"]),
        ("/detached", &["admitted []", "admitted [0]", "settled [0]", "settled [1]"]),
        ("/dropped", &["admitted []", "settled [1]"]),
    ] {
        assert_eq!(told(&World::new(), rule(), &[path]).await, expected, "{path}");
    }
    let rule = rule().charge_by(|_| true).until(timebudget::Until::Head);
    // Settled when the head leaves, and then the request goes on.
    assert_eq!(told(&World::new(), rule, &["/stream"]).await, ["admitted []", "settled [0] 1"]);
}

#[actix_web::test]
async fn an_observer_may_ask_about_a_request_that_is_cut() {
    let rule = TimeBudget::rule("hard", "10s per hour").overrun(Overrun::Cut);
    // A limit that refuses says of no request that it has used anything.
    let ended = ["admitted []", "settled [0]"];
    assert_eq!(told(&World::new(), rule, &["/slow"]).await, ended);
}

/// It is weighed a second time, when whoever watches it knows it already.
#[actix_web::test]
async fn closures_and_observers_may_ask_about_a_request_that_is_served_another_page() {
    let (seen, noted) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
    let (by_key, by_condition) = (Arc::clone(&seen), Arc::clone(&noted));
    let rule = TimeBudget::rule("all", "1 per hour; 60s per hour")
        .key_by(move |_| {
            by_key.lock().unwrap().push(asked());
            Some("everybody")
        })
        .when_by(move |_| {
            by_condition.lock().unwrap().push(asked());
            true
        })
        .rewrite("/kept");
    let told = told(&World::new(), rule, &["/kept", "/kept"]).await;
    let first = ["admitted []", "settled [1 1] 2"];
    assert_eq!(told[..2], first);
    assert_eq!(told[2..], ["refused []", "admitted [0]", "settled [1] 1"]);
    for asked in [seen, noted] {
        assert_eq!(*asked.lock().unwrap(), ["[]", "[]", "[0 0]"]);
    }
}

/// A handler keeps its budget; what it says of the answer is asked for while the request ends.
#[actix_web::test]
async fn an_observer_may_ask_where_rules_are_settled_one_by_one() {
    let rule = TimeBudget::rule("all", "600s per hour; 5 per hour")
        .key(Component::Site)
        .charge_by(|head| head.status != StatusCode::OK);
    let told = told(&World::new(), rule, &["/kept"]).await;
    assert_eq!(told, ["admitted []", "settled [0 0] 2"]);
}

/// Says what it can of a request's budget, whatever it is told of it.
#[derive(Default)]
struct Meddler(Mutex<Vec<String>>);

impl Observe for Meddler {
    fn settled(&self, event: &Event<'_>) {
        let Some(budget) = OWN.with_borrow(|own| own.1.clone()) else { return };
        budget.pause();
        budget.resume();
        let charged = budget.charge(Micros::from_secs(1));
        // That what is detached ends, it is told as well.
        let detached = (event.kind() == Kind::Request).then(|| budget.detached());
        budget.waive();
        let left = (budget.time_left().is_some(), budget.cut_in().is_some());
        self.0.lock().unwrap().push(format!("{:?} charged {charged} left {left:?}", event.kind()));
        drop(detached);
    }
}

#[actix_web::test]
async fn an_observer_may_say_something_of_the_request_of_which_it_is_told() {
    let world = World::new();
    let meddler = Arc::new(Meddler::default());
    let rule = TimeBudget::rule("all", "600s per hour").key(Component::Site);
    let budget = TimeBudget::builder().rule(rule).engine(&world.engine()).observe(Arc::clone(&meddler));
    let app = App::new().wrap(budget.build().unwrap()).route("/", web::to(keep));
    let app = init_service(app).await;
    read_body(app.call(TestRequest::with_uri("/").to_request()).await.unwrap()).await;
    OWN.set(Default::default());
    // It has ended, and stays as it is.
    let told = std::mem::take(&mut *meddler.0.lock().unwrap());
    let nothing = "charged false left (false, false)";
    assert_eq!(told, [format!("Request {nothing}"), format!("Detached {nothing}")]);
}
