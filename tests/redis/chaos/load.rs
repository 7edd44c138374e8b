//! Load: clients that send requests without end, and what they feel.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use timebudget::Component;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::process::{Process, until};

/// Nobody spends that.
const RATES: &str = "100000000s per day";

/// Clients that send at once.
const CLIENTS: u32 = 8;

/// Addresses that each of them sends from in turn.
const ADDRESSES: u32 = 3;

/// How long a request runs.
const RUNS: Duration = Duration::from_millis(2);

/// How long requests wait for an answer.
pub(crate) const DEADLINE: Duration = Duration::from_millis(20);

/// A process under load, and what it has measured.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) process: Process,
    served: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
    /// Microseconds that served requests took.
    measured: Arc<AtomicU64>,
}

/// What the requests of a span of time felt.
pub(crate) struct Felt {
    pub(crate) served: u64,
    pub(crate) refused: u64,
    pub(crate) degraded: u64,
    pub(crate) p999: Duration,
    pub(crate) slowest: Duration,
}

impl Load {
    pub(crate) async fn on(uri: &str) -> Self {
        let process = Process::keyed(uri, RATES, Component::Ip);
        let (served, refused, measured) = Default::default();
        let load = Self { process, served, refused, measured };
        load.until_asked().await;
        load
    }

    /// Sends requests from all clients while something happens.
    pub(crate) async fn felt_during(&self, something: impl Future<Output = ()>) -> Felt {
        let over = Arc::new(AtomicBool::new(false));
        let before = (self.served.load(SeqCst), self.refused.load(SeqCst), self.process.degraded());
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            clients.spawn(self.clone().send_from(client, Arc::clone(&over)));
        }
        something.await;
        over.store(true, SeqCst);
        let mut waits: Vec<_> = clients.join_all().await.into_iter().flatten().collect();
        waits.sort();
        Felt {
            served: self.served.load(SeqCst) - before.0,
            refused: self.refused.load(SeqCst) - before.1,
            degraded: self.process.degraded() - before.2,
            p999: waits[waits.len() * 999 / 1_000],
            slowest: waits[waits.len() - 1],
        }
    }

    /// Sends requests until every address was asked about once more.
    pub(crate) async fn until_asked(&self) {
        for ip in addresses() {
            until("the server is asked", async || {
                let before = self.process.degraded();
                self.serve(ip, Duration::ZERO).await;
                self.process.degraded() == before
            })
            .await;
        }
    }

    /// How long it takes until all that was measured is stored: that everything is published, and that it was heard.
    pub(crate) async fn until_stored(&self) -> Duration {
        let began = Instant::now();
        self.process.stored().await;
        began.elapsed()
    }

    /// What was measured less what is stored, in microseconds, as a process sees it that knows nothing else; and of how
    /// many requests.
    pub(crate) async fn missing(&self, uri: &str) -> (i64, u64) {
        let newcomer = Self::on(uri).await;
        let mut stored = 0;
        for ip in addresses() {
            let mut admitted = newcomer.process.admit_from(ip).await.unwrap();
            let report = admitted.report().unwrap();
            stored += report.limit - report.remaining - report.used;
        }
        let measured = self.measured.load(SeqCst) + newcomer.measured.load(SeqCst);
        (measured as i64 - stored as i64, self.served.load(SeqCst) + newcomer.served.load(SeqCst))
    }

    async fn send_from(self, client: u32, over: Arc<AtomicBool>) -> Vec<Duration> {
        let mut waits = Vec::new();
        for ip in addresses().skip((client * ADDRESSES) as usize).take(ADDRESSES as usize).cycle() {
            if over.load(SeqCst) {
                break;
            }
            waits.push(self.serve(ip, RUNS).await);
        }
        waits
    }

    /// Sends a request that runs for so long; returns how long its decision took.
    async fn serve(&self, ip: IpAddr, runs: Duration) -> Duration {
        let asked = Instant::now();
        let admitted = self.process.admit_from(ip).await;
        let waited = asked.elapsed();
        let Ok(mut admitted) = admitted else {
            self.refused.fetch_add(1, SeqCst);
            return waited;
        };
        if !runs.is_zero() {
            sleep(runs).await;
        }
        admitted.settle();
        self.measured.fetch_add(admitted.used().0.max(1), SeqCst);
        self.served.fetch_add(1, SeqCst);
        waited
    }
}

fn addresses() -> impl Iterator<Item = IpAddr> + Clone {
    (0..CLIENTS * ADDRESSES).map(|n| Ipv4Addr::from_bits(0x0a00_0000 + n).into())
}
