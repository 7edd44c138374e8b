//! A browser, as a person uses it: by keys and by what is seen.

use std::time::{Duration, Instant};

use fantoccini::error::CmdError;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::driver::Driver;

/// The checker of accessibility, as it is published.
const AXE: &str = include_str!("axe/axe.min.js");

/// How long a page may take until it is seen to be wrong; a slow machine needs some of it.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Browser {
    client: Client,
    // After the client: it ends the browser.
    _driver: Driver,
}

/// Keys that have no letter, as WebDriver numbers them.
pub(crate) mod key {
    pub(crate) const TAB: &str = "\u{E004}";
    pub(crate) const ENTER: &str = "\u{E007}";
    pub(crate) const ESCAPE: &str = "\u{E00C}";
    pub(crate) const DOWN: &str = "\u{E015}";
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Colours {
    Light,
    Dark,
}

impl Browser {
    pub(crate) async fn open() -> Self {
        let mut driver = Driver::start();
        let options = json!({
            "goog:chromeOptions": { "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                "--force-device-scale-factor=1", "--lang=en-GB", "--no-first-run", "--disable-background-networking",
            ] },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(capabilities) = options else { unreachable!("it is an object") };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{}", driver.port))
            .await
            .expect("chromium can be started; ./dev test installs it");
        driver.session = client.session_id().await.expect("there is a session");
        let browser = Self { client, _driver: driver };
        browser.look(1280, Colours::Light).await;
        browser
    }

    pub(crate) async fn go(&self, url: &str) {
        self.client.goto(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// How wide the window is, and which colours the system has.
    pub(crate) async fn look(&self, width: u32, colours: Colours) {
        let metrics = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.tell("Emulation.setDeviceMetricsOverride", metrics).await;
        let scheme = if colours == Colours::Dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.tell("Emulation.setEmulatedMedia", features).await;
    }

    /// What a script returns.
    pub(crate) async fn ask(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// What a script that waits for something calls its last argument with.
    pub(crate) async fn ask_later(&self, script: &str) -> Value {
        self.client.execute_async(script, vec![]).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Waits until an expression is true of the page.
    pub(crate) async fn until(&self, expression: &str) {
        let began = Instant::now();
        let script = format!("return Boolean({expression})");
        // A page that is just being left cannot be asked.
        while self.client.execute(&script, vec![]).await.ok() != Some(Value::Bool(true)) {
            if began.elapsed() > PATIENCE {
                let seen = self.ask("return location.href + '\\n' + document.body.innerText").await;
                panic!("never: {expression}\n{}", seen.as_str().unwrap_or_default());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until a text is to be read on the page.
    pub(crate) async fn until_read(&self, text: &str) {
        self.until(&format!("document.body.innerText.includes({})", json!(text))).await;
    }

    /// Waits until nothing is being loaded any more, and what was loaded is drawn.
    pub(crate) async fn until_quiet(&self) {
        let quiet = "document.querySelector('h1') && !document.querySelector('.spinner') && !document.body.innerText.includes('Checking…')";
        self.until(quiet).await;
        self.ask_later(
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done(true)))",
        )
        .await;
    }

    /// Types into whatever has the focus.
    pub(crate) async fn keys(&self, keys: &str) {
        let focused = self.client.active_element().await.expect("something has the focus");
        focused.send_keys(keys).await.unwrap_or_else(|error| panic!("{keys:?}: {error}"));
    }

    /// Goes on by the tab key until what has the focus is called so, as someone does who cannot use a mouse.
    pub(crate) async fn tab_to(&self, name: &str) {
        for _ in 0..80 {
            self.keys(key::TAB).await;
            if self.focused().await == name {
                return;
            }
        }
        panic!("the tab key never comes to {name:?}; it is at {:?}", self.focused().await);
    }

    /// What has the focus is called so, to those who listen to the page.
    pub(crate) async fn focused(&self) -> String {
        const NAME: &str = "const it = document.activeElement;
            const label = it.labels?.[0]?.innerText ?? it.getAttribute('aria-label') ?? it.innerText ?? '';
            return label.replace(' *', '').trim()";
        self.ask(NAME).await.as_str().unwrap_or_default().to_owned()
    }

    /// Clicks the first thing that fits.
    pub(crate) async fn click(&self, css: &str) {
        let found = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await;
        found.unwrap_or_else(|error| panic!("{css}: {error}")).click().await.unwrap();
    }

    /// Presses the button that is called so: of the dialog, if there is one.
    pub(crate) async fn press(&self, name: &str) {
        let found = format!(
            "[...(document.querySelector('dialog') ?? document).querySelectorAll('button')]
                .find((one) => !one.disabled && (one.ariaLabel ?? one.innerText).trim() === {})",
            json!(name)
        );
        self.until(&found).await;
        self.ask(&format!("{found}.click()")).await;
    }

    /// Types a text into the field of a name, in the place of what is there: of the dialog, if there is one.
    pub(crate) async fn fill(&self, field: &str, text: &str) {
        let found = Self::field(field);
        self.until(&found).await;
        self.ask(&format!("const it = {found}; it.focus(); it.select()")).await;
        self.tell("Input.insertText", json!({ "text": text })).await;
    }

    /// Chooses a value in the field of a name.
    pub(crate) async fn pick(&self, field: &str, value: &str) {
        let found = Self::field(field);
        self.until(&found).await;
        let change = format!(
            "it.value = {}; it.dispatchEvent(new Event('change', {{ bubbles: true }}))",
            json!(value)
        );
        self.ask(&format!("const it = {found}; {change}")).await;
    }

    fn field(name: &str) -> String {
        format!("(document.querySelector('dialog') ?? document).querySelector('[name={name}]')")
    }

    pub(crate) async fn text(&self, css: &str) -> String {
        let script = format!("return document.querySelector({})?.innerText ?? ''", json!(css));
        self.ask(&script).await.as_str().unwrap_or_default().to_owned()
    }

    /// What the console has said since it was asked last, but for remarks.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let Value::Array(entries) = self.issue("se/log", json!({ "type": "browser" })).await else {
            return vec![];
        };
        let is_bad = |entry: &&Value| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING"));
        entries.iter().filter(is_bad).map(|entry| entry["message"].to_string()).collect()
    }

    /// The same without the browser's own remarks about answers that are no success: a form that was refused is one.
    pub(crate) async fn complaints_but_of_refusals(&self) -> Vec<String> {
        let mut complaints = self.complaints().await;
        complaints.retain(|said| !said.contains("Failed to load resource"));
        complaints
    }

    /// What the checker of accessibility finds serious or critical on the page.
    pub(crate) async fn barriers(&self) -> Vec<String> {
        let script = format!("{AXE}; const done = arguments[arguments.length - 1];
            axe.run().then((found) => done(found.violations.filter((one) => ['serious', 'critical'].includes(one.impact))
                .map((one) => one.id + ': ' + one.nodes.map((node) => node.html.slice(0, 200)).join(' | '))))");
        let found = self.ask_later(&script).await;
        found
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| one.as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// The page as a picture: what is seen, or all of it.
    pub(crate) async fn picture(&self, whole: bool) -> Vec<u8> {
        use base64::Engine;
        let taken = self
            .tell("Page.captureScreenshot", json!({ "format": "png", "captureBeyondViewport": whole }))
            .await;
        let data = taken["data"].as_str().expect("a picture");
        base64::engine::general_purpose::STANDARD.decode(data).expect("base64")
    }

    /// A command of Chromium's own.
    pub(crate) async fn tell(&self, command: &str, parameters: Value) -> Value {
        self.issue("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await
    }

    async fn issue(&self, path: &'static str, body: Value) -> Value {
        let answer: Result<Value, CmdError> = self.client.issue_cmd(Command { path, body }).await;
        answer.unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

/// A command that is the driver's own, below the path of the session.
#[derive(Debug)]
struct Command {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Command {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
