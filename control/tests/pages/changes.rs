//! What people change on the pages, by the mouse: in force when it is said, shown once where it is a secret, and told where it
//! is wrong.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::world::{NASTY, World};

/// The page of a member who has logged in, when it has been loaded.
async fn opened(world: &World, path: &str) -> Browser {
    let browser = world.browser("owner").await;
    browser.go(&world.page(path)).await;
    browser.until_quiet().await;
    browser
}

/// What is said at the field of a name in the dialog, and that it is the only one that is marked.
async fn wrong(browser: &Browser, field: &str) -> String {
    browser.until("document.querySelector('dialog [aria-invalid]')").await;
    let marked = "return [...document.querySelectorAll('[aria-invalid]')].map((one) => one.name)";
    assert_eq!(browser.ask(marked).await, json!([field]));
    browser.text("dialog .wrong").await
}

async fn until_closed(browser: &Browser) {
    browser.until("!document.querySelector('dialog')").await;
    browser.until_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_is_granted_and_an_account_reset_for_a_reason() {
    let world = World::start().await;
    world.visit("shop.example", "/report/1", "bob");
    let browser = opened(&world, "clients/accounts?client=bob&rule=reports").await;
    let left = || {
        let accounts = world.decide("GET", "accounts?client=bob&rule=reports", "");
        accounts["items"][0]["remaining"].as_u64().unwrap()
    };
    assert_eq!(left(), 19);
    browser.press("Grant bob more of reports").await;
    browser.fill("amount", "lots").await;
    browser.press("Grant").await;
    assert_eq!(wrong(&browser, "amount").await, "“lots” is no number of requests");
    browser.fill("amount", "5").await;
    browser.press("Grant").await;
    let said = wrong(&browser, "reason").await;
    assert!(said.contains("expected why, for the audit"), "{said}");
    assert_eq!(left(), 19, "nothing was granted yet");
    browser.fill("reason", "month end").await;
    browser.press("Grant").await;
    until_closed(&browser).await;
    browser.until_read("Granted, and in force.").await;
    browser.until_read("+ 4 requests granted").await;
    assert_eq!(left(), 24);

    (0..6).for_each(|_| assert_eq!(world.visit("shop.example", "/report/1", "bob"), 200));
    browser.press("Ask again").await;
    browser.until_read("2 requests of 20 requests").await;
    browser.press("Reset bob in reports").await;
    browser.fill("reason", "a mistake of ours").await;
    browser.press("Reset").await;
    until_closed(&browser).await;
    browser.until_read("0 requests of 20 requests").await;
    let audit = world.decide("GET", "audit?what=accounts&limit=2", "");
    let row = |at: usize| (audit["items"][at]["action"].clone(), audit["items"][at]["reason"].clone());
    assert_eq!(row(0), (json!("reset"), json!("a mistake of ours")));
    assert_eq!(row(1), (json!("grant"), json!("month end")));
    assert_eq!(browser.complaints_but_of_refusals().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_is_shown_once_when_it_is_made_and_rotated_and_then_revoked() {
    let world = World::start().await;
    let browser = opened(&world, "clients/keys").await;
    browser.press("New API key…").await;
    browser.press("Make").await;
    let said = wrong(&browser, "name").await;
    assert!(said.contains("expected"), "{said}");
    browser.fill("name", "Globex").await;
    browser.fill("user", "globex").await;
    browser.press("Make").await;
    let first = shown_once(&browser, "tbk_").await;
    assert_eq!(browser.text("dialog h2").await, "API key Globex");
    browser.press("I have kept it").await;
    until_closed(&browser).await;
    let listed = format!("{}…{}", &first[..8], &first[first.len() - 4..]);
    browser.until_read(&listed).await;
    assert!(!browser.ask("return document.documentElement.outerHTML").await.to_string().contains(&first));

    browser.press("Rotate Globex").await;
    browser.pick("grace", "0").await;
    browser.press("Make a new key").await;
    let second = shown_once(&browser, "tbk_").await;
    assert_ne!(first, second);
    browser.press("I have kept it").await;
    until_closed(&browser).await;

    browser.press("Revoke Globex").await;
    browser.fill("reason", "it leaked").await;
    browser.press("Revoke").await;
    until_closed(&browser).await;
    browser.until_read("API key Globex: done.").await;
    browser.until_read("revoked").await;
    let offered =
        browser.ask("return [...document.querySelectorAll('td button')].map((one) => one.ariaLabel)").await;
    assert!(!offered.to_string().contains("Globex"), "{offered}");
    let actions = world.decide("GET", "audit?what=keys&limit=3", "");
    let actions: Vec<_> =
        actions["items"].as_array().unwrap().iter().map(|row| row["action"].clone()).collect();
    assert_eq!(actions, ["revoke", "rotate", "create"]);
    assert_eq!(browser.complaints_but_of_refusals().await, Vec::<String>::new());
}

/// The secret in the dialog.
async fn shown_once(browser: &Browser, begin: &str) -> String {
    browser.until("document.querySelector('dialog .secret code')").await;
    let secret = browser.text("dialog .secret code").await;
    assert!(secret.starts_with(begin) && secret.len() == 47, "{secret}");
    secret
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_let_in_given_another_role_and_taken_out() {
    let world = World::start().await;
    let browser = opened(&world, "members").await;
    browser.press("New member…").await;
    browser.press("Make").await;
    wrong(&browser, "name").await;
    browser.fill("name", "viewer").await;
    browser.press("Make").await;
    browser
        .until("document.querySelector('dialog .note.bad')?.innerText.includes('there is one of this name')")
        .await;
    browser.fill("name", "dana").await;
    browser.pick("role", "operator").await;
    browser.press("Make").await;
    let token = shown_once(&browser, "tbm_").await;
    browser.press("I have kept it").await;
    until_closed(&browser).await;
    let role = || world.ask_as(&token, "session")["role"].clone();
    assert_eq!(role(), "operator");

    browser.press("Change the role of dana").await;
    browser.pick("role", "viewer").await;
    browser.press("Save").await;
    until_closed(&browser).await;
    browser.until_read("dana is viewer.").await;
    assert_eq!(role(), "viewer");

    browser.press("Remove owner").await;
    browser.press("Remove").await;
    browser
        .until("document.querySelector('dialog .note.bad')?.innerText.includes('owner is the last owner')")
        .await;
    browser.press("Cancel").await;
    until_closed(&browser).await;
    browser.press("Remove dana").await;
    browser.press("Remove").await;
    until_closed(&browser).await;
    browser
        .until("![...document.querySelectorAll('td')].some((cell) => cell.innerText.includes('dana'))")
        .await;
    assert_eq!(role(), Value::Null, "the token is nobody's");
    assert_eq!(browser.complaints_but_of_refusals().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_is_verified_and_kept_as_files() {
    let world = World::start().await;
    let browser = opened(&world, "audit?what=users").await;
    let directory = tempfile::tempdir().unwrap();
    let behaviour = json!({ "behavior": "allow", "downloadPath": directory.path() });
    browser.tell("Browser.setDownloadBehavior", behaviour).await;
    browser.press("CSV").await;
    let csv = kept(&directory.path().join("audit.csv")).await;
    assert!(csv.starts_with("number,at,actor,address,what,action,before,after,reason,"), "{csv}");
    assert!(
        csv.contains("users/alice") && !csv.contains("rulesets/plans"),
        "what was chosen, and no more: {csv}"
    );
    browser.press("JSONL").await;
    let jsonl = kept(&directory.path().join("audit.jsonl")).await;
    let rows: Vec<Value> = jsonl.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(rows.iter().any(|row| row["what"] == format!("users/{NASTY}")), "{jsonl}");

    browser.press("Verify the chain").await;
    browser.until_read("The chain is whole: ").await;
    world.meddle("UPDATE audit SET actor = 'nobody' WHERE number = 3").await;
    browser.press("Verify the chain").await;
    browser.until_read("The chain is broken at row 3").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

/// What a browser has kept in a file, when it is whole.
async fn kept(file: &std::path::Path) -> String {
    for _ in 0..1_000 {
        // Until then it has another name.
        if let Ok(text) = std::fs::read_to_string(file)
            && !text.is_empty()
        {
            return text;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("nothing was kept in {}", file.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_is_saved_and_a_ruleset_that_has_gone_is_told_at_its_field() {
    let world = World::start().await;
    let browser = opened(&world, "rules/policy").await;
    browser.pick("unpublished", "").await;
    browser.fill("reason", "previews are free").await;
    browser.press("Save and put in force").await;
    browser.until_read("The policy is saved and in force.").await;
    let policy = world.decide("GET", "policy", "");
    assert_eq!((&policy["published"], &policy["unpublished"]), (&json!("plans"), &Value::Null));
    assert_eq!(
        world.decide("GET", "audit?what=policy&limit=1", "")["items"][0]["reason"],
        "previews are free"
    );

    // Somebody has deleted it since the page was loaded.
    world.decide("DELETE", "rulesets/previews", "");
    browser.pick("published", "previews").await;
    browser.press("Save and put in force").await;
    browser.until("document.querySelector('form .wrong')").await;
    assert_eq!(browser.ask("return document.querySelector('[aria-invalid]').name").await, "published");
    assert!(browser.text("form .wrong").await.contains("no such ruleset"));

    // Somebody has saved another one.
    browser.pick("published", "").await;
    world.decide("PUT", "policy", json!({ "published": "plans", "unpublished": "plans" }));
    browser.press("Save and put in force").await;
    browser.until("document.querySelector('dialog .versions')").await;
    assert!(browser.text("dialog").await.contains("changed meanwhile"));
    assert_eq!(world.decide("GET", "policy", "")["unpublished"], "plans", "theirs is in force");
    assert_eq!(browser.complaints_but_of_refusals().await, Vec::<String>::new());
}
