//! Numbers and times, as people read them: the modules of the pages, asked in the browser that runs them.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::driver::HERE;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn microseconds_are_written_in_the_units_that_people_read() {
    let (_world, browser) = opened().await;
    let written = of_module(&browser, "core/numbers.js", "[0, 640, 1_500, 12_400, 999_499, 999_600, 1_240_000, 59_900_000, 60_000_000, 252_000_000, 3_900_000_000, 200_000_000_000, -1_240_000].map(m.micros)").await;
    assert_eq!(
        written,
        json!([
            "0 µs",
            "640 µs",
            "1.5 ms",
            "12.4 ms",
            "999 ms",
            "1 s",
            "1.24 s",
            "59.9 s",
            "1 min",
            "4 min 12 s",
            "1 h 5 min",
            "2 d 8 h",
            "−1.24 s"
        ])
    );
    let counted = of_module(&browser, "core/numbers.js", "[m.count(99_999), m.count(1_240_000), m.share(0), m.share(0.0004), m.share(0.042), m.share(0.62), m.amount(1, 'requests')]").await;
    assert_eq!(counted, json!(["99,999", "1.2M", "0 %", "<0.1 %", "4.2 %", "62 %", "1 request"]));
    let read = of_module(
        &browser,
        "core/numbers.js",
        "['60 s', '1.5h', '250ms', '12', '5 min', '10 apples', '-1 s'].map(m.readMicros)",
    )
    .await;
    assert_eq!(read, json!([60_000_000, 5_400_000_000_u64, 250_000, 12_000_000, 300_000_000, null, null]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instant_is_told_by_the_sites_clock_with_the_viewers_beside_it() {
    let (_world, browser) = opened().await;
    let here = of_module(&browser, "core/time.js", "m.HERE").await;
    assert_eq!(here, HERE);
    let clocks = of_module(&browser, "core/time.js", "['Asia/Kolkata', 'Europe/Paris', m.HERE, 'Mars/Olympus'].map((zone) => m.clock('2026-11-27T18:30:00Z', zone))").await;
    assert_eq!(clocks, json!(["00:00", "19:30", "13:30", "18:30"]));
    let away = of_module(&browser, "core/time.js", "[m.away('2026-11-27T18:42:00Z', new Date('2026-11-27T18:30:00Z')), m.away('2026-11-27T18:29:00Z', new Date('2026-11-27T18:30:00Z'))]").await;
    assert_eq!(away, json!(["in 12 min", "1 min ago"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_is_found_at_its_path_also_where_keys_are_no_words() {
    let (_world, browser) = opened().await;
    let text = r#"[{"when": {"header": {"x-key": true, "a b": "c"}}, "limits": ["1 per hour", "x"]}]"#;
    let found = of_module(&browser, "editor/json.js", &format!("(() => {{ const text = {}; const read = m.read(text); const at = (path) => {{ const place = m.placeOf(read.places, path); return text.slice(place.keyFrom ?? place.from, place.to); }};
        return ['[0].when.header.x-key', '[0].when.header[\"a b\"]', '[0].limits[1]', '[0].limits[9]', '[0].nothing'].map(at); }})()", json!(text))).await;
    assert_eq!(found[0], "\"x-key\": true");
    assert_eq!(found[1], "\"a b\": \"c\"");
    assert_eq!(found[2], "\"x\"");
    assert_eq!(found[3], "\"limits\": [\"1 per hour\", \"x\"]");
    assert!(found[4].as_str().unwrap().starts_with("{\"when\""));
}

async fn opened() -> (World, Browser) {
    let world = World::start().await;
    let browser = Browser::open().await;
    browser.go(&world.page("login")).await;
    browser.until_quiet().await;
    (world, browser)
}

/// What an expression makes of a module of the pages, which is called `m`.
async fn of_module(browser: &Browser, module: &str, expression: &str) -> Value {
    let script = format!(
        "const done = arguments[0];
        const program = document.querySelector('script[type=module]').src;
        import(new URL('{module}', program)).then((m) => done({expression}), (error) => done(String(error)))"
    );
    browser.ask_later(&script).await
}
