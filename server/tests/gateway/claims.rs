//! What a client says of itself that only a proxy may say.

use crate::client::with_site;
use crate::running::Running;
use crate::scratch::Scratch;
use crate::upstream::{Upstream, ok};

const SITE: &str = r#"{ "rate_limit_trusted_proxies": ["PEER"], "rate_limit_forwarded_header": "X-Edge-IP",
    "rate_limit_identity": { "user": "X-Auth-User", "groups": "X-Auth-Groups" }, "rate_limit_country": { "header": "X-Country" } }"#;

/// Fields, each of which makes an application believe something of its client.
const CLAIMS: &[&str] = &[
    "X-Auth-User",
    "X-Auth-Groups",
    "X-Country",
    "X-Edge-IP",
    "X-Real-IP",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-User",
    "True-Client-IP",
    "CF-Connecting-IP",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Frappe-Site-Name",
];

/// The upstream, having heard one request with these fields by way of a gateway that believes this peer.
fn heard(peer: &str, fields: &str) -> Upstream {
    let upstream = Upstream::answering(&ok("hello"));
    let gateway = with_site(&SITE.replace("PEER", peer), &upstream, &[]);
    assert_eq!(gateway.request("GET", "/", &format!("host: a\r\n{fields}")).status, 200);
    upstream
}

fn all_claims() -> String {
    CLAIMS.iter().map(|name| format!("{name}: admin\r\n")).collect()
}

#[test]
fn of_a_stranger_no_application_hears_what_only_a_proxy_may_say() {
    let upstream = heard("192.0.2.1", &all_claims());
    for name in CLAIMS {
        assert_eq!(upstream.values(name), [""; 0], "{name}");
    }
    assert_eq!(upstream.values("x-forwarded-for"), ["127.0.0.1"]);
}

#[test]
fn of_a_proxy_that_is_believed_it_hears_all_of_it() {
    let upstream = heard("127.0.0.1", &all_claims());
    for name in CLAIMS {
        assert_eq!(upstream.values(name), ["admin"], "{name}");
    }
}

/// CGI, WSGI and PHP make one name of `X-Real-IP` and `X_Real_IP`, and proxies write none with underscores.
#[test]
fn nobody_says_it_with_underscores() {
    let disguised = |name: &str| name.replace('-', "_");
    let fields: String = CLAIMS.iter().map(|name| format!("{}: admin\r\n", disguised(name))).collect();
    let others = "X_Forwarded_For: 6.6.6.6\r\nX-Forwarded_Proto: https\r\nContent_Length: 5\r\nTransfer_Encoding: chunked\r\n";
    for peer in ["192.0.2.1", "127.0.0.1"] {
        let upstream = heard(peer, &format!("{fields}{others}my_own: kept\r\n"));
        for name in CLAIMS.iter().map(|name| disguised(name)) {
            assert_eq!(upstream.values(&name), [""; 0], "{name}");
        }
        for name in ["x_forwarded_for", "x-forwarded_proto", "content_length", "transfer_encoding"] {
            assert_eq!(upstream.values(name), [""; 0], "{name}");
        }
        assert_eq!(upstream.values("my_own"), ["kept"]);
    }
}

/// Frappe goes by the header, and by `Host` where there is none.
#[test]
fn an_application_is_told_the_site_whose_budget_is_charged() {
    for (common, field) in [
        ("{}", "X-Frappe-Site-Name"),
        (r#"{ "rate_limit_site_header": "X-Site", "rate_limit_trusted_proxies": ["192.0.2.1"] }"#, "X-Site"),
    ] {
        let scratch = Scratch::new();
        scratch.write("sites/common_site_config.json", common);
        scratch.write("sites/poor.example/site_config.json", r#"{ "rate_limit": "1 per year" }"#);
        scratch.write("sites/rich.example/site_config.json", r#"{ "domains": ["www.rich.example"] }"#);
        let upstream = Upstream::answering(&ok("hello"));
        let (sites, uri) = (scratch.path("sites"), upstream.uri());
        let args = ["--upstream".as_ref(), uri.as_ref(), "--sites".as_ref(), sites.as_os_str()];
        let gateway = Running::start(scratch, &args);
        assert_eq!(gateway.request("GET", "/", "host: poor.example\r\n").status, 200);
        assert_eq!(gateway.request("GET", "/", "host: poor.example\r\n").status, 429);
        let forged = format!(
            "host: www.rich.example\r\n{field}: poor.example\r\nX-Frappe-Site-Name: poor.example\r\n"
        );
        assert_eq!(gateway.request("GET", "/", &forged).status, 200);
        let told: Vec<_> = upstream.heads().iter().map(|head| crate::upstream::values(head, field)).collect();
        assert_eq!(told, [["poor.example"], ["rich.example"]]);
    }
}
