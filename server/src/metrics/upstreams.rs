//! What the page tells of upstreams.

use std::collections::BTreeMap;
use std::fmt;

use crate::gateway::{FAULTS, OfUpstream};
use crate::metrics::families::{Families, Labels, flag};

/// Writes all that is known of upstreams, by their names.
pub(crate) fn write(upstreams: &BTreeMap<String, OfUpstream>, page: &mut Families<'_>) -> fmt::Result {
    let labels = |name: &String| vec![("upstream", name.clone())];
    let rows = |of: fn(&OfUpstream) -> u64| upstreams.iter().map(move |(name, sum)| (labels(name), of(sum)));
    let help = "Requests that were sent to an upstream, those that were sent once more included";
    page.counters("timebudget_upstream_requests", help, rows(|sum| sum.requests))?;
    let help = "Requests that were sent once more, since a kept connection was lost";
    page.counters("timebudget_upstream_retries", help, rows(|sum| sum.retries))?;
    let help = "What went wrong at an upstream, by kind";
    page.counters("timebudget_upstream_faults", help, upstreams.iter().flat_map(faults))?;
    let help = "How long an upstream took to the head of its answer";
    let times = upstreams.iter().map(|(name, sum)| (labels(name), &sum.times));
    page.times("timebudget_upstream_seconds", help, times)?;
    let help = "Connections to an upstream";
    let known = || upstreams.iter().filter(|(_, sum)| sum.is_known);
    let connections = known().flat_map(|(name, sum)| {
        let state = |state: &str| [labels(name), vec![("state", state.to_owned())]].concat();
        [(state("busy"), sum.busy as f64), (state("idle"), sum.idle as f64)]
    });
    page.gauges("timebudget_upstream_connections", help, connections)?;
    let help = "Whether an upstream is left out, since it could not be reached in the last seconds";
    let out = known().map(|(name, sum)| (labels(name), flag(sum.is_out)));
    page.gauges("timebudget_upstream_out", help, out)
}

/// Every kind, also those of which there was none: so a rate sees the first one.
fn faults((name, sum): (&String, &OfUpstream)) -> Vec<(Labels, u64)> {
    let row = |((_, kind), count): (&(_, &str), u64)| {
        (vec![("upstream", name.clone()), ("kind", (*kind).to_owned())], count)
    };
    FAULTS.iter().zip(sum.faults).map(row).collect()
}
