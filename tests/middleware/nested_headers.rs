//! What clients are told by budgets within budgets: one set of fields, in one spelling, of the tightest limit.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, Error, HttpResponse, ResponseError, web};
use timebudget::{HeaderNames, HeaderPolicy, ResetStyle, Site, TimeBudget};
use timebudget::{LimitedError, RuleBuilder};

use crate::harness::{Answer, Listening, World, serve};

/// Fields called `X-WHO-Limit` and so on; by default `X-RateLimit-Limit`.
fn spelled(who: &str) -> HeaderPolicy {
    let name = |what: &str| format!("X-{who}-{what}");
    let names = HeaderNames {
        limit: name("Limit"),
        remaining: name("Remaining"),
        reset: name("Reset"),
        used: name("Used"),
    };
    HeaderPolicy { names, ..HeaderPolicy::default() }
}

fn silent() -> HeaderPolicy {
    HeaderPolicy { enabled: false, ..HeaderPolicy::default() }
}

fn budget(world: &World, rule: RuleBuilder, headers: HeaderPolicy) -> TimeBudget {
    let site = Site { headers, ..Site::unlimited("test") };
    rule.engine(&world.engine()).site(site).build().expect("a rule")
}

/// A scope of the one within the other.
fn nested(outer: TimeBudget, inner: TimeBudget) -> Listening {
    serve(move || {
        let inside = web::scope("/in").wrap(inner.clone()).default_service(web::to(async || "hello"));
        App::new().wrap(outer.clone()).service(inside).default_service(web::to(async || "hello"))
    })
}

/// The names of all fields that say something of limits, sorted.
fn told(answer: &Answer) -> Vec<&str> {
    let of_limits = ["-limit", "-remaining", "-reset", "-used", "-resource", "-unit"];
    let names = answer.fields.iter().map(|(name, _)| name.as_str());
    let mut names: Vec<_> = names
        .filter(|name| name.starts_with("x-") && of_limits.iter().any(|end| name.ends_with(end)))
        .collect();
    names.sort_unstable();
    names
}

/// One set of fields in this spelling.
fn one_set(who: &str, served: bool) -> Vec<String> {
    let own = |what: &str| format!("x-{who}-{what}").to_ascii_lowercase();
    let mut names = vec![own("limit"), own("remaining"), own("reset")];
    names.extend(served.then(|| own("used")));
    names.extend(["x-ratelimit-resource".to_owned(), "x-ratelimit-unit".to_owned()]);
    names.sort_unstable();
    names
}

/// With names of its own, the inner budget's fields had stood beside the outer one's.
#[actix_web::test]
async fn one_set_of_fields_is_told_whichever_is_tighter_and_whatever_they_are_called() {
    for (outside, inside) in [
        ("RateLimit", "RateLimit"),
        ("RateLimit", "Inner"),
        ("Outer", "RateLimit"),
        ("Outer", "Inner"),
        ("OUTER", "outer"),
    ] {
        for (wide, narrow) in [("9 per hour", "2 per hour"), ("2 per hour", "9 per hour")] {
            let world = World::new();
            let outer = budget(&world, TimeBudget::rule("wide", wide), spelled(outside));
            let inner = budget(&world, TimeBudget::rule("narrow", narrow), spelled(inside));
            let mut client = nested(outer, inner).connect().await;
            let tighter = if narrow.starts_with('2') { "narrow" } else { "wide" };
            for left in ["1", "0"] {
                let answer = client.get("/in/x").await;
                assert_eq!(told(&answer), one_set(outside, true), "{outside} around {inside}");
                assert_eq!(answer.field("x-ratelimit-resource"), Some(tighter), "{wide} around {narrow}");
                assert_eq!(answer.field("x-ratelimit-unit"), Some("requests"));
                let field = |what: &str| answer.field(&format!("x-{outside}-{what}").to_ascii_lowercase());
                assert_eq!(
                    (field("limit"), field("remaining"), field("used")),
                    (Some("2"), Some(left), Some("1"))
                );
            }
        }
    }
}

#[actix_web::test]
async fn what_an_inner_budget_refuses_is_told_in_the_spelling_of_the_outer_one() {
    let world = World::new();
    let unix = HeaderPolicy { reset: ResetStyle::Unix, ..spelled("Inner") };
    let outer = budget(&world, TimeBudget::rule("wide", "9s per day"), spelled("Outer"));
    let inner = budget(&world, TimeBudget::rule("narrow", "0 per hour"), unix);
    let refused = nested(outer, inner).connect().await.get("/in/x").await;
    assert_eq!(refused.status, 429);
    assert_eq!(told(&refused), one_set("outer", false));
    assert_eq!(
        (refused.field("x-ratelimit-resource"), refused.field("retry-after")),
        (Some("narrow"), Some("3600"))
    );
    assert_eq!(refused.field("x-outer-reset"), Some("3600"), "seconds, as the outer one says it");
}

#[actix_web::test]
async fn an_outer_budget_without_headers_leaves_those_of_the_inner_one_alone() {
    let world = World::new();
    let outer = budget(&world, TimeBudget::rule("wide", "1 per hour"), silent());
    let inner = budget(&world, TimeBudget::rule("narrow", "5 per hour"), spelled("Inner"));
    let answer = nested(outer, inner).connect().await.get("/in/x").await;
    assert_eq!(told(&answer), one_set("inner", true));
}

#[actix_web::test]
async fn a_budget_of_which_no_rule_applies_counts_for_none() {
    let world = World::new();
    let outer = budget(&world, TimeBudget::rule("wide", "9 per hour").when_by(|_| false), spelled("Outer"));
    let inner = budget(&world, TimeBudget::rule("narrow", "5 per hour"), spelled("Inner"));
    let answer = nested(outer, inner).connect().await.get("/in/x").await;
    assert_eq!(told(&answer), ["x-inner-limit", "x-inner-remaining", "x-inner-reset", "x-inner-used"]);
}

#[actix_web::test]
async fn the_outermost_of_three_speaks_for_all_also_where_the_middle_one_is_silent() {
    for middle in [silent(), spelled("Middle")] {
        let world = World::new();
        let outer = budget(&world, TimeBudget::rule("a", "9 per hour"), spelled("Outer"));
        let middle = budget(&world, TimeBudget::rule("b", "8 per hour"), middle);
        let inner = budget(&world, TimeBudget::rule("c", "7 per hour"), spelled("Inner"));
        let server = serve(move || {
            App::new()
                .wrap(inner.clone())
                .wrap(middle.clone())
                .wrap(outer.clone())
                .default_service(web::to(async || "hello"))
        });
        let answer = server.connect().await.get("/").await;
        assert_eq!(told(&answer), one_set("outer", true));
        assert_eq!(answer.field("x-ratelimit-resource"), Some("c"));
    }
}

#[actix_web::test]
async fn of_equal_shares_that_of_the_longer_window_is_told() {
    for (outside, inside, longer) in
        [("2 per minute", "2 per day", "inside"), ("2 per day", "2 per minute", "outside")]
    {
        let world = World::new();
        let outer = world.build(TimeBudget::rule("outside", outside));
        let inner = world.build(TimeBudget::rule("inside", inside));
        let answer = nested(outer, inner).connect().await.get("/in/x").await;
        assert_eq!(answer.field("x-ratelimit-resource"), Some(longer));
    }
}

/// An error of the application's own.
#[derive(Debug)]
struct Teapot;

impl std::fmt::Display for Teapot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a teapot")
    }
}

impl ResponseError for Teapot {
    fn error_response(&self) -> HttpResponse {
        HttpResponse::ImATeapot().finish()
    }
}

async fn brew(_: ServiceRequest, _: Next<impl MessageBody>) -> Result<ServiceResponse, Error> {
    Err(Teapot.into())
}

/// Says in the status which type of error arrives.
async fn look(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    next.call(request).await.map_err(|error| {
        match (error.as_error::<Teapot>(), error.as_error::<LimitedError>()) {
            (Some(_), _) => actix_web::error::ErrorConflict("as it was made"),
            (_, Some(limited)) if limited.error().as_error::<Teapot>().is_some() => {
                actix_web::error::ErrorGone("wrapped once")
            }
            _ => actix_web::error::ErrorLocked("something else"),
        }
    })
}

fn brewing(budgets: [TimeBudget; 2]) -> Listening {
    let [outer, inner] = budgets;
    serve(move || {
        App::new()
            .wrap(from_fn(brew))
            .wrap(inner.clone())
            .wrap(outer.clone())
            .wrap(from_fn(look))
            .default_service(web::to(async || "hello"))
    })
}

/// With headers off there is nothing to say of an error, and it was wrapped all the same.
#[actix_web::test]
async fn an_error_to_which_there_is_nothing_to_say_arrives_as_it_was_made() {
    for (outside, inside, status) in
        [(silent(), silent(), 409), (silent(), spelled("Inner"), 410), (spelled("Outer"), silent(), 410)]
    {
        let world = World::new();
        let outer = budget(&world, TimeBudget::rule("outer", "3s per hour"), outside);
        let inner = budget(&world, TimeBudget::rule("inner", "3 per hour"), inside);
        let mut client = brewing([outer, inner]).connect().await;
        assert_eq!(client.statuses("/", 4).await, [status, status, status, 429], "it is charged");
    }
    let world = World::new();
    let idle = || budget(&world, TimeBudget::rule("idle", "3 per hour").when_by(|_| false), spelled("Idle"));
    assert_eq!(brewing([idle(), idle()]).connect().await.get("/").await.status, 409);
}
