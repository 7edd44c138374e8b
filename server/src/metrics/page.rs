//! The page of metrics: names, units and labels, as OpenMetrics or in Prometheus' older text. docs/monitoring.md has the same table.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text, text};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use timebudget::store::Health;
use timebudget::{AccountStanding, Unit};

use crate::metrics::families::{Families, Labels, flag, secs};
use crate::metrics::responses::CLASSES;
use crate::metrics::scrape::{RuleCounts, Scrape};
use crate::metrics::upstreams;

/// How the page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    OpenMetrics,
    Prometheus,
}

impl Format {
    /// What the lines of `Accept` ask for rather; the older text where they ask for neither (RFC 9110, section 12.5.1).
    pub(crate) fn accepted<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        let (mut open, mut plain) = (0, None);
        for (media_type, weight) in lines.flat_map(|line| line.split(',')).filter_map(weighed) {
            if media_type.eq_ignore_ascii_case("application/openmetrics-text") {
                open = weight.max(open);
            } else if media_type.eq_ignore_ascii_case("text/plain") {
                plain = plain.max(Some(weight));
            }
        }
        let is_asked = open > 0 && plain.is_none_or(|plain| open >= plain);
        if is_asked { Self::OpenMetrics } else { Self::Prometheus }
    }

    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// A media type that is asked for, and its weight in thousandths.
fn weighed(asked: &str) -> Option<(&str, u32)> {
    let mut parts = asked.split(';').map(str::trim);
    let media_type = parts.next()?;
    let said = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let weight = said.map_or(Some(1.0), |said| said.parse().ok());
    // A weight that is none asks for nothing.
    Some((media_type, (weight.unwrap_or(0.0_f64).clamp(0.0, 1.0) * 1_000.0) as u32))
}

/// Writes the page.
///
/// # Errors
///
/// None that a text in memory has.
pub(crate) fn write(scrape: Scrape, format: Format) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    let info = Info::new([
        ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("tz_data".to_owned(), scrape.tz_data.clone()),
    ]);
    registry.register("timebudget_build", "The version of the program, and of its time zones", info);
    registry.register_collector(Box::new(scrape));
    let mut page = String::new();
    match format {
        Format::OpenMetrics => text::encode(&mut page, &registry)?,
        Format::Prometheus => prometheus_text::encode(&mut page, &registry)?,
    }
    Ok(page)
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Families(encoder);
        self.of_rules(&mut page)?;
        self.of_routes(&mut page)?;
        self.of_responses(&mut page)?;
        upstreams::write(&self.upstreams, &mut page)?;
        self.of_windows(&mut page)?;
        self.of_the_store(&mut page)?;
        self.of_the_process(&mut page)
    }
}

impl Scrape {
    fn of_rules(&self, page: &mut Families<'_>) -> fmt::Result {
        let labels = |(site, rule): &(String, String)| vec![("site", site.clone()), ("rule", rule.clone())];
        let counts = |of: fn(&RuleCounts) -> u64| -> Vec<_> {
            self.rules.iter().map(|(name, counts)| (labels(name), of(counts))).collect()
        };
        let seconds = |of: fn(&RuleCounts) -> u64| -> Vec<_> {
            self.rules.iter().map(|(name, counts)| (labels(name), secs(of(counts)))).collect()
        };
        page.counters("timebudget_requests", "Requests that were served", counts(|of| of.requests))?;
        page.counters("timebudget_refusals", "Requests that were refused", counts(|of| of.refusals))?;
        let help = "Requests that would have been refused, were the rule not in shadow";
        page.counters("timebudget_shadow_refusals", help, counts(|of| of.shadow_refusals))?;
        let help = "Server time that was charged";
        page.seconds("timebudget_charged_seconds", help, &seconds(|of| of.charged_us))?;
        let help = "Requests that were ended since a budget was spent";
        page.counters("timebudget_cut_requests", help, counts(|of| of.cuts))?;
        let help = "Server time of requests that were ended since a budget was spent";
        page.seconds("timebudget_cut_seconds", help, &seconds(|of| of.cut_us))
    }

    fn of_routes(&self, page: &mut Families<'_>) -> fmt::Result {
        let help = "Server time that requests have cost";
        let labels =
            |(site, route): &(String, String)| vec![("site", site.clone()), ("route", route.clone())];
        let rows = self.routes.iter().map(|(name, times)| (labels(name), times));
        page.times("timebudget_request_seconds", help, rows)
    }

    fn of_responses(&self, page: &mut Families<'_>) -> fmt::Result {
        let help = "Responses, by class of status; gone are clients that went before there was any";
        let rows = self.responses.iter().flat_map(|(site, counts)| {
            // Every class, also those of which there was none: so a rate sees the first one.
            let of_class = move |(class, count): (&str, u64)| {
                (vec![("site", site.clone()), ("status", class.to_owned())], count)
            };
            CLASSES.into_iter().zip(*counts).map(of_class)
        });
        page.counters("timebudget_responses", help, rows)
    }

    fn of_windows(&self, page: &mut Families<'_>) -> fmt::Result {
        type Of = fn(&AccountStanding) -> u64;
        let of_windows = |unit: Unit, of: Of| -> Vec<_> {
            let windows = self.windows.iter().filter(|window| window.limit.unit() == unit);
            let value = |window: &AccountStanding| match unit {
                Unit::Time => secs(of(window)),
                _ => of(window) as f64,
            };
            windows.map(|window| (of_window(window), value(window))).collect()
        };
        let metrics: [(&str, &str, Unit, Of); 5] = [
            (
                "timebudget_window_quota_seconds",
                "Server time that the window grants a site",
                Unit::Time,
                |of| of.limit.quota(),
            ),
            (
                "timebudget_window_spent_seconds",
                "Server time that a site has spent in the window",
                Unit::Time,
                |of| of.spent,
            ),
            (
                "timebudget_window_held_seconds",
                "Server time that running requests are still expected to cost a site",
                Unit::Time,
                |of| of.held,
            ),
            (
                "timebudget_window_quota_requests",
                "Requests that the window grants a site",
                Unit::Requests,
                |of| of.limit.quota(),
            ),
            (
                "timebudget_window_spent_requests",
                "Requests that a site has spent in the window",
                Unit::Requests,
                |of| of.spent,
            ),
        ];
        for (name, help, unit, of) in metrics {
            page.gauges(name, help, of_windows(unit, of))?;
        }
        let resets = self.windows.iter().map(|window| (of_window(window), window.reset_secs as f64));
        page.gauges("timebudget_window_reset_seconds", "How long the window lasts from now on", resets)
    }

    fn of_the_store(&self, page: &mut Families<'_>) -> fmt::Result {
        let census = &self.census;
        page.gauge("timebudget_store_accounts", "Accounts that are kept", census.accounts as f64)?;
        let help = "Accounts that newcomers share for want of room";
        page.gauge("timebudget_store_shared_accounts", help, census.shared as f64)?;
        let help = "Decisions that fell on a shared account for want of room";
        page.counter("timebudget_store_overflowed_decisions", help, census.overflowed)?;
        let help = "Decisions that were made without the servers of the store";
        page.counter("timebudget_store_degraded_decisions", help, census.degraded)?;
        page.counter("timebudget_store_calls", "What the servers of the store were asked", census.calls)?;
        let help = "How many times the servers of the store stopped answering";
        page.counter("timebudget_store_outages", help, census.outages)?;
        let help = "Whether the servers of the store answer; 1 where there are none";
        page.gauge("timebudget_store_up", help, flag(census.health == Health::Up))?;
        let help = "Requests over which nobody could decide";
        let faults = self.faults.iter().map(|(site, count)| (vec![("site", site.clone())], *count));
        page.counters("timebudget_store_faults", help, faults)
    }

    fn of_the_process(&self, page: &mut Families<'_>) -> fmt::Result {
        let reloads = [("done", self.reloads.done), ("failed", self.reloads.failed)];
        let reloads = reloads.map(|(outcome, count)| (vec![("outcome", outcome.to_owned())], count));
        page.counters("timebudget_reloads", "How often files were read again, by what came of it", reloads)?;
        let help = "Whether files are wrong, so that older rules are in force";
        page.gauge("timebudget_files_wrong", help, flag(self.files_are_wrong))?;
        let help = "Sites whose own file is wrong";
        page.gauge("timebudget_wrong_sites", help, self.wrong_sites as f64)?;
        page.gauge("timebudget_ready", "Whether /ready says so", flag(self.is_ready))?;
        let help = "Lines that were written to the access log";
        page.counter("timebudget_access_log_lines", help, self.lines_written)?;
        let help = "Lines that the access log has lost, since they came too fast or could not be written";
        page.counter("timebudget_access_log_dropped_lines", help, self.lines_dropped)?;
        let help = "Spans that were sent to the collector of traces";
        page.counter("timebudget_trace_spans", help, self.spans_sent)?;
        let help = "Spans that were lost, since too many waited or the collector did not take them";
        page.counter("timebudget_trace_dropped_spans", help, self.spans_lost)?;
        page.gauge("process_start_time_seconds", "When the process began, since 1970", self.started)
    }
}

fn of_window(window: &AccountStanding) -> Labels {
    let AccountStanding { site, rule, .. } = window;
    let period = window.limit.period().map(|period| period.to_string());
    vec![("site", site.clone()), ("rule", rule.clone()), ("period", period.unwrap_or_default())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openmetrics_is_written_where_it_is_asked_for_at_least_as_much_as_the_older_text() {
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
            application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,*/*;q=0.2";
        for lines in [
            &[prometheus_3][..],
            &["application/openmetrics-text"],
            &["Application/OpenMetrics-Text; version=1.0.0"],
            &["text/plain;q=0.5", "application/openmetrics-text;q=0.5"],
        ] {
            assert_eq!(Format::accepted(lines.iter().copied()), Format::OpenMetrics, "{lines:?}");
        }
    }

    #[test]
    fn the_older_text_is_written_for_everybody_else() {
        for lines in [
            &[][..],
            &["*/*"],
            &["text/html,application/xhtml+xml"],
            &["application/openmetrics-text;q=0"],
            &["application/openmetrics-text;q=0.1,text/plain;q=0.2"],
            &["application/openmetrics-text;q=much"],
            &["application/openmetrics-text-of-mine"],
            &[";;,,q=", "\u{e9}"],
        ] {
            assert_eq!(Format::accepted(lines.iter().copied()), Format::Prometheus, "{lines:?}");
        }
    }
}
