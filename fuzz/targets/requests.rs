//! Requests: whatever bytes they are made of, rules answer; cookies and parameters are those that an application is given,
//! and a path has one form however it is spelled.
#![no_main]

use std::sync::LazyLock;

use actix_web::dev::ServiceRequest;
use actix_web::http::Uri;
use actix_web::http::header::{COOKIE, HeaderName, HeaderValue};
use actix_web::test::TestRequest;
use actix_web::web::Query;
use libfuzzer_sys::fuzz_target;
use timebudget::normal_path;
use timebudget::{Engine, TimeBudget, config};
use timebudget::{cookie_values, query_values};

/// Rules that look at all that the target makes up.
const FILE: &str = r#"{"rate_limit_rules": [
    {"name": "path", "when": {"path": {"regex": "^/(.)\\p{L}"}}, "key": ["path", "route"], "limits": "1/day"},
    {"name": "glob", "when": {"path": {"glob": "/**/?*"}, "header": {"x-a": {"glob": "**a?"}}}, "limits": "1/day"},
    {"name": "below", "when": {"not": {"path": {"prefix": "/a/"}}}, "key": ["cookie:a", "query:a"], "limits": "1/day"},
    {"name": "header", "when": {"header": {"x-a": {"regex": "^.*a"}}}, "key": "header:x-a", "missing": "skip", "limits": "1/day"}]}"#;

static BUDGET: LazyLock<TimeBudget> = LazyLock::new(|| {
    let (site, _) = config::parse_site("a", FILE).expect("a site file");
    TimeBudget::of_site(site, Engine::in_memory())
});

/// The request of a target and some lines; `None` if no parser takes it.
fn request(target: &str, header: &[u8], cookies: &[&[u8]]) -> Option<ServiceRequest> {
    target.parse::<Uri>().ok()?;
    let mut request = TestRequest::with_uri(target);
    request = request.insert_header((HeaderName::from_static("x-a"), HeaderValue::from_bytes(header).ok()?));
    for line in cookies {
        request = request.append_header((COOKIE, HeaderValue::from_bytes(line).ok()?));
    }
    Some(request.to_srv_request())
}

/// The target with some letters of its path escaped, and some slashes twice.
fn respelled(target: &str, choices: &[u8]) -> String {
    let (path, query) = target.split_once('?').map_or((target, ""), |(path, query)| (path, query));
    let mut spelled = String::new();
    for (letter, choice) in path.chars().zip(choices.iter().cycle()) {
        match (letter, choice % 4) {
            ('/', 0) => spelled.push_str("//"),
            // Within an escape or behind half of one, another letter is another path.
            (letter, 1) if letter.is_ascii_alphabetic() && !path.contains('%') => {
                spelled.push_str(&format!("%{:02x}", letter as u32));
            }
            _ => spelled.push(letter),
        }
    }
    if target.contains('?') { format!("{spelled}?{query}") } else { spelled }
}

fuzz_target!(|input: (&str, &[u8], Vec<&[u8]>, &[u8])| {
    let (target, header, cookies, choices) = input;
    let Some(one) = request(target, header, &cookies) else { return };
    let _ = BUDGET.explain(&one);

    if let Ok(given) = one.cookies() {
        for cookie in given.iter() {
            let found: Vec<_> = cookies.iter().flat_map(|line| cookie_values(line, cookie.name())).collect();
            let same = given.iter().filter(|other| other.name() == cookie.name());
            assert_eq!(found, same.map(|other| other.value().as_bytes()).collect::<Vec<_>>());
        }
    }
    let query = one.query_string();
    let parameters = Query::<Vec<(String, String)>>::from_query(query).expect("texts").into_inner();
    for (name, _) in &parameters {
        let same = parameters.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str());
        assert!(query_values(query, name).eq(same), "{query}: {name}");
    }
    if target.starts_with('/') && !choices.is_empty() {
        let other = request(&respelled(target, choices), header, &[]).expect("a target as well");
        assert_eq!(normal_path(&one), normal_path(&other), "{target}");
    }
});
