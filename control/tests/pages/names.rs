//! Names that would be more than names, if anybody let them.

use crate::world::{NASTY, World};

#[tokio::test(flavor = "multi_thread")]
async fn names_with_html_and_formulas_are_shown_as_they_are() {
    let world = World::start().await;
    let browser = world.browser("owner").await;
    for path in ["clients", "clients/overrides", "audit"] {
        browser.go(&world.page(path)).await;
        browser.until_quiet().await;
        browser.until_read(NASTY).await;
        assert_eq!(
            browser.ask("return document.querySelectorAll('td img, td script, td b').length").await,
            0,
            "{path}"
        );
    }
    browser.click("nav a[href$='clients']").await;
    browser.until_read(NASTY).await;
    let link = format!(
        "[...document.querySelectorAll('td a')].find((link) => link.innerText === {})",
        serde_json::json!(NASTY)
    );
    browser.ask(&format!("{link}.click()")).await;
    browser.until(&format!("document.querySelector('h1').innerText === {}", serde_json::json!(NASTY))).await;
    browser.until_quiet().await;
    assert_eq!(browser.ask("return window.stolen ?? null").await, serde_json::Value::Null);
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}
