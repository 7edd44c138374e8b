//! Every page, narrow and wide, light and dark: nothing is cut off, nobody is shut out, and the console is silent.

use crate::browser::{Browser, Colours};
use crate::world::World;

/// Each page, and what it is called in the pictures.
const PAGES: [(&str, &str); 17] = [
    ("overview", ""),
    ("spenders", "spenders"),
    ("rulesets", "rules"),
    ("ruleset", "rules/rulesets/plans"),
    ("new-ruleset", "rules/new"),
    ("policy", "rules/policy"),
    ("sites", "rules/sites"),
    ("site", "rules/sites/shop.example"),
    ("users", "clients"),
    ("client", "clients/users/alice"),
    ("groups", "clients/groups"),
    ("tiers", "clients/tiers"),
    ("overrides", "clients/overrides"),
    ("keys", "clients/keys"),
    ("accounts", "clients/accounts"),
    ("audit", "audit"),
    ("members", "members"),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_page_can_be_read_at_two_widths_in_two_colours_by_everybody_and_the_console_is_silent() {
    let world = World::start().await;
    let browser = world.browser("owner").await;
    let mut faults = vec![];
    for (width, colours) in
        [(1280, Colours::Light), (360, Colours::Dark), (1280, Colours::Dark), (360, Colours::Light)]
    {
        browser.look(width, colours).await;
        for (name, path) in PAGES {
            browser.go(&world.page(path)).await;
            browser.until_quiet().await;
            let found = faults_of(&browser, width).await;
            faults.extend(found.into_iter().map(|fault| format!("{name}, {width} px, {colours:?}: {fault}")));
            keep(&browser, name, width, colours).await;
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Between a telephone and a desk: tablets, and windows side by side. A table that has no room is scrolled by itself; before, the
/// whole page was.
#[tokio::test(flavor = "multi_thread")]
async fn no_page_is_wider_than_its_window_at_the_widths_between() {
    let world = World::start().await;
    let browser = world.browser("owner").await;
    let mut faults = vec![];
    for (name, path) in PAGES {
        browser.go(&world.page(path)).await;
        browser.until_quiet().await;
        for width in [414, 540, 640, 720, 768, 834, 960, 1024, 1081, 1180] {
            browser.look(width, Colours::Light).await;
            browser.until(&format!("innerWidth === {width}")).await;
            let wide = browser.ask("return document.documentElement.scrollWidth - innerWidth").await;
            if wide.as_i64() > Some(0) {
                faults.push(format!("{name}, {width} px: {wide} px beyond"));
            }
            if width == 960 {
                faults.extend(browser.barriers().await);
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_to_log_in_is_no_exception() {
    let world = World::start().await;
    let browser = Browser::open().await;
    for (width, colours) in [(1280, Colours::Light), (360, Colours::Dark)] {
        browser.look(width, colours).await;
        browser.go(&world.page("login")).await;
        browser.until_quiet().await;
        assert_eq!(faults_of(&browser, width).await, Vec::<String>::new());
        keep(&browser, "login", width, colours).await;
    }
}

async fn faults_of(browser: &Browser, width: u32) -> Vec<String> {
    let mut faults = browser.barriers().await;
    faults.extend(browser.complaints().await.into_iter().map(|said| format!("console: {said}")));
    let wide = browser.ask("return document.documentElement.scrollWidth").await;
    if wide.as_u64() > Some(width.into()) {
        faults.push(format!("{wide} px wide"));
    }
    let refused = browser.text(".note.bad").await;
    if !refused.is_empty() {
        faults.push(format!("says {refused:?}"));
    }
    faults
}

/// `./dev screenshots` names a directory for the pictures; in the tests nobody looks at them.
pub(crate) async fn keep(browser: &Browser, name: &str, width: u32, colours: Colours) {
    let Some(directory) = std::env::var_os("TIMEBUDGET_PICTURES") else { return };
    let colours = if colours == Colours::Dark { "dark" } else { "light" };
    let path = std::path::Path::new(&directory).join(format!("{name}-{width}-{colours}.png"));
    std::fs::write(path, browser.picture(false).await).unwrap();
}
