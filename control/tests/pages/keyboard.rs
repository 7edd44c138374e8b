//! Without a mouse.

use crate::browser::key;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_dialog_keeps_the_focus_and_escape_leaves_it_without_a_change() {
    let world = World::start().await;
    let browser = world.browser("owner").await;
    browser.go(&world.page("clients/tiers")).await;
    browser.until_read("New tier…").await;
    browser.tab_to("New tier…").await;
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
    assert_eq!(browser.focused().await, "New tier…");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_key_skips_what_is_on_every_page_and_what_has_the_focus_is_seen() {
    let world = World::start().await;
    let browser = world.browser("owner").await;
    browser.go(&world.page("clients/tiers")).await;
    browser.until_quiet().await;
    browser.keys(key::TAB).await;
    assert_eq!(browser.focused().await, "Skip to content");
    browser.keys(key::ENTER).await;
    assert_eq!(browser.ask("return document.activeElement.id").await, "main");
    browser.keys(key::TAB).await;
    assert_eq!(browser.focused().await, "New tier…");
    let width = browser.ask("return getComputedStyle(document.activeElement).outlineWidth").await;
    assert_eq!(width, "2px");
}
