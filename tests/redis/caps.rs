//! The memory of clients under caps, which no window's end takes along.

use std::net::{IpAddr, Ipv4Addr};

use timebudget::Component;
use tokio::task::JoinSet;

use crate::process::{Process, until};
use crate::server::Server;

/// `cargo bench --bench redis -- caps` does it with a million, and looks at the memory itself.
#[tokio::test(flavor = "multi_thread")]
async fn clients_seen_once_under_a_cap_are_forgotten_here_at_once_and_by_the_server_within_a_minute() {
    const CLIENTS: u32 = 20_000;
    const AT_ONCE: usize = 64;
    let server = Server::start();
    let process = Process::keyed(&server.uri("max_accounts=1000"), "5 concurrent", Component::Ip);
    let mut running = JoinSet::new();
    for part in 0..AT_ONCE {
        let process = process.clone();
        running.spawn(async move {
            for client in (0..CLIENTS).skip(part).step_by(AT_ONCE) {
                let ip = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + client));
                drop(process.admit_from(ip).await.unwrap());
            }
            process.engine.census()
        });
    }
    let census = running.join_all().await;
    assert!(census.iter().all(|census| census.accounts <= 1_000 && census.overflowed == 0), "{census:?}");
    until("nothing is left here", async || process.engine.census().accounts == 0).await;
    process.stored().await;
    let longest = "local longest = 0 for _, key in ipairs(redis.call('KEYS', 'tb1:{*')) do \
         longest = math.max(longest, redis.call('PTTL', key) % 2 ^ 40) end return longest";
    let longest: u64 = server.cli(&["eval", longest, "0"]).parse().unwrap();
    assert!((1..=60_000).contains(&longest), "the last of them goes after {longest} ms");
}
