//! Every page, narrow and wide, light and dark: nothing is cut off, nobody is shut out, and the console is silent.

use crate::browser::{Browser, Colours};
use crate::world::World;

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
async fn keep(browser: &Browser, name: &str, width: u32, colours: Colours) {
    let Some(directory) = std::env::var_os("TIMEBUDGET_SCREENSHOTS") else { return };
    let colours = if colours == Colours::Dark { "dark" } else { "light" };
    let path = std::path::Path::new(&directory).join(format!("{name}-{width}-{colours}.png"));
    std::fs::write(path, browser.picture(false).await).unwrap();
}
