//! The gateway, between real sockets: clients on one side, and on the other upstreams that do what tests tell them, byte for byte.

mod addresses;
#[path = "../binary/answer.rs"]
#[allow(dead_code, reason = "shared with the tests of the binary")]
mod answer;
mod charges;
mod claims;
mod client;
mod failures;
mod framing;
mod heads;
mod http2;
mod metrics;
mod passing;
mod ready;
mod real;
mod retries;
#[path = "../binary/running.rs"]
#[allow(dead_code, reason = "shared with the tests of the binary")]
mod running;
#[path = "../binary/scratch.rs"]
#[allow(dead_code, reason = "shared with the tests of the binary")]
mod scratch;
mod tunnels;
mod upstream;
