//! The gateway, between real sockets: clients on one side, and on the other upstreams that do what tests tell them, byte for byte.

#[path = "../binary/front/client.rs"]
#[allow(dead_code, reason = "shared with the tests of the binary")]
mod addressed;
mod addresses;
#[path = "../binary/answer.rs"]
#[allow(dead_code, reason = "shared with the tests of the binary")]
mod answer;
mod any_case;
mod charges;
mod chromium;
mod claims;
mod client;
mod desync;
mod failures;
#[path = "../binary/frames.rs"]
#[allow(dead_code, reason = "shared with the tests of the binary")]
mod frames;
mod framing;
mod front;
mod heads;
mod http2;
mod metrics;
mod passing;
#[path = "../binary/front/proxy.rs"]
mod proxy;
mod ready;
mod real;
#[path = "../binary/redis.rs"]
#[allow(dead_code, reason = "shared with the tests of the binary")]
mod redis;
mod reports;
mod retries;
mod rolling;
#[path = "../binary/running.rs"]
#[allow(dead_code, reason = "shared with the tests of the binary")]
mod running;
#[path = "../binary/scratch.rs"]
#[allow(dead_code, reason = "shared with the tests of the binary")]
mod scratch;
mod strict;
mod tunnels;
mod upstream;
mod waiting;
