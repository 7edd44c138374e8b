//! A collector of traces on a port of its own: it takes what is sent by OTLP over HTTP, and decodes it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use crate::running::{Running, eventually};

/// A collector.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

/// What it was sent at once.
#[derive(Clone)]
struct Received {
    /// The lines of the head, in lower case.
    head: Vec<String>,
    sent: ExportTraceServiceRequest,
}

/// A span, easily read.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) name: String,
    /// As the protocol numbers them: 2 is a server's, 3 a client's.
    pub(crate) kind: i32,
    pub(crate) trace: String,
    pub(crate) id: String,
    /// Empty where it is inside of none.
    pub(crate) parent: String,
    pub(crate) is_error: bool,
    pub(crate) micros: u64,
    attributes: BTreeMap<String, String>,
    resource: BTreeMap<String, String>,
}

impl Collector {
    pub(crate) fn new() -> Self {
        Self::at(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub(crate) fn at(listener: TcpListener) -> Self {
        let address = listener.local_addr().unwrap();
        let received = Arc::<Mutex<Vec<_>>>::default();
        let all = Arc::clone(&received);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let all = Arc::clone(&all);
                thread::spawn(move || serve(&stream, &all));
            }
        });
        Self { address, received }
    }

    pub(crate) fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All spans that have come, in the order in which they ended.
    pub(crate) fn spans(&self) -> Vec<Seen> {
        let received = self.received.lock().unwrap().clone();
        received.into_iter().flat_map(|received| seen(received.sent)).collect()
    }

    /// The same, once there are so many.
    pub(crate) fn wait_for(&self, count: usize, server: &Running) -> Vec<Seen> {
        let enough = || Some(self.spans()).filter(|spans| spans.len() >= count);
        eventually("spans", enough, || format!("{:#?}\n{}", self.spans(), server.log()))
    }

    /// The head of the first request.
    pub(crate) fn head(&self) -> Vec<String> {
        self.received.lock().unwrap().first().map(|received| received.head.clone()).unwrap_or_default()
    }
}

impl Seen {
    /// An attribute as a text; empty where it has none of that name.
    pub(crate) fn of(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    /// What is told of where it comes from.
    pub(crate) fn resource(&self, name: &str) -> &str {
        self.resource.get(name).map_or("", String::as_str)
    }

    /// Whether a text is in any attribute.
    pub(crate) fn has(&self, text: &str) -> bool {
        self.name.contains(text) || self.attributes.values().any(|value| value.contains(text))
    }
}

fn serve(stream: &TcpStream, all: &Mutex<Vec<Received>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let lines = reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty());
        let head: Vec<_> = lines.map(|line| line.to_ascii_lowercase()).collect();
        let length = head.iter().find_map(|line| line.strip_prefix("content-length: "));
        let Some(length) = length.and_then(|length| length.parse().ok()) else { return };
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let sent = ExportTraceServiceRequest::decode(&body[..]).unwrap();
        all.lock().unwrap().push(Received { head, sent });
        let mut writer = stream;
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        writer.write_all(answer.as_bytes()).unwrap();
    }
}

fn seen(sent: ExportTraceServiceRequest) -> Vec<Seen> {
    let mut all = Vec::new();
    for of_resource in sent.resource_spans {
        let resource = texts(of_resource.resource.unwrap_or_default().attributes);
        let spans = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        all.extend(spans.map(|span| read(span, &resource)));
    }
    all
}

fn read(span: Span, resource: &BTreeMap<String, String>) -> Seen {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Seen {
        name: span.name,
        kind: span.kind,
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        is_error: span.status.is_some_and(|status| status.code == 2),
        micros: (span.end_time_unix_nano - span.start_time_unix_nano) / 1_000,
        attributes: texts(span.attributes),
        resource: resource.clone(),
    }
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Option<AnyValue>| match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{other:?}"),
    };
    attributes.into_iter().map(|attribute| (attribute.key, text(attribute.value))).collect()
}
