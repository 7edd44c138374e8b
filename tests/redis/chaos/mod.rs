//! Foul weather under load: what requests feel of it, and that the totals come back.
//!
//! `./dev chaos` prints a row for each trouble. All of it is one test, for two measurements at once would disturb each
//! other.

mod clusters;
mod load;
mod networks;
mod row;
mod servers;

use row::Row;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "measures real servers in real time; ./dev chaos runs it"]
async fn foul_weather_costs_no_more_than_the_deadline_and_loses_nothing() {
    row::count_panics();
    println!("{}", row::HEADER);
    let mut rows = networks::rows().await;
    rows.extend(servers::rows().await);
    rows.extend(clusters::rows().await);
    let wrong: Vec<_> = rows.iter().flat_map(Row::mistakes).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
