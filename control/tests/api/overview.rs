//! `overview`: where shared budgets stand, and where that leads.

use std::time::Duration;

use serde_json::{Value, json};

use crate::usage::SHOP;
use crate::world::World;

fn overview(world: &World, query: &str) -> Vec<Value> {
    let answer = world.viewer("GET", &format!("overview{query}")).send();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["items"].as_array().unwrap().clone()
}

fn of<'a>(items: &'a [Value], rule: &str) -> &'a Value {
    items.iter().find(|item| item["rule"] == rule).expect("the rule has a budget that all share")
}

#[test]
fn a_budget_that_nobody_has_touched_stands_there_as_well() {
    let world = World::of(SHOP);
    let items = overview(&world, "");
    // That of users is nobody's alone, and not here.
    assert_eq!(items.len(), 2, "{items:?}");
    let all = of(&items, "all");
    assert_eq!(
        (&all["spent"], &all["quota"], &all["spent_at"]),
        (&json!(0), &json!(600_000_000), &Value::Null)
    );
    assert_eq!(all["window"], json!({"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T01:00:00Z"}));
    // Ten of sixty minutes have passed.
    assert_eq!(
        (&all["even_pace"], &all["zone"], &all["limit"]),
        (&json!(100_000_000), &json!("UTC"), &json!("600s per hour"))
    );
}

#[test]
fn the_line_of_a_budget_leads_to_when_it_is_spent() {
    let world = World::of(SHOP);
    for minute in 0..10 {
        for task in 0..5 {
            let user = format!("user-{minute}-{task}");
            assert_eq!(world.visit("/work/a").header("X-Forwarded-User", &user).send().status, 200);
        }
        world.clock.advance(Duration::from_secs(50));
        world.save_usage();
    }
    let items = overview(&world, "");
    let all = of(&items, "all");
    // 100 s in the last ten of fifteen minutes: at 100 s in 15 minutes the other 500 s last for 75, beyond the hour.
    assert_eq!(
        (&all["spent"], &all["now"], &all["spent_at"]),
        (&json!(100_000_000), &json!("2026-01-01T00:20:00Z"), &Value::Null)
    );
    let points = all["points"].as_array().unwrap();
    assert_eq!(points[0], json!({"at": "2026-01-01T00:00:00Z", "spent": 0}));
    assert_eq!(points.last().unwrap(), &json!({"at": "2026-01-01T00:20:00Z", "spent": 100_000_000}));
    assert!(points.contains(&json!({"at": "2026-01-01T00:11:00Z", "spent": 10_000_000})), "{points:?}");
    let trial = of(&items, "trial");
    assert_eq!((&trial["unit"], &trial["quota"]), (&json!("requests"), &json!(1)));
}

#[test]
fn a_site_that_is_not_there_has_no_budgets() {
    assert_eq!(overview(&World::of(SHOP), "?site=elsewhere.example"), Vec::<Value>::new());
}
