//! A row of the table: a trouble, and what was measured of it.

use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use tokio::time::sleep;

use super::load::{DEADLINE, Felt, Load};

pub(crate) const HEADER: &str = "\
| trouble | served | without Redis | p99.9 | added | slowest | missing | of | in step after |
|---|---:|---:|---:|---:|---:|---:|---:|---:|";

/// What may come on top of the deadline on a machine that does other things too.
const SLACK: Duration = Duration::from_millis(60);

static PANICS: AtomicU64 = AtomicU64::new(0);

/// A trouble, and what was measured of it.
pub(crate) struct Row {
    name: String,
    /// The 99.9th percentile of the waits in a second before the trouble.
    before: Duration,
    felt: Felt,
    /// Microseconds that were measured and are not stored, and of how many requests.
    missing: (i64, u64),
    /// How long it took until everything was stored that had not been while the trouble lasted.
    in_step_after: Duration,
    panics: u64,
}

/// From now on panics are counted, on whatever thread.
pub(crate) fn count_panics() {
    static COUNTED: Once = Once::new();
    COUNTED.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANICS.fetch_add(1, SeqCst);
            report(info);
        }));
    });
}

impl Row {
    /// Measures a trouble that is over when it ends, and prints the row.
    pub(crate) async fn of(
        name: &str,
        load: &Load,
        direct_uri: &str,
        trouble: impl Future<Output = ()>,
    ) -> Self {
        let panics = PANICS.load(SeqCst);
        let before = load.felt_during(sleep(Duration::from_secs(1))).await.p999;
        let felt = load.felt_during(trouble).await;
        let in_step_after = load.until_stored().await;
        load.until_asked().await;
        load.until_stored().await;
        let missing = load.missing(direct_uri).await;
        let panics = PANICS.load(SeqCst) - panics;
        let row = Self { name: name.to_owned(), before, felt, missing, in_step_after, panics };
        row.print();
        row
    }

    /// What should not be so.
    pub(crate) fn mistakes(&self) -> Vec<String> {
        let Self { name, felt, missing: (missing, requests), panics, .. } = self;
        let late = felt.p999 > DEADLINE + SLACK;
        [
            (felt.refused > 0, format!("{name}: {} were refused", felt.refused)),
            (late, format!("{name}: p99.9 is {:?}", felt.p999)),
            (missing.unsigned_abs() > *requests, format!("{name}: {missing} µs of {requests} are missing")),
            (*panics > 0, format!("{name}: {panics} panics")),
        ]
        .into_iter()
        .filter_map(|(is_wrong, what)| is_wrong.then_some(what))
        .collect()
    }

    fn print(&self) {
        let Self { name, before, felt, missing: (missing, requests), in_step_after, .. } = self;
        let millis = |span: Duration| span.as_secs_f64() * 1e3;
        let [p999, before, slowest] = [felt.p999, *before, felt.slowest].map(millis);
        println!(
            "| {name} | {} | {} | {p999:.1} ms | {:+.1} ms | {slowest:.1} ms | {missing} µs | {requests} | {:.0} ms |",
            felt.served,
            felt.degraded,
            p999 - before,
            millis(*in_step_after),
        );
    }
}
