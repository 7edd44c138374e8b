//! What the pages take, measured; machines differ, so the figures are printed and not held against a limit.
//!
//! `cargo test --package timebudget-control --test pages figures -- --nocapture`

use crate::browser::Browser;
use crate::world::World;

const TIMES: usize = 9;

#[tokio::test(flavor = "multi_thread")]
async fn the_first_look_and_a_day_of_history_are_measured() {
    let world = World::start().await;
    let browser = world.browser("owner").await;
    let mut looks = vec![];
    for _ in 0..TIMES {
        // As one comes for the first time: nothing is kept from before.
        browser.tell("Network.clearBrowserCache", serde_json::json!({})).await;
        browser.go(&world.page("")).await;
        browser.until("document.querySelector('h1')").await;
        looks.push(first_paint(&browser).await);
    }
    println!("first look, nothing cached: {:.0} ms in the median of {TIMES}", median(&mut looks));

    browser.go(&world.page("clients")).await;
    browser.until_quiet().await;
    let mut drawn = vec![];
    for _ in 0..TIMES {
        drawn.push(a_day_drawn(&browser).await);
    }
    println!(
        "a day of history, 1440 points of three series: drawn in {:.1} ms in the median of {TIMES}",
        median(&mut drawn)
    );
    assert!(looks.iter().chain(&drawn).all(|figure| *figure > 0.0), "{looks:?} {drawn:?}");
}

/// From the navigation to the first thing that is drawn, by the browser's own clock.
async fn first_paint(browser: &Browser) -> f64 {
    const PAINT: &str = "performance.getEntriesByName('first-contentful-paint')[0]";
    browser.until(PAINT).await;
    browser.ask(&format!("return {PAINT}.startTime")).await.as_f64().unwrap()
}

/// From the numbers to the pixels: the chart is made, and its canvas is read so that nothing of it is left for later.
async fn a_day_drawn(browser: &Browser) -> f64 {
    let script = "const done = arguments[0];
        const program = document.querySelector('script[type=module]').src;
        const points = Array.from({ length: 1440 }, (_, i) => ({ at: new Date(1.8e12 + i * 6e4).toISOString(), micros: 1e7 + 5e6 * Math.sin(i / 50), requests: 200 + i % 60, refused: i % 7 }));
        import(new URL('charts/history.js', program)).then(({ history }) => {
            const chart = document.createElement('time-chart');
            const began = performance.now();
            chart.plot = history(points, 'Asia/Kolkata');
            document.querySelector('main').prepend(chart);
            setTimeout(() => {
                chart.querySelector('canvas').getContext('2d').getImageData(0, 0, 1, 1);
                const took = performance.now() - began;
                chart.remove();
                done(took);
            });
        })";
    browser.ask_later(script).await.as_f64().unwrap()
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
