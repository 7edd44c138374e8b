//! What happens while somebody looks.

use serde_json::json;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_change_and_a_refusal_are_told_on_the_page_that_is_open() {
    let world = World::start().await;
    let browser = world.browser("owner").await;
    browser.go(&world.page("")).await;
    browser.until_read("Live").await;
    world.decide("PUT", "tiers/bronze", json!({ "multiplier": 0.5 }));
    browser.until("document.querySelector('.happenings')?.innerText.includes('tiers/bronze')").await;

    // All of this budget is spent before.
    assert_eq!(world.visit("shop.example", "/export/60", "dave"), 429);
    browser.until("document.querySelector('.happenings').innerText.includes('Refused')").await;
    let refused = browser.text(".happenings").await;
    assert!(refused.contains("export") && refused.contains("shop.example"), "{refused}");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}
