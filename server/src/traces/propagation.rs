//! `traceparent` and `tracestate` (W3C Trace Context): from the client, and to the upstream.

use actix_web::http::header::{HeaderMap, HeaderValue};
use http::HeaderName;
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{SpanContext, TraceContextExt as _, TraceFlags};
use opentelemetry_sdk::propagation::TraceContextPropagator;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// The span that the client says a request is part of; none, where it says nothing that can be read.
pub(crate) fn parent(fields: &HeaderMap) -> Context {
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Told::of(fields))
}

/// What a client has told.
struct Told {
    parent: Option<String>,
    state: Option<String>,
}

impl Told {
    /// Several parents are none; several lines of state are one.
    fn of(fields: &HeaderMap) -> Self {
        let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
        let mut parents = fields.get_all(TRACEPARENT);
        let parent = parents.next().and_then(text).filter(|_| parents.next().is_none());
        let state: Option<Vec<_>> = fields.get_all(TRACESTATE).map(text).collect();
        let state = state.map(|lines| lines.join(",")).filter(|state| !state.is_empty());
        Self { parent, state }
    }
}

impl Extractor for Told {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            TRACEPARENT => self.parent.as_deref(),
            TRACESTATE => self.state.as_deref(),
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT, TRACESTATE]
    }
}

/// Tells an upstream that it works for a span, in place of what the client has told.
pub(crate) fn tell(span: &SpanContext, fields: &mut http::HeaderMap) {
    if !span.is_valid() {
        return;
    }
    let (trace, id) = (span.trace_id(), span.span_id());
    let flags = (span.trace_flags() & TraceFlags::SAMPLED).to_u8();
    let said = [
        (HeaderName::from_static(TRACEPARENT), format!("00-{trace}-{id}-{flags:02x}")),
        (HeaderName::from_static(TRACESTATE), span.trace_state().header()),
    ];
    for (name, value) in said {
        fields.remove(&name);
        if !value.is_empty()
            && let Ok(value) = http::HeaderValue::from_str(&value)
        {
            fields.insert(name, value);
        }
    }
}

/// A context in which a span is the one around.
pub(crate) fn inside(span: &SpanContext) -> Context {
    Context::new().with_remote_span_context(span.clone())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderName as ClientName;

    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn told(lines: &[(&'static str, &str)]) -> SpanContext {
        let mut fields = HeaderMap::new();
        for (name, value) in lines {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            fields.append(ClientName::from_static(name), value);
        }
        parent(&fields).span().span_context().clone()
    }

    #[test]
    fn what_the_client_tells_is_told_on_as_it_was() {
        let span = told(&[("traceparent", PARENT), ("tracestate", "a=1"), ("tracestate", "b=2")]);
        let mut fields = http::HeaderMap::new();
        fields.append("tracestate", "b=2".parse().unwrap());
        fields.append("tracestate", "c=3".parse().unwrap());
        tell(&span, &mut fields);
        assert_eq!(fields.get("traceparent").unwrap(), PARENT);
        let states: Vec<_> = fields.get_all("tracestate").iter().collect();
        assert_eq!(states, ["a=1,b=2"]);
    }

    #[test]
    fn a_parent_that_cannot_be_read_and_several_are_none() {
        for lines in [
            &[("traceparent", "nonsense")][..],
            &[("traceparent", "00-00000000000000000000000000000000-00f067aa0ba902b7-01")],
            &[("traceparent", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")],
            &[("traceparent", PARENT), ("traceparent", PARENT)],
            &[("traceparent", "é")],
            &[("tracestate", "a=1")],
        ] {
            assert!(!told(lines).is_valid(), "{lines:?}");
        }
    }
}
