//! The database is gone: the API says so, and the rules in force stay.

use std::time::Duration;

use serde_json::json;
use sqlx::Executor as _;
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

/// It was ended after three quarters of the time in which what is quick is answered, and the database was told to be down.
#[test]
fn a_long_question_has_ten_times_as_long_and_then_says_so_of_itself() {
    let server = Server::start("");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let uri = runtime.block_on(server.database());
    let name = uri.split(['/', '?']).nth(3).unwrap().to_owned();
    let world = World::on(Options::new(uri).with_patience(Duration::from_millis(700)));
    let mut hand = runtime.block_on(server.connect(&name));
    let lock = "BEGIN; LOCK TABLE usage_hour IN ACCESS EXCLUSIVE MODE";
    let ask = || world.viewer("GET", "usage?step=hour").send();
    std::thread::scope(|scope| {
        runtime.block_on(hand.execute(sqlx::raw_sql(lock))).unwrap();
        let asked = scope.spawn(ask);
        let old = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%usage_hour%' \
                   AND query_start < clock_timestamp() - interval '600 ms'";
        while !asked.is_finished() && runtime.block_on(hand.fetch_optional(old)).unwrap().is_none() {
            // What a transaction sees of others' work is what it saw first.
            runtime.block_on(hand.execute("SELECT CAST(pg_stat_clear_snapshot() AS TEXT)")).unwrap();
        }
        runtime.block_on(hand.execute("ROLLBACK")).unwrap();
        asked.join().unwrap().expect(200);

        runtime.block_on(hand.execute(sqlx::raw_sql(lock))).unwrap();
        let asked = scope.spawn(ask);
        world.owner("PUT", "tiers/gold").json(&json!({ "multiplier": 5 })).send().expect(201);
        let told = asked.join().unwrap().problem(504);
        assert!(told.contains("this question within 7000 ms; ask for less"), "{told}");
        runtime.block_on(hand.execute("ROLLBACK")).unwrap();
    });
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
