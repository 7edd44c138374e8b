//! The database is gone: the API says so, and the rules in force stay.

use std::time::Duration;

use serde_json::json;
use timebudget_control::Options;

use crate::postgres::Server;
use crate::world::World;

#[test]
fn a_database_that_is_gone_is_503_and_rules_stay_until_it_is_back() {
    let server = Server::start("");
    let uri = tokio::runtime::Runtime::new().unwrap().block_on(server.database());
    let world = World::on(Options::new(uri).with_patience(Duration::from_millis(500)));
    world.owner("PUT", "tiers/gold").json(&json!({ "multiplier": 5 })).send().expect(201);
    let cookie = world.log_in(timebudget_control::thing::Role::Owner);

    server.signal("STOP");
    let refused = world.owner("PUT", "tiers/gold").json(&json!({ "multiplier": 6 })).send();
    assert!(refused.problem(503).contains("the rules in force stay"), "{}", refused.text());
    assert_eq!(refused.header("retry-after"), Some("1"));
    for ask in [world.viewer("GET", "tiers"), world.ask("GET", "session").header("Cookie", &cookie)] {
        ask.send().problem(503);
    }
    let login = json!({ "token": world.token(timebudget_control::thing::Role::Owner) });
    world.ask("POST", "session").json(&login).send().problem(503);
    world.ask("GET", "openapi.json").send().expect(200);
    assert_eq!(world.visit("/export").send().header("x-ratelimit-limit"), Some("2"));

    server.signal("CONT");
    let healed = (0..600).find_map(|_| {
        std::thread::sleep(Duration::from_millis(50));
        let answer = world.viewer("GET", "tiers/gold").send();
        (answer.status == 200).then(|| answer.json())
    });
    assert_eq!(healed.expect("it heals by itself")["multiplier"], 5.0);
}

#[test]
fn both_databases_answer_alike() {
    let uri = tokio::runtime::Runtime::new().unwrap().block_on(Server::shared().database());
    let mut told = Vec::new();
    for world in [World::new(), World::on(Options::new(uri))] {
        let mut answers = Vec::new();
        for (method, path, body) in [
            ("PUT", "tiers/g%C3%BC?reason=%E6%97%A5", json!({ "multiplier": 2 })),
            (
                "PUT",
                "rulesets/plans",
                json!({ "description": "nul: \u{0}", "rules": [{ "name": "a", "limits": "1 per hour" }] }),
            ),
            ("PUT", "policy", json!({ "published": "plans", "unpublished": null })),
            ("PUT", "users/a%2Fb", json!({ "tier": "gü" })),
            ("DELETE", "tiers/g%C3%BC", json!(null)),
            ("PUT", "tiers/g%C3%BC", json!({ "multiplier": 0.0000001 })),
        ] {
            answers.push(world.owner(method, path).json(&body).send());
        }
        for path in ["tiers", "rulesets", "users/a%2Fb", "policy", "session", "audit/verify"] {
            answers.push(world.owner("GET", path).send());
        }
        let text = |answer: &crate::client::Answer| {
            let mut told = answer.json();
            // Ids of accounts are of the process.
            if let Some(standing) = told["standing"].as_array_mut() {
                standing.iter_mut().for_each(|account| account["id"] = json!("id"));
            }
            told.to_string()
        };
        told.push(answers.iter().map(|answer| (answer.status, text(answer))).collect::<Vec<_>>());
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(
        told[0].iter().map(|(status, _)| *status).collect::<Vec<_>>()[..6],
        [201, 201, 201, 201, 409, 422]
    );
}
