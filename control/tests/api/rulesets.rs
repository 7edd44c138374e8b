//! `rulesets`.

use serde_json::json;

use crate::world::World;

#[test]
fn a_ruleset_is_made_read_changed_and_deleted() {
    let world = World::new();
    let rules = json!([{ "name": "all", "limits": "10 per minute" }]);
    let made = world.owner("POST", "rulesets").json(&json!({ "name": "plans", "rules": rules })).send();
    let body = made.expect(201);
    assert_eq!((body["name"].as_str(), body["description"].as_str()), (Some("plans"), Some("")));
    assert_eq!((&body["rules"], &body["used_by"]), (&rules, &json!([])));
    let revision = body["revision"].as_u64().unwrap();
    assert_eq!(made.header("etag"), Some(format!("\"{revision}\"").as_str()));

    assert_eq!(world.viewer("GET", "rulesets/plans").send().expect(200), body);
    let listed = world.viewer("GET", "rulesets").send().expect(200);
    assert_eq!(listed, json!({ "items": [body], "next": null, "revision": revision }));

    let changed =
        world.owner("PUT", "rulesets/plans").json(&json!({ "description": "new", "rules": rules })).send();
    assert_eq!(changed.expect(200)["description"], "new");
    assert_eq!(world.owner("DELETE", "rulesets/plans").send().status, 204);
    world.viewer("GET", "rulesets/plans").send().problem(404);
}
