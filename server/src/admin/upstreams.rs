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

/// What was found of upstreams.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// How they are together: not ready if none can be reached.
    pub(crate) state: State,
    /// Those that cannot be reached, and why.
    pub(crate) unreachable: Vec<(String, String)>,
}

/// Connects to each, and hangs up. `None` without any upstream.
pub(crate) async fn look(upstreams: &[Upstream]) -> Option<Found> {
    let faults = future::join_all(upstreams.iter().map(fault)).await;
    // An upstream has no user and no password that could be told.
    let unreachable =
        upstreams.iter().zip(faults).filter_map(|(upstream, fault)| Some((upstream.to_string(), fault?)));
    let unreachable: Vec<_> = unreachable.collect();
    let (all, down) = (upstreams.len(), unreachable.len());
    let state = match (all - down, all) {
        (_, 0) => return None,
        (0, 1) => State::NotReady("cannot be reached".to_owned()),
        (0, _) => State::NotReady(format!("none of {all} can be reached")),
        (_, _) if down == 0 => State::Ready("up".to_owned()),
        (up, _) => State::Ready(format!("{up} of {all} can be reached")),
    };
    Some(Found { state, unreachable })
}

/// Why it cannot be reached, if it cannot.
async fn fault(upstream: &Upstream) -> Option<String> {
    match tokio::time::timeout(WITHIN, connect(upstream)).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("no connection within {} ms", WITHIN.as_millis())),
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
