//! Rules of a site file, over real sockets: which requests, and what a refusal says.

use actix_web::web;
use actix_web::{App, HttpRequest};

use crate::harness::{Client, Listening, World, secs, serve};

fn start(world: &World, file: &str) -> Listening {
    let budget = world.budget_of(file);
    serve(move || App::new().wrap(budget.clone()).default_service(web::to(path)))
}

async fn path(request: HttpRequest) -> String {
    request.path().to_owned()
}

async fn post(client: &mut Client, path: &str) -> u16 {
    client.ask(&format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")).await.status
}

async fn statuses(client: &mut Client, path: &str, count: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..count {
        statuses.push(client.get(path).await.status);
    }
    statuses
}

/// A typical API: defaults for each endpoint, and tighter limits for some on top.
const TASKS: &str = r#"{"rate_limit_headers": {"reset": "unix"}, "rate_limit_rules": [
    {"name": "register", "when": {"path": "/api/auth/register", "method": "POST"}, "displaces": false, "limits": "5 per hour"},
    {"name": "login", "when": {"path": "/api/auth/login", "method": "POST"}, "displaces": false, "limits": "10 per hour"},
    {"name": "password", "when": {"path": "/api/auth/change-password", "method": "POST"}, "displaces": false, "limits": "3 per hour"},
    {"name": "tasks", "when": {"path": "/api/tasks", "method": "POST"}, "displaces": false, "limits": "50 per hour"},
    {"name": "tags", "when": {"path": "/api/tags", "method": "POST"}, "displaces": false, "limits": "20 per hour"},
    {"name": "default", "otherwise": true, "key": ["ip", "path"], "limits": "200 per day; 50 per hour"}]}"#;

#[actix_web::test]
async fn each_endpoint_of_an_api_has_its_limit_on_top_of_the_defaults() {
    let world = World::new();
    let mut client = start(&world, TASKS).connect().await;
    for (path, limit) in [
        ("/api/auth/register", 5),
        ("/api/auth/login", 10),
        ("/api/auth/change-password", 3),
        ("/api/tags", 20),
        ("/api/tasks", 50),
        ("/api/other", 50),
    ] {
        for sent in 1..=limit {
            assert_eq!(post(&mut client, path).await, 200, "{path} {sent}");
        }
        assert_eq!(post(&mut client, path).await, 429, "{path}");
    }
    assert_eq!(client.get("/api/auth/login").await.status, 200, "another method");
}

#[actix_web::test]
async fn a_client_refused_by_the_hour_does_not_burn_its_day() {
    let world = World::new();
    let mut client = start(&world, TASKS).connect().await;
    for _ in 0..50 {
        assert_eq!(client.get("/api/x").await.field("retry-after"), None);
    }
    for _ in 0..300 {
        assert!(client.get("/api/x").await.number("retry-after") >= 1);
    }
    for hour in 1..4 {
        let wait = client.get("/api/x").await.number("retry-after");
        world.advance(secs(wait));
        assert_eq!(statuses(&mut client, "/api/x", 50).await, [200; 50], "hour {hour}");
    }
}

#[actix_web::test]
async fn a_reset_can_be_told_as_unix_does() {
    let world = World::new();
    let mut client = start(&world, TASKS).connect().await;
    let answer = client.get("/api/x").await;
    assert!(answer.number("x-ratelimit-reset") > 1_000_000_000, "{answer:?}");
}

#[actix_web::test]
async fn a_path_written_with_escapes_meets_the_rule_of_what_it_decodes_to() {
    let world = World::new();
    let file = r#"{"rate_limit_rules": [{"name": "login", "when": {"path": "/api/auth/login"}, "limits": "3 per hour"}]}"#;
    let mut client = start(&world, file).connect().await;
    for path in ["/api/auth/login", "/api/auth/%6Cogin", "/%61pi/auth/login?x"] {
        assert_eq!(client.get(path).await.status, 200, "{path}");
    }
    assert_eq!(client.get("/api/auth/%6c%6Fgin").await.status, 429);
}

#[actix_web::test]
async fn conditions_see_headers_cookies_queries_hosts_and_addresses() {
    let world = World::new();
    let file = r#"{"rate_limit_rules": [
        {"name": "header", "when": {"header": {"X-Plan": ["free", {"prefix": "trial-"}]}}, "limits": "0 per hour"},
        {"name": "cookie", "when": {"cookie": {"beta": true}}, "limits": "0 per hour"},
        {"name": "query", "when": {"query": {"page": {"regex": "^[0-9]{3,}$"}}}, "limits": "0 per hour"},
        {"name": "host", "when": {"host": "localhost"}, "limits": "0 per hour"},
        {"name": "site", "when": {"host": "TEST", "path": "/host"}, "limits": "0 per hour"},
        {"name": "elsewhere", "when": {"ip": "10.0.0.0/8"}, "limits": "0 per hour"},
        {"name": "here", "when": {"ip": ["10.0.0.0/8", "127.0.0.1"], "path": "/ip"}, "limits": "0 per hour"}]}"#;
    let file = file.replace("\"name\": \"site\"", "\"name\": \"by-site\"");
    let mut client = start(&world, &file).connect().await;
    for (path, fields, rule) in [
        ("/", "", None),
        ("/", "x-plan: free\r\n", Some("header")),
        ("/", "X-PLAN: trial-7\r\n", Some("header")),
        ("/", "x-plan: freed\r\n", None),
        ("/", "Cookie: alpha=1; beta=\r\n", Some("cookie")),
        ("/", "Cookie: alpha=1\r\nCookie: %62eta=2\r\n", Some("cookie")),
        ("/", "Cookie: alpha=beta\r\n", None),
        ("/?a=1&page=1%30%30", "", Some("query")),
        ("/?%70age=100", "", Some("query")),
        ("/?page=10", "", None),
        ("/host", "X-Forwarded-Host: a.example\r\n", Some("by-site")),
        ("/ip", "", Some("here")),
        ("/", "X-Forwarded-For: 10.0.0.1\r\n", None),
    ] {
        let answer = client.get_with(path, fields).await;
        assert_eq!(answer.field("x-ratelimit-resource"), rule, "{path} {fields}");
        assert_eq!(answer.status == 429, rule.is_some(), "{path} {fields}");
    }
}

#[actix_web::test]
async fn the_first_rule_in_order_that_refuses_says_what_happens() {
    let world = World::new();
    let file = r#"{"rate_limit_rules": [
        {"name": "closed", "when": {"path": {"prefix": "/closed"}}, "limits": "0 per hour",
         "action": {"block": {"status": 503, "message": "Back at <nine>."}}},
        {"name": "json", "when": {"path": {"glob": "/closed/**"}}, "limits": "0 per day"},
        {"name": "own", "when": {"path": "/own"}, "limits": "0 per day",
         "action": {"block": {"status": 403, "body": "{\"no\": 1}", "content_type": "application/json"}}}]}"#;
    let mut client = start(&world, file).connect().await;
    let answer = client.get_with("/closed/x", "Accept: text/html\r\n").await;
    assert_eq!(answer.status, 503);
    assert!(
        answer.body.contains("<h1>Service Unavailable</h1><p>Back at &lt;nine&gt;.</p>"),
        "{}",
        answer.body
    );
    let answer = client.get("/closed/x").await;
    assert!(answer.body.contains(r#""status":503"#) && answer.body.contains(r#""detail":"Back at <nine>.""#));
    assert!(answer.body.contains(r#""rule":"closed""#), "{}", answer.body);
    let answer = client.get_with("/own", "Accept: text/html\r\n").await;
    assert_eq!((answer.status, answer.body.as_str()), (403, "{\"no\": 1}"));
    assert_eq!(answer.field("content-type"), Some("application/json"));
    assert!(answer.number("retry-after") >= 1);
    assert_eq!(client.get("/else").await.status, 200);
}

#[actix_web::test]
async fn a_rule_that_applies_otherwise_gives_way_to_those_that_displace_it() {
    let world = World::new();
    let file = r#"{"rate_limit": "100 per hour", "rate_limit_rules": [
        {"name": "default", "otherwise": true, "limits": "1 per hour"},
        {"name": "own", "when": {"path": "/own"}, "limits": "2 per hour"},
        {"name": "beside", "when": {"path": "/beside"}, "displaces": false, "limits": "5 per hour"},
        {"name": "shadow", "shadow": true, "limits": "0 per hour"},
        {"name": "keyed", "when": {"path": "/keyed"}, "key": "header:x-key", "missing": "skip", "limits": "3 per hour"}]}"#;
    let mut client = start(&world, file).connect().await;
    assert_eq!(statuses(&mut client, "/own", 3).await, [200, 200, 429]);
    assert_eq!(statuses(&mut client, "/beside", 2).await, [200, 429]);
    assert_eq!(client.get("/other").await.status, 429, "one account of the default rule");
    assert_eq!(client.get("/keyed").await.status, 429, "a rule that is skipped displaces nothing");
    assert_eq!(client.get_with("/keyed", "X-Key: a\r\n").await.status, 200);
}

#[actix_web::test]
async fn a_rule_in_shadow_refuses_nobody() {
    let world = World::new();
    let file = r#"{"rate_limit_rules": [{"name": "a", "shadow": true, "limits": "1 per hour"}]}"#;
    let mut client = start(&world, file).connect().await;
    for _ in 0..3 {
        let answer = client.get("/").await;
        assert!(answer.status == 200 && answer.tells_nothing(), "{answer:?}");
    }
}

/// `*bot*` did not match `Googlebot/2.1`, for its star stopped at the slash.
#[actix_web::test]
async fn only_in_paths_does_a_star_stop_at_a_slash() {
    let world = World::new();
    let file = r#"{"rate_limit_rules": [
        {"name": "bots", "when": {"header": {"user-agent": {"glob": "*bot*"}}}, "key": "site", "limits": "0 per hour"},
        {"name": "files", "when": {"query": {"file": {"glob": "/etc/*"}}}, "key": "site", "limits": "0 per hour"},
        {"name": "photos", "when": {"path": {"glob": "/users/*/photo"}}, "key": "site", "limits": "0 per hour"}]}"#;
    let budget = world.budget_of(file);
    let server = serve(move || App::new().wrap(budget.clone()).default_service(web::to(async || "hello")));
    let mut client = server.connect().await;
    for (target, agent, status) in [
        ("/", "Googlebot/2.1 (+http://www.google.com/bot.html)", 429),
        ("/", "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", 429),
        ("/", "curl/8.5.0", 200),
        ("/?file=/etc/ssh/key", "curl/8.5.0", 429),
        ("/users/a/photo", "curl/8.5.0", 429),
        ("/users/a/b/photo", "curl/8.5.0", 200),
    ] {
        let answer = client.get_with(target, &format!("User-Agent: {agent}\r\n")).await;
        assert_eq!(answer.status, status, "{target} {agent}");
    }
}
