//! What a role may not do is not offered.

use serde_json::json;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_sees_and_is_offered_no_change() {
    let world = World::start().await;
    let browser = world.browser("viewer").await;
    for path in
        ["rules", "rules/policy", "rules/sites/shop.example", "clients", "clients/keys", "clients/tiers"]
    {
        browser.go(&world.page(path)).await;
        browser.until_quiet().await;
        let offered =
            "return [...document.querySelectorAll('main button, main a.button')].map((one) => one.innerText)
            .filter((text) => /…$|^(New|Save)/.test(text))";
        assert_eq!(browser.ask(offered).await, json!([]), "{path}");
    }
    let pages = "return [...document.querySelectorAll('#pages a')].map((one) => one.innerText)";
    assert_eq!(browser.ask(pages).await, json!(["Overview", "Spenders", "Rules", "Clients", "Audit"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_looks_after_clients_and_leaves_rules_alone() {
    let world = World::start().await;
    let browser = world.browser("operator").await;
    browser.go(&world.page("clients/keys")).await;
    browser.until_read("New API key…").await;
    browser.go(&world.page("clients/accounts")).await;
    browser.until_read("Grant…").await;
    browser.go(&world.page("rules/rulesets/plans")).await;
    browser.until("document.querySelector('json-editor textarea')?.readOnly").await;
    assert!(!browser.text("main").await.contains("Save"));
}
