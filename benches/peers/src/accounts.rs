//! What an account takes in the peers' memory, and a decision among a million of them.

use std::future::Future;
use std::num::NonZeroU32;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use actix_extensible_rate_limit::backend::memory::InMemoryBackend;
use actix_extensible_rate_limit::backend::{Backend, SimpleInput};
use governor::{Quota, RateLimiter};

use crate::harness::traffic::address;
use crate::micro::{Crowd, alone, crowd};
use crate::subjects::{check_limitador, limitador_by_address};

const CROWD: u64 = 1_000_000;
const PEERS: [&str; 4] =
    ["governor-by-address", "governor-by-string", "extensible-backend", "limitador-storage"];

/// Obeys `accounts` and the names of single measurements; `false` if the command line is another's.
pub(crate) fn obey() -> bool {
    let Some(command) = std::env::args().nth(1) else {
        return false;
    };
    if command == "accounts" {
        print();
        return true;
    }
    let Some(crowd) = measure(&command) else {
        return false;
    };
    println!("| {command} | {:.0} | {:.0} |", crowd.bytes, crowd.nanos);
    true
}

/// Prints the table; each peer is measured by a process of its own.
fn print() {
    println!("| a million accounts | bytes an account | ns a decision at random |");
    println!("|---|---:|---:|");
    for peer in PEERS {
        print!("{}", alone(peer));
    }
}

fn measure(peer: &str) -> Option<Crowd> {
    let quota = Quota::per_hour(NonZeroU32::MAX);
    Some(match peer {
        "governor-by-address" => {
            let limiter = RateLimiter::keyed(quota);
            crowd(CROWD, |account| _ = limiter.check_key(&address(account)))
        }
        "governor-by-string" => {
            let limiter = RateLimiter::keyed(quota);
            crowd(CROWD, |account| _ = limiter.check_key(&address(account).to_string()))
        }
        "extensible-backend" => {
            let backend = InMemoryBackend::builder().with_gc_interval(None).build();
            crowd(CROWD, |account| request(&backend, address(account).to_string()))
        }
        "limitador-storage" => {
            let limiter = limitador_by_address(u64::from(u32::MAX));
            crowd(CROWD, |account| _ = check_limitador(&limiter, address(account).to_string()))
        }
        _ => return None,
    })
}

fn request(backend: &InMemoryBackend, key: String) {
    const HOUR: Duration = Duration::from_secs(3600);
    let input = SimpleInput { interval: HOUR, max_requests: u64::MAX, key };
    let mut deciding = pin!(backend.request(input));
    let decided = deciding.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(decided, Poll::Ready(Ok(_))), "the memory backend waits for nothing");
}
