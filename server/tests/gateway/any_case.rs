//! Paths before an application whose router ignores the case of letters, as Express's does.

use crate::client::{post, with_site};
use crate::upstream::{Upstream, ok};

fn site(paths: &str) -> String {
    let rule = r#"{ "name": "login", "when": { "path": "/Login", "method": "POST" }, "key": "ip", "limits": "4 per year" }"#;
    format!(r#"{{ "rate_limit_paths": "{paths}", "rate_limit_rules": [{rule}] }}"#)
}

/// Each spelling had no limit at all, and Express served the login.
#[test]
fn a_login_in_any_case_draws_from_one_limit() {
    let upstream = Upstream::answering(&ok("hello"));
    let gateway = with_site(&site("any_case"), &upstream, &[]);
    let spellings = ["/LOGIN", "/login/", "/%6Cogin", "/LoGiN?next=/A", "/login", "/%4Cogin", "/lOGIN//"];
    for (target, status) in spellings.into_iter().zip([200, 200, 200, 200, 429, 429, 429]) {
        assert_eq!(post(&gateway, target, b"").status, status, "{target}");
    }
    assert_eq!(post(&gateway, "/LOGOUT", b"").status, 200);
    // What is passed on is what the client has written.
    let targets: Vec<_> =
        upstream.heads().iter().map(|head| head.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(targets, ["/LOGIN", "/login/", "/%6Cogin", "/LoGiN?next=/A", "/LOGOUT"]);
}

#[test]
fn unless_a_site_says_any_case_a_letter_in_another_case_is_another_path() {
    for (paths, with_a_slash) in [("normal", 429), ("exact", 200)] {
        let upstream = Upstream::answering(&ok("hello"));
        let gateway = with_site(&site(paths), &upstream, &[]);
        for (target, status) in [("/Login", 200), ("/%4Cogin", 200), ("/Lo%67in", 200), ("/Login?a", 200)] {
            assert_eq!(post(&gateway, target, b"").status, status, "{paths} {target}");
        }
        for (target, status) in [("/Login", 429), ("/Login/", with_a_slash), ("/login", 200), ("/LOGIN", 200)]
        {
            assert_eq!(post(&gateway, target, b"").status, status, "{paths} {target}");
        }
    }
}
