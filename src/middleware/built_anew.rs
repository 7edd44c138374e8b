//! Budgets that are built anew in each worker: four workers that build one each grant four times its quota.
//!
//! That cannot be seen where a budget is built. Requests show it, and the log tells it once.

use std::net::SocketAddr;
use std::panic::Location;
use std::sync::{Arc, Weak};

use actix_web::dev::ServiceRequest;
use actix_web::rt::System;
use parking_lot::Mutex;

use crate::limiter::Shared;
use crate::middleware::built::{Built, Thread};
use crate::sites::Sites;

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
