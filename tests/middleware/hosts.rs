//! Which site a request is for, by the files of a directory.

use timebudget::{Sites, TimeBudget, config};

use crate::harness::{Bench, SECOND, World, serve};

const COMMON: &str = r#"{ "rate_limit": "99s per hour" }"#;

/// Frappe's custom domains were charged to the default site.
#[actix_web::test]
async fn benchs_domains_are_hosts_of_their_site() {
    let domains = r#"{ "rate_limit": "11s per hour", "domains": [
        "two.example", { "domain": "WWW.Two.Example.", "ssl_certificate": "/etc/ssl/two.pem" }, 7, { "ssl_certificate_key": "x" }] }"#;
    let world = World::new();
    let bench = Bench::serving(&world, &[("", COMMON), ("one.example", domains)]);
    for host in ["one.example", "two.example", "www.two.example", "Two.Example.:8080"] {
        assert_eq!(bench.limit(host).await, 11, "{host}");
    }
    for host in ["three.example", "www.one.example", "www.www.two.example"] {
        assert_eq!(bench.limit(host).await, 99, "{host}");
    }
}

#[actix_web::test]
async fn a_name_comes_before_a_wildcard_and_a_specific_wildcard_before_a_general_one() {
    let hosts =
        |limit, hosts| format!(r#"{{ "rate_limit": "{limit}s per hour", "rate_limit_hosts": [{hosts}] }}"#);
    let world = World::new();
    let bench = Bench::serving(
        &world,
        &[
            ("", COMMON),
            ("a.example", &hosts(11, r#""*.example", "shop.b.example""#)),
            ("b.example", &hosts(22, r#""*.B.example.""#)),
            ("c.example", &hosts(33, r#""*.c.b.example", "*.c.example""#)),
        ],
    );
    for (host, limit) in [
        ("a.example", 11),
        ("b.example", 22),
        ("x.example", 11),
        ("x.y.example", 11),
        ("x.b.example", 22),
        ("shop.b.example", 11),
        ("x.shop.b.example", 22),
        ("c.b.example", 22),
        ("x.c.b.example", 33),
        ("X.Y.C.B.Example.:80", 33),
        ("x.c.example", 33),
        ("c.example", 33),
        ("example", 99),
        (".example", 99),
        ("*.example", 99),
        ("xexample", 99),
        ("x.example.evil", 99),
    ] {
        assert_eq!(bench.limit(host).await, limit, "{host}");
    }
}

/// `münchen.example` as a directory loaded, and was never reached.
#[actix_web::test]
async fn an_international_name_is_one_host_in_both_forms() {
    let world = World::new();
    let bench = Bench::serving(
        &world,
        &[
            ("", COMMON),
            (
                "münchen.example",
                r#"{ "rate_limit": "11s per hour", "rate_limit_hosts": ["*.köln.example"] }"#,
            ),
            ("xn--bcher-kva.example", r#"{ "rate_limit": "22s per hour" }"#),
        ],
    );
    for (host, limit) in [
        ("xn--mnchen-3ya.example", 11),
        ("XN--MNCHEN-3YA.Example:8080", 11),
        ("münchen.example", 11),
        ("MÜNCHEN.example.", 11),
        ("mu\u{308}nchen\u{3002}example", 11),
        ("www.xn--kln-sna.example", 11),
        ("www.KÖLN.example", 11),
        ("bücher.example", 22),
        ("xn--bcher-kva.example", 22),
        ("munchen.example", 99),
    ] {
        assert_eq!(bench.limit(host).await, limit, "{host}");
    }
    assert_eq!(bench.limit(b"m\xfcnchen.example").await, 99, "Latin-1 is no name");
}

#[actix_web::test]
async fn an_address_is_a_host_however_it_is_written() {
    let world = World::new();
    let site = r#"{ "rate_limit": "11s per hour", "rate_limit_hosts": ["[2001:DB8::1]", "192.0.2.7"] }"#;
    let bench = Bench::serving(&world, &[("", COMMON), ("::1", site)]);
    for host in ["[::1]", "[::1]:8080", "[0:0::1]", "[2001:db8:0::1]:80", "192.0.2.7:8080"] {
        assert_eq!(bench.limit(host).await, 11, "{host}");
    }
    assert_eq!(bench.limit("[::2]").await, 99);
}

/// A directory that was linked under two names had its budget twice.
#[actix_web::test]
async fn a_directory_under_two_names_is_one_site_with_one_budget() {
    let world = World::new();
    let mut bench = Bench::with(&[("", COMMON), ("b.example", r#"{ "rate_limit": "11s per hour" }"#)]);
    bench.link("b.example", "a.example");
    bench.link("a.example", "Link.to.a.Link");
    bench.serve(&world);
    for (at, host) in ["a.example", "b.example", "link.to.a.link"].into_iter().enumerate() {
        assert_eq!(bench.ask(host, "").await.remaining(), 11 * SECOND - 1 - at as u64, "{host}");
    }
}

#[actix_web::test]
async fn links_that_lead_out_of_the_directory_to_one_place_are_one_site() {
    let world = World::new();
    let available = Bench::with(&[("shop", r#"{ "rate_limit": "11s per hour" }"#)]);
    let mut enabled = Bench::with(&[("", COMMON)]);
    for name in ["a.example", "b.example"] {
        enabled.link(available.path().join("shop").to_str().unwrap(), name);
    }
    enabled.serve(&world);
    assert_eq!(enabled.ask("b.example", "").await.remaining(), 11 * SECOND - 1);
    assert_eq!(enabled.ask("a.example", "").await.remaining(), 11 * SECOND - 2);
}

#[actix_web::test]
async fn what_rules_see_as_the_host_is_the_configured_name_that_was_asked_for() {
    let site = r#"{ "rate_limit_hosts": ["two.example", "*.example", "ü.example"], "rate_limit_rules": [
        { "name": "two", "when": { "host": "two.example" }, "key": "site", "limits": "2 per hour" },
        { "name": "each", "otherwise": true, "key": "host", "limits": "5 per hour" } ] }"#;
    let world = World::new();
    let bench =
        Bench::serving(&world, &[("", r#"{ "default_site": "one.example" }"#), ("one.example", site)]);
    let standing = async |host: &str| {
        let answer = bench.ask(host, "").await;
        (answer.number("x-ratelimit-limit"), answer.remaining())
    };
    assert_eq!(standing("TWO.example:80").await, (2, 1));
    assert_eq!(standing("one.example").await, (5, 4));
    assert_eq!(standing("x.example").await, (5, 4), "another account");
    assert_eq!(standing("y.example").await, (5, 3), "the same wildcard: no client invents an account");
    assert_eq!(standing("ü.example").await, (5, 4));
    assert_eq!(standing("xn--tda.example").await, (5, 3), "the other form of the same name");
    assert_eq!(standing("elsewhere").await, (5, 3), "the default site's own name");
}

/// `when: { "host": … }` could never hold in a single file, which knew no hosts.
#[actix_web::test]
async fn a_single_file_answers_for_every_host_and_tells_its_own_apart() {
    let file = r#"{ "rate_limit_hosts": ["a.example", "*.example"], "rate_limit_rules": [
        { "name": "a", "when": { "host": "a.example" }, "key": "site", "limits": "2 per hour" },
        { "name": "below", "when": { "host": "*.example" }, "key": "site", "limits": "3 per hour" },
        { "name": "rest", "otherwise": true, "key": "host", "limits": "5 per hour" } ] }"#;
    let world = World::new();
    let read = config::Configuration::from_text(file, &config::Options::default()).expect("a site file");
    let budget = TimeBudget::of_sites(std::sync::Arc::new(Sites::new(read.loaded, world.engine())));
    let server = serve(move || {
        actix_web::App::new().wrap(budget.clone()).default_service(actix_web::web::to(async || "hello"))
    });
    for (host, limit, remaining) in [("A.example", 2, 1), ("b.example", 3, 2), ("x", 5, 4), ("y", 5, 3)] {
        let answer = server.connect().await.ask(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert_eq!((answer.number("x-ratelimit-limit"), answer.remaining()), (limit, remaining), "{host}");
    }
}

/// Hosts in globs and regular expressions were matched as they were written, and `*.EXAMPLE` matched none.
#[actix_web::test]
async fn a_pattern_of_hosts_may_be_written_in_any_case_and_in_either_form() {
    for pattern in [r#"{"glob": "*.EXAMPLE"}"#, r#"{"regex": "^Shop[.]XN--"}"#, r#"{"glob": "shop.ü.*"}"#] {
        let world = World::new();
        let rule = format!(r#"{{"name": "a", "when": {{"host": {pattern}}}, "limits": "0 per hour"}}"#);
        let file = format!(r#"{{"rate_limit_hosts": ["Shop.Ü.example"], "rate_limit_rules": [{rule}]}}"#);
        let budget = world.budget_of(&file);
        let server = serve(move || {
            actix_web::App::new().wrap(budget.clone()).default_service(actix_web::web::to(async || "hello"))
        });
        for (host, status) in [("SHOP.xn--tda.Example", 429), ("shop.ü.example", 429), ("other.example", 200)]
        {
            let answer = server.connect().await.ask(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
            assert_eq!(answer.status, status, "{pattern} {host}");
        }
    }
}

fn with_header(trusted: &str) -> String {
    format!(
        r#"{{ "rate_limit": "99s per hour", "rate_limit_site_header": "X-Frappe-Site-Name", "rate_limit_trusted_proxies": ["{trusted}"] }}"#
    )
}

const SITES: [(&str, &str); 3] = [
    ("a.example", r#"{ "rate_limit": "11s per hour", "domains": ["shop.example"] }"#),
    ("b.example", r#"{ "rate_limit": "22s per hour" }"#),
    ("dev:8010", r#"{ "rate_limit": "33s per hour" }"#),
];

#[actix_web::test]
async fn a_trusted_proxy_names_the_site_whatever_the_host() {
    let (world, common) = (World::new(), with_header("127.0.0.1"));
    let bench = Bench::serving(&world, &[&[("", common.as_str())], &SITES[..]].concat());
    for (fields, limit) in [
        ("X-Frappe-Site-Name: b.example\r\n", 22),
        ("x-frappe-site-name: B.Example\r\n", 22),
        ("X-Frappe-Site-Name: shop.example\r\n", 11),
        ("X-Frappe-Site-Name: Dev:8010\r\n", 33),
        ("X-Frappe-Site-Name: b.example\r\nX-Frappe-Site-Name: b.example\r\n", 22),
        // Nobody's name, none, and several of which one is not the proxy's: then the host chooses.
        ("X-Frappe-Site-Name: c.example\r\n", 11),
        ("X-Frappe-Site-Name: \r\n", 11),
        ("X-Frappe-Site-Name: \u{fffd}\r\n", 11),
        ("X-Frappe-Site-Name: b.example\r\nX-Frappe-Site-Name: dev:8010\r\n", 11),
        ("", 11),
    ] {
        let answer = bench.ask("a.example", fields).await;
        assert_eq!(answer.number("x-ratelimit-limit"), limit * SECOND, "{fields}");
    }
}

#[actix_web::test]
async fn nobody_else_names_the_site() {
    let (world, common) = (World::new(), with_header("10.0.0.0/8"));
    let bench = Bench::serving(&world, &[&[("", common.as_str())], &SITES[..]].concat());
    for fields in [
        "X-Frappe-Site-Name: b.example\r\n",
        "X-Forwarded-For: 10.0.0.1\r\nX-Frappe-Site-Name: b.example\r\n",
    ] {
        assert_eq!(bench.ask("a.example", fields).await.number("x-ratelimit-limit"), 11 * SECOND);
    }
}

#[actix_web::test]
async fn a_site_that_is_told_sees_the_host_that_was_asked_for_if_it_is_its_own() {
    let a = r#"{ "rate_limit_hosts": ["shop.example"], "rate_limit_rules": [
        { "name": "shop", "when": { "host": "shop.example" }, "key": "site", "limits": "2 per hour" },
        { "name": "else", "otherwise": true, "key": "site", "limits": "5 per hour" } ] }"#;
    let (world, common) = (World::new(), with_header("127.0.0.1"));
    let bench = Bench::serving(&world, &[("", &common), ("a.example", a), SITES[1]]);
    for (host, limit) in [("shop.example", 2), ("a.example", 5), ("b.example", 5), ("elsewhere", 5)] {
        let answer = bench.ask(host, "X-Frappe-Site-Name: a.example\r\n").await;
        assert_eq!(answer.number("x-ratelimit-limit"), limit, "{host}");
    }
}

#[actix_web::test]
async fn no_host_that_a_client_can_write_is_an_error() {
    let (world, common) = (World::new(), with_header("127.0.0.1"));
    let bench = Bench::serving(
        &world,
        &[("", common.as_str()), ("münchen.example", r#"{ "rate_limit_hosts": ["*.b.example"] }"#)],
    );
    let long =
        ["ü".repeat(2_000), "a.".repeat(2_000), format!("{}b.example", "a.".repeat(120)), "xn--".repeat(900)];
    let odd = [
        "xn--",
        "xn--\u{fc}",
        ".",
        "..",
        ":",
        "[",
        "]",
        "[]",
        "[::",
        "%",
        "\u{202e}",
        "a\u{200d}b",
        "*",
        "@",
        "[::1]x:8",
    ];
    for host in odd.map(str::to_owned).iter().chain(&long) {
        for fields in ["", &format!("X-Frappe-Site-Name: {host}\r\n")] {
            assert_eq!(bench.ask(host, fields).await.status, 200, "{host}");
        }
    }
    for bytes in [&b"\xff\xfe"[..], b"\xc3", b"\xed\xa0\x80.example", b"a\xf0\x9f\x92"] {
        assert_eq!(bench.ask(bytes, "").await.status, 200, "{bytes:?}");
    }
}
