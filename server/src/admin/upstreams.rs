//! Whether the applications behind the gateway can be reached.

use std::collections::HashSet;
use std::io;
use std::time::Duration;

use futures_util::future;
use timebudget::{TimeBudget, Upstream};
use tokio::net::TcpStream;

use crate::admin::State;

/// How long a connection may take.
const WITHIN: Duration = Duration::from_millis(500);

/// The most addresses that are tried.
const MOST: usize = 64;

/// The upstreams of the command line, and those that sites have now.
pub(crate) fn all(told: &[Upstream], budget: &TimeBudget) -> Vec<Upstream> {
    let mut all = told.to_vec();
    if let Some(reloader) = budget.reloader() {
        let in_force = reloader.in_force();
        let sites = in_force.loaded.sites.iter().map(|(_, site)| &**site).chain([&in_force.loaded.fallback]);
        all.extend(sites.flat_map(|site| site.upstreams.iter().cloned()));
    }
    // Of thousands of sites each may have its own.
    let mut seen = HashSet::new();
    all.retain(|upstream| seen.len() < MOST && seen.insert(upstream.clone()));
    all
}

/// Connects to each, and hangs up: not ready if none can be reached. `None` without any upstream.
pub(crate) async fn state(upstreams: &[Upstream]) -> Option<State> {
    let tried =
        future::join_all(upstreams.iter().map(|upstream| tokio::time::timeout(WITHIN, connect(upstream))));
    let tried = tried.await;
    let up = tried.iter().filter(|tried| matches!(tried, Ok(Ok(())))).count();
    match (up, upstreams.len()) {
        (_, 0) => None,
        (0, 1) => Some(State::NotReady("cannot be reached".to_owned())),
        (0, all) => Some(State::NotReady(format!("none of {all} can be reached"))),
        (up, all) if up == all => Some(State::Ready("up".to_owned())),
        (up, all) => Some(State::Ready(format!("{up} of {all} can be reached"))),
    }
}

async fn connect(upstream: &Upstream) -> io::Result<()> {
    match upstream {
        Upstream::Http { host, port } => TcpStream::connect((host.as_str(), *port)).await.map(drop),
        #[cfg(unix)]
        Upstream::Unix(path) => tokio::net::UnixStream::connect(path).await.map(drop),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}
