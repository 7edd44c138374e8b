//! Without a mouse: from the login to a change that stands in the audit.

use crate::browser::{Browser, key};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn an_override_is_made_for_a_reason_and_found_in_the_audit_by_keys_alone() {
    let world = World::start().await;
    let browser = Browser::open().await;
    browser.go(&world.page("clients/overrides")).await;

    // The page asks who one is, and comes back to where one wanted to go.
    browser.until("document.activeElement.type === 'password'").await;
    browser.keys(world.token("owner")).await;
    browser.keys(key::ENTER).await;
    browser.until_read("New override…").await;

    browser.tab_to("New override…").await;
    browser.keys(key::ENTER).await;
    browser.until("document.activeElement.name === 'user'").await;
    browser.keys("carol").await;
    browser.tab_to("Limits").await;
    browser.keys("900s per hour").await;

    // Without a reason it is refused, and the field says so in the API's words.
    browser.keys(key::ENTER).await;
    browser.until("document.querySelector('dialog .wrong')").await;
    let invalid = browser.ask("return document.querySelector('dialog [aria-invalid]').name").await;
    assert_eq!(invalid, "reason");
    browser.tab_to("Reason").await;
    browser.keys("month end at carol's").await;
    browser.keys(key::ENTER).await;
    browser.until("!document.querySelector('dialog')").await;
    browser.until("document.querySelector('td')?.innerText.includes('carol')").await;
    // The focus is back where it was before the dialog.
    assert_eq!(browser.focused().await, "New override…");

    browser.tab_to("Skip to content").await;
    browser.tab_to("Audit").await;
    browser.keys(key::ENTER).await;
    browser.until_read("month end at carol's").await;
    assert_eq!(browser.complaints_but_of_refusals().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dialog_keeps_the_focus_and_escape_leaves_it_without_a_change() {
    let world = World::start().await;
    let browser = world.browser("owner").await;
    browser.go(&world.page("clients/groups")).await;
    browser.until_read("New group…").await;
    browser.tab_to("New group…").await;
    browser.keys(key::ENTER).await;
    browser.until("document.querySelector('dialog')").await;
    for _ in 0..12 {
        browser.keys(key::TAB).await;
        // Past the last field the browser's own frame may have it, the page below never.
        let outside =
            "return document.activeElement !== document.body && !document.activeElement.closest('dialog')";
        assert_eq!(browser.ask(outside).await, false);
    }
    browser.keys(key::ESCAPE).await;
    browser.until("!document.querySelector('dialog')").await;
    assert_eq!(browser.focused().await, "New group…");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_key_skips_what_is_on_every_page_and_what_has_the_focus_is_seen() {
    let world = World::start().await;
    let browser = world.browser("owner").await;
    browser.go(&world.page("spenders")).await;
    browser.until_quiet().await;
    browser.keys(key::TAB).await;
    assert_eq!(browser.focused().await, "Skip to content");
    browser.keys(key::ENTER).await;
    assert_eq!(browser.ask("return document.activeElement.id").await, "main");
    browser.keys(key::TAB).await;
    assert_eq!(browser.focused().await, "Site");
    let width = browser.ask("return getComputedStyle(document.activeElement).outlineWidth").await;
    assert_eq!(width, "2px");
}
