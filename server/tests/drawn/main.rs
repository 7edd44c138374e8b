//! The page that `timebudget replay --html` writes, in a real browser.

#[path = "../../../control/tests/pages/browser.rs"]
#[allow(dead_code, reason = "shared with the tests of the pages")]
mod browser;
#[path = "../../../control/tests/pages/driver.rs"]
#[allow(dead_code, reason = "shared with the tests of the pages")]
mod driver;
#[path = "../binary/scratch.rs"]
#[allow(dead_code, reason = "shared with the tests of the binary")]
mod scratch;

use std::fmt::Write as _;
use std::process::Command;

use serde_json::{Value, json};

use crate::browser::{Browser, Colours};
use crate::scratch::Scratch;

/// Paths as strangers send them: in every script, as HTML, without a place to break, and with what turns text round.
const PATHS: [&str; 12] = [
    "/заказы/новые",
    "/παραγγελίες",
    "/注文/一覧",
    "/주문",
    "/คำสั่งซื้อ",
    "/आदेश",
    "/הזמנות",
    "/طلبات/جديدة",
    "/🧾",
    "/<img src=x onerror=alert(1)>",
    "/</style></td><script>document.title='owned'</script>&lt;b&gt;",
    "/evil\u{202e}gnp.exe",
];

/// A path that is as long as one may be, and has nowhere to break.
fn endless() -> String {
    format!("/{}", "averyveryverylongname".repeat(9))
}

/// Requests of some hours to all paths, of clients that ask so often that a budget is spent; and lines that cannot be read.
fn log() -> String {
    let endless = endless();
    let mut log = format!("{endless}\n<i>what</i>\u{202e}\n");
    let paths = PATHS.iter().copied().chain([&endless[..]]);
    for (hour, path) in (0..).zip(paths) {
        for minute in 0..6 {
            let _ = writeln!(
                log,
                "2001:db8:{hour:x}:{:x}::7 - - [26/Nov/2026:{hour:02}:{minute:02}:00 +0000] \"GET {path} HTTP/1.1\" 200 1 \"-\" \"-\" 1.250",
                minute % 2
            );
        }
    }
    log
}

const SITE: &str = r#"{ "rate_limit": "600s per hour",
    "rate_limit_rules": [{ "name": "client", "key": "ip", "limits": "2 per hour; 60s per day" }] }"#;

/// What a replay prints, and the page that it writes, opened from its file by a browser that has no network.
async fn opened(scratch: &Scratch, more: &[&str]) -> (String, Browser) {
    let (site, log) = (scratch.write("site.json", SITE), scratch.write("access.log", &log()));
    let page = scratch.path("replay.html");
    let mut replay = Command::new(env!("CARGO_BIN_EXE_timebudget"));
    replay.arg("replay").arg(log).arg("--site").arg(site).arg("--html").arg(&page).args(more);
    let output = replay.args(["--rows", "50"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let browser = Browser::open().await;
    browser.tell("Network.enable", json!({})).await;
    let offline = json!({ "offline": true, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
    browser.tell("Network.emulateNetworkConditions", offline).await;
    browser.go(&format!("file://{}", page.display())).await;
    (String::from_utf8(output.stdout).unwrap(), browser)
}

fn in_one_space(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What stands on the page, a line or a row of a table each, without what is drawn.
async fn read(browser: &Browser) -> Vec<String> {
    const LINES: &str = "const cells = (row) => [...row.children].map((cell) => cell.textContent).join(' ');
        return [...document.querySelectorAll('li, h2, tr, h2 ~ p.note')]
            .filter((line) => !line.closest('figure'))
            .map((line) => line.matches('.warning > li') ? 'warning: ' + line.textContent : line.matches('tr') ? cells(line) : line.textContent)";
    let Value::Array(lines) = browser.ask(LINES).await else { panic!("they are a list") };
    lines.iter().map(|line| in_one_space(line.as_str().unwrap())).collect()
}

#[tokio::test]
async fn the_page_says_what_was_printed_and_shows_what_strangers_write_as_text() {
    let scratch = Scratch::new();
    let (printed, browser) = opened(&scratch, &["--suggest"]).await;
    let mut page = read(&browser).await;
    let is_of_charts =
        |line: &String| line == "spend of each window" || line.starts_with("The share of its quota");
    page.retain(|line| !is_of_charts(line));
    let mut printed: Vec<_> = printed.lines().map(in_one_space).filter(|line| !line.is_empty()).collect();
    for path in PATHS.iter().filter(|path| !path.contains('\u{202e}')) {
        assert!(page.iter().any(|line| line.contains(&format!("GET {path} "))), "{path} in {page:#?}");
    }
    page.sort();
    printed.sort();
    assert_eq!(page, printed);
    assert_eq!(browser.ask("return document.title").await, "Replay");
    let foreign = browser.ask("return document.querySelectorAll('script, img, i, b, a, link').length").await;
    assert_eq!(foreign, 0, "of what strangers write nothing is an element");
    let turns = browser.ask(r"return /[\u202a-\u202e\u2066-\u2069]/.test(document.body.textContent)").await;
    assert_eq!(turns, false, "nothing turns the text round");
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn the_page_needs_nothing_else_and_fits_and_is_read_in_both_colours_on_a_telephone_and_a_desk() {
    let scratch = Scratch::new();
    let (_, browser) = opened(&scratch, &["--suggest"]).await;
    for (width, colours) in
        [(1280, Colours::Light), (1280, Colours::Dark), (360, Colours::Light), (360, Colours::Dark)]
    {
        browser.look(width, colours).await;
        browser.until(&format!("innerWidth === {width}")).await;
        let wide = browser.ask("return document.documentElement.scrollWidth - innerWidth").await;
        assert!(wide.as_i64().unwrap() <= 0, "{wide} px beyond {width}");
        const OUTSIDE: &str = "return [...document.querySelectorAll('li, td span, p, figcaption')]
            .filter((one) => one.getClientRects().length && (one.getBoundingClientRect().right > innerWidth || one.getBoundingClientRect().left < 0))
            .map((one) => one.textContent)";
        assert_eq!(browser.ask(OUTSIDE).await, json!([]), "at {width} px");
        let is_dark = browser.ask("return matchMedia('(prefers-color-scheme: dark)').matches").await;
        assert_eq!(is_dark, colours == Colours::Dark);
        assert_eq!(browser.barriers().await, [""; 0], "at {width} px, {colours:?}");
        const LIGHTNESS: &str = "const [red, green, blue] = getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).map(Number);
            return red + green + blue";
        let lightness = browser.ask(LIGHTNESS).await.as_f64().unwrap();
        assert_eq!(lightness < 300.0, colours == Colours::Dark, "{lightness}");
        if let Ok(pictures) = std::env::var("TIMEBUDGET_PICTURES") {
            let name = format!("{pictures}/replay-{width}-{}.png", format!("{colours:?}").to_lowercase());
            std::fs::write(name, browser.picture(true).await).unwrap();
        }
    }
    // On a telephone a row is a card, and each figure says what it is.
    const LABELLED: &str = "return [...document.querySelectorAll('tbody td:not(:first-child)')]
        .every((cell) => getComputedStyle(cell, '::before').content.length > 2)";
    assert_eq!(browser.ask(LABELLED).await, true);
    let loaded = browser.ask("return performance.getEntriesByType('resource').length").await;
    assert_eq!(loaded, 0, "the page asks for nothing");
    assert_eq!(browser.complaints().await, [""; 0]);
}
