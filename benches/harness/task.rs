//! What a child process does with the app of one subject: push requests through it, or serve it.

#[path = "../../tests/kit/app.rs"]
mod app;

use std::cell::Cell;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::rc::Rc;

use actix_web::body::MessageBody;
use actix_web::dev::Service;
use actix_web::http::header::HOST;
use actix_web::rt::{System, SystemRunner};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, HttpServer, Resource, web};

use self::app::AppFactory;
use super::target::Target;
use super::traffic::Traffic;

/// One job with one kind of traffic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    /// What is done.
    pub(crate) job: Job,
    /// Whose requests they are; a subject sets its quota by it.
    pub(crate) traffic: Traffic,
    /// What they ask for.
    pub(crate) target: Target,
    /// The status that all but the first are answered with.
    pub(crate) status: u16,
}

/// What is done with an app.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Job {
    /// Push so many requests through the app without a socket, inside [`collected`].
    Push(u64),
    /// Serve the app with one worker on a free port, which is printed, until the process is ended.
    Serve,
}

impl Task {
    /// The handler that every subject wraps.
    pub(crate) fn hello(self) -> Resource {
        web::resource(self.target.pattern()).to(|| async { "Hello, world!" })
    }

    /// Does the job with the app that `make` returns.
    pub(crate) fn run<T, B>(self, make: impl Fn() -> App<T> + Clone + Send + 'static)
    where
        T: AppFactory<B> + 'static,
        T::Future: 'static,
        B: MessageBody + 'static,
    {
        let Self { job, traffic, target, status } = self;
        let system = System::new();
        match job {
            Job::Push(requests) => {
                let app = addressed(make(), move |nth| traffic.peer(nth));
                push(&system, app, target, status, requests);
            }
            Job::Serve => {
                let make = move || addressed(make(), move |nth| traffic.recurring_peer(nth));
                serve(&system, make);
            }
        }
    }
}

/// The app with the address of its `nth` request set by `peer`.
///
/// They are set outside the limiter, and for the bare app too, so that many accounts need neither many
/// connections nor a header that only some limiters can be keyed by.
fn addressed<T, B>(app: App<T>, peer: impl Fn(u64) -> SocketAddr + Clone + 'static) -> App<impl AppFactory<B>>
where
    T: AppFactory<B> + 'static,
    B: MessageBody + 'static,
{
    let nth = Rc::new(Cell::new(0));
    app.wrap_fn(move |mut request, app| {
        request.head_mut().peer_addr = Some(peer(nth.replace(nth.get() + 1)));
        app.call(request)
    })
}

/// Warms the app up, then sends `requests` through it where callgrind looks.
fn push<T, B>(system: &SystemRunner, app: App<T>, target: Target, status: u16, requests: u64)
where
    T: AppFactory<B> + 'static,
    T::Future: 'static,
    B: MessageBody + 'static,
{
    const WARM_UP: u64 = 2_000;
    let app = system.block_on(init_service(app));
    let send = async |numbers: Range<u64>| {
        for nth in numbers {
            let mut request = request(target, nth).to_request();
            // A connection gives no payload to a request without a body; a test request always has one.
            request.take_payload();
            read_body(call_service(&app, request).await).await;
        }
    };
    // Apart from the loop that is counted: to keep a response for a look at its status is to move it once more.
    let answered = async || call_service(&app, request(target, WARM_UP).to_request()).await.status();
    system.block_on(send(0..WARM_UP));
    assert_eq!(system.block_on(answered()).as_u16(), status, "the subject answered with another status");
    collected(system, send(WARM_UP + 1..WARM_UP + 1 + requests));
}

/// The `nth` request for a target; one for `/` need not be told so.
#[inline]
fn request(target: Target, nth: u64) -> TestRequest {
    let request = TestRequest::get().insert_header((HOST, "localhost"));
    if target == Target::Page { request } else { request.uri(&target.path(nth)) }
}

/// Runs a future to its end: the one function whose instructions callgrind collects, found by its name.
#[inline(never)]
fn collected<F: Future>(system: &SystemRunner, future: F) -> F::Output {
    system.block_on(future)
}

fn serve<T, B>(system: &SystemRunner, make: impl Fn() -> App<T> + Clone + Send + 'static)
where
    T: AppFactory<B> + 'static,
    T::Future: 'static,
    B: MessageBody + 'static,
{
    let serving = async {
        let server = HttpServer::new(make).workers(1).bind((Ipv4Addr::LOCALHOST, 0))?;
        println!("{}", server.addrs()[0].port());
        std::io::stdout().flush()?;
        server.run().await
    };
    system.block_on(serving).expect("a free port of the loopback can be bound");
}
