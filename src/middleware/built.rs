//! Where a budget was built, and what requests show to be wrong with that.
//!
//! A budget that is built anew in each worker grants its quotas once per worker, and one that is wrapped around a request twice charges
//! it twice. Neither can be seen where it is built. The first requests show it, and the log tells it once, with the line of code.

use std::net::SocketAddr;
use std::panic::Location;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Once, Weak};

use actix_web::dev::ServiceRequest;
use actix_web::rt::System;
use parking_lot::Mutex;

use crate::limiter::Shared;
use crate::model::Finding;
use crate::sites::Sites;

/// Where a budget was built, and what was suspect about it then.
#[derive(Debug)]
pub(crate) struct Built {
    /// The line that built it.
    pub(crate) at: &'static Location<'static>,
    /// The thread that built it.
    pub(crate) by: Thread,
    /// What only the builder saw.
    pub(crate) warnings: Vec<Finding>,
    /// Whether its rules were loaded from files, whose warnings the loader has told.
    pub(crate) is_loaded: bool,
    pub(crate) told: Once,
    /// Whether it was seen to charge a request twice.
    pub(crate) is_doubled: AtomicBool,
}

/// A thread, by the address of what each has of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Thread(usize);

impl Thread {
    pub(crate) fn current() -> Self {
        thread_local!(static OWN: u8 = const { 0 });
        Self(OWN.with(|own| std::ptr::from_ref(own).addr()))
    }
}

impl Built {
    /// A budget of code.
    pub(crate) fn by_code(at: &'static Location<'static>, warnings: Vec<Finding>) -> Self {
        Self {
            at,
            by: Thread::current(),
            warnings,
            is_loaded: false,
            told: Once::new(),
            is_doubled: AtomicBool::new(false),
        }
    }

    /// A budget of files.
    pub(crate) fn by_files(at: &'static Location<'static>) -> Self {
        Self { is_loaded: true, ..Self::by_code(at, Vec::new()) }
    }
}

/// The budgets that have been asked for the first time in a worker.
static MET: Mutex<Vec<Met>> = Mutex::new(Vec::new());

/// A budget in a worker.
struct Met {
    server: Server,
    /// The line that built it.
    at: &'static Location<'static>,
    worker: Thread,
    engine: Weak<Shared>,
    /// Whether it was told of, with others of the line.
    is_told: bool,
}

/// What tells one server of a process from others, such as those of tests that run at once.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Server {
    system: Option<usize>,
    address: SocketAddr,
}

impl Server {
    /// That of a request; `None` for one of a test, which goes through no server, where no system tells it from others.
    fn of(request: &ServiceRequest) -> Option<Self> {
        let config = request.app_config();
        let system = System::try_current().map(|system| system.id());
        let is_server = config.host() != NO_SERVER;
        (system.is_some() || is_server).then(|| Self { system, address: config.local_addr() })
    }
}

/// The host of an application that no server serves, as actix has it.
const NO_SERVER: &str = "localhost:8080";

/// Looks, at a worker's first request, whether this and another worker of the server have each built a budget at one line.
///
/// What was built once and cloned, or built several times by one line of `main`, was built by no worker.
#[cold]
pub(crate) fn meet(built: &Built, sites: &Sites, request: &ServiceRequest) {
    let worker = Thread::current();
    let Some(server) = Server::of(request).filter(|_| built.by == worker) else { return };
    let engine = sites.engine();
    let mut met = MET.lock();
    met.retain(|other| other.engine.strong_count() > 0);
    let is_own = |other: &&Met| other.server == server && other.at == built.at;
    let is_apart =
        |other: &Met| other.worker != worker && other.engine.as_ptr() != Arc::as_ptr(engine.shared());
    let is_doubled = met.iter().filter(is_own).any(is_apart);
    let is_told = met.iter().filter(is_own).any(|other| other.is_told);
    met.push(Met { server, at: built.at, worker, engine: engine.downgrade(), is_told: is_doubled });
    drop(met);
    if is_doubled && !is_told {
        log::warn!(
            "the budget that is built at {} is built anew in each worker, each of which grants all of its quotas; \
             build it outside of the application's factory, and clone it there",
            built.at
        );
    }
}

impl Built {
    /// Tells once that a budget around this one charges the same account for a request, if one does: `rule_charged_twice` looks.
    #[cold]
    pub(crate) fn tell_if_doubled<'a>(&self, rule_charged_twice: impl FnOnce() -> Option<&'a str>) {
        if self.is_doubled.load(Relaxed) {
            return;
        }
        let Some(rule) = rule_charged_twice() else { return };
        if !self.is_doubled.swap(true, Relaxed) {
            log::warn!(
                "the budget that is built at {} is wrapped around a request twice, and its rule {rule} charges it \
                 twice; wrap it once, or name the inner scope to the outer one by `except`",
                self.at
            );
        }
    }
}
