//! A process under test: an engine over a store of its own, in this process.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use timebudget::{
    Admission, Clock, Component, Engine, Limiter, Refusal, Reservation, Rule, Site, SystemClock, parse_rates,
};

use crate::asked::Asked;

/// A limiter with a store of its own.
#[derive(Clone)]
pub(crate) struct Process {
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) engine: Engine,
    /// Whether no decision counts that was made without the server.
    insists: bool,
}

impl Process {
    /// A process with one rule for the whole site.
    pub(crate) fn new(uri: &str, rates: &str) -> Self {
        Self::keyed(uri, rates, Component::Site)
    }

    pub(crate) fn keyed(uri: &str, rates: &str, key: Component) -> Self {
        Self::with_clock(uri, rates, key, SystemClock::new())
    }

    pub(crate) fn with_clock(uri: &str, rates: &str, key: Component, clock: impl Clock) -> Self {
        Self::of_rules(uri, vec![rule("budget", rates, key)], clock)
    }

    /// A process with a rule for each client and one for all of them.
    pub(crate) fn per_ip_and_site(uri: &str, per_ip: &str, per_site: &str) -> Self {
        let rules = vec![rule("ip", per_ip, Component::Ip), rule("site", per_site, Component::Site)];
        Self::of_rules(uri, rules, SystemClock::new())
    }

    /// A process with rules of its own.
    pub(crate) fn of(uri: &str, rules: Vec<Rule>) -> Self {
        Self::of_rules(uri, rules, SystemClock::new())
    }

    fn of_rules(uri: &str, rules: Vec<Rule>, clock: impl Clock) -> Self {
        let engine = Engine::over(timebudget::store::open(uri).unwrap(), clock);
        let site = Site { rules, ..Site::unlimited("site") };
        Self { limiter: Arc::new(Limiter::new(site, &engine)), engine, insists: false }
    }

    /// The same process, whose requests are sent again until the server has decided over them: at the default deadline a
    /// machine that is busy enough makes decisions without one that is well.
    pub(crate) fn asking(self) -> Self {
        Self { insists: true, ..self }
    }

    /// Sends a request; who is admitted runs until the reservation is dropped.
    pub(crate) async fn admit(&self) -> Result<Reservation, Refusal> {
        self.admit_from(Ipv4Addr::LOCALHOST.into()).await
    }

    pub(crate) async fn admit_from(&self, ip: IpAddr) -> Result<Reservation, Refusal> {
        let late = Instant::now() + LATE;
        loop {
            let before = self.degraded();
            let decided = self.decided(ip).await;
            if !self.insists || self.degraded() == before {
                return decided;
            }
            assert!(Instant::now() < late, "in a minute the server never decided");
            // It leaves no trace, and is sent again.
            decided.into_iter().for_each(|mut admitted| admitted.waive());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn decided(&self, ip: IpAddr) -> Result<Reservation, Refusal> {
        let admission = self.limiter.admit(&Asked { ip: Some(ip), ..Asked::USUAL }).unwrap();
        let admission = match admission {
            Admission::Pending(pending) => pending.decided().await.unwrap(),
            decided => decided,
        };
        match admission {
            Admission::Admitted(reservation) => Ok(reservation),
            Admission::Refused(refusal) => Err(refusal),
            Admission::Exempt | Admission::Pending(_) => unreachable!("every request is decided"),
        }
    }

    /// Sends a request that ends at once; whether it was served.
    pub(crate) async fn serve(&self) -> bool {
        self.admit().await.is_ok()
    }

    /// Serves requests until one is decided with the server; how many were served.
    pub(crate) async fn served_as_asked(&self) -> u64 {
        let mut served = 0;
        until("the server is asked again", async || {
            let before = self.degraded();
            served += u64::from(self.serve().await);
            self.degraded() == before
        })
        .await;
        served
    }

    /// Serves requests until one is decided without the server; how many were served.
    pub(crate) async fn served_degraded(&self) -> u64 {
        let mut served = 0;
        let before = self.degraded();
        until("it is noticed that the server does not answer", async || {
            served += u64::from(self.serve().await);
            self.degraded() > before
        })
        .await;
        served
    }

    /// Waits until everything that was spent here is on the server.
    pub(crate) async fn stored(&self) {
        until("all is stored", async || {
            let engine = self.engine.clone();
            tokio::task::spawn_blocking(move || engine.save()).await.unwrap().is_ok()
        })
        .await;
    }

    pub(crate) fn degraded(&self) -> u64 {
        self.engine.census().degraded
    }
}

pub(crate) fn rule(name: &str, rates: &str, key: Component) -> Rule {
    Rule::new(name, key, parse_rates(rates).unwrap())
}

/// A request of somebody.
pub(crate) const ANYBODY: Asked<'_> = Asked::USUAL;

/// How long a test waits for what comes: at all it comes much sooner, on an idle machine.
const LATE: Duration = Duration::from_secs(60);

/// Waits until something is so, for a minute at most.
pub(crate) async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let late = Instant::now() + LATE;
    while !so().await {
        assert!(Instant::now() < late, "in a minute it never came true that {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
