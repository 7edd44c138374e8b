//! An application's own login takes the place of tokens.

use serde_json::json;

use crate::client::Ask;
use crate::world::World;

impl World {
    /// A request behind the application's own login, by somebody of a role.
    fn staff(&self, method: &str, path: &str, role: &str) -> Ask {
        Ask::new(self.address, method, &format!("/staff/limits/api/v1/{path}")).header("X-Staff", role)
    }
}

#[test]
fn whom_the_application_knows_needs_no_token_and_has_the_role_that_it_says() {
    let world = World::new();
    let session = world.staff("GET", "session", "operator").send().expect(200);
    assert_eq!(session, json!({ "member": "staff", "role": "operator", "expires": null }));
    let key = || world.staff("POST", "keys", "operator").json(&json!({ "name": "Acme" }));
    key().header("X-Timebudget-Csrf", "1").send().expect(201);
    let tier = world.staff("PUT", "tiers/gold", "operator").header("X-Timebudget-Csrf", "1").body("{}");
    tier.send().problem(403);
    let row = &world.viewer("GET", "audit?actor=staff").send().expect(200)["items"][0];
    assert_eq!(row["action"], "create");
    key().send().problem(403);
    key().header("X-Timebudget-Csrf", "1").header("Sec-Fetch-Site", "cross-site").send().problem(403);
}

#[test]
fn nobody_becomes_a_visitor_by_a_header_where_the_application_does_not_say_so() {
    let world = World::new();
    world.ask("GET", "session").header("X-Staff", "owner").send().problem(401);
}
