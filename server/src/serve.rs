//! `timebudget serve`: the demonstration app behind the time budgets of site files, and what is printed when it is ready.

use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

use actix_web::dev::{Server, ServerHandle};
use actix_web::{App, rt, web};
use timebudget::{TimeBudget, Upstream};
use timebudget_control::noting::Noting;
use timebudget_control::{Control, Recording};
use tokio::sync::{oneshot, watch};

use crate::access::{Access, AccessArgs, Log};
use crate::admin::{Admin, Readiness};
use crate::args::ServeArgs;
use crate::gateway::{self, Counted, Settings, Stop};
use crate::listen::{self, Bound, Certificate};
use crate::metrics::{Metrics, Notices, Observer, Responses};
use crate::output::{self, Failure};
use crate::signals::{self, End};
use crate::source::{self, Source};
use crate::traces::Traces;
use crate::{admin, discreet, last, reload};

/// How long what was taken from a shared socket is served on as if nothing had happened.
const HAND_OVER: Duration = Duration::from_secs(1);

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
    let observer = Observer::new(args.admin.admin.is_some(), Notices::new(args.access.log_refusals));
    let builder = source.budget(environment).observe(Arc::clone(&observer));
    let builder = match &control {
        Some(control) => builder.layer(control.layer()).observe(control.observer()),
        None => builder,
    };
    let budget = builder.build().map_err(Failure::wrong)?;
    let budget = if control.is_some() { budget.tell_at(STANDING) } else { budget };
    system.block_on(async {
        let end = End::receive().map_err(Failure::system)?;
        let log = open_log(&args.access)?;
        let readiness = Readiness::of(&budget, &args.gateway.upstream);
        let traces = Traces::open();
        let access = Access::new(log.clone(), args.access.access_log_query, traces.clone());
        let is_noted = access.notes();
        let noting = Noting::new((access, control.as_ref().map(Control::recording)));
        let responses = Responses::new(&observer, &budget);
        let layers = Layers { budget: budget.clone(), noting, responses, is_noted };
        let upstreams = Arc::<Counted>::default();
        let (servers, bound) = bind(args, layers, &upstreams, end, &readiness)?;
        if let Some(reloader) = budget.reloader() {
            let watcher = reload::start(reloader).map_err(Failure::system)?;
            signals::on_hangup(move || watcher.reload()).map_err(Failure::system)?;
        }
        if let Some(control) = &control {
            control.govern(&budget).map_err(Failure::wrong)?;
        }
        rt::spawn(turn(Arc::clone(&observer)));
        let metrics =
            Metrics::new(Arc::clone(&observer), budget.clone(), log.clone(), upstreams, traces.clone());
        let admin = Admin::start(&args.admin, control.as_ref(), metrics, &readiness)?;
        let address = admin.as_ref().map(|admin| admin.address);
        output::to_stdout(&announcement(&bound, address, &source, &args.gateway.upstream));
        listen::tell_ready();
        let running: Vec<_> = servers.into_iter().map(rt::spawn).collect();
        for server in running {
            server.await.map_err(Failure::system)?.map_err(Failure::system)?;
        }
        drop(bound);
        // First: what was spent must not wait for what may hang.
        let saved = budget.engine().save();
        if let Some(admin) = admin {
            admin.stop().await;
        }
        observer.notices().turn();
        last::words(log, traces, control).await;
        saved.map_err(Failure::system)
    })
}

/// The access log, if there is to be one, opened anew at each SIGHUP.
fn open_log(args: &AccessArgs) -> Result<Option<Arc<Log>>, Failure> {
    let Some(file) = &args.access_log else { return Ok(None) };
    let failed = |error| Failure::system(format!("{}: cannot be opened: {error}", file.display()));
    let log = Log::open(file).map_err(failed)?;
    let reopened = Arc::clone(&log);
    signals::on_hangup(move || reopened.reopen()).map_err(Failure::system)?;
    Ok(Some(log))
}

/// Begins another second of notices every second.
async fn turn(observer: Arc<Observer>) {
    loop {
        rt::time::sleep(Duration::from_secs(1)).await;
        observer.notices().turn();
    }
}

/// What is around the handler, the innermost first.
#[derive(Clone)]
struct Layers {
    budget: TimeBudget,
    noting: Noting<(Access, Option<Recording>)>,
    responses: Responses,
    /// Whether what the gateway does is noted.
    is_noted: bool,
}

fn bind(
    args: &ServeArgs,
    layers: Layers,
    upstreams: &Arc<Counted>,
    end: End,
    readiness: &Readiness,
) -> Result<(Vec<Server>, Bound), Failure> {
    let stop = Stop::new();
    let settings = Settings::new(&args.gateway, layers.is_noted, &stop, Arc::clone(upstreams));
    let readiness = readiness.clone();
    let certificate = Certificate::open(&args.listen)?;
    let config = certificate.as_ref().map(Certificate::config).transpose()?;
    let (sockets, bound) = listen::open(&args.listen)?;
    let is_shared = bound.is_shared();
    let (give_handles, handles) = oneshot::channel();
    let (tell, end_of_servers) = watch::channel(false);
    rt::spawn(async move {
        end.told().await;
        readiness.drain();
        listen::tell_ending();
        if is_shared {
            hand_over(handles).await;
        }
        stop.tell();
        let _ = tell.send(true);
    });
    let app = move || {
        let Layers { budget, noting, responses, .. } = layers.clone();
        let worker = gateway::worker(&settings, &budget);
        let answer =
            move |request, payload, budget| gateway::answer(Rc::clone(&worker), request, payload, budget);
        // The last is the outermost.
        App::new().wrap(budget).wrap(noting).wrap(responses).default_service(web::to(answer))
    };
    let workers = args.workers.map_or_else(cores, usize::from);
    let servers =
        listen::serve(sockets, config.as_ref(), workers, &end_of_servers, app).map_err(Failure::system)?;
    if let Some(certificate) = certificate {
        let renewal = certificate.keep().map_err(Failure::system)?;
        signals::on_hangup(move || renewal.look()).map_err(Failure::system)?;
    }
    // Who was told to end before this has nobody to stop.
    let _ = give_handles.send(servers.iter().map(Server::handle).collect());
    Ok((servers, bound))
}

/// Leaves sockets that others have as well to them, and serves what was taken from them: a server that stops hangs up on
/// connections whose first request it has not read.
async fn hand_over(servers: oneshot::Receiver<Vec<ServerHandle>>) {
    if let Ok(servers) = servers.await {
        for server in &servers {
            server.pause().await;
        }
        rt::time::sleep(HAND_OVER).await;
    }
}

/// What is told where nothing can be heard.
pub(crate) fn cannot_listen(listen: &str, error: &io::Error) -> Failure {
    Failure::system(format!("{}: cannot listen: {error}", discreet::uri(listen)))
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

/// A line with each address, and one with that of run-time control, then commands to try.
///
/// What the example refuses and exempts is known, so only with it do the commands say so. Before an upstream there is nothing to
/// suggest.
fn announcement(bound: &Bound, admin: Option<SocketAddr>, source: &Source, upstreams: &[Upstream]) -> String {
    let mut lines: Vec<_> = bound.origins().map(|origin| format!("listening on {origin}")).collect();
    lines.extend(admin.map(|admin| format!("admin on http://{admin}")));
    if !upstreams.is_empty() {
        lines.extend(upstreams.iter().map(|upstream| format!("upstream {upstream}")));
        return lines.join("\n") + "\n";
    }
    lines.push("try:".to_owned());
    let mut suggest = |path: &str, why: &str| {
        lines.push(format!("  {:WIDTH$}  # {why}", bound.curl(path)));
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
