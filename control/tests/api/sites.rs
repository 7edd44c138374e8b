//! `sites` and `explain`.

use std::sync::Mutex;

use serde_json::json;

use crate::world::World;

#[test]
fn a_site_shows_its_rules_where_they_come_from_and_what_is_shadowed() {
    let world = World::new();
    let rules = json!([
        { "name": "export", "limits": "9 per hour" },
        { "name": "login", "when": { "path": "/login" }, "key": ["ip", "path"], "limits": "10s per minute; 5 per hour" },
    ]);
    world.owner("PUT", "rulesets/plans").json(&json!({ "rules": rules })).send().expect(201);
    let policy = json!({ "published": "plans", "unpublished": null });
    world.owner("PUT", "policy").json(&policy).send().expect(201);
    let sites = world.viewer("GET", "sites").send().expect(200);
    let [site] = &sites["items"].as_array().unwrap()[..] else { panic!("{sites}") };
    assert_eq!((&site["site"], &site["zone"], &site["error"]), (&json!("*"), &json!("UTC"), &json!(null)));
    assert_eq!(site["rulesets"], json!({ "published": "inherit", "unpublished": "inherit" }));
    let told: Vec<_> =
        site["rules"].as_array().unwrap().iter().map(|rule| (&rule["name"], &rule["from"])).collect();
    assert_eq!(
        told,
        [(&json!("export"), &json!("site_config.json")), (&json!("login"), &json!("ruleset plans")),]
    );
    assert_eq!(site["rules"][1]["limits"].as_array().unwrap().len(), 2);
    let shadowed =
        json!([{ "name": "export", "kind": "rules", "from": "ruleset plans", "by": "site_config.json" }]);
    assert_eq!(site["shadowed"], shadowed);
}

#[test]
fn a_site_has_rulesets_of_its_own_until_it_inherits_again() {
    let world = World::new();
    let own = |body| world.owner("PUT", "sites/*/rulesets").json(&body).send();
    let read = || world.viewer("GET", "sites/*/rulesets").send().expect(200);
    assert_eq!(read(), json!({ "published": "inherit", "unpublished": "inherit", "revision": 0 }));
    world.owner("PUT", "rulesets/plans").json(&json!({ "rules": [] })).send().expect(201);
    let made = own(json!({ "published": "plans", "unpublished": null })).expect(201);
    assert_eq!(read(), made);
    own(json!({ "published": "inherit", "unpublished": "inherit" })).expect(200);
    assert!(own(json!({ "published": "plans" })).problem(422).starts_with("unpublished: missing"));
}

#[test]
fn a_site_that_is_not_there_yet_waits_for_its_rulesets_and_what_no_site_can_be_called_is_refused() {
    let world = World::new();
    let (path, none) =
        ("sites/shop.example/rulesets", json!({ "published": null, "unpublished": "inherit" }));
    world.viewer("GET", path).send().problem(404);
    let made = world.owner("PUT", path).json(&none).send().expect(201);
    assert_eq!(world.viewer("GET", path).send().expect(200), made);
    let sites = world.viewer("GET", "sites").send().expect(200);
    let waiting: Vec<_> =
        sites["items"].as_array().unwrap().iter().map(|site| (&site["site"], &site["waiting"])).collect();
    assert_eq!(waiting, [(&json!("*"), &json!(false)), (&json!("shop.example"), &json!(true))]);
    for odd in ["Shop.example", "shop.example.", "*.example"] {
        let path = format!("sites/{odd}/rulesets");
        assert!(world.owner("PUT", &path).json(&none).send().problem(404).contains(odd), "{odd}");
    }
}

#[test]
fn a_request_is_explained_by_the_rules_in_force_and_by_a_draft() {
    let world = World::new();
    let asked = json!({ "site": "*", "method": "GET", "path": "/export/all", "headers": { "X-Forwarded-User": "bob" } });
    let told = world.viewer("POST", "explain").json(&asked).send().expect(200);
    assert_eq!((&told["site"], &told["answer"]["status"]), (&json!("*"), &json!(200)));
    let rule = &told["rules"][0];
    assert_eq!(
        (&rule["name"], &rule["bearing"], &rule["key"]),
        (&json!("export"), &json!("applies"), &json!("user bob"))
    );
    assert_eq!((&rule["limits"][0]["limit"], &rule["limits"][0]["quota"]), (&json!("2 per hour"), &json!(2)));
    assert!(told["text"].as_str().unwrap().starts_with("GET /export/all for "), "{told}");

    let mut drafted = asked.clone();
    drafted["draft"] = json!({ "rules": [{ "name": "closed", "limits": "0 per hour" }] });
    let told = world.viewer("POST", "explain").json(&drafted).send().expect(200);
    assert_eq!(told["answer"]["status"], 429, "{told}");
    assert_eq!(told["rules"][1]["limits"][0]["refuses"], true);
    assert_eq!(world.visit("/export").send().status, 200, "nothing of it is in force");
}

/// It did not know what clients had had of an account that they share: it said 200 where 429 was answered.
#[test]
fn a_request_is_explained_by_the_share_that_its_client_has_of_a_fair_rule() {
    let world = World::new();
    let fair = json!({ "name": "shared", "key": "site", "fair": "user", "limits": "10 per hour", "when": { "path": "/shared" } });
    world.owner("PUT", "rulesets/plans").json(&json!({ "rules": [fair] })).send().expect(201);
    let policy = json!({ "published": "plans", "unpublished": null });
    world.owner("PUT", "policy").json(&policy).send().expect(201);
    let ask = |user: &str| world.visit("/shared").header("X-Forwarded-User", user).send().status;
    let explain = |user: &str| {
        let asked = json!({ "site": "*", "path": "/shared", "headers": { "X-Forwarded-User": user } });
        let told = world.viewer("POST", "explain").json(&asked).send().expect(200);
        let limit = told["rules"][1]["limits"][0].clone();
        (
            told["answer"]["status"].clone(),
            limit["share"].clone(),
            limit["refuses"].clone(),
            told["text"].clone(),
        )
    };
    (0..8).for_each(|_| assert_eq!(ask("bob"), 200));
    let (status, share, refuses, _) = explain("bob");
    let alone = json!({ "clients": 1, "quota": 10, "spent": 8, "refuses": false });
    assert_eq!((status, share, refuses), (json!(200), alone, json!(false)));
    assert_eq!(ask("ann"), 200);

    let (status, share, refuses, text) = explain("bob");
    let of_two = json!({ "clients": 2, "quota": 5, "spent": 8, "refuses": true });
    assert_eq!((status, share, refuses, ask("bob")), (json!(429), of_two, json!(true), 429));
    let said = "share of shared, 10 per hour\n  8 of 5 spent, among 2 clients: refused, for little is left of the whole\n";
    assert!(text.as_str().unwrap().contains(said), "{text}");
    let (status, share, ..) = explain("ann");
    assert_eq!((status, &share["spent"], ask("ann")), (json!(200), &json!(1), 200));
    assert_eq!(explain("carol").1["clients"], 3, "a newcomer is counted");
}

/// It said what was left as if nothing had been spent, also of an account that refused everybody.
#[test]
fn a_request_is_explained_as_its_accounts_stand_and_costs_nothing() {
    let world = World::new();
    let as_bob = |path: &str| world.visit(path).header("X-Forwarded-User", "bob").send().status;
    let explain = |user: &str, draft: serde_json::Value| {
        let headers = json!({ "X-Forwarded-User": user });
        let mut asked = json!({ "site": "*", "path": "/export", "headers": headers });
        if draft != json!(null) {
            asked["draft"] = draft;
        }
        world.viewer("POST", "explain").json(&asked).send().expect(200)
    };
    let stands = |told: &serde_json::Value, rule: usize| {
        let limit = &told["rules"][rule]["limits"][0];
        let of = |name: &str| limit[name].as_u64().unwrap();
        let header = told["answer"]["headers"]["x-ratelimit-remaining"].as_str().unwrap().to_owned();
        (of("quota"), of("spent"), of("remaining"), limit["refuses"] == json!(true), header)
    };
    let none = || json!(null);
    assert_eq!(stands(&explain("bob", none()), 0), (2, 0, 2, false, "1".to_owned()));
    assert_eq!(as_bob("/export"), 200);
    for _ in 0..2 {
        assert_eq!(stands(&explain("bob", none()), 0), (2, 1, 1, false, "0".to_owned()));
    }
    assert_eq!(as_bob("/export"), 200);
    let told = explain("bob", none());
    assert_eq!((stands(&told, 0), &told["answer"]["status"]), ((2, 2, 0, true, "0".to_owned()), &json!(429)));
    assert!(told["text"].as_str().unwrap().contains("answer, as accounts stand now\n  429 "), "{told}");
    assert_eq!(explain("ann", none())["answer"]["status"], 200);
    // A draft's rule of the same name, key and period has the same account, whatever its quota; another has its own.
    let with = |key: &str, period: &str| {
        let rule = json!({ "name": "export", "key": key, "limits": format!("5 per {period}") });
        json!({ "rules": [rule] })
    };
    world
        .owner("POST", "rulesets")
        .json(&json!({ "name": "plans", "rules": [
        { "name": "plan", "key": "user", "limits": "3 per hour" }] }))
        .send()
        .expect(201);
    world
        .owner("PUT", "policy")
        .json(&json!({ "published": "plans", "unpublished": null }))
        .send()
        .expect(201);
    assert_eq!(as_bob("/"), 200);
    let named = |key: &str, period: &str| {
        let mut draft = with(key, period);
        draft["rules"][0]["name"] = json!("plan");
        let told = explain("bob", draft);
        let limit = &told["rules"][1]["limits"][0];
        (told["rules"][1]["name"].clone(), limit["spent"].clone(), limit["remaining"].clone())
    };
    assert_eq!(named("user", "hour"), (json!("plan"), json!(1), json!(4)));
    assert_eq!(named("user", "day"), (json!("plan"), json!(0), json!(5)));
    assert_eq!(named("ip", "hour"), (json!("plan"), json!(0), json!(5)));
}

#[test]
fn what_is_wrong_with_a_question_is_told_with_its_path() {
    let world = World::new();
    let asked = |body: serde_json::Value| world.viewer("POST", "explain").json(&body).send().problem(422);
    for (body, path) in [
        (json!({}), "path"),
        (json!({ "path": "no path" }), "path"),
        (json!({ "path": "/", "method": "G E T" }), "method"),
        (json!({ "path": "/", "site": "shop" }), "site"),
        (json!({ "path": "/", "headers": { "a b": "c" } }), "headers"),
        (json!({ "path": "/", "headers": { "a": "b\nc" } }), "headers"),
        (json!({ "path": "/", "ip": "1.2.3" }), "ip"),
        (json!({ "path": "/", "route": "/other" }), "route"),
        (
            json!({ "path": "/", "draft": { "rules": [{ "name": "a", "limits": "x" }] } }),
            "draft.rules[0].limits",
        ),
        (
            json!({ "path": "/", "draft": { "rules": [{ "name": "a", "key": "country", "limits": "1 per hour" }] } }),
            "draft.rules[0]",
        ),
    ] {
        let told = asked(body);
        assert!(told.starts_with(&format!("{path}: ")), "{told}");
    }
}

#[test]
fn an_editor_is_told_what_is_wrong_with_a_draft_as_one_types() {
    let world = World::new();
    let check = |body: &str| world.viewer("POST", "rulesets/check").body(body).send().expect(200);
    assert_eq!(
        check(r#"{"rules":[{"name":"a","limits":"1 per hour"}]}"#),
        json!({ "errors": [], "warnings": [] })
    );
    assert!(check(r#"{"rules":[{"name":"#)["errors"][0]["message"].as_str().unwrap().contains("not JSON"));
    let told = check(r#"{"rules":[{"name":"a","limits":"1 per fortnight"}]}"#);
    assert_eq!(told["errors"][0]["path"], "rules[0].limits");
    let told = check(r#"{"rules":[{"name":"a","key":"header:X-Id","limits":"1 per hour"}]}"#);
    assert_eq!((&told["errors"], told["warnings"].as_array().unwrap().len()), (&json!([]), 1), "{told}");
}

/// The router's word on a pattern that is none is a panic, which any viewer could have written into the log.
#[test]
fn a_route_that_is_no_pattern_is_told_and_nothing_panics() {
    static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.location().is_some_and(|place| place.file().contains("actix-router")) {
            PANICS.lock().unwrap().push(panic.to_string());
        }
        before(panic);
    }));
    let world = World::new();
    let many = format!("/{}", "{a}".repeat(17));
    for route in
        ["/{", "/}{", "/{}", "/{a", "/{a}/{a}", "/{a b}", "/{a:[}", "/{a:(}", "/{a:.}*", "/{9}", &many]
    {
        let asked = json!({ "path": "/x", "route": route });
        let told = world.viewer("POST", "explain").json(&asked).send().problem(422);
        assert!(told.starts_with("route: ") && told.contains("not a pattern"), "{told}");
    }
    for route in ["/{a}", "/{a}*", "/{a:[a-z]{1}}", "/x"] {
        world.viewer("POST", "explain").json(&json!({ "path": "/x", "route": route })).send().expect(200);
    }
    assert_eq!(*PANICS.lock().unwrap(), Vec::<String>::new());
}
