//! `session`: logging in and out, and guesses.

use serde_json::json;
use timebudget_control::thing::Role;

use crate::world::World;

#[test]
fn a_token_becomes_a_cookie_that_no_script_reads_and_no_other_site_sends() {
    let world = World::new();
    let answer = world.ask("POST", "session").json(&json!({ "token": world.token(Role::Operator) })).send();
    let body = answer.expect(200);
    assert_eq!((&body["member"], &body["role"]), (&json!("otto"), &json!("operator")));
    assert_eq!(body["expires"], "2026-01-01T12:10:00Z", "twelve hours");
    let set = answer.header("set-cookie").unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/limits/api/v1", "Max-Age=43200"] {
        assert!(set.split("; ").any(|found| found == part), "{part} in {set}");
    }
    assert!(!set.contains("Secure"), "{set}");
    let cookie = set.split(';').next().unwrap();
    assert_eq!(world.ask("GET", "session").header("Cookie", cookie).send().expect(200), body);
}

#[test]
fn the_cookie_travels_over_https_alone_where_pages_are_reached_by_it() {
    let world = World::with(timebudget_control::Options::with_https);
    let answer = world.ask("POST", "session").json(&json!({ "token": world.token(Role::Owner) })).send();
    assert!(answer.header("set-cookie").unwrap().split("; ").any(|part| part == "Secure"));
}

#[test]
fn a_session_ends_when_somebody_logs_out_on_the_second_it_expires_and_with_its_member() {
    let world = World::new();
    let is_known = |cookie: &str| world.ask("GET", "session").header("Cookie", cookie).send().status;
    let first = world.log_in(Role::Viewer);
    let out = world.ask("DELETE", "session").header("Cookie", &first).header("X-Timebudget-Csrf", "1").send();
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(is_known(&first), 401);

    let second = world.log_in(Role::Viewer);
    world.clock.advance(std::time::Duration::from_secs(43_199));
    assert_eq!(is_known(&second), 200);
    world.clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(is_known(&second), 401);

    let third = world.log_in(Role::Viewer);
    assert_eq!(world.owner("DELETE", "members/vic").send().status, 204);
    assert_eq!(is_known(&third), 401);
    let again = json!({ "name": "vic", "role": "owner" });
    world.owner("POST", "members").json(&again).send().expect(201);
    assert_eq!(is_known(&third), 401, "another member of the name does not get the session of the first");
}

#[test]
fn another_role_counts_from_the_next_request_on() {
    let world = World::new();
    let cookie = world.log_in(Role::Viewer);
    let role = || world.ask("GET", "session").header("Cookie", &cookie).send().expect(200)["role"].clone();
    assert_eq!(role(), "viewer");
    world.owner("PUT", "members/vic").json(&json!({ "role": "operator" })).send().expect(200);
    assert_eq!(role(), "operator");
    assert_eq!(world.viewer("GET", "session").send().expect(200)["role"], "operator");
}

#[test]
fn guessing_sixty_tokens_a_minute_meets_429_and_the_audit_tells_of_the_first_ten() {
    let world = World::new();
    let statuses: Vec<_> = (0..60)
        .map(|number| match number % 2 {
            0 => world.ask("GET", "rulesets").token(&format!("guess {number}")).send().status,
            _ => {
                world.ask("POST", "session").json(&json!({ "token": format!("tbm_{number}") })).send().status
            }
        })
        .collect();
    assert_eq!(statuses[..10], [401; 10]);
    assert_eq!(statuses[10..], [429; 50]);
    let refused = world.ask("GET", "rulesets").token("one more").send();
    refused.problem(429);
    assert_eq!(refused.header("retry-after"), Some("60"));

    let rows = world.owner("GET", "audit?what=session").send().expect(200);
    let rows = rows["items"].as_array().unwrap();
    assert_eq!(rows.len(), 10);
    assert_eq!((&rows[0]["action"], &rows[0]["address"]), (&json!("login_failed"), &json!("127.0.0.1")));

    world.clock.advance(std::time::Duration::from_secs(60));
    world.ask("GET", "rulesets").token("guess").send().problem(401);
}

#[test]
fn a_token_of_random_letters_works_while_others_at_its_address_guess() {
    let world = World::new();
    for _ in 0..20 {
        world.ask("GET", "rulesets").token("guess").send();
    }
    world.viewer("GET", "rulesets").send().expect(200);
}

#[test]
fn a_token_that_another_program_made_works_too_where_it_is_as_long_as_ours() {
    // As the guide has it made, by `openssl rand -hex 24`.
    let token = "tbm_6f1d5a0b9c3e7f2841d6a5b0c9e3f7281d6a5b0c9e3f7284";
    let world = World::with(|options| options.with_owner_token(token));
    for _ in 0..20 {
        world.ask("GET", "rulesets").token("guess").send();
    }
    world.ask("GET", "rulesets").token(token).send().expect(200);
}

#[test]
fn a_token_that_a_person_chose_is_not_told_apart_while_its_address_guesses() {
    let world = World::with(|options| options.with_owner_token("a token that a person chose"));
    let chosen = || world.ask("GET", "rulesets").token("a token that a person chose").send();
    chosen().expect(200);
    for _ in 0..20 {
        world.ask("GET", "rulesets").token("guess").send();
    }
    chosen().problem(429);
    world.clock.advance(std::time::Duration::from_secs(60));
    chosen().expect(200);
}

/// Three hundred wrong tokens an hour, from wherever they came, locked out whoever had chosen a token.
#[test]
fn guesses_from_elsewhere_lock_nobody_out_and_do_not_fill_the_audit() {
    let trusting = r#"{ "rate_limit_trusted_proxies": ["127.0.0.1"] }"#;
    let addresses = timebudget::config::parse_site("any", trusting).unwrap().0.addresses;
    let chosen = "a token that a person chose";
    let world = World::with(|options| options.with_addresses(addresses).with_owner_token(chosen));
    let ask = |from: String, token: &str| {
        world.ask("GET", "rulesets").header("X-Forwarded-For", &from).token(token).send().status
    };
    for number in 0..310 {
        assert_eq!(ask(format!("192.0.2.{}", number % 32), "guess"), 401, "{number}");
    }
    assert_eq!(ask("198.51.100.7".to_owned(), chosen), 200);
    let told = world.control.audit(timebudget_control::audit::Filter::default(), 500, None);
    let told = actix_web::rt::System::new().block_on(told).unwrap();
    let failed = told.entries.iter().filter(|row| row.action == "login_failed").count();
    assert_eq!(failed, 300);
}

#[test]
fn tokens_that_are_wrong_in_form_are_nobodys() {
    let world = World::new();
    let token = world.token(Role::Owner).to_owned();
    for header in [
        "Bearer",
        "Bearer ",
        "Basic b3duZXI6",
        &token,
        &format!("Token {token}"),
        &format!("Bearer {token}x"),
    ] {
        let answer = world.ask("GET", "rulesets").header("Authorization", header).send();
        assert_eq!(answer.status, 401, "{header}");
    }
    world.ask("GET", "rulesets").header("Authorization", &format!("bearer  {token}")).send().expect(200);
}
