//! Requests as the command line describes them.

use std::panic;

use timebudget::{Asked, NotAsked};

use crate::args::ExplainArgs;
use crate::output::Failure;

/// The request that the arguments describe.
///
/// # Errors
///
/// What is wrong with it; of headers, which may be credentials, only names are repeated.
pub(crate) fn of(args: &ExplainArgs) -> Result<Asked, Failure> {
    let mut asked = Asked::new(&args.method, &args.target).map_err(Failure::wrong)?;
    for text in &args.headers {
        let (name, value) = text.split_once(':').unwrap_or_default();
        asked = asked.header(name, value).map_err(|wrong| Failure::wrong(format!("-H {wrong}")))?;
    }
    if let Some(host) = &args.host {
        asked = asked.host(host).map_err(Failure::wrong)?;
    }
    if let Some(ip) = args.ip {
        asked = asked.peer(ip);
    }
    match &args.route {
        Some(route) => routed(asked, route).map_err(|wrong| Failure::wrong(format!("--route: {wrong}"))),
        None => Ok(asked),
    }
}

/// The same that reaches a route; a pattern that is none makes the router panic, which nobody is to read.
fn routed(asked: Asked, route: &str) -> Result<Asked, NotAsked> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let routed = asked.route(route);
    panic::set_hook(hook);
    routed
}
