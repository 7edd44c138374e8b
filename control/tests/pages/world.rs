//! An application with traffic behind it.

use crate::browser::Browser;

pub(crate) const NASTY: &str = "<img src=x onerror=alert(1)>";

pub(crate) struct World {}

impl World {
    pub(crate) async fn start() -> Self {
        Self {}
    }
    pub(crate) fn page(&self, path: &str) -> String {
        format!("http://127.0.0.1:9971/limits/{path}")
    }
    pub(crate) fn token(&self, _member: &str) -> String {
        "tbm_good".into()
    }
    pub(crate) async fn replace_ruleset(&self, _: &str, _: &str) {}
    pub(crate) async fn browser(&self, member: &str) -> Browser {
        let browser = Browser::open().await;
        browser.go(&self.page("login")).await;
        browser.until("document.querySelector('input')").await;
        browser.keys(&self.token(member)).await;
        browser.keys(crate::browser::key::ENTER).await;
        browser.until("document.querySelector('.frame')").await;
        browser
    }
}
