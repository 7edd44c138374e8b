//! Lists in pages, and the audit for other programs.

use serde_json::{Value, json};
use timebudget_control::thing::Role;

use crate::world::World;

/// All items of a list, page by page, and how many pages it took.
fn paged(world: &World, path: &str, limit: usize) -> (Vec<Value>, usize) {
    let (mut items, mut pages, mut after) = (Vec::new(), 0, String::new());
    loop {
        let glue = if path.contains('?') { '&' } else { '?' };
        let page = world.owner("GET", &format!("{path}{glue}limit={limit}{after}")).send().expect(200);
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        pages += 1;
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return (items, pages),
        }
    }
}

#[test]
fn a_list_in_pages_is_the_whole_list() {
    let world = World::new();
    let names: Vec<_> = (0..7).map(|number| format!("t/{number} é")).collect();
    for number in 0..7 {
        world.owner("PUT", &format!("tiers/t%2F{number}%20%C3%A9")).body("{}").send().expect(201);
    }
    for (limit, expected) in [(1, 7), (2, 4), (6, 2), (7, 1), (500, 1)] {
        let (items, pages) = paged(&world, "tiers", limit);
        assert_eq!(items.iter().map(|item| item["name"].as_str().unwrap()).collect::<Vec<_>>(), names);
        assert_eq!(pages, expected, "with {limit} on a page");
    }
}

#[test]
fn overrides_come_newest_first_and_can_be_those_of_a_user() {
    let world = World::new();
    for user in ["ann", "bob", "cem", "bob"] {
        let rule = if user == "bob" { json!("export") } else { json!(null) };
        let seconds = 1;
        let body =
            json!({ "user": user, "rule": rule, "limits": "9 per hour", "seconds": seconds, "reason": "x" });
        world.operator("POST", "overrides").json(&body).send().expect(201);
        world.clock.advance(std::time::Duration::from_secs(2));
    }
    let users = |path: &str, limit| {
        let (items, _) = paged(&world, path, limit);
        items.iter().map(|item| item["user"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(users("overrides", 3), ["bob", "cem", "bob", "ann"]);
    assert_eq!(users("overrides?user=bob", 1), ["bob", "bob"]);
}

#[test]
fn users_are_found_by_a_part_of_their_name_whatever_its_case() {
    let world = World::new();
    world.owner("PUT", "tiers/gold").body("{}").send().expect(201);
    for user in ["Alice", "malice", "bob"] {
        world.operator("PUT", &format!("users/{user}")).json(&json!({ "tier": "gold" })).send().expect(201);
    }
    let (items, _) = paged(&world, "users?q=ALI", 1);
    assert_eq!(items.iter().map(|item| &item["user"]).collect::<Vec<_>>(), ["Alice", "malice"]);
}

#[test]
fn the_audit_is_exported_whole_and_no_spreadsheet_runs_it() {
    let world = World::new();
    let put = world.owner("PUT", "tiers/%3D1%2B1?reason=%3DHYPERLINK(%22x%22)").body("{}").send();
    put.expect(201);
    let export = |kind: &str| world.owner("GET", "audit?limit=1").header("Accept", kind).send();
    let csv = export("text/csv");
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(csv.header("content-disposition"), Some("attachment; filename=\"audit.csv\""));
    let text = csv.text();
    assert_eq!(text.matches("\r\n").count(), 5, "a head, three members and a tier: {text}");
    assert!(text.contains("\"'=HYPERLINK(\"\"x\"\")\""), "{text}");
    let lines = export("application/jsonl").text();
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.iter().map(|row| row["number"].as_u64().unwrap()).collect::<Vec<_>>(), [4, 3, 2, 1]);
    assert_eq!(world.owner("GET", "audit").header("Accept", "*/*").send().expect(200)["items"], json!(rows));
    let (items, pages) = paged(&world, "audit", 1);
    assert_eq!((json!(items), pages), (json!(rows), 4));
}

#[test]
fn the_audit_is_found_by_who_what_and_when() {
    let world = World::new();
    world.clock.advance(std::time::Duration::from_secs(60));
    world.owner("PUT", "tiers/gold").body("{}").send().expect(201);
    world.operator("POST", "keys").json(&json!({ "name": "Acme" })).send().expect(201);
    let found = |query: &str| paged(&world, &format!("audit?{query}"), 50).0.len();
    assert_eq!(found("actor=otto"), 1);
    assert_eq!(found("what=members"), 3);
    assert_eq!(found("what=tiers/gold"), 1);
    assert_eq!(found("what=tier"), 0);
    assert_eq!(found("from=2026-01-01T00:11:00Z"), 2);
    assert_eq!(found("to=2026-01-01T01:11:00%2B01:00"), 3);
    assert_eq!(found("actor=owner&what=tiers&from=2026-01-01T00:11:00Z"), 1);
}

/// Who could not list members read their names and roles in the audit.
#[test]
fn the_audit_tells_owners_alone_of_members() {
    let world = World::new();
    world.owner("PUT", "tiers/gold").body("{}").send().expect(201);
    for role in [Role::Viewer, Role::Operator] {
        let ask = |query: &str| world.ask_as(role, "GET", &format!("audit{query}"));
        for query in ["?what=members", "?what=members/otto", "?actor=owner&what=members"] {
            assert_eq!(ask(query).send().expect(200)["items"], json!([]), "{query}");
        }
        assert_eq!(ask("").send().expect(200)["items"].as_array().unwrap().len(), 1);
        for form in ["text/csv", "application/jsonl"] {
            let told = ask("").header("Accept", form).send().text();
            assert!(told.contains("tiers/gold") && !told.contains("members/"), "{told}");
        }
    }
    let all = world.owner("GET", "audit?what=members").send().expect(200);
    assert_eq!(all["items"].as_array().unwrap().len(), 3);
}

/// What was no cursor gave the first page, and whoever paged by it went round for ever.
#[test]
fn what_is_no_cursor_is_told_so_by_every_list() {
    let world = World::new();
    for path in ["accounts", "overrides", "usage", "usage?by=route", "overview", "audit"] {
        // `abc` as a cursor, and what none is made of.
        for after in ["YWJj", "!"] {
            let glue = if path.contains('?') { '&' } else { '?' };
            let told = world.owner("GET", &format!("{path}{glue}after={after}")).send().problem(400);
            assert_eq!(told, "after: expected what `next` of the page before says", "{path}");
        }
    }
}
