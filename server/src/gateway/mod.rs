//! The gateway: the time budget in front of any application that speaks HTTP/1.1.
//!
//! Requests that the budget admits are passed on to the site's upstream. A connection to an upstream is no task of its own: the
//! request drives it (`line`), so that the budget sees at each moment whether it is the client that is waited for.

mod alarm;
mod args;
mod claims;
mod client;
mod connect;
mod counts;
mod download;
mod drain;
mod failure;
mod forward;
mod hop;
mod host;
mod line;
mod lines;
mod path;
mod request;
mod response;
mod retry;
mod stop;
mod timeouts;
mod told;
mod tunnel;
mod unread;
mod upload;
mod upstream;
mod values;
#[cfg(test)]
mod waiting;
mod worker;

use std::rc::Rc;
use std::sync::Arc;

use actix_web::{Error, HttpRequest, HttpResponse, web};
use timebudget::{Budget, TimeBudget, Upstream};

pub(crate) use self::args::GatewayArgs;
use self::args::HostPolicy;
pub(crate) use self::client::Client;
pub(crate) use self::counts::{Counted, FAULTS, Sum as OfUpstream};
pub(crate) use self::stop::Stop;
use self::stop::Stopped;
use self::timeouts::Timeouts;
pub(crate) use self::told::Told;
pub(crate) use self::worker::Worker;
use crate::demo;

/// What holds for all requests.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where requests of sites go that name no upstream.
    upstreams: Vec<Upstream>,
    timeouts: Timeouts,
    /// The largest body of a request, in bytes.
    max_body: Option<u64>,
    host: HostPolicy,
    /// Whether somebody notes requests, and is to be told what became of them.
    is_noted: bool,
    stopped: Stopped,
    counted: Arc<Counted>,
}

impl Settings {
    /// What the command line says; `is_noted` where somebody notes requests.
    pub(crate) fn new(args: &GatewayArgs, is_noted: bool, stop: &Stop, counted: Arc<Counted>) -> Arc<Self> {
        let mut upstreams = args.upstream.clone();
        let mut seen = Vec::new();
        upstreams.retain(|upstream| {
            !seen.contains(upstream) && {
                seen.push(upstream.clone());
                true
            }
        });
        let stopped = stop.hears();
        Arc::new(Self {
            upstreams,
            timeouts: args.timeouts(),
            max_body: args.max_body,
            host: args.host,
            is_noted,
            stopped,
            counted,
        })
    }
}

/// Starts what a worker keeps; to be called on its thread.
pub(crate) fn worker(settings: &Arc<Settings>, budget: &TimeBudget) -> Rc<Worker> {
    Worker::new(settings, budget)
}

/// Answers a request: by the upstream of its site, or by the demonstration app where it has none.
///
/// # Errors
///
/// Those of the demonstration app.
pub(crate) async fn answer(
    worker: Rc<Worker>,
    request: HttpRequest,
    payload: web::Payload,
    budget: Budget,
) -> Result<HttpResponse, Error> {
    let found;
    let limiter = match budget.limiter() {
        Some(limiter) => limiter,
        None => {
            found = worker.budget.limiter_of(&request);
            &found
        }
    };
    match worker.group_of(limiter) {
        Some(group) => {
            let payload = payload.into_inner();
            Ok(forward::forward(&worker, &group, limiter.site(), &request, payload, &budget).await)
        }
        None => Ok(demo::answer(request, payload).await?),
    }
}
