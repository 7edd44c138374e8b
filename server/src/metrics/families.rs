//! Families of metrics with their labels, as the page has them.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::histogram::{BOUNDS, Times};

/// Names of labels and their values.
pub(crate) type Labels = Vec<(&'static str, String)>;

/// A page that is being written, one family of metrics after another.
pub(crate) struct Families<'a>(pub(crate) DescriptorEncoder<'a>);

impl Families<'_> {
    fn begin<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
        kind: MetricType,
    ) -> Result<MetricEncoder<'s>, fmt::Error> {
        self.0.encode_descriptor(name, help, None, kind)
    }

    pub(crate) fn times<'t>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (Labels, &'t Times)>,
    ) -> fmt::Result {
        let mut metric = self.begin(name, help, MetricType::Histogram)?;
        rows.into_iter().try_for_each(|(labels, times)| {
            let bounds = BOUNDS.map(secs).into_iter().chain([f64::INFINITY]);
            let buckets: Vec<_> = bounds.zip(times.buckets).collect();
            let mut line = metric.encode_family(&labels)?;
            line.encode_histogram::<NoLabelSet>(secs(times.micros), times.count(), &buckets, None)
        })
    }

    pub(crate) fn counters(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (Labels, u64)>,
    ) -> fmt::Result {
        let mut metric = self.begin(name, help, MetricType::Counter)?;
        rows.into_iter().try_for_each(|(labels, count)| {
            metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)
        })
    }

    pub(crate) fn counter(&mut self, name: &str, help: &str, count: u64) -> fmt::Result {
        self.begin(name, help, MetricType::Counter)?.encode_counter::<NoLabelSet, _, u64>(&count, None)
    }

    pub(crate) fn seconds(&mut self, name: &str, help: &str, rows: &[(Labels, f64)]) -> fmt::Result {
        let mut metric = self.begin(name, help, MetricType::Counter)?;
        rows.iter().try_for_each(|(labels, secs)| {
            metric.encode_family(labels)?.encode_counter::<NoLabelSet, _, u64>(secs, None)
        })
    }

    pub(crate) fn gauges(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (Labels, f64)>,
    ) -> fmt::Result {
        let mut metric = self.begin(name, help, MetricType::Gauge)?;
        rows.into_iter().try_for_each(|(labels, value)| metric.encode_family(&labels)?.encode_gauge(&value))
    }

    pub(crate) fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        self.begin(name, help, MetricType::Gauge)?.encode_gauge(&value)
    }
}

pub(crate) fn secs(micros: u64) -> f64 {
    micros as f64 / 1e6
}

pub(crate) const fn flag(is_so: bool) -> f64 {
    if is_so { 1.0 } else { 0.0 }
}
