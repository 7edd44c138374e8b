//! Scopes within scopes: what is added, what is replaced, and who is exempt.

use actix_web::App;
use actix_web::web;
use timebudget::TimeBudget;

use crate::harness::{Client, Listening, World, secs, serve};

/// Three an hour under `/parent`; two a minute under `/parent/child` instead, and five a day under
/// `/parent/child/grandchild` on top.
fn start(world: &World) -> Listening {
    let parent =
        world.build(TimeBudget::rule("parent", "3 per hour").except("/parent/child").except("/parent/open"));
    let child = world.build(TimeBudget::rule("child", "2 per minute").except("/parent/child/health"));
    let grandchild = world.build(
        TimeBudget::rule("grandchild", "5 per day")
            .exempt_by(|request| request.headers().contains_key("x-staff")),
    );
    serve(move || {
        let hello = || web::to(async || "hello");
        let grandchild = web::scope("/grandchild").wrap(grandchild.clone()).default_service(hello());
        let child = web::scope("/child").wrap(child.clone()).service(grandchild).default_service(hello());
        let parent = web::scope("/parent").wrap(parent.clone()).service(child).default_service(hello());
        App::new().service(parent).default_service(hello())
    })
}

async fn limits(client: &mut Client, path: &str) -> (u16, Option<u64>) {
    let answer = client.get(path).await;
    (answer.status, answer.field("x-ratelimit-limit").map(|limit| limit.parse().unwrap()))
}

#[actix_web::test]
async fn a_child_replaces_what_its_parent_set() {
    let world = World::new();
    let mut client = start(&world).connect().await;
    assert_eq!(client.statuses("/parent/x", 4).await, [200, 200, 200, 429]);
    assert_eq!(client.statuses("/parent/child/x", 3).await, [200, 200, 429], "the parent's is spent");
    for _ in 0..4 {
        world.advance(secs(60));
        assert_eq!(client.statuses("/parent/child", 3).await, [200, 200, 429]);
    }
    assert_eq!(limits(&mut client, "/parent/x").await, (429, Some(3)), "for the hour");
}

#[actix_web::test]
async fn what_a_child_serves_costs_its_parent_nothing() {
    let world = World::new();
    let mut client = start(&world).connect().await;
    assert_eq!(client.statuses("/parent/child/x", 3).await, [200, 200, 429]);
    assert_eq!(client.statuses("/parent/x", 4).await, [200, 200, 200, 429]);
}

#[actix_web::test]
async fn a_grandchild_adds_to_what_the_child_set() {
    let world = World::new();
    let mut client = start(&world).connect().await;
    let path = "/parent/child/grandchild/x";
    assert_eq!(client.statuses(path, 3).await, [200, 200, 429], "by the child's two a minute");
    world.advance(secs(60));
    assert_eq!(client.statuses(path, 2).await, [200, 200]);
    world.advance(secs(60));
    assert_eq!(client.statuses(path, 2).await, [200, 429], "by its own five a day");
    assert_eq!(limits(&mut client, path).await, (429, Some(5)));
    world.advance(secs(3_600));
    assert_eq!(limits(&mut client, "/parent/child/x").await, (200, Some(2)));
    assert_eq!(limits(&mut client, path).await, (429, Some(5)));
}

#[actix_web::test]
async fn scopes_within_have_exemptions_of_their_own() {
    let world = World::new();
    let mut client = start(&world).connect().await;
    for path in ["/parent/open", "/parent/open/x", "/parent/child/health", "/else"] {
        assert_eq!(client.statuses(path, 5).await, [200; 5], "{path}");
        assert!(client.get(path).await.tells_nothing(), "{path}");
    }
    let path = "/parent/child/grandchild/x";
    for _ in 0..6 {
        world.advance(secs(60));
        assert_eq!(client.get_with(path, "X-Staff: 1\r\n").await.field("x-ratelimit-limit"), Some("2"));
    }
    assert_eq!(limits(&mut client, path).await, (200, Some(2)), "none of the five is spent");
}

#[actix_web::test]
async fn a_scope_is_left_out_by_the_paths_that_it_takes_however_they_are_written() {
    let world = World::new();
    let mut client = start(&world).connect().await;
    for (path, limit) in [
        ("/parent/childish", 3),
        ("/parent/child", 2),
        ("/parent/%63hild/x", 2),
        ("/parent/x/child", 3),
        ("/parent", 3),
    ] {
        assert_eq!(limits(&mut client, path).await, (200, Some(limit)), "{path}");
    }
}

/// What the outer budget leaves out and what the inner scope takes must be the same, or a path would meet neither.
#[actix_web::test]
async fn no_spelling_of_a_path_escapes_both_budgets() {
    let world = World::new();
    let server = start(&world);
    for path in [
        "/parent/child/",
        "/parent/child?x",
        "/parent//child/x",
        "/parent/child//x",
        "/parent/child/../x",
        "/parent/./child",
        "/parent/child%2Fx",
        "/parent/child%2fx/y",
        "/parent/child%3Fx",
        "/parent/child;x=1",
        "/parent/child%00",
        "/parent/chil%64/x",
        "/parent/child%",
        "/parent/child%zz",
        "/parent/child%ff",
        "/parent/child/%ff",
        "/parent/CHILD/x",
        "/%70arent/child%20",
        "/parent/child/open",
    ] {
        let answer = server.connect().await.get(path).await;
        assert!(matches!(answer.number("x-ratelimit-limit"), 2 | 3), "{path}");
        world.advance(secs(3_600));
    }
}

#[actix_web::test]
async fn the_pattern_of_a_scope_that_is_left_out_can_have_parameters() {
    let world = World::new();
    let teams = world.build(TimeBudget::rule("teams", "1 per hour").except("/teams/{team}/reports/"));
    let server = serve(move || {
        App::new()
            .service(web::scope("/teams").wrap(teams.clone()).default_service(web::to(async || "hello")))
    });
    let mut client = server.connect().await;
    assert_eq!(client.statuses("/teams/a/reports/1", 3).await, [200; 3]);
    assert_eq!(client.statuses("/teams/reports", 2).await, [200, 429]);
}

#[actix_web::test]
async fn the_budget_of_a_site_file_can_leave_out_a_scope_too() {
    let world = World::new();
    let outer = world.budget_of(r#"{"rate_limit": "1 per hour"}"#).except("/own");
    let inner = world.build(TimeBudget::rule("own", "2 per hour"));
    let server = serve(move || {
        let own = web::scope("/own").wrap(inner.clone()).default_service(web::to(async || "hello"));
        App::new().wrap(outer.clone()).service(own).default_service(web::to(async || "hello"))
    });
    let mut client = server.connect().await;
    assert_eq!(client.statuses("/x", 2).await, [200, 429]);
    assert_eq!(client.statuses("/own/x", 3).await, [200, 200, 429]);
}

#[actix_web::test]
async fn one_budget_around_two_scopes_has_one_account() {
    let world = World::new();
    let shared = world.build(TimeBudget::rule("shared", "3 per hour"));
    let again = world.build(TimeBudget::rule("shared", "3 per hour"));
    let other = world.build(TimeBudget::rule("other", "3 per hour"));
    let server = serve(move || {
        let scope = |path: &str| web::scope(path).default_service(web::to(async || "hello"));
        App::new()
            .service(scope("/a").wrap(shared.clone()))
            .service(scope("/b").wrap(shared.clone()))
            .service(scope("/again").wrap(again.clone()))
            .service(scope("/other").wrap(other.clone()))
    });
    let mut client = server.connect().await;
    for (path, status) in [
        ("/a", 200),
        ("/b", 200),
        ("/again", 200),
        ("/a", 429),
        ("/b", 429),
        ("/again", 429),
        ("/other", 200),
    ] {
        assert_eq!(client.get(path).await.status, status, "{path}");
    }
}
