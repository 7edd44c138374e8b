//! Bad input: what is no request, and what is one that nobody should send.

use serde_json::{Value, json};

use crate::world::World;

#[test]
fn bodies_of_ten_megabytes_are_refused_whether_or_not_they_say_so() {
    let world = World::new();
    let long = vec![b' '; 10 << 20];
    let answer = world.owner("PUT", "tiers/gold").body(&long).send();
    assert!(answer.problem(413).contains("at most 1 MB"));
    let mut chunked = format!("{:x}\r\n", long.len()).into_bytes();
    chunked.extend_from_slice(&long);
    chunked.extend_from_slice(b"\r\n0\r\n\r\n");
    let ask = world.owner("PUT", "tiers/gold").header("Content-Type", "application/json");
    assert_eq!(ask.header("Transfer-Encoding", "chunked").raw_body(chunked).send().status, 413);
}

#[test]
fn what_is_no_json_is_told_apart_from_what_is_wrong_in_it() {
    let world = World::new();
    let put = |body: &[u8]| world.owner("PUT", "tiers/gold").body(body).send();
    for body in ["", "{", "{\"multiplier\":}", "[1,]", "{} {}", "\u{feff}{}"] {
        assert!(put(body.as_bytes()).problem(400).contains("not JSON"), "{body}");
    }
    assert!(put(b"\xff\xfe").problem(400).contains("no UTF-8"));
    let deep = format!("{{\"limits\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(put(deep.as_bytes()).problem(400).contains("nested deeper than 64"));
    for body in ["[]", "null", "7", "\"x\""] {
        assert!(put(body.as_bytes()).problem(422).contains("not an object"), "{body}");
    }
}

#[test]
fn a_body_must_say_that_it_is_json() {
    let world = World::new();
    let ask = || world.owner("PUT", "tiers/gold");
    ask().raw_body(b"{}".to_vec()).header("Content-Length", "2").send().problem(415);
    let form =
        ask().header("Content-Type", "application/x-www-form-urlencoded").header("Content-Length", "2");
    form.raw_body(b"{}".to_vec()).send().problem(415);
    let with_charset =
        ask().header("Content-Type", "Application/JSON; charset=utf-8").header("Content-Length", "2");
    with_charset.raw_body(b"{}".to_vec()).send().expect(201);
}

#[test]
fn every_mistake_is_told_at_once_each_with_its_path() {
    let world = World::new();
    let body = json!({ "rules": [{ "name": "a", "limits": "10 per fortnight" }, { "nme": "b" }], "descripton": "x" });
    let told = world.owner("PUT", "rulesets/plans").json(&body).send().problem(422);
    let paths: Vec<_> = told.lines().map(|line| line.split(": ").next().unwrap()).collect();
    for path in ["rules[0].limits", "rules[1].nme", "rules[1].limits", "descripton"] {
        assert!(paths.contains(&path), "{told}");
    }
    assert!(told.contains("did you mean description?"), "{told}");
}

#[test]
fn names_of_every_script_with_slashes_and_tags_and_formulas_are_names() {
    let world = World::new();
    for (escaped, name) in [
        ("a%2Fb", "a/b"),
        ("a%252Fb", "a%2Fb"),
        ("%3Cscript%3Ealert(1)%3C%2Fscript%3E", "<script>alert(1)</script>"),
        ("%3D1%2B1", "=1+1"),
        ("%E6%97%A5%E6%9C%AC%E8%AA%9E", "日本語"),
        ("%D8%B9%D8%B1%D8%A8%D9%8A", "عربي"),
        ("..%2F..%2Fetc", "../../etc"),
        ("a+b", "a+b"),
        ("a%20b", "a b"),
        ("check", "check"),
        ("%F0%9F%A6%80", "🦀"),
    ] {
        let path = format!("tiers/{escaped}");
        let made = world.owner("PUT", &path).body("{}").send().expect(201);
        assert_eq!(made["name"], name);
        assert_eq!(world.viewer("GET", &path).send().expect(200)["name"], name);
        assert_eq!(world.owner("DELETE", &path).send().status, 204, "{name}");
    }
}

#[test]
fn names_that_cannot_be_seen_or_never_end_are_refused() {
    let world = World::new();
    for (escaped, why) in [
        ("%00", "invisible"),
        ("a%0Ab", "invisible"),
        ("%E2%80%AEx", "invisible"),
        ("%20a", "spaces around"),
        (&"x".repeat(201), "too long"),
    ] {
        let told = world.owner("PUT", &format!("tiers/{escaped}")).body("{}").send().problem(422);
        assert!(told.contains(why), "{escaped}: {told}");
    }
    let bytes = world.owner("PUT", "tiers/%FF%FE").body("{}").send();
    assert!(bytes.problem(400).contains("no UTF-8"));
    let endless = world.owner("PUT", &format!("tiers/{}", "x".repeat(20_000))).body("{}").send();
    assert!([414, 422].contains(&endless.status), "{}", endless.status);
}

#[test]
fn parameters_that_are_none_are_told_with_what_was_meant() {
    let world = World::new();
    for (query, told) in [
        ("limt=5", "limt: no such parameter; did you mean limit?"),
        ("limit=0", "limit: expected a whole number from 1 to 500"),
        ("limit=501", "limit: expected a whole number from 1 to 500"),
        ("limit=-1", "limit: expected a whole number from 1 to 500"),
        ("limit=1&limit=2", "limit: stands more than once; expected it once"),
        ("after=%21", "after: expected what `next` of the page before says"),
    ] {
        assert_eq!(world.viewer("GET", &format!("tiers?{query}")).send().problem(400), told);
    }
    for query in ["actor=%00", "from=yesterday", "to=2026-13-01T00:00:00Z", "after=eA", "what=%FF"] {
        world.viewer("GET", &format!("audit?{query}")).send().problem(400);
    }
    world.owner("DELETE", "tiers/x?reason=%00").send().problem(400);
    assert!(
        world
            .owner("DELETE", &format!("tiers/x?reason={}", "x".repeat(2001)))
            .send()
            .problem(422)
            .contains("too long")
    );
}

#[test]
fn times_that_have_passed_and_times_that_are_none_are_refused() {
    let world = World::new();
    for until in [
        json!("2025-12-31T23:59:59Z"),
        json!("2026-01-01T00:10:00Z"),
        json!("tomorrow"),
        json!(7),
        json!("99999-01-01T00:00:00Z"),
    ] {
        let body = json!({ "user": "bob", "limits": "9 per hour", "until": until, "reason": "x" });
        let told = world.operator("POST", "overrides").json(&body).send().problem(422);
        assert!(told.starts_with("until: "), "{told}");
    }
    for (field, value) in [
        ("seconds", json!(0)),
        ("seconds", json!(-5)),
        ("seconds", json!(1e300)),
        ("reason", json!("  ")),
        ("reason", Value::Null),
    ] {
        let mut body = json!({ "user": "bob", "limits": "9 per hour", "reason": "x" });
        body[field] = value;
        let told = world.operator("POST", "overrides").json(&body).send().problem(422);
        assert!(told.starts_with(&format!("{field}: ")), "{told}");
    }
}

#[test]
fn a_secret_that_was_sent_by_mistake_is_not_repeated() {
    let world = World::new();
    let told = world.ask("POST", "session").json(&json!({ "token": ["tbm_secret"] })).send();
    assert_eq!(told.status, 422);
    assert!(!told.text().contains("secret"), "{}", told.text());
}

/// Whoever has no token held as many requests open as sockets.
#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let world = World::new();
    let begun = std::time::Instant::now();
    let waiting = [("POST", "session"), ("PUT", "tiers/gold")].map(|(method, path)| {
        let ask = world.owner(method, path).header("Content-Type", "application/json");
        let ask = ask.header("Content-Length", "1000").raw_body(b"{".to_vec());
        std::thread::spawn(move || ask.send())
    });
    for waiting in waiting {
        let answer = waiting.join().unwrap();
        assert!(answer.problem(408).contains("within 10 seconds"));
        assert_eq!(answer.header("connection"), Some("close"));
    }
    assert!(begun.elapsed() < std::time::Duration::from_secs(50), "{:?}", begun.elapsed());
}
