//! Spans on their way out: so many wait, what has no room is lost, and both are counted.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor};

use crate::discreet;

/// What has become of spans.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Those that wait, or are being sent.
    waiting: AtomicUsize,
    pub(crate) sent: AtomicU64,
    pub(crate) lost: AtomicU64,
    /// Whether the last could not be sent, which is told once.
    is_failing: AtomicBool,
}

/// Hands spans to the thread that sends them, and never waits.
#[derive(Debug)]
pub(crate) struct Queue {
    batches: BatchSpanProcessor,
    counts: Arc<Counts>,
    /// How many wait at most.
    most: usize,
}

/// Sends spans, and counts them.
#[derive(Debug)]
pub(crate) struct Counting<E> {
    exporter: E,
    counts: Arc<Counts>,
}

impl Queue {
    /// A queue of the length that the environment says, before this exporter.
    pub(crate) fn new(exporter: impl SpanExporter + 'static, counts: &Arc<Counts>, most: usize) -> Self {
        let counting = Counting { exporter, counts: Arc::clone(counts) };
        let batches = BatchSpanProcessor::builder(counting).build();
        Self { batches, counts: Arc::clone(counts), most }
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        // What is being sent waits, too, so there is always room for what is handed on.
        if self.counts.waiting.fetch_add(1, Relaxed) >= self.most {
            self.counts.waiting.fetch_sub(1, Relaxed);
            self.counts.lost.fetch_add(1, Relaxed);
            return;
        }
        self.batches.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, within: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(within)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

impl<E: SpanExporter> SpanExporter for Counting<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let sent = self.exporter.export(batch).await;
        self.counts.waiting.fetch_sub(count, Relaxed);
        match &sent {
            Ok(()) => {
                self.counts.sent.fetch_add(count as u64, Relaxed);
                if self.counts.is_failing.swap(false, Relaxed) {
                    log::info!("traces: spans are sent again");
                }
            }
            Err(error) => {
                self.counts.lost.fetch_add(count as u64, Relaxed);
                if !self.counts.is_failing.swap(true, Relaxed) {
                    let error = discreet::words(&error.to_string());
                    log::warn!("traces: spans cannot be sent, and are lost: {error}");
                }
            }
        }
        sent
    }

    fn shutdown_with_timeout(&self, within: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(within)
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.exporter.shutdown()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
