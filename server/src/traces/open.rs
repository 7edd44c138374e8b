//! Traces as the environment asks for them, by the variables that all of OpenTelemetry has.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::{KeyValue, Value};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;

use crate::discreet;
use crate::traces::client::Client;
use crate::traces::export::{Counts, Queue};
use crate::traces::{endpoint, said};

/// How long a request to the collector may take, in milliseconds, and how many spans wait at most: where nothing is said.
const WITHIN_MILLIS: u64 = 10_000;
const WAITING: u64 = 2_048;

/// What makes and sends spans, and what has become of them; `None` where the environment asks for none.
///
/// What the environment says wrongly is told by the log and keeps nobody from being served.
pub(crate) fn open() -> Option<(SdkTracerProvider, Arc<Counts>)> {
    let variable = endpoint()?;
    let exporter = said("OTEL_TRACES_EXPORTER");
    if !["", "otlp"].contains(&&*exporter) {
        log::warn!("OTEL_TRACES_EXPORTER: {exporter}: no such exporter here; expected otlp or none");
        return None;
    }
    let protocol = first(["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]);
    if let Some((name, protocol)) = protocol.filter(|(_, protocol)| protocol != "http/protobuf") {
        log::warn!("{name}: {protocol}: not spoken here; traces are sent by http/protobuf");
    }
    let millis = number(["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"], WITHIN_MILLIS);
    let builder = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
    let exporter = match builder.with_http_client(Client::new(Duration::from_millis(millis))).build() {
        Ok(exporter) => exporter,
        Err(error) => {
            log::warn!("{variable}: no traces are sent: {}", discreet::words(&error.to_string()));
            return None;
        }
    };
    let counts = Arc::<Counts>::default();
    let most = number(["OTEL_BSP_MAX_QUEUE_SIZE"], WAITING);
    let queue = Queue::new(exporter, &counts, usize::try_from(most).unwrap_or(usize::MAX));
    let provider = SdkTracerProvider::builder().with_span_processor(queue).with_resource(resource());
    Some((provider.build(), counts))
}

/// What the spans are told to come from: this program, unless the environment calls it something else.
fn resource() -> Resource {
    let resource = Resource::builder().with_attribute(version()).build();
    let name = resource.get(&"service.name".into()).map(|name| name.to_string()).unwrap_or_default();
    match name.starts_with("unknown_service") {
        true => Resource::builder().with_attribute(version()).with_service_name("timebudget").build(),
        false => resource,
    }
}

fn version() -> KeyValue {
    KeyValue::new("service.version", Value::from(env!("CARGO_PKG_VERSION")))
}

/// The first variable that says something, and what it says.
fn first<const N: usize>(names: [&'static str; N]) -> Option<(&'static str, String)> {
    names.into_iter().map(|name| (name, said(name))).find(|(_, value)| !value.is_empty())
}

/// What the first of these says, where that is a number that is more than none.
fn number<const N: usize>(names: [&'static str; N], otherwise: u64) -> u64 {
    let Some((name, value)) = first(names) else { return otherwise };
    value.parse().ok().filter(|number| *number > 0).unwrap_or_else(|| {
        log::warn!("{name}: {value}: expected a whole number above 0; it is {otherwise}");
        otherwise
    })
}
