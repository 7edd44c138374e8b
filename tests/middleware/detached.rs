//! What is charged to a request from elsewhere, or too late.

use std::cell::RefCell;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use actix_web::dev::Service as _;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpResponse};
use futures_util::stream;
use timebudget::{Budget, Detached, Micros, TimeBudget, Watch};

use crate::harness::{Gate, Listening, SECOND, World, secs, serve};

/// Where handlers leave what they detach.
type Works = Data<Mutex<Sender<Detached>>>;

fn start(budget: TimeBudget) -> (Listening, Receiver<Detached>) {
    let (sender, works) = channel();
    let sender = Arc::new(Mutex::new(sender));
    let server = serve(move || {
        App::new()
            .wrap(budget.clone())
            .app_data(Works::from(Arc::clone(&sender)))
            .route("/detach", web::to(detach))
            .route("/free", web::to(free))
            .default_service(web::to(async |budget: Budget| budget.charge(Micros(1)).to_string()))
    });
    (server, works)
}

async fn detach(budget: Budget, works: Works) -> &'static str {
    works.lock().unwrap().send(budget.detached()).unwrap();
    "it goes on"
}

async fn free(budget: Budget) -> String {
    budget.waive();
    budget.charge(Micros::from_secs(1)).to_string()
}

#[actix_web::test]
async fn work_that_goes_on_elsewhere_is_charged_when_it_ends_and_once() {
    let world = World::new();
    let (server, works) = start(world.budget("600s per hour"));
    let mut client = server.connect().await;
    client.get("/detach").await;
    let mut work = works.recv().unwrap();
    world.advance(secs(3));
    assert_eq!(
        client.get("/").await.number("x-ratelimit-remaining"),
        594 * SECOND - 2,
        "it counts while it runs, and holds as much"
    );
    work.charge(Micros::from_secs(10));
    assert_eq!(work.used(), Micros::from_secs(3));
    std::thread::spawn(move || drop(work)).join().unwrap();
    world.assert_settled_at(13 * SECOND + 2);
}

/// Where a handler leaves its budget; the answer has gone by when it is asked again.
type Kept = Data<RefCell<Option<Budget>>>;

/// It answered `false`, and was told as used all the same.
#[actix_web::test]
async fn what_is_charged_too_late_is_told_nowhere() {
    let (world, kept, watch) = (World::new(), Kept::new(RefCell::default()), Watch::new());
    let handler = async |budget: Budget, kept: Kept| {
        kept.replace(Some(budget));
        "done"
    };
    let app =
        App::new().wrap(world.budget("600s per hour")).app_data(kept.clone()).route("/", web::to(handler));
    let app = init_service(app).await;
    watch.during(|| app.call(TestRequest::default().to_request())).await.unwrap();
    let budget = kept.take().expect("the handler has run");
    assert!(!budget.charge(Micros::from_secs(10)));
    assert_eq!(budget.report().map(|report| report.used), Some(1));
    assert_eq!((watch.charged(), watch.limits()[0].report.used), (Micros(1), 1));
    world.assert_settled_at(1);
}

/// A thread that panics ends its work as any other.
#[actix_web::test]
async fn work_is_charged_whatever_becomes_of_it() {
    let world = World::new();
    let (server, works) = start(world.budget("600s per hour"));
    let mut client = server.connect().await;
    client.get("/detach").await;
    let work = works.recv().unwrap();
    world.advance(secs(2));
    let failed = std::thread::spawn(move || {
        let _work = work;
        panic!("the work fails");
    });
    assert!(failed.join().is_err());
    world.assert_settled_at(2 * SECOND + 1);
    client.get("/detach").await;
    assert_eq!(works.recv().unwrap().finish().map(|report| report.used), Some(1), "at least a microsecond");
}

#[actix_web::test]
async fn work_pays_each_window_for_the_time_that_it_spent_there() {
    let world = World::new();
    let (server, works) = start(world.budget("600s per minute"));
    let mut client = server.connect().await;
    client.get("/detach").await;
    let mut work = works.recv().unwrap();
    world.advance(secs(60));
    work.pause();
    world.advance(secs(5));
    work.resume();
    world.advance(secs(7));
    drop(work);
    let spent = 600 * SECOND - client.get("/").await.number("x-ratelimit-remaining");
    assert_eq!(spent, 7 * SECOND + 1, "the minute before has paid for itself");
}

#[actix_web::test]
async fn work_without_a_limit_of_time_is_charged_nothing() {
    let world = World::new();
    let (server, works) = start(world.build(TimeBudget::rule("a", "9 per hour")));
    let mut client = server.connect().await;
    client.get("/detach").await;
    let mut work = works.recv().unwrap();
    work.charge(Micros::from_secs(5));
    world.advance(secs(5));
    assert_eq!(work.finish(), None);
    assert_eq!(client.get("/").await.number("x-ratelimit-remaining"), 7);
}

/// What a long import takes says nothing of what the next request of its route will hold.
#[actix_web::test]
async fn work_teaches_nothing_of_its_route() {
    let world = World::new();
    let (server, works) = start(world.budget("600s per hour"));
    let mut client = server.connect().await;
    client.get("/detach").await;
    let work = works.recv().unwrap();
    world.advance(secs(100));
    drop(work);
    client.get("/detach").await;
    let _work = works.recv().unwrap();
    assert!(world.account().hold < SECOND, "{}", world.account().hold);
}

/// A charge after the answer was lost without a word.
#[actix_web::test]
async fn a_charge_says_whether_it_will_be_made() {
    let (world, gate) = (World::new(), Gate::new());
    let (server, _works) = start(world.budget("600s per hour"));
    let mut client = server.connect().await;
    assert_eq!(client.get("/").await.body, "true");
    assert_eq!(client.get("/free").await.body, "false", "the request is free");
    let (counting, _works) = start(world.build(TimeBudget::rule("counted", "9 per hour")));
    assert_eq!(counting.connect().await.get("/").await.body, "false", "no limit is of time");

    let (budget, inside, said) =
        (world.budget("600s per hour"), gate.clone(), Arc::new(Mutex::new(Vec::new())));
    let saying = Arc::clone(&said);
    let late = serve(move || {
        let (gate, said) = (inside.clone(), Arc::clone(&saying));
        let late = move |budget: Budget| {
            let (gate, said) = (gate.clone(), Arc::clone(&said));
            actix_web::rt::spawn(async move {
                gate.pass().await;
                said.lock().unwrap().push(budget.charge(Micros::from_secs(1)));
                drop(budget.detached());
                gate.pass().await;
            });
            std::future::ready("answered")
        };
        App::new().wrap(budget.clone()).default_service(web::to(late))
    });
    late.connect().await.get("/").await;
    gate.arrivals(1).await;
    let before = world.spent();
    gate.open(1);
    gate.arrivals(1).await;
    assert_eq!(*said.lock().unwrap(), [false]);
    assert_eq!(world.spent() - before, 1, "what is detached after the answer is charged all the same");
}

#[actix_web::test]
async fn a_stream_can_be_charged_until_its_last_chunk() {
    let world = World::new();
    let budget = world.budget("600s per hour");
    let server = serve(move || {
        App::new().wrap(budget.clone()).default_service(web::to(async |budget: Budget| {
            let chunks = stream::iter(["a", "b"]);
            HttpResponse::Ok().streaming(futures_util::StreamExt::map(chunks, move |_| {
                Ok::<_, std::io::Error>(Bytes::from(budget.charge(Micros(5)).to_string()))
            }))
        }))
    });
    assert_eq!(server.connect().await.get("/").await.body, "truetrue");
    world.assert_settled_at(10);
}

/// Compiles only if what is detached can be sent to a task.
#[test]
fn what_is_detached_can_be_sent() {
    const fn assert_send<T: Send + 'static>() {}
    assert_send::<Detached>();
}
