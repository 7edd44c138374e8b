//! Traces, between real sockets: what a collector is sent, and what upstreams are told.

#[path = "../binary/answer.rs"]
#[allow(dead_code, reason = "shared with the tests of the binary")]
mod answer;
#[path = "../gateway/client.rs"]
#[allow(dead_code, reason = "shared with the tests of the gateway")]
mod client;
mod collector;
mod environment;
mod losses;
#[path = "../binary/running.rs"]
#[allow(dead_code, reason = "shared with the tests of the binary")]
mod running;
#[path = "../binary/scratch.rs"]
#[allow(dead_code, reason = "shared with the tests of the binary")]
mod scratch;
mod spans;
#[path = "../gateway/upstream.rs"]
#[allow(dead_code, reason = "shared with the tests of the gateway")]
mod upstream;

use std::ffi::OsStr;

use crate::client::ROOMY;
use crate::running::Running;
use crate::scratch::Scratch;

/// A server with a site file of this text, and these variables in its environment.
pub(crate) fn traced(site: &str, args: &[&str], variables: &[(&str, &str)]) -> Running {
    let scratch = Scratch::new();
    let file = scratch.write("site.json", site);
    let mut all: Vec<&OsStr> = vec!["--workers".as_ref(), "1".as_ref(), "--site".as_ref(), file.as_os_str()];
    all.extend(args.iter().map(OsStr::new));
    Running::start_in(scratch, &all, variables)
}

/// One before an upstream, with limits that no test reaches, whose spans are sent soon.
pub(crate) fn before(upstream: &str, collector: &str, variables: &[(&str, &str)]) -> Running {
    let told = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector), ("OTEL_BSP_SCHEDULE_DELAY", "20")];
    traced(ROOMY, &["--upstream", upstream], &[&told, variables].concat())
}
