//! API keys: known by their digests, and worth nothing where nobody knows them.

use actix_web::App;
use actix_web::web;

use crate::harness::{Client, Listening, World, serve, site};

/// The digests of `secret-acme`, `acme-two` and `secret-bare`.
const KEYS: &str = r#""rate_limit_api_keys": {
    "sha256:d32afa68afe2184aede6d634480ba81600a3e467932ae2035df75b14aa3dde2d": {"name": "Acme", "tier": "gold", "user": "acme"},
    "sha256:7EE0763FF48AA85D89548FB982CF57971A757FC16119E90D585246F9645BC839": {"name": "Acme"},
    "sha256:5d139f5bf4d48b5d26803c1963cb1b11f9310226c4f4e390f2e171b6ee6f2558": {"name": "Bare"}},
    "rate_limit_tiers": {"gold": {"multiplier": 2}}"#;

fn file(rest: &str) -> String {
    format!("{{{KEYS}, {rest}}}")
}

fn start(world: &World, rest: &str) -> Listening {
    let budget = world.budget_of(&file(rest));
    serve(move || App::new().wrap(budget.clone()).default_service(web::to(async || "hello")))
}

async fn ask(client: &mut Client, fields: &str) -> u16 {
    client.get_with("/", fields).await.status
}

const BY_KEY: &str = r#""rate_limit_rules": [{"name": "a", "key": "api_key", "limits": "1 per hour"}]"#;

#[actix_web::test]
async fn each_known_key_has_an_account_by_its_name() {
    let world = World::new();
    let mut client = start(&world, BY_KEY).connect().await;
    assert_eq!(ask(&mut client, "X-Api-Key: secret-bare\r\n").await, 200);
    assert_eq!(ask(&mut client, "x-api-key:  secret-bare \r\n").await, 429);
    // Two keys of one name, of which one is golden.
    for (key, status) in [("secret-acme", 200), ("acme-two", 429), ("secret-acme", 200), ("secret-acme", 429)]
    {
        assert_eq!(ask(&mut client, &format!("X-Api-Key: {key}\r\n")).await, status, "{key}");
    }
}

#[actix_web::test]
async fn keys_that_nobody_knows_are_none_so_that_clients_cannot_rotate_them() {
    let world = World::new();
    let mut client = start(&world, BY_KEY).connect().await;
    for (key, status) in [("one", 200), ("two", 429), ("", 429), ("Acme", 429), ("SECRET-ACME", 429)] {
        assert_eq!(ask(&mut client, &format!("X-Api-Key: {key}\r\n")).await, status, "{key}");
    }
    let digest = "X-Api-Key: sha256:5d139f5bf4d48b5d26803c1963cb1b11f9310226c4f4e390f2e171b6ee6f2558\r\n";
    assert_eq!(ask(&mut client, digest).await, 429, "a digest is no key");
}

#[actix_web::test]
async fn keys_can_be_bearer_tokens() {
    let world = World::new();
    let rest = format!(r#"{BY_KEY}, "rate_limit_api_key_header": "Authorization""#);
    let mut client = start(&world, &rest).connect().await;
    assert_eq!(ask(&mut client, "Authorization: Bearer secret-bare\r\n").await, 200);
    assert_eq!(ask(&mut client, "Authorization: bearer  secret-bare\r\n").await, 429);
    assert_eq!(ask(&mut client, "Authorization: secret-bare\r\n").await, 200, "no key: the address");
    assert_eq!(ask(&mut client, "Authorization: Basic secret-bare\r\n").await, 429);
    assert_eq!(ask(&mut client, "X-Api-Key: secret-bare\r\n").await, 429);
}

#[actix_web::test]
async fn strange_keys_are_none_and_share_the_account_of_their_address() {
    let world = World::new();
    let mut client = start(&world, BY_KEY).connect().await;
    let long = format!("X-Api-Key: {}\r\n", "k".repeat(30_000)).into_bytes();
    let strange: [&[u8]; 5] = [
        b"X-Api-Key: \xff\xfe\r\n",
        b"X-Api-Key: \r\n",
        b"X-Api-Key: one\r\nX-Api-Key: secret-bare\r\n",
        b"Authorization: secret-bare\r\n",
        &long,
    ];
    for (at, fields) in strange.into_iter().enumerate() {
        client.send([b"GET / HTTP/1.1\r\nHost: a\r\n", fields, b"\r\n"].concat()).await;
        assert_eq!(client.answer().await.status, if at == 0 { 200 } else { 429 }, "{at}");
    }
    let twice = "X-Api-Key: secret-bare\r\nX-Api-Key: one\r\n";
    assert_eq!(
        [ask(&mut client, twice).await, ask(&mut client, twice).await],
        [200, 429],
        "the first counts"
    );
}

#[actix_web::test]
async fn a_key_tells_the_user_and_the_tier() {
    let world = World::new();
    let rest = r#""rate_limit_rules": [
        {"name": "users", "when": {"user": "acme", "tier": "gold"}, "key": "user", "limits": "1 per hour"},
        {"name": "known", "when": {"authenticated": true, "not": {"user": "acme"}}, "limits": "0 per hour"}]"#;
    let mut client = start(&world, rest).connect().await;
    let acme = "X-Api-Key: secret-acme\r\n";
    let answer = client.get_with("/", acme).await;
    assert_eq!((answer.status, answer.number("x-ratelimit-limit")), (200, 2), "a golden limit");
    assert_eq!([ask(&mut client, acme).await, ask(&mut client, acme).await], [200, 429]);
    assert_eq!(ask(&mut client, "X-Api-Key: secret-bare\r\n").await, 429, "known, though by no user's name");
    assert_eq!(ask(&mut client, "X-Api-Key: unknown\r\n").await, 200);
}

#[test]
fn neither_keys_nor_digests_nor_users_are_shown() {
    let site = site("test", &file(BY_KEY));
    let shown = format!("{site:?}");
    assert!(shown.contains("KeyDigest(..)"), "{shown}");
    for digits in [
        "d32afa68afe2184aede6d634480ba81600a3e467932ae2035df75b14aa3dde2d",
        "5d139f5bf4d48b5d26803c1963cb1b11f9310226c4f4e390f2e171b6ee6f2558",
    ] {
        assert!(!shown.contains(digits), "{shown}");
    }
}

/// Keys were read from one header only; django-smart-ratelimit reads three places, and Frappe has a scheme of its own.
#[actix_web::test]
async fn keys_are_looked_for_in_a_header_then_in_the_query_then_as_bearer_tokens() {
    let world = World::new();
    let rules = r#""rate_limit_rules": [{"name": "a", "key": "api_key", "limits": "9 per hour"}]"#;
    let mut client = start(&world, rules).connect().await;
    for (target, fields, remaining) in [
        ("/?api_key=secret-bare", "", 8),
        ("/?a=b&api_key=secret%2Dbare", "", 7),
        ("/", "Authorization: Bearer secret-bare\r\n", 6),
        // The first that is known counts, by the header before the query before the token: Acme's is golden.
        ("/?api_key=secret-bare", "X-Api-Key: secret-acme\r\nAuthorization: Bearer secret-bare\r\n", 17),
        ("/?api_key=secret-acme", "X-Api-Key: nobody's\r\nAuthorization: Bearer secret-bare\r\n", 16),
        ("/?api_key=", "X-Api-Key: \r\nAuthorization: bearer secret-acme\r\n", 15),
        ("/?API_KEY=secret-acme", "", 8),
        ("/", "Authorization: token secret-bare\r\nX-Key: secret-bare\r\n", 7),
        ("/", "Authorization: secret-bare\r\n", 6),
    ] {
        assert_eq!(client.get_with(target, fields).await.remaining(), remaining, "{target} {fields}");
    }
}

/// The digests are those of `key:secret` and of `clé` in Latin-1, which is no UTF-8.
#[actix_web::test]
async fn frappes_tokens_are_the_key_and_the_secret_together() {
    let world = World::new();
    let file = r#"{"rate_limit_api_keys": {
        "sha256:3095b3415d2d8a19f713266737a78c09155ef5198e15ca0f83372a71d43b9239": {"name": "one"},
        "sha256:82cd50279b81b1412f2557d1bc25da21ee055d1013825b7288d76ec9e58c1f55": {"name": "two"}},
        "rate_limit_api_key_from": ["token", "header:X-Key"],
        "rate_limit_rules": [{"name": "a", "key": "api_key", "limits": "9 per hour"}]}"#;
    let budget = world.budget_of(file);
    let server = serve(move || App::new().wrap(budget.clone()).default_service(web::to(async || "hello")));
    let mut client = server.connect().await;
    for (fields, remaining) in [
        (&b"Authorization: token key:secret\r\n"[..], 8),
        (b"authorization: Token  key:secret \r\n", 7),
        (b"X-Key: key:secret\r\nAuthorization: Basic a2V5OnNlY3JldA==\r\n", 6),
        (b"X-Key: cl\xe9\r\n", 8),
        // These are nobody's, and so the address's.
        (b"Authorization: token key\r\n", 8),
        (b"Authorization: token secret:key\r\n", 7),
        (b"Authorization: Bearer key:secret\r\n", 6),
        (b"Authorization: token\r\n", 5),
        (b"X-Api-Key: key:secret\r\n", 4),
    ] {
        let sent = [b"GET / HTTP/1.1\r\nHost: localhost\r\n", fields, b"\r\n"].concat();
        client.send(&sent).await;
        assert_eq!(client.answer().await.remaining(), remaining, "{}", String::from_utf8_lossy(fields));
    }
}
