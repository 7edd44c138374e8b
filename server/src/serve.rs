//! `timebudget serve`: the demonstration app behind the time budgets of site files, and what is printed when it is ready.

use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::{io, thread};

use actix_web::dev::Server;
use actix_web::{App, HttpServer, rt, web};
use timebudget::{TimeBudget, Upstream};

use crate::admin::Admin;
use crate::args::ServeArgs;
use crate::gateway::{self, Settings};
use crate::output::{self, Failure};
use crate::signals::{self, End};
use crate::source::{self, Source};
use crate::{admin, reload};

/// How long what runs may go on after SIGTERM: less than the half minute after which Kubernetes kills.
const LAST_REQUESTS_SECS: u64 = 25;

/// Where clients are told where they stand, free of charge, if there is run-time control.
const STANDING: &str = "/.well-known/rate-limits";

/// Serves until the program is told to end, and then until what runs has been answered and settled.
///
/// # Errors
///
/// Wrong rules, all that is wrong with them; a store that cannot be opened; an address that cannot be listened on; a
/// snapshot that could not be written at the end.
pub(crate) fn run(args: &ServeArgs) -> Result<(), Failure> {
    let environment = source::environment(&args.store)?;
    let source = Source::of(&args.source);
    let system = rt::System::new();
    let control = system.block_on(admin::open(&args.admin, &source))?;
    let builder = source.budget(environment);
    let builder = match &control {
        Some(control) => builder.layer(control.layer()).observe(control.observer()),
        None => builder,
    };
    let budget = builder.build().map_err(Failure::wrong)?;
    let budget = if control.is_some() { budget.tell_at(STANDING) } else { budget };
    system.block_on(async {
        let end = End::receive().map_err(Failure::system)?;
        let (server, address) = bind(args, &budget, end)?;
        if let Some(reloader) = budget.reloader() {
            let watcher = reload::start(reloader).map_err(Failure::system)?;
            signals::reload_on_hangup(watcher).map_err(Failure::system)?;
        }
        let admin = match &control {
            Some(control) => {
                control.govern(&budget).map_err(Failure::wrong)?;
                Admin::start(&args.admin, control)?
            }
            None => None,
        };
        let upstreams = &args.gateway.upstream;
        output::to_stdout(&announcement(
            address,
            admin.as_ref().map(|admin| admin.address),
            &source,
            upstreams,
        ));
        server.await.map_err(Failure::system)?;
        if let Some(admin) = admin {
            admin.stop().await;
        }
        if let Some(control) = control {
            if let Err(error) = control.save_usage().await {
                log::warn!("control: the usage of the last minute is lost: {error}");
            }
            control.close().await;
        }
        budget.engine().save().map_err(Failure::system)
    })
}

fn bind(args: &ServeArgs, budget: &TimeBudget, end: End) -> Result<(Server, SocketAddr), Failure> {
    let (budget, settings) = (budget.clone(), Settings::new(&args.gateway));
    let server = HttpServer::new(move || {
        let worker = gateway::worker(&settings, &budget);
        let answer =
            move |request, payload, budget| gateway::answer(Rc::clone(&worker), request, payload, budget);
        App::new().wrap(budget.clone()).default_service(web::to(answer))
    })
    // Else the end of an answer waits until the client has acknowledged what came before it.
    .tcp_nodelay(true)
    // Whoever hangs up gives up: its request ends, and with it its place under a cap.
    .h1_allow_half_closed(false)
    .workers(args.workers.map_or_else(cores, usize::from))
    .shutdown_signal(end.told())
    .shutdown_timeout(LAST_REQUESTS_SECS);
    let failed = |error| cannot_listen(&args.listen, &error);
    let address = resolved(&args.listen).map_err(failed)?;
    let server = server.bind(address).map_err(failed)?;
    let bound = server.addrs().first().copied().unwrap_or(address);
    Ok((server.run(), bound))
}

/// What is told where nothing can be heard.
pub(crate) fn cannot_listen(listen: &str, error: &io::Error) -> Failure {
    Failure::system(format!("{listen}: cannot listen: {error}"))
}

/// The first address of a name: each of several would get a port of its own where the port is 0.
pub(crate) fn resolved(listen: &str) -> io::Result<SocketAddr> {
    let first = listen.to_socket_addrs()?.next();
    first.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// How wide the commands are, where the address is a usual one.
const WIDTH: usize = 68;

/// One line with the address, and one with that of run-time control, then commands to try.
///
/// What the example refuses and exempts is known, so only with it do the commands say so. Before an upstream there is nothing to
/// suggest.
fn announcement(
    address: SocketAddr,
    admin: Option<SocketAddr>,
    source: &Source,
    upstreams: &[Upstream],
) -> String {
    let mut lines = vec![format!("listening on http://{address}")];
    lines.extend(admin.map(|admin| format!("admin on http://{admin}")));
    if !upstreams.is_empty() {
        lines.extend(upstreams.iter().map(|upstream| format!("upstream {upstream}")));
        return lines.join("\n") + "\n";
    }
    lines.push("try:".to_owned());
    let mut suggest = |path: &str, why: &str| {
        lines.push(format!("  {:WIDTH$}  # {why}", format!("curl -i 'http://{address}{path}'")));
    };
    suggest("/report?ms=250", "a quarter of a second, and where you stand");
    if *source == Source::Example {
        suggest("/report?ms=5000", "spends the minute's five seconds");
        suggest("/report", "429 until the minute ends");
        suggest("/health", "exempt: always served, without headers");
    }
    suggest("/stream?chunks=5&bytes=80&gap=500", "charged through the last chunk");
    lines.join("\n") + "\n"
}
