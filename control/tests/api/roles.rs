//! Who may ask for what: every route, for every role, for nobody, for forged cookies and for other sites' pages.

use std::collections::BTreeSet;

use timebudget_control::thing::Role;

use crate::world::World;

/// Whom a route serves: everybody, or members from a role upwards.
const ALL: Option<Role> = None;
const VIEWER: Option<Role> = Some(Role::Viewer);
const OPERATOR: Option<Role> = Some(Role::Operator);
const OWNER: Option<Role> = Some(Role::Owner);

/// Written down here once more, so that nobody changes who may by accident.
const TABLE: &[(&str, &str, Option<Role>)] = &[
    ("GET", "openapi.json", ALL),
    ("GET", "session", VIEWER),
    ("POST", "session", ALL),
    ("DELETE", "session", VIEWER),
    ("GET", "rulesets", VIEWER),
    ("POST", "rulesets", OWNER),
    ("POST", "rulesets/check", VIEWER),
    ("GET", "rulesets/{name}", VIEWER),
    ("PUT", "rulesets/{name}", OWNER),
    ("DELETE", "rulesets/{name}", OWNER),
    ("GET", "policy", VIEWER),
    ("PUT", "policy", OWNER),
    ("GET", "sites", VIEWER),
    ("GET", "sites/{site}/rulesets", VIEWER),
    ("PUT", "sites/{site}/rulesets", OWNER),
    ("GET", "tiers", VIEWER),
    ("GET", "tiers/{name}", VIEWER),
    ("PUT", "tiers/{name}", OWNER),
    ("DELETE", "tiers/{name}", OWNER),
    ("GET", "groups", VIEWER),
    ("GET", "groups/{name}", VIEWER),
    ("PUT", "groups/{name}", OWNER),
    ("DELETE", "groups/{name}", OWNER),
    ("GET", "users", VIEWER),
    ("GET", "users/{user}", VIEWER),
    ("PUT", "users/{user}", OPERATOR),
    ("DELETE", "users/{user}", OPERATOR),
    ("GET", "overrides", VIEWER),
    ("POST", "overrides", OPERATOR),
    ("GET", "overrides/{id}", VIEWER),
    ("PUT", "overrides/{id}", OPERATOR),
    ("DELETE", "overrides/{id}", OPERATOR),
    ("GET", "keys", VIEWER),
    ("POST", "keys", OPERATOR),
    ("GET", "keys/{id}", VIEWER),
    ("PUT", "keys/{id}", OPERATOR),
    ("DELETE", "keys/{id}", OPERATOR),
    ("POST", "keys/{id}/rotate", OPERATOR),
    ("GET", "members", OWNER),
    ("POST", "members", OWNER),
    ("GET", "members/{name}", OWNER),
    ("PUT", "members/{name}", OWNER),
    ("DELETE", "members/{name}", OWNER),
    ("POST", "members/{name}/token", OWNER),
    ("GET", "audit", VIEWER),
    ("GET", "audit/verify", VIEWER),
    ("POST", "explain", VIEWER),
    ("POST", "replay", VIEWER),
    ("GET", "accounts", VIEWER),
    ("POST", "accounts/grant", OPERATOR),
    ("POST", "accounts/reset", OPERATOR),
    ("GET", "usage", VIEWER),
    ("GET", "overview", VIEWER),
    ("GET", "events", VIEWER),
];

/// The path of a row, with a name that is nobody's.
fn filled(path: &str) -> String {
    if path == "events" {
        // A stream would not end; who may is asked before what is asked.
        return "events?until=the-end".to_owned();
    }
    let part = |part: &str| if part.starts_with('{') { "nobody-s".to_owned() } else { part.to_owned() };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[test]
fn every_route_that_is_served_stands_in_the_table() {
    let world = World::new();
    let described = world.ask("GET", "openapi.json").send().expect(200);
    let paths = described["paths"].as_object().unwrap().iter();
    let served: BTreeSet<_> = paths
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| (method.to_uppercase(), path.trim_start_matches('/').to_owned()))
        })
        .collect();
    let table = TABLE.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()));
    assert_eq!(served, table.collect());
}

#[test]
fn every_route_serves_its_roles_and_nobody_else() {
    let world = World::new();
    for (method, path, needs) in TABLE {
        let ask = |role| world.ask_as(role, method, &filled(path));
        for role in [Role::Viewer, Role::Operator, Role::Owner] {
            let status = ask(role).send().status;
            let told = format!("{method} {path} as {role:?}: {status}");
            match needs {
                Some(needed) if role < *needed => assert_eq!(status, 403, "{told}"),
                _ => assert!(![401, 403].contains(&status) && status < 500, "{told}"),
            }
        }
    }
}

#[test]
fn without_a_token_or_with_a_forged_cookie_only_the_description_and_the_login_are_served() {
    let world = World::new();
    let forged = format!("timebudget_session=tbs_{}", "A".repeat(43));
    for (method, path, needs) in TABLE {
        let path = filled(path);
        for ask in [world.ask(method, &path), world.ask(method, &path).header("Cookie", &forged)] {
            let answer = ask.header("X-Timebudget-Csrf", "1").send();
            match needs {
                Some(_) => {
                    answer.problem(401);
                    assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{method} {path}");
                }
                // The login wants JSON.
                None => assert!([200, 415].contains(&answer.status), "{method} {path}: {}", answer.status),
            }
        }
    }
}

#[test]
fn a_write_by_cookie_is_refused_where_another_sites_page_may_have_sent_it() {
    let world = World::new();
    let cookie = world.log_in(Role::Owner);
    let host = world.address.to_string();
    let own = format!("http://{host}");
    let foreign: &[&[(&str, &str)]] = &[
        &[],
        &[("X-Timebudget-Csrf", "0")],
        &[("X-Timebudget-Csrf", "1"), ("Sec-Fetch-Site", "cross-site")],
        &[("X-Timebudget-Csrf", "1"), ("Sec-Fetch-Site", "same-site")],
        &[("X-Timebudget-Csrf", "1"), ("Origin", "http://evil.example")],
        &[("X-Timebudget-Csrf", "1"), ("Origin", "null")],
        &[("X-Timebudget-Csrf", "1"), ("Origin", "http://127.0.0.1:1")],
    ];
    for (method, path, needs) in TABLE.iter().filter(|(method, _, needs)| *method != "GET" && needs.is_some())
    {
        let told = format!("{method} {path} for {needs:?}");
        let ask = || world.ask(method, &filled(path)).header("Cookie", &cookie);
        for headers in foreign {
            let ask = headers.iter().fold(ask(), |ask, (name, value)| ask.header(name, value));
            assert_eq!(ask.send().status, 403, "{told} with {headers:?}");
        }
        if *path == "session" {
            continue;
        }
        let ask = || ask().header("X-Timebudget-Csrf", "1");
        assert_ne!(ask().header("Origin", &own).send().status, 403, "{told}");
        assert_ne!(ask().header("Sec-Fetch-Site", "same-origin").send().status, 403, "{told}");
    }
}

#[test]
fn a_login_that_another_sites_page_sends_is_refused() {
    let world = World::new();
    let token = world.token(Role::Owner).to_owned();
    let ask = || world.ask("POST", "session").json(&serde_json::json!({ "token": token }));
    ask().header("Sec-Fetch-Site", "cross-site").send().problem(403);
    ask().header("Origin", "http://evil.example").send().problem(403);
    ask().header("Sec-Fetch-Site", "same-origin").send().expect(200);
}

#[test]
fn what_is_not_served_is_told_apart_from_methods_that_are_not() {
    let world = World::new();
    world.ask("GET", "nothing").send().problem(404);
    let answer = world.ask("PATCH", "rulesets/x").send();
    answer.problem(405);
    assert_eq!(answer.header("allow"), Some("GET, PUT, DELETE"));
    assert_eq!(world.ask("DELETE", "rulesets/check").send().status, 401, "a ruleset may be called check");
}
