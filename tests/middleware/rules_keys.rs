//! Whose account: keys of rules, and what hostile clients make of them.

use actix_web::App;
use actix_web::web;

use crate::harness::{Client, Listening, World, serve};

fn start(world: &World, file: &str) -> Listening {
    let budget = world.budget_of(file);
    serve(move || {
        App::new()
            .wrap(budget.clone())
            .route("/users/{id}", web::to(async || "user"))
            .default_service(web::to(async || "hello"))
    })
}

async fn ask(client: &mut Client, method: &str, path: &str, fields: &str) -> u16 {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n{fields}\r\n");
    client.ask(&request).await.status
}

#[actix_web::test]
async fn a_limit_for_get_only_leaves_post_to_the_defaults() {
    let world = World::new();
    let file = r#"{"rate_limit_rules": [
        {"name": "reads", "when": {"method": "GET"}, "limits": "1 per hour"},
        {"name": "default", "otherwise": true, "limits": "2 per hour"}]}"#;
    let mut client = start(&world, file).connect().await;
    for (method, status) in [("GET", 200), ("GET", 429), ("POST", 200), ("POST", 200), ("POST", 429)] {
        assert_eq!(ask(&mut client, method, "/", "").await, status, "{method}");
    }
}

#[actix_web::test]
async fn each_method_can_have_an_account_of_its_own_but_none_can_be_invented() {
    let world = World::new();
    let file = r#"{"rate_limit_rules": [{"name": "a", "per_method": true, "limits": "1 per hour"}]}"#;
    let mut client = start(&world, file).connect().await;
    for (method, status) in [("GET", 200), ("POST", 200), ("PUT", 200), ("HEAD", 429), ("POST", 429)] {
        assert_eq!(ask(&mut client, method, "/", "").await, status, "{method}");
    }
    for (method, status) in [("FOO", 200), ("BAR", 429), ("get", 429), ("PROPFIND", 429)] {
        assert_eq!(ask(&mut client, method, "/", "").await, status, "{method}");
    }
}

#[actix_web::test]
async fn a_limit_that_two_clients_have_spent_together_refuses_a_third_at_once() {
    let world = World::new();
    let file = r#"{"rate_limit_rules": [
        {"name": "each", "key": "header:x-key", "limits": "5 per hour"},
        {"name": "shared", "key": "site", "limits": "4 per hour"}]}"#;
    let mut client = start(&world, file).connect().await;
    for key in ["a", "b", "a", "b"] {
        assert_eq!(ask(&mut client, "GET", "/", &format!("X-Key: {key}\r\n")).await, 200);
    }
    assert_eq!(ask(&mut client, "GET", "/", "X-Key: c\r\n").await, 429);
}

#[actix_web::test]
async fn a_route_is_its_pattern_and_a_path_the_path() {
    let world = World::new();
    let file = r#"{"rate_limit_rules": [
        {"name": "route", "key": ["ip", "route"], "limits": "3 per hour"},
        {"name": "path", "key": ["ip", "path"], "limits": "1 per hour"}]}"#;
    let mut client = start(&world, file).connect().await;
    for (path, status) in
        [("/users/1", 200), ("/users/%31", 429), ("/users/2", 200), ("/users/3", 200), ("/users/4", 429)]
    {
        assert_eq!(ask(&mut client, "GET", path, "").await, status, "{path}");
    }
    assert_eq!(ask(&mut client, "GET", "/else", "").await, 200);
}

#[actix_web::test]
async fn absent_and_empty_key_headers_neither_escape_nor_share_one_account() {
    let world = World::new();
    let file = r#"{"rate_limit_trusted_proxies": ["127.0.0.1"],
        "rate_limit_rules": [{"name": "a", "key": "header:x-key", "limits": "2 per hour"}]}"#;
    let mut client = start(&world, file).connect().await;
    let one = "X-Forwarded-For: 192.0.2.1\r\n";
    assert_eq!(ask(&mut client, "GET", "/", one).await, 200);
    assert_eq!(ask(&mut client, "GET", "/", &format!("{one}X-Key: \r\n")).await, 200);
    assert_eq!(ask(&mut client, "GET", "/", &format!("{one}X-Key:\r\n")).await, 429);
    assert_eq!(ask(&mut client, "GET", "/", "X-Forwarded-For: 192.0.2.2\r\n").await, 200, "another client");
    assert_eq!(ask(&mut client, "GET", "/", &format!("{one}X-Key: mine\r\n")).await, 200, "with a key");
}

#[actix_web::test]
async fn parts_of_a_key_cannot_be_shifted_by_separators_in_them() {
    let world = World::new();
    let file = r#"{"rate_limit_rules": [{"name": "a", "key": ["header:x-a", "header:x-b"], "limits": "1 per hour"}]}"#;
    let mut client = start(&world, file).connect().await;
    for (one, other) in
        [("a:b", "c"), ("a", "b:c"), ("a:", "b:c"), ("a|b", "c"), ("a", "b|c"), ("ab", "c"), ("a", "bc")]
    {
        let fields = format!("X-A: {one}\r\nX-B: {other}\r\n");
        assert_eq!(ask(&mut client, "GET", "/", &fields).await, 200, "{one} {other}");
        assert_eq!(ask(&mut client, "GET", "/", &fields).await, 429, "{one} {other}");
    }
}

#[actix_web::test]
async fn another_spelling_of_a_cookie_or_a_parameter_is_no_other_account() {
    let world = World::new();
    let file = r#"{"rate_limit_rules": [
        {"name": "cookie", "key": "cookie:session", "missing": "skip", "limits": "1 per hour"},
        {"name": "query", "key": "query:token", "missing": "skip", "limits": "1 per hour"}]}"#;
    let mut client = start(&world, file).connect().await;
    for (path, fields, status) in [
        ("/", "Cookie: session=abc\r\n", 200),
        ("/", "Cookie: x=1; session=%61bc\r\n", 429),
        ("/", "Cookie: x=1\r\nCookie: session=\"abc\"\r\n", 429),
        ("/?token=abc", "", 200),
        ("/?%74oken=%61bc", "", 429),
        // The last is what is left in a map of parameters.
        ("/?token=abd&token=abc", "", 429),
        ("/?token=abc&token=abd", "", 200),
    ] {
        assert_eq!(ask(&mut client, "GET", path, fields).await, status, "{path} {fields}");
    }
}

#[actix_web::test]
async fn strange_requests_are_bounded_and_never_answered_by_a_fault() {
    let world = World::new();
    let file = r#"{"rate_limit_rules": [
        {"name": "slow", "when": {"path": {"regex": "^/(a+)+$"}}, "key": "path", "limits": "1000 per hour"},
        {"name": "glob", "when": {"path": {"glob": "/**a**a**a**a**b"}}, "limits": "1000 per hour"},
        {"name": "all", "key": ["cookie:c199", "query:q", "header:x-key", "route", "method"], "limits": "1000 per hour"}]}"#;
    let server = start(&world, file);
    let cookies: Vec<_> = (0..200).map(|n| format!("c{n}=%FF{n}")).collect();
    let fields = [
        String::new(),
        format!("Cookie: {}\r\n", cookies.join("; ")),
        "Cookie: ;;=;\u{ff}\r\nX-Key: \u{ff}\r\n".to_owned(),
    ];
    for path in [
        format!("/{}", "a".repeat(10_000)),
        format!("/{}!", "a".repeat(10_000)),
        "/%FF?q=%FF&&=&%".to_owned(),
    ] {
        for fields in &fields {
            let mut client = server.connect().await;
            let status = ask(&mut client, "GET", &path, fields).await;
            assert!(status < 500, "{path:.20} {fields:.20}: {status}");
        }
    }
}
