//! The editor of rules: it offers words, and says what is wrong where it is.

use serde_json::json;

use crate::browser::{Browser, Colours, key};
use crate::tour::keep;
use crate::world::World;

const TEXT: &str = "document.querySelector('json-editor textarea')";

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_is_told_as_one_types_with_its_line_and_its_path_in_the_words_of_the_check() {
    let world = World::start().await;
    let browser = opened(&world).await;
    write(&browser, "[\n  { \"name\": \"export\",\n    \"limits\": \"10 per fortnight\" }\n]").await;
    browser.until("document.querySelector('.mistakes code')").await;
    let said = browser.text(".mistakes").await;
    assert!(
        said.contains("line 3") && said.contains("rules[0].limits") && said.contains("no such period"),
        "{said}"
    );
    assert_eq!(browser.text(".gutter .wrong").await, "3");
    assert_eq!(browser.ask("return document.querySelector('form button.main').disabled").await, true);

    // Whoever follows it stands there.
    browser.click(".mistakes button").await;
    let marked = format!("return {TEXT}.value.slice({TEXT}.selectionStart, {TEXT}.selectionEnd)");
    assert_eq!(browser.ask(&marked).await, "\"limits\": \"10 per fortnight\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_no_json_is_told_so_without_asking_anybody() {
    let world = World::start().await;
    let browser = opened(&world).await;
    write(&browser, "[\n  { \"name\": \"export\"\n    \"limits\": \"10 per hour\" }\n]").await;
    browser.until_read("expected a comma or “}”, found “\"”").await;
    assert!(browser.text(".mistakes").await.contains("line 3"));
}

#[tokio::test(flavor = "multi_thread")]
async fn words_are_offered_and_taken_by_keys() {
    let world = World::start().await;
    let browser = opened(&world).await;
    write(&browser, "").await;
    for keys in [
        "[{\"na",
        key::ENTER,
        "x\",\"li",
        key::ENTER,
        "5 per hour\",\"cou",
        key::ENTER,
        "re",
        key::DOWN,
        key::ENTER,
    ] {
        browser.keys(keys).await;
    }
    let written = browser.ask(&format!("return {TEXT}.value")).await;
    assert_eq!(written, "[{\"name\": \"x\",\"limits\": \"5 per hour\",\"counts\": \"refusals\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_explained_against_the_draft_and_the_draft_is_saved() {
    let world = World::start().await;
    let browser = opened(&world).await;
    write(&browser, "[{ \"name\": \"drafted\", \"key\": \"site\", \"limits\": \"7 per hour\" }]").await;
    browser.until_read("No mistakes").await;
    browser.ask("[...document.querySelectorAll('button')].find((button) => button.innerText === 'Explain').click()").await;
    browser.until("document.querySelector('.bearing')?.innerText.includes('drafted')").await;
    browser.click("form button.main").await;
    browser.until_read("is saved").await;
    browser.go(&world.page("rules/rulesets/plans")).await;
    browser.until(&format!("{TEXT}?.value.includes('drafted')")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_hour_is_replayed_under_the_draft_by_keys_alone_and_read_on_a_telephone() {
    let world = World::start().await;
    let browser = opened(&world).await;
    write(&browser, "[{ \"name\": \"closed\", \"key\": \"site\", \"limits\": \"0 per hour\" }]").await;
    browser.until_read("No mistakes").await;
    browser.ask("document.querySelector('[aria-label=\"Replay the last hour\"] input').focus()").await;
    browser.keys(key::ENTER).await;
    const CARD: &str = "[aria-label=\"Replay the last hour\"]";
    browser.until(&format!("document.querySelectorAll('{CARD} table').length >= 3")).await;
    let told = browser.text(CARD).await;
    assert!(told.contains("blog.example since") && told.contains("Only the draft refuses"), "{told}");
    assert!(told.contains("closed") && !told.contains("alice"), "{told}");
    for (width, colours) in [(360, Colours::Dark), (1280, Colours::Light)] {
        browser.look(width, colours).await;
        assert_eq!(browser.barriers().await, Vec::<String>::new(), "{width}");
        let wide = browser.ask("return document.documentElement.scrollWidth").await.as_u64();
        assert!(wide <= Some(width.into()), "{wide:?} px wide at {width} px");
        browser.ask(&format!("document.querySelector('{CARD}').scrollIntoView()")).await;
        keep(&browser, "replay", width, colours).await;
    }
    assert_eq!(browser.complaints().await, Vec::<String>::new());

    // What only the site knows to be wrong is told where it is written.
    browser.ask(&format!("const site = document.querySelector('{CARD} input'); site.value = 'blog'; site.dispatchEvent(new Event('input'))")).await;
    browser.ask(&format!("document.querySelector('{CARD} button').click()")).await;
    browser.until_read("no such site").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_has_saved_meanwhile_is_shown_beside_ones_own() {
    let world = World::start().await;
    let browser = opened(&world).await;
    write(&browser, "[{ \"name\": \"mine\", \"limits\": \"7 per hour\" }]").await;
    browser.until_read("No mistakes").await;
    let theirs = json!({ "description": "theirs", "rules": [{ "name": "theirs", "limits": "8 per hour" }] });
    world.decide("PUT", "rulesets/plans", theirs);

    browser.click("form button.main").await;
    browser.until("document.querySelector('dialog .versions')").await;
    let (shown, versions) = (browser.text("dialog").await, browser.text("dialog .versions").await);
    assert!(
        shown.contains("changed meanwhile") && versions.contains("mine") && versions.contains("theirs"),
        "{shown}"
    );
    browser.ask("[...document.querySelectorAll('dialog button')].find((one) => one.innerText === 'Take theirs').click()").await;
    browser.until(&format!("{TEXT}.value.includes('theirs')")).await;
}

async fn opened(world: &World) -> Browser {
    let browser = world.browser("owner").await;
    browser.go(&world.page("rules/rulesets/plans")).await;
    browser.until(&format!("{TEXT}?.value.length > 2")).await;
    browser
}

/// Puts a text in the place of all that is there, as someone does who pastes it.
async fn write(browser: &Browser, text: &str) {
    browser.ask(&format!("{TEXT}.focus(); {TEXT}.select()")).await;
    if text.is_empty() {
        browser.keys("\u{E017}").await;
    } else {
        browser.tell("Input.insertText", json!({ "text": text })).await;
    }
}
