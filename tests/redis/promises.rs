//! The promises of every store, over one server and over a cluster.
//!
//! The suite moves a clock of its own, and with it goes the server's: that is the wall clock here, and the one that
//! somebody sets.
//!
//! Of the promises all apply. Of what the memory store promises on its own, `tests/store.rs` and beside it, these do
//! not:
//!
//! - that a snapshot is taken over by the next process, `snapshots` and `mistrust`: the server keeps what was spent, and
//!   `restarts` shows it;
//! - that any sequence of calls does what a naive model does, `sequences`: `src/store/redis/tests/schedules.rs` and
//!   `fidelity.rs` say the same of many processes and of the script.

use timebudget::UnixMicros;

use crate::asking::Asking;
use crate::cluster::Cluster;
use crate::desk;
use crate::moved::{GoBetween, ServerClock};
use crate::server::Server;

/// Where the suite begins.
pub(crate) const START: UnixMicros = UnixMicros::from_secs(desk::START_SECS);

fn over_one_server() -> Asking<Server> {
    let (server, clock) = (Server::start(), ServerClock::at(START));
    let between = GoBetween::new(&clock);
    between.goes_to(server.port);
    Asking::new(&format!("redis://127.0.0.1:{}/", between.port), clock, server)
}

fn over_a_cluster() -> Asking<Cluster> {
    let clock = ServerClock::at(START);
    let cluster = Cluster::with_clock(&clock);
    Asking::new(&cluster.uri(""), clock, cluster)
}

mod one_server {
    use super::over_one_server;
    use crate::{acceptance, desk};
    crate::acceptance!(over_one_server());
    crate::acceptance_of_accounts!(over_one_server());
}

mod a_cluster {
    use super::over_a_cluster;
    use crate::{acceptance, desk};
    crate::acceptance!(over_a_cluster());
    crate::acceptance_of_accounts!(over_a_cluster());
}
