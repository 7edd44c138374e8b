//! Spellings: however a client writes a path, a header, a cookie or a parameter, it meets the same rules.

use actix_web::middleware::{Condition, NormalizePath, TrailingSlash, from_fn};
use actix_web::{App, HttpRequest, web};
use timebudget::normal_path;
use timebudget::{Component, TimeBudget};

use crate::harness::{Client, Listening, World, in_lower_case, serve};

/// An application that takes letters of any case for one, by a layer inside of the budget.
fn start_in_lower_case(budget: TimeBudget) -> Listening {
    serve(move || {
        App::new()
            .wrap(from_fn(in_lower_case))
            .wrap(budget.clone())
            .route("/api/login", web::to(async || "login"))
            .route("/teams/{team}", web::to(async |team: web::Path<String>| team.into_inner()))
            .default_service(web::to(async || "nothing"))
    })
}

/// An application with routes of its own; inside of the budget it may normalise paths.
fn start(budget: TimeBudget, normalises: bool) -> Listening {
    serve(move || {
        App::new()
            .wrap(Condition::new(normalises, NormalizePath::new(TrailingSlash::Trim)))
            .wrap(budget.clone())
            .route("/api/login", web::to(async || "login"))
            .route("/search/{text}", web::to(async |text: web::Path<String>| text.into_inner()))
            .route("/pair/{a}/{b}", web::to(async || "pair"))
            .route("/files/{rest:.*}", web::to(async |rest: web::Path<String>| rest.into_inner()))
            .default_service(web::to(async |request: HttpRequest| request.path().to_owned()))
    })
}

/// Sends a GET to the byte, with one more line of fields; returns the status.
async fn ask(client: &mut Client, target: &str, field: &[u8]) -> u16 {
    let head = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n");
    client.send([head.as_bytes(), field, b"\r\n\r\n"].concat()).await;
    client.answer().await.status
}

fn by(rule: &str) -> String {
    format!(r#"{{"rate_limit_rules": [{{"name": "a", "counts": "all", {rule}}}]}}"#)
}

/// A header with one byte above 0x7f counted as absent, so `BadBot é` passed a rule on `BadBot`.
#[actix_web::test]
async fn a_header_that_is_no_ascii_is_there_and_is_matched() {
    let cases = [
        (r#"{"user-agent": {"regex": "BadBot"}}"#, &b"User-Agent: BadBot \xe9"[..]),
        (r#"{"user-agent": {"regex": "^.*BadBot.*$"}}"#, b"User-Agent: \xe9 BadBot \xe9"),
        (r#"{"user-agent": {"regex": "^Bad\\p{L}+"}}"#, "User-Agent: Badéé".as_bytes()),
        (r#"{"user-agent": {"prefix": "BadBot"}}"#, b"User-Agent: BadBot \xff"),
        (r#"{"user-agent": {"glob": "?BadBot*"}}"#, b"User-Agent: \xffBadBot \xff"),
        (r#"{"user-agent": "é"}"#, "User-Agent: é".as_bytes()),
        (r#"{"user-agent": ["x", "Bad é"]}"#, "User-Agent: Bad é".as_bytes()),
        (r#"{"authorization": true}"#, b"Authorization: Basic \xe9"),
        (r#"{"x-plan": "free"}"#, b"X-Plan: gold\r\nX-Plan: free"),
    ];
    for (header, field) in cases {
        let world = World::new();
        let file = by(&format!(r#""when": {{"header": {header}}}, "limits": "0 per hour""#));
        let mut client = start(world.budget_of(&file), false).connect().await;
        assert_eq!(ask(&mut client, "/", field).await, 429, "{header}");
        assert_eq!(ask(&mut client, "/", b"User-Agent: other").await, 200, "{header}");
    }
}

/// Two tenants whose keys had such a byte shared one account, and with `missing: "skip"` none was limited.
#[actix_web::test]
async fn a_key_of_bytes_is_a_key() {
    for missing in ["skip", "ip"] {
        let world = World::new();
        let rule = format!(r#""key": ["header:x-tenant"], "missing": "{missing}", "limits": "1 per hour""#);
        let mut client = start(world.budget_of(&by(&rule)), false).connect().await;
        for tenant in [&b"X-Tenant: \xe9"[..], b"X-Tenant: \xe8", b"X-Tenant: \xc3\xa9", b"X-Tenant: e"] {
            assert_eq!(ask(&mut client, "/", tenant).await, 200, "{missing} {tenant:?}");
            assert_eq!(ask(&mut client, "/", tenant).await, 429, "{missing} {tenant:?}");
        }
    }
}

/// One letter that is no ASCII hid every cookie of its line.
#[actix_web::test]
async fn a_strange_cookie_hides_no_other() {
    let world = World::new();
    let file = by(r#""key": "cookie:sid", "missing": "skip", "limits": "1 per hour""#);
    let mut client = start(world.budget_of(&file), false).connect().await;
    let lines = [
        "Cookie: name=josé; sid=abc",
        "Cookie: sid=abc",
        "Cookie: x=%ff; sid=\"abc\"",
        "Cookie: a=1\r\nCookie: sid=%61bc",
    ];
    for (line, status) in lines.iter().zip([200, 429, 429, 429]) {
        assert_eq!(ask(&mut client, "/", line.as_bytes()).await, status, "{line}");
    }
}

/// The same letter in ISO 8859-1 hid every cookie of all lines: with `missing: "skip"` such a client was not limited.
#[actix_web::test]
async fn a_cookie_that_is_no_utf8_hides_no_other_and_is_a_key() {
    let world = World::new();
    let file = by(r#""key": "cookie:sid", "missing": "skip", "limits": "1 per hour""#);
    let mut client = start(world.budget_of(&file), false).connect().await;
    let lines: [&[u8]; 7] = [
        b"Cookie: sid=abc; name=jos\xe9",
        b"Cookie: name=jos\xe9\r\nCookie: sid=abc",
        b"Cookie: \xff; =\xe9; sid\xe9=x; s%69d = \"abc\"",
        b"Cookie: sid=jos\xe9",
        b"Cookie: sid=jos\xe8",
        b"Cookie: a=b; sid=\"jos\xe9\"",
        b"Cookie: sid=%ff; name=jos\xe9",
    ];
    for (line, status) in lines.iter().zip([200, 429, 429, 200, 200, 429, 200]) {
        assert_eq!(ask(&mut client, "/", line).await, status, "{}", line.escape_ascii());
    }
}

#[actix_web::test]
async fn one_of_several_cookies_or_parameters_fulfils_a_condition() {
    let world = World::new();
    let when = r#""when": {"any": [{"query": {"plan": "free"}}, {"cookie": {"plan": {"prefix": "fr"}}}]}"#;
    let file = by(&format!(r#"{when}, "limits": "0 per hour""#));
    let mut client = start(world.budget_of(&file), false).connect().await;
    for target in ["/?plan=free&plan=gold", "/?plan=gold&plan=fre%65", "/?plan=gold&pl%61n=free&x"] {
        assert_eq!(ask(&mut client, target, b"X: y").await, 429, "{target}");
    }
    assert_eq!(ask(&mut client, "/?plan=gold", b"Cookie: plan=gold; plan=free").await, 429);
    assert_eq!(ask(&mut client, "/?plan=gold", b"Cookie: plan=gold").await, 200);
}

/// `/api//login` passed a rule on `/api/login`, and `NormalizePath` inside of the budget served the login.
#[actix_web::test]
async fn no_spelling_of_a_path_passes_its_rule() {
    let conditions = [
        r#""/api/login""#,
        r#""/api/login/""#,
        r#""//api/%6cogin""#,
        r#"{"prefix": "/api"}"#,
        r#"{"prefix": "/api/login/"}"#,
        r#"{"glob": "/api/*/"}"#,
        r#"{"glob": "/*/login/**"}"#,
        r#"{"regex": "^/api/login$"}"#,
        r#"{"regex": "^/api/login/$"}"#,
    ];
    let spellings = [
        "/api/login",
        "//api/login",
        "/api//login",
        "/api/login/",
        "/%61pi///%6Cogin//",
        "http://x/api//login",
    ];
    for condition in conditions {
        let world = World::new();
        let file = by(&format!(r#""when": {{"path": {condition}}}, "limits": "0 per hour""#));
        let mut client = start(world.budget_of(&file), true).connect().await;
        for spelling in spellings {
            assert_eq!(ask(&mut client, spelling, b"X: y").await, 429, "{condition} {spelling}");
        }
        assert_eq!(ask(&mut client, "/apiary", b"X: y").await, 200, "{condition}");
    }
}

#[actix_web::test]
async fn spellings_of_one_path_are_one_account() {
    for key in ["path", "route"] {
        let world = World::new();
        let file = by(&format!(r#""key": "{key}", "limits": "1 per hour""#));
        let mut client = start(world.budget_of(&file), true).connect().await;
        for spellings in [
            &["/search/c++", "/search/c%2B+", "//search/c%2b%2B/", "/search/%63++"][..],
            &["/api/login", "/api//login", "/api/login/", "/%61pi/login", "/api/%6C%6fgin//"],
            &["/files/a/b", "/files/a%2Fb", "/files/a%2fb/", "/files//a/%2F/b"],
            &["/pair/a/b", "//pair/a/b/"],
        ] {
            for (at, spelling) in spellings.iter().enumerate() {
                let status = if at == 0 { 200 } else { 429 };
                assert_eq!(ask(&mut client, spelling, b"X: y").await, status, "{key} {spelling}");
            }
        }
    }
}

/// A route that takes a segment is given the slash in it; one that takes the rest of the path cannot tell.
#[actix_web::test]
async fn an_escaped_slash_is_one_unless_routes_tell_them_apart() {
    let world = World::new();
    let file = by(r#""key": "path", "limits": "1 per hour""#);
    let mut client = start(world.budget_of(&file), false).connect().await;
    for (target, status) in [
        ("/search/a%2Fb", 200),
        ("/search/a%2fb", 429),
        ("/search/a/b", 200),
        ("/search/a%252Fb", 200),
        ("/search/a%252fb", 200),
        ("/pair/a%2Fb/c", 200),
        ("/pair/a/b", 200),
        ("/files/a%2Fb", 200),
        ("/files/a/b", 429),
        ("/else%2Fwhere", 200),
        ("/else/where", 429),
    ] {
        assert_eq!(ask(&mut client, target, b"X: y").await, status, "{target}");
    }
}

/// Where a path had more than 32 slashes, escaped ones were slashes, and it passed the rule on its route's pages.
#[actix_web::test]
async fn no_number_of_escaped_slashes_passes_a_rule_on_one_segment() {
    for count in [1, 31, 33, 500] {
        for condition in [r#"{"glob": "/search/*"}"#, r#"{"regex": "^/search/[^/]+$"}"#] {
            let world = World::new();
            let file = by(&format!(r#""when": {{"path": {condition}}}, "limits": "0 per hour""#));
            let mut client = start(world.budget_of(&file), false).connect().await;
            let target = format!("/search/a{}", "%2Fa".repeat(count));
            assert_eq!(ask(&mut client, &target, b"X: y").await, 429, "{condition} {count}");
        }
    }
}

#[actix_web::test]
async fn a_site_can_tell_paths_apart_that_differ_by_slashes() {
    let world = World::new();
    let rule = r#""rate_limit_rules": [{"name": "a", "key": "path", "limits": "1 per hour"},
        {"name": "b", "when": {"path": ["/none", {"prefix": "/shut/"}]}, "limits": "0 per hour"}]"#;
    let file = format!(r#"{{"rate_limit_paths": "exact", {rule}}}"#);
    let mut client = start(world.budget_of(&file), false).connect().await;
    for (target, status) in [
        ("/a/b", 200),
        ("/a/%62", 429),
        ("//a/b", 200),
        ("/a//b", 200),
        ("/a/b/", 200),
        ("/none/", 200),
        ("//none", 200),
        ("/non%65", 429),
        ("/shut", 200),
        ("/shut/", 429),
    ] {
        assert_eq!(ask(&mut client, target, b"X: y").await, status, "{target}");
    }
}

#[actix_web::test]
async fn a_budget_in_rust_can_tell_them_apart_as_well() {
    let world = World::new();
    let rule = TimeBudget::rule("a", "1 per hour").key(Component::Path);
    let budget = TimeBudget::rules([rule]).exact_paths().engine(&world.engine()).build().expect("a rule");
    let mut client = start(budget, false).connect().await;
    for (target, status) in [("/a", 200), ("/a/", 200), ("//a", 200), ("/%61", 429)] {
        assert_eq!(ask(&mut client, target, b"X: y").await, status, "{target}");
    }
}

/// `POST /LOGIN` passed a rule on `/login`, and a router that ignores the case of letters served the login.
#[actix_web::test]
async fn in_any_case_no_spelling_of_a_path_passes_its_rule() {
    let conditions = [
        r#""/api/login""#,
        r#""/API/Login/""#,
        r#"["/none", "/Api/%4Cogin"]"#,
        r#"{"prefix": "/API"}"#,
        r#"{"prefix": "/api/LOGIN/"}"#,
        r#"{"glob": "/*/LogIn"}"#,
        r#"{"regex": "^/api/login$"}"#,
        r#"{"regex": "^/API/[A-Z]+$"}"#,
    ];
    let spellings = [
        "/api/login",
        "/API/LOGIN",
        "/Api//LoGiN/",
        "/api/%6Cogin",
        "/%41pi/%4COG%49n",
        "http://x/API/login",
    ];
    for condition in conditions {
        let rule = format!(r#""when": {{"path": {condition}}}, "limits": "0 per hour""#);
        let file = |paths| by(&rule).replacen('{', &format!(r#"{{"rate_limit_paths": "{paths}", "#), 1);
        let mut client = start(World::new().budget_of(&file("any_case")), false).connect().await;
        for spelling in spellings {
            assert_eq!(ask(&mut client, spelling, b"X: y").await, 429, "{condition} {spelling}");
        }
        assert_eq!(ask(&mut client, "/APIARY", b"X: y").await, 200, "{condition}");
        // A letter in another case is another path where nobody says so, whatever the rule.
        for paths in ["normal", "exact"] {
            let mut client = start(World::new().budget_of(&file(paths)), false).connect().await;
            assert_eq!(ask(&mut client, "/aPI/lOGIN", b"X: y").await, 200, "{condition} {paths}");
        }
    }
}

#[actix_web::test]
async fn in_any_case_spellings_of_one_path_are_one_account() {
    for key in ["path", "route"] {
        let world = World::new();
        let file = by(&format!(r#""key": "{key}", "limits": "1 per hour""#));
        let file = file.replacen('{', r#"{"rate_limit_paths": "any_case", "#, 1);
        let mut client = start_in_lower_case(world.budget_of(&file)).connect().await;
        for spellings in [
            &["/api/login", "/API/LOGIN", "/api/%4Cogin/", "//Api/login"][..],
            &["/teams/a%2Fb", "/TEAMS/A%2fB", "/Teams/%61%2Fb"],
        ] {
            for (at, spelling) in spellings.iter().enumerate() {
                let status = if at == 0 { 200 } else { 429 };
                assert_eq!(ask(&mut client, spelling, b"X: y").await, status, "{key} {spelling}");
            }
        }
    }
}

/// Routes of an application whose own router knows letters by their case, as actix's does.
#[actix_web::test]
async fn in_any_case_an_escaped_slash_is_one_to_routes_in_capitals_as_well() {
    let world = World::new();
    let file = by(r#""key": "path", "limits": "1 per hour""#);
    let budget = world.budget_of(&file.replacen('{', r#"{"rate_limit_paths": "any_case", "#, 1));
    let server = serve(move || {
        App::new()
            .wrap(budget.clone())
            .route("/Files/{rest:.*}", web::to(async || "file"))
            .route("/Search/{text}", web::to(async || "found"))
    });
    let mut client = server.connect().await;
    for (target, status) in [
        ("/Files/a%2Fb", 200),
        ("/Files/a/b", 429),
        ("/Files/A%2fB", 429),
        ("/Search/a%2Fb", 200),
        ("/Search/A%2fB", 429),
    ] {
        assert_eq!(ask(&mut client, target, b"X: y").await, status, "{target}");
    }
}

#[actix_web::test]
async fn a_budget_in_rust_can_take_letters_of_any_case_for_one_and_so_can_its_closures() {
    let world = World::new();
    let login = TimeBudget::rule("login", "1 per hour").path("/Api/Login");
    let teams = TimeBudget::rule("teams", "1 per hour")
        .when_by(|request| normal_path(request).to_lowercase().starts_with("/teams/"))
        .key_by(|request| request.match_info().get("team").map(str::to_owned));
    let budget = TimeBudget::rules([login, teams]).paths_in_any_case().engine(&world.engine());
    let mut client = start_in_lower_case(budget.build().expect("two rules")).connect().await;
    for (target, status) in [
        ("/api/LOGIN", 200),
        ("/API/%6cogin", 429),
        ("/teams/Red", 200),
        ("/TEAMS/red", 429),
        ("/Teams/RED", 429),
        ("/teams/blue", 200),
    ] {
        assert_eq!(ask(&mut client, target, b"X: y").await, status, "{target}");
    }
}

/// The login example of the documentation was passed by `/%6cogin`.
#[actix_web::test]
async fn closures_are_given_the_normal_path() {
    let world = World::new();
    let rule =
        TimeBudget::rule("login", "0 per hour").when_by(|request| normal_path(request) == "/api/login");
    let mut client = start(world.build(rule), true).connect().await;
    for spelling in ["/api/login", "/api/%6cogin", "//api/login", "/api/login/"] {
        assert_eq!(ask(&mut client, spelling, b"X: y").await, 429, "{spelling}");
    }
    assert_eq!(ask(&mut client, "/api", b"X: y").await, 200);
}

/// Whoever is left alone inside must be inside: another spelling of the scope goes to the application outside.
#[actix_web::test]
async fn a_scope_that_is_left_out_is_left_out_as_the_router_sees_it() {
    let world = World::new();
    let budget = world.budget("0s per hour").except("/files");
    let mut client = start(budget, false).connect().await;
    for (target, status) in [("/files/a", 200), ("/%66iles/a", 200), ("//files/a", 429), ("/files%2Fa", 429)]
    {
        assert_eq!(ask(&mut client, target, b"X: y").await, status, "{target}");
    }
}

/// Which path rules see of targets that are no plain paths: that of the router.
#[actix_web::test]
async fn other_forms_of_targets_have_the_path_that_the_router_sees() {
    let world = World::new();
    let file = r#"{"rate_limit_rules": [
        {"name": "login", "when": {"path": "/api/login"}, "limits": "0 per hour"},
        {"name": "star", "when": {"path": {"regex": "^[*]$"}}, "limits": "0 per hour"},
        {"name": "none", "when": {"path": {"regex": "^$"}}, "limits": "0 per hour"}]}"#;
    let server = start(world.budget_of(file), false);
    for (line, status) in [
        ("GET http://other.example/api/login?x#y", 429),
        ("GET http://user@other.example:80/api/%6Cogin", 429),
        ("GET http://other.example", 200),
        ("HEAD /api/login", 429),
        ("get /api/login", 429),
        ("OPTIONS *", 429),
        ("OPTIONS /api/login", 429),
        ("CONNECT other.example:443", 429),
        ("GET /api/login#fragment", 429),
        ("GET /api/./login", 200),
        ("GET /api/x/../login", 200),
    ] {
        let mut client = server.connect().await;
        client.send(format!("{line} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        assert_eq!(client.head().await.status, status, "{line}");
    }
}
