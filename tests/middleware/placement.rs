//! Where the middleware may stand, and beside what.

use actix_cors::Cors;
use actix_web::dev::{Service as _, ServiceResponse};
use actix_web::middleware::{Compress, Condition, NormalizePath};
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse};
use futures_util::stream;

use crate::harness::{Answer, Gate, SECOND, World, secs, serve, site};

async fn hello() -> &'static str {
    "hello"
}

async fn chunks() -> HttpResponse {
    let chunks = ["one", "two"].map(|chunk| Ok::<_, std::io::Error>(web::Bytes::from(chunk)));
    HttpResponse::Ok().streaming(stream::iter(chunks))
}

#[actix_web::test]
async fn a_scope_under_a_budget_leaves_its_neighbours_alone() {
    let world = World::new();
    let budget = world.budget("600s per hour");
    let server = serve(move || {
        App::new()
            .service(web::scope("/in").wrap(budget.clone()).route("/{name}", web::get().to(hello)))
            .route("/out", web::get().to(hello))
    });
    let mut client = server.connect().await;
    assert_eq!(client.get("/in/a").await.used(), 1);
    let missing = client.get("/in/b/c").await;
    assert_eq!((missing.status, missing.remaining()), (404, 600 * SECOND - 2));
    assert!(client.get("/out").await.tells_nothing());
    assert_eq!(world.spent(), 2);
}

#[actix_web::test]
async fn a_resource_under_a_budget_leaves_its_neighbours_alone() {
    let world = World::new();
    let budget = world.budget("600s per hour");
    let server = serve(move || {
        App::new()
            .service(web::resource("/in/{name}").wrap(budget.clone()).route(web::get().to(hello)))
            .route("/out", web::get().to(hello))
    });
    let mut client = server.connect().await;
    assert_eq!(client.get("/in/a").await.used(), 1);
    let refused = client.ask("POST /in/a HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!((refused.status, refused.remaining()), (405, 600 * SECOND - 2));
    assert!(client.get("/out").await.tells_nothing());
}

#[actix_web::test]
async fn a_condition_turns_the_budget_on_and_off() {
    let world = World::new();
    let budget = world.budget("600s per hour");
    for is_on in [true, false] {
        let budget = budget.clone();
        let server = serve(move || {
            App::new().wrap(Condition::new(is_on, budget.clone())).route("/", web::get().to(hello))
        });
        assert_eq!(server.connect().await.get("/").await.tells_nothing(), !is_on);
    }
}

#[actix_web::test]
async fn compression_outside_and_inside_leaves_the_answer_whole() {
    let world = World::new();
    let budget = world.budget("600s per hour");
    let outside = budget.clone();
    let inside = budget;
    let server = serve(move || {
        App::new()
            .service(
                web::scope("/outside")
                    .wrap(outside.clone())
                    .wrap(Compress::default())
                    .route("/whole", web::get().to(hello))
                    .route("/chunks", web::get().to(chunks)),
            )
            .service(
                web::scope("/inside")
                    .wrap(Compress::default())
                    .wrap(inside.clone())
                    .route("/whole", web::get().to(hello))
                    .route("/chunks", web::get().to(chunks)),
            )
    });
    let mut client = server.connect().await;
    for path in ["/outside", "/inside"] {
        let whole = client.get(&format!("{path}/whole")).await;
        assert_eq!((whole.field("content-length"), whole.body.as_str()), (Some("5"), "hello"), "{path}");
        let chunked = client.get(&format!("{path}/chunks")).await;
        assert_eq!(chunked.field("transfer-encoding"), Some("chunked"), "{path}");
        assert_eq!((chunked.body.as_str(), chunked.used()), ("onetwo", 0), "{path}");

        let fields = "Accept-Encoding: gzip\r\n";
        client
            .send(format!("GET {path}/chunks HTTP/1.1\r\nHost: a\r\n{fields}Connection: close\r\n\r\n"))
            .await;
        assert_eq!(client.head().await.field("content-encoding"), Some("gzip"), "{path}");
        client = server.connect().await;
    }
    assert_eq!(world.account().admitted, 0);
}

#[actix_web::test]
async fn what_is_outside_is_not_charged() {
    let (world, gate) = (World::new(), Gate::new());
    let (budget, outside) = (world.budget("600s per hour"), gate.clone());
    let server = serve(move || {
        let gate = outside.clone();
        App::new()
            .wrap(budget.clone())
            .wrap_fn(move |request, service| {
                let (answer, gate) = (service.call(request), gate.clone());
                async move {
                    let answer = answer.await;
                    gate.pass().await;
                    answer
                }
            })
            .route("/whole", web::get().to(hello))
            .route("/chunks", web::get().to(chunks))
    });
    let mut client = server.connect().await;
    for path in ["/whole", "/chunks"] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        gate.arrivals(1).await;
        world.advance(secs(100));
        gate.open(1);
        client.answer().await;
    }
    world.assert_settled_at(2);
}

#[actix_web::test]
async fn what_is_inside_sees_the_path_as_ever() {
    let world = World::new();
    let budget = world.budget("600s per hour");
    let server = serve(move || {
        App::new()
            .wrap(NormalizePath::trim())
            .wrap(budget.clone())
            .route("/a/{name}", web::get().to(async |name: web::Path<String>| name.into_inner()))
    });
    assert_eq!(server.connect().await.get("/a/b%20c/").await.body, "b c");
}

const PREFLIGHT: &str = "OPTIONS /a HTTP/1.1\r\nHost: a\r\nOrigin: https://b.example\r\n\
                         Access-Control-Request-Method: PUT\r\n\r\n";

#[actix_web::test]
async fn a_browser_can_read_the_refusal_if_cors_is_outside() {
    let world = World::new();
    let budget = world.budget("1 per hour");
    let server = serve(move || {
        let cors = Cors::default().allowed_origin("https://b.example").allow_any_method();
        App::new().wrap(budget.clone()).wrap(cors.expose_any_header()).route("/a", web::get().to(hello))
    });
    let mut client = server.connect().await;
    client.get("/a").await;
    let refused = client.get_with("/a", "Origin: https://b.example\r\n").await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.field("access-control-allow-origin"), Some("https://b.example"));
    let preflight = client.ask(PREFLIGHT).await;
    assert_eq!(preflight.status, 200);
    assert!(preflight.tells_nothing(), "it did not come as far as the budget");
}

/// Whether `Access-Control-Expose-Headers` names each field of ours that an answer bears.
fn exposes_what_it_says(answer: &Answer) -> bool {
    let exposed = answer.field("access-control-expose-headers").expect("the fields that scripts may read");
    let exposed: Vec<_> = exposed.split(',').map(|name| name.trim().to_ascii_lowercase()).collect();
    let is_ours =
        |name: &str| name.contains("ratelimit") || name.starts_with("x-quota") || name == "retry-after";
    answer.names().filter(|name| is_ours(name)).all(|name| exposed.iter().any(|exposed| exposed == name))
}

/// A script in a browser saw neither `Retry-After` nor what is left: CORS lets it read what is exposed, and nobody knew
/// all that is to be.
#[actix_web::test]
async fn a_script_of_another_origin_can_read_each_field_that_there_is() {
    let world = World::new();
    let budget = world.budget_of(
        r#"{ "rate_limit": "1 per hour; 60s per hour", "rate_limit_headers": { "standard": "draft-11" } }"#,
    );
    let server = serve(move || {
        let cors = Cors::default().allowed_origin("https://b.example").allow_any_method();
        let cors = cors.expose_headers(timebudget::EXPOSED_HEADERS);
        App::new().wrap(budget.clone()).wrap(cors).route("/a", web::to(hello))
    });
    let mut client = server.connect().await;
    let preflight = client.ask(PREFLIGHT).await;
    assert_eq!(
        preflight.field("access-control-allow-methods").map(|found| found.contains("PUT")),
        Some(true)
    );
    let from_there = "PUT /a HTTP/1.1\r\nHost: a\r\nOrigin: https://b.example\r\nContent-Length: 0\r\n\r\n";
    for (status, fields) in [(200, 8), (429, 8)] {
        let answer = client.ask(from_there).await;
        assert_eq!(answer.status, status);
        assert!(exposes_what_it_says(&answer), "{answer:?}");
        let told = answer.names().filter(|name| name.contains("ratelimit") || *name == "retry-after").count();
        assert_eq!(told, fields, "{answer:?}");
    }
}

#[actix_web::test]
async fn fields_with_other_names_are_exposed_by_these() {
    let world = World::new();
    let file = r#"{ "rate_limit": "1 per hour",
        "rate_limit_headers": { "names": { "limit": "X-Quota", "remaining": "X-Quota-Left" } } }"#;
    let (budget, policy) = (world.budget_of(file), site("test", file).headers);
    let server = serve(move || {
        let cors = Cors::default().allowed_origin("https://b.example").expose_headers(policy.exposed());
        App::new().wrap(budget.clone()).wrap(cors).route("/a", web::get().to(hello))
    });
    let answer = server.connect().await.get_with("/a", "Origin: https://b.example\r\n").await;
    assert_eq!((answer.field("x-quota"), answer.field("x-quota-left")), (Some("1"), Some("0")));
    assert!(exposes_what_it_says(&answer), "{answer:?}");
}

#[actix_web::test]
async fn a_preflight_is_never_refused_nor_counted_but_its_time_is_charged() {
    let (world, gate) = (World::new(), Gate::new());
    let (budget, inside) = (world.budget("2s per hour; 1 per hour"), gate.clone());
    let server = serve(move || {
        App::new().app_data(Data::new(inside.clone())).wrap(budget.clone()).default_service(web::to(gated))
    });
    let mut client = server.connect().await;
    for spent in [3, 6] {
        client.send(PREFLIGHT).await;
        gate.arrivals(1).await;
        world.advance(secs(3));
        gate.open(1);
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.used(), answer.remaining()), (200, 3 * SECOND, 0));
        assert_eq!(world.spent(), spent * SECOND);
    }
    for beside in ["Origin: https://b.example\r\n", "Access-Control-Request-Method: PUT\r\n", ""] {
        let request = format!("OPTIONS /a HTTP/1.1\r\nHost: a\r\n{beside}\r\n");
        assert_eq!(client.ask(&request).await.status, 429, "no preflight: {beside:?}");
    }
    assert_eq!(world.accounts()[1].spent, 0, "no request was counted");
}

/// An API whose handlers take any method was served without end to whoever called each request a preflight.
#[actix_web::test]
async fn what_has_credentials_or_a_body_is_no_preflight() {
    let world = World::new();
    let budget = world.budget("0 per hour");
    let server = serve(move || App::new().wrap(budget.clone()).default_service(web::to(hello)));
    let of_browsers = "Origin: https://b.example\r\nAccess-Control-Request-Method: POST\r\n";
    for (beside, status) in [
        ("", 200),
        ("Access-Control-Request-Headers: authorization\r\n", 200),
        ("Content-Length: 0\r\n", 200),
        ("Authorization: Bearer x\r\n", 429),
        ("Cookie: sid=abc\r\n", 429),
        ("Content-Length: 1\r\n\r\n{", 429),
        ("Transfer-Encoding: chunked\r\n\r\n0\r\n", 429),
        ("Connection: upgrade\r\nUpgrade: websocket\r\n\r\nuser=ann\r\n", 429),
    ] {
        let request = format!("OPTIONS /a HTTP/1.1\r\nHost: a\r\n{of_browsers}{beside}\r\n");
        assert_eq!(server.connect().await.ask(&request).await.status, status, "{beside:?}");
    }
}

async fn gated(gate: Data<Gate>) -> &'static str {
    gate.pass().await;
    "done"
}

/// An application under a budget, with a scope `/in` under another one.
fn nested(outer: timebudget::TimeBudget, inner: timebudget::TimeBudget) -> crate::harness::Listening {
    serve(move || {
        App::new()
            .service(web::scope("/in").wrap(inner.clone()).route("/{name}", web::get().to(hello)))
            .route("/out", web::get().to(hello))
            .wrap(outer.clone())
    })
}

#[actix_web::test]
async fn of_two_budgets_the_tighter_one_is_told() {
    let outside = World::new();
    let inside = World::beside(&outside);
    let server = nested(outside.budget("100us per hour"), inside.budget("4 per minute"));
    let mut client = server.connect().await;
    let shares = [(4, 3), (4, 2), (4, 1), (4, 0)];
    for (limit, remaining) in shares {
        let answer = client.get("/in/a").await;
        assert_eq!(answer.standing(), (limit, remaining, 60, Some(1)));
    }
    outside.advance(secs(60));
    for _ in 0..90 {
        client.get("/out").await;
    }
    // 95 of 100 are spent outside, 1 of 4 inside.
    assert_eq!(client.get("/in/a").await.standing(), (100, 5, 3_540, Some(1)));
}

#[actix_web::test]
async fn an_inner_refusal_is_told_whatever_is_left_outside_and_costs_nothing_there() {
    let outside = World::new();
    let inside = World::beside(&outside);
    let server = nested(outside.budget("100 per hour"), inside.budget("1 per minute"));
    let mut client = server.connect().await;
    assert_eq!(client.get("/in/a").await.status, 200);
    for _ in 0..3 {
        let refused = client.get("/in/a").await;
        assert_eq!(refused.status, 429);
        assert_eq!(refused.standing(), (1, 0, 60, None));
        assert_eq!(refused.number("retry-after"), 60);
    }
    assert_eq!((outside.spent(), outside.account().admitted), (1, 0));
}

#[actix_web::test]
async fn a_budget_that_says_nothing_inside_keeps_none_outside_from_saying_where_the_client_stands() {
    let outside = World::new();
    let inside = World::beside(&outside);
    let silent = r#"{"rate_limit": "5us per hour", "rate_limit_headers": {"enabled": false}}"#;
    let (outer, inner) = (outside.budget("100 per hour"), inside.budget_of(silent));
    let server = serve(move || {
        App::new()
            .route("/whole", web::get().to(hello))
            .route("/chunks", web::get().to(chunks))
            .wrap(inner.clone())
            .wrap(outer.clone())
    });
    let mut client = server.connect().await;
    assert_eq!(client.get("/whole").await.standing(), (100, 99, 3_600, Some(1)));
    assert_eq!(client.get("/chunks").await.standing(), (100, 98, 3_600, Some(1)));
}

#[actix_web::test]
async fn an_outer_refusal_leaves_no_trace_inside() {
    let outside = World::new();
    let inside = World::beside(&outside);
    let server = nested(outside.budget("1 per minute"), inside.budget("5 per hour"));
    let mut client = server.connect().await;
    assert_eq!(client.get("/in/a").await.status, 200);
    assert_eq!(client.get("/in/a").await.standing(), (1, 0, 60, None));
    assert_eq!(inside.spent(), 1);
}

#[actix_web::test]
async fn an_error_between_two_budgets_bears_one_set_of_headers() {
    let outside = World::new();
    let inside = World::beside(&outside);
    let (outer, inner) = (outside.budget("100 per hour"), inside.budget("5 per minute"));
    let server = serve(move || {
        let fails =
            |_, _: &_| std::future::ready(Err::<ServiceResponse, _>(actix_web::error::ErrorImATeapot("no")));
        App::new().wrap_fn(fails).wrap(inner.clone()).wrap(outer.clone())
    });
    let answer = server.connect().await.get("/").await;
    assert_eq!((answer.status, answer.standing()), (418, (5, 4, 60, Some(1))));
    assert_eq!((outside.spent(), inside.spent()), (1, 1));
}
