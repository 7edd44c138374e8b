//! A decision on accounts that exist allocates nothing, from admission to settlement.

#[path = "kit/app.rs"]
mod app;
#[path = "kit/asked.rs"]
mod asked;

use std::num::NonZeroU32;
use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceFactory, ServiceRequest, Transform};
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, Error, HttpResponse, web};
use allocation_counter::measure;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use timebudget::store::KeyHasher;
use timebudget::store::memory::Memory;
use timebudget::store::{Book, BookSpec, Charge, Claim, Mode, Progress, Settlement, Store, Tally, Verdict};
use timebudget::{
    Admission, Clock, Engine, Limiter, Micros, Period, SystemClock, TimeBudget, Unit, Zone, config,
};

use crate::app::AppFactory;
use crate::asked::Asked;

struct Bench {
    store: Memory,
    clock: SystemClock,
    zone: Arc<Zone>,
}

impl Bench {
    fn new() -> Self {
        Self { store: Memory::default(), clock: SystemClock::new(), zone: Arc::new(Zone::utc()) }
    }

    fn book(&self, tally: Tally, period: Option<Period>) -> Book {
        self.store.open(&BookSpec { site: "site", rule: "rule", tally, period, zone: &self.zone })
    }

    fn timed(&self, key: &str, period: Period) -> Claim {
        let book = self.book(Tally::Charged(Unit::Time), Some(period));
        claim(book, key, Charge::Time { expected: Micros(5) })
    }

    /// Allocations of a hundred requests, each looked at, paused and resumed on its way.
    fn allocations(&self, claims: &[Claim]) -> u64 {
        let mut claims = claims.to_vec();
        self.serve(&mut claims);
        measure(|| (0..100).for_each(|_| self.serve(&mut claims))).count_total
    }

    fn serve(&self, claims: &mut [Claim]) {
        let admitted = self.store.admit(claims, Mode::Decide, self.clock.now());
        assert_eq!(admitted, Ok(Verdict::Admitted));
        self.store.pause(claims, Micros(0), self.clock.now());
        self.store.resume(claims, Micros(0), self.clock.now());
        self.store.look(claims, Progress::default(), self.clock.now());
        self.store.settle(claims, &Settlement::default(), self.clock.now());
    }
}

fn claim(book: Book, key: &str, charge: Charge) -> Claim {
    Claim::new(book, KeyHasher::new([7; 16]).hash(key.as_bytes()), 1 << 50, charge)
}

#[test]
fn the_first_decision_of_a_shard_is_seen_to_allocate() {
    let bench = Bench::new();
    let mut claims = [bench.timed("key", Period::DAY)];
    assert!(measure(|| bench.serve(&mut claims)).count_total > 0);
}

#[test]
fn a_decision_on_an_account_that_exists_allocates_nothing() {
    let bench = Bench::new();
    assert_eq!(bench.allocations(&[bench.timed("key", Period::DAY)]), 0);
}

#[test]
fn nor_does_one_over_several_limits_of_a_key() {
    let bench = Bench::new();
    let requests = bench.book(Tally::Charged(Unit::Requests), Some(Period::WEEK));
    let years = Period::Years(NonZeroU32::MIN);
    let claims = [
        bench.timed("key", Period::DAY),
        bench.timed("key", years),
        claim(requests, "key", Charge::Requests { cost: 1 }),
    ];
    assert_eq!(bench.allocations(&claims), 0);
}

#[test]
fn nor_does_one_over_the_accounts_of_several_keys() {
    let bench = Bench::new();
    let claims = ["one", "another", "a third"].map(|key| bench.timed(key, Period::DAY));
    assert_eq!(bench.allocations(&claims), 0);
}

/// The account of running requests ends with each of them, and is made anew by the next.
#[test]
fn nor_does_a_cap_on_running_requests() {
    let bench = Bench::new();
    let places = bench.book(Tally::Running, None);
    assert_eq!(bench.allocations(&[claim(places, "key", Charge::Place)]), 0);
}

#[test]
fn nor_does_a_refusal() {
    let bench = Bench::new();
    let mut claims = [bench.timed("key", Period::DAY)];
    bench.serve(&mut claims);
    claims[0].ask.quota = 0;
    let refuse =
        || assert_eq!(bench.store.admit(&mut claims, Mode::Decide, bench.clock.now()), Ok(Verdict::Refused));
    assert_eq!(measure(refuse).count_total, 0);
}

/// A request that no rule of many is about, but for the last.
const REQUEST: Asked<'_> =
    Asked { path: "/api/users/7", header: ("authorization", "Bearer none-of-theirs"), ..Asked::USUAL };

#[test]
fn nor_does_the_comparison_with_a_thousand_rules() {
    let rule = |at: u32| {
        let when = match at % 4 {
            0 => format!(r#"{{ "path": "/p{at}" }}"#),
            1 => format!(r#"{{ "path": {{ "glob": "/api/{at}/*" }} }}"#),
            2 => format!(r#"{{ "path": {{ "regex": "^/v{at}/[0-9]+$" }}, "ip": "10.0.0.0/8" }}"#),
            _ => format!(r#"{{ "header": {{ "authorization": "Bearer {at}" }} }}"#),
        };
        format!(r#"{{ "name": "r{at}", "when": {when}, "limits": "5 per hour" }},"#)
    };
    let rules: String = (0..1_000).map(rule).collect();
    let text = format!(r#"{{ "rate_limit_rules": [{rules} {{ "name": "all", "limits": "9h per hour" }}] }}"#);
    let (site, _) = config::parse_site("site", &text).unwrap();
    let limiter = Arc::new(Limiter::new(site, &Engine::in_memory()));
    let serve = || assert!(matches!(limiter.admit(&REQUEST), Ok(Admission::Admitted(_))));
    serve();
    assert_eq!(measure(|| (0..100).for_each(|_| serve())).count_total, 0);
}

/// The allocations of a hundred requests for a path that an application answers without waiting for anything.
///
/// The fewest of several hundreds: what is made anew once in many requests, when a second ends or a buffer is full, is no request's.
async fn of_requests_for<T, B>(app: App<T>, path: &str) -> u64
where
    T: AppFactory<B> + 'static,
    T::Future: 'static,
    B: MessageBody,
{
    let app = init_service(app).await;
    let answer = || {
        let mut request = TestRequest::get().uri(path).peer_addr(([192, 0, 2, 1], 80).into()).to_request();
        request.take_payload();
        let answered = call_service(&app, request).now_or_never().expect("nothing is waited for");
        let _ = answered.into_body().try_into_bytes();
    };
    (0..100).for_each(|_| answer());
    let hundreds = (0..5).map(|_| measure(|| (0..100).for_each(|_| answer())).count_total);
    hundreds.min().expect("there are five")
}

fn hello() -> actix_web::Resource {
    web::resource("/").to(async || "hello")
}

/// Places of requests, which are kept, and values of header fields, which are cut from one buffer.
#[actix_web::test]
async fn nor_does_a_request_under_a_budget() {
    let bare = of_requests_for(App::new().service(hello()), "/").await;
    for rates in ["500s per hour", "9000 per hour", "500s per hour; 9000 per day"] {
        let budget = TimeBudget::per_ip(rates).unwrap();
        assert_eq!(of_requests_for(App::new().wrap(budget).service(hello()), "/").await, bare, "{rates}");
    }
}

/// Of which route they are is told by other parts of the path.
#[actix_web::test]
async fn nor_does_one_with_a_word_as_a_parameter_or_with_a_number() {
    for (pattern, path) in
        [("/posts/{slug}", "/posts/hello"), ("/{page}", "/about"), ("/users/{id}", "/users/7")]
    {
        let answer = || web::resource(pattern).to(async || "hello");
        let bare = of_requests_for(App::new().service(answer()), path).await;
        let budget = TimeBudget::per_ip("500s per hour").unwrap();
        assert_eq!(of_requests_for(App::new().wrap(budget).service(answer()), path).await, bare, "{path}");
    }
}

#[actix_web::test]
async fn nor_does_a_request_that_is_refused() {
    let bare = of_requests_for(App::new().default_service(web::to(HttpResponse::TooManyRequests)), "/").await;
    for rates in ["0s per hour", "0 per hour"] {
        let refused =
            of_requests_for(App::new().wrap(TimeBudget::per_ip(rates).unwrap()).service(hello()), "/").await;
        assert!(refused <= bare, "{rates}: {refused}, and {bare} of an application that refuses by itself");
    }
}

/// What actix moves for each request.
#[actix_web::test]
async fn a_request_under_a_budget_is_a_small_future() {
    let inner = actix_web::dev::fn_service(|request: ServiceRequest| -> LocalBoxFuture<'static, _> {
        async { Ok::<_, Error>(request.into_response(HttpResponse::Ok())) }.boxed_local()
    });
    let inner = ServiceFactory::new_service(&inner, ()).await.unwrap();
    let service = TimeBudget::per_ip("5s per hour").unwrap().new_transform(inner).await.unwrap();
    let future = service.call(TestRequest::get().to_srv_request());
    assert!(size_of_val(&future) <= 300, "{} bytes", size_of_val(&future));
}
