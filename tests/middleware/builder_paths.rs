//! Rules in Rust on paths and methods, without a closure.

use actix_web::{App, web};
use timebudget::TimeBudget;
use timebudget::{RuleBuilder, normal_path};

use crate::harness::{Listening, World, serve};

fn start(world: &World, rule: RuleBuilder) -> Listening {
    let budget = world.build(rule);
    serve(move || App::new().wrap(budget.clone()).default_service(web::to(async || "hello")))
}

/// Which of these requests a rule of one an hour counts.
async fn counted(rule: fn(RuleBuilder) -> RuleBuilder, requests: &[&str]) -> Vec<bool> {
    let mut counted = Vec::new();
    for request in requests {
        let world = World::new();
        let server = start(&world, rule(TimeBudget::rule("a", "9 per hour")));
        let request = format!("{request} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        let answer = server.connect().await.ask(&request).await;
        counted.push(answer.field("x-ratelimit-limit").is_some());
    }
    counted
}

/// The example of the documentation asked `request.path() == "/login"`, and `/%6cogin` passed it by.
#[actix_web::test]
async fn a_path_is_that_path_however_it_is_spelled() {
    let spellings = ["POST /login", "POST /%6cogin", "POST //login", "POST /login/", "POST /login?x=/y"];
    assert_eq!(counted(|rule| rule.path("/login"), &spellings).await, [true; 5]);
    assert_eq!(counted(|rule| rule.path("/%6cogin"), &spellings).await, [true; 5]);
    assert_eq!(
        counted(|rule| rule.when_by(|request| normal_path(request) == "/login"), &spellings).await,
        [true; 5]
    );
    assert_eq!(
        counted(|rule| rule.path("/login"), &["GET /loginx", "GET /x/login", "GET /Login"]).await,
        [false; 3]
    );
}

#[actix_web::test]
async fn a_path_and_a_method_must_both_be_right() {
    let rule = |rule: RuleBuilder| rule.path("/login").method("post");
    assert_eq!(counted(rule, &["POST /login", "GET /login", "POST /other"]).await, [true, false, false]);
    assert_eq!(
        counted(|rule| rule.method("GET"), &["GET /x", "HEAD /x", "POST /x"]).await,
        [true, true, false]
    );
}

#[actix_web::test]
async fn prefixes_globs_and_expressions_are_those_of_site_files() {
    let requests = ["GET /api", "GET /api/x", "GET /api//x/", "GET /apiary", "GET /v2/api"];
    for (rule, expected) in [
        ((|rule| rule.prefix("/api")) as fn(RuleBuilder) -> RuleBuilder, [true, true, true, false, false]),
        (|rule| rule.prefixes(["/v2", "/apiary"]), [false, false, false, true, true]),
        (|rule| rule.paths(["/api", "/apiary"]), [true, false, false, true, false]),
        (|rule| rule.glob("/api/*"), [true, true, true, false, false]),
        (|rule| rule.glob("**api"), [true, false, false, false, true]),
        (|rule| rule.regex("^/v[0-9]+/"), [false, false, false, false, true]),
    ] {
        assert_eq!(counted(rule, &requests).await, expected);
    }
}

#[test]
fn what_is_wrong_with_a_path_is_said_as_of_a_site_file() {
    let rule = || TimeBudget::rule("a", "9 per hour");
    for (rule, said) in [
        (rule().path("login"), r#"the rule a: "login": not a path; expected a path that begins with /"#),
        (rule().prefix(""), r#"the rule a: "": not a path; expected a path that begins with /"#),
        (
            rule().glob("api/*"),
            r#"the rule a: "api/*": matches not a path; expected a pattern that begins with / or **"#,
        ),
        (
            rule().regex("^/v[0-9"),
            r#"the rule a: "^/v[0-9": unclosed character class; expected a regular expression such as "^/v[0-9]+/""#,
        ),
        (
            rule().method("A B"),
            r#"the rule a: "A B": not a method; expected a method such as "GET", or a list of them"#,
        ),
        (rule().paths([]), "the rule a: an empty list; expected a path that begins with /"),
    ] {
        assert_eq!(rule.build().unwrap_err().to_string(), said);
    }
    let two = rule().path("/a").path("/b").build().unwrap().warnings();
    assert_eq!(two[0].to_string(), "the rule a: never applies, for no request fulfils its condition");
    let copied = rule().glob("/caf%C3%A9/*").build().unwrap().warnings();
    assert_eq!(
        copied[0].mistake.fault(),
        "paths are decoded before they are matched; expected the characters themselves"
    );
}
