//! What middleware outside of all budgets can see of them.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::limiter::{LimitReport, Limiter};
use crate::middleware::facts::RequestFacts;
use crate::middleware::running::Running;
use crate::model::{Facts as _, Micros};

/// Sees the budgets that a request passes, also those that refuse it.
///
/// For middleware that is wrapped around budgets. A handler asks its [`Budget`](crate::Budget).
///
/// # Examples
///
/// ```
/// use actix_web::body::MessageBody;
/// use actix_web::dev::{ServiceRequest, ServiceResponse};
/// use actix_web::middleware::{Next, from_fn};
/// use actix_web::{App, Error, HttpResponse, test, web};
/// use timebudget::TimeBudget;
/// use timebudget::Watch;
///
/// async fn tell(request: ServiceRequest, next: Next<impl MessageBody>) -> Result<ServiceResponse<impl MessageBody>, Error> {
///     let watch = Watch::new();
///     let response = watch.during(|| next.call(request)).await?;
///     let limits = watch.limits();
///     assert_eq!(limits.iter().map(|limit| limit.report.remaining).collect::<Vec<_>>(), [199, 49]);
///     Ok(response)
/// }
///
/// # actix_web::rt::System::new().block_on(async {
/// let budget = TimeBudget::rule("pages", "200 per day; 50 per hour").build()?;
/// let app = App::new().wrap(budget).wrap(from_fn(tell)).route("/", web::to(HttpResponse::Ok));
/// let request = test::TestRequest::get().peer_addr(([192, 0, 2, 1], 80).into()).to_request();
/// assert_eq!(test::call_service(&test::init_service(app).await, request).await.status(), 200);
/// # Ok::<(), timebudget::RuleError>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, Default)]
pub struct Watch(Rc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    running: RefCell<Vec<Rc<Running>>>,
    client: Cell<Option<IpAddr>>,
    /// Those of the client and of its API key.
    names: RefCell<[Option<Arc<str>>; 2]>,
}

thread_local! {
    /// A worker polls one request at a time, so that what is polled within a watched future is of its request.
    static WATCH: Cell<Option<Watch>> = const { Cell::new(None) };

    /// Whether there is a watch: what every request asks, at a few instructions, for it needs no destructor.
    static IS_WATCHED: Cell<bool> = const { Cell::new(false) };
}

impl Watch {
    /// A watch that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Watches the service that `call` asks, from the call to its answer.
    ///
    /// A service decides when it is called and not only when its future is polled: hence the closure.
    pub fn during<F: Future>(&self, call: impl FnOnce() -> F) -> Watched<F> {
        let future = self.while_set(call);
        Watched { future, watch: self.clone() }
    }

    /// All limits that applied to the request so far, of the outermost budget first: each where it stands now, or where it
    /// stood when the request ended.
    ///
    /// An exempt request has none.
    pub fn limits(&self) -> Vec<LimitReport> {
        let seen = self.0.running.borrow();
        seen.iter().flat_map(|running| running.ask(|holding, site, _| holding.limits(site))).collect()
    }

    /// What answers for the site, by the outermost budget: [`Limiter::site`] says which that is. `None` before a budget was asked.
    pub fn limiter(&self) -> Option<Arc<Limiter>> {
        self.0.running.borrow().first().map(|running| Arc::clone(running.site().limiter()))
    }

    /// The configured name or wildcard that the request asked for, of the site that answers by the outermost budget.
    pub fn host(&self) -> Option<Arc<str>> {
        self.0.running.borrow().first().map(|running| Arc::clone(&running.site().answering().host))
    }

    /// The client's address, as the outermost budget's rules see it; `None` if it has none, as on a Unix socket.
    pub fn client(&self) -> Option<IpAddr> {
        self.0.client.get()
    }

    /// The client's name, as the outermost budget's site knows clients: by an API key, by the application's own code, or by what
    /// a trusted proxy tells. `None` if nobody knows it.
    ///
    /// It is found out whether or not a rule asks for it, also for exempt requests. Text of a client's is in it as it is: whoever
    /// writes it somewhere has to encode it.
    pub fn user(&self) -> Option<Arc<str>> {
        self.0.names.borrow()[0].clone()
    }

    /// The name of the API key that the client has sent, as the outermost budget's site knows it; `None` without one that is known.
    pub fn api_key(&self) -> Option<Arc<str>> {
        self.0.names.borrow()[1].clone()
    }

    /// The rule that has refused the request, of the outermost budget that did.
    pub fn refused_by(&self) -> Option<Arc<str>> {
        let seen = self.0.running.borrow();
        seen.iter().find_map(|running| running.refused_by())
    }

    /// The most that a limit of time was charged, or would be if the request ended now; 0 under no such limit, and for an exempt request
    /// or one that was refused when it came. What was ended amid its work was charged up to there.
    pub fn charged(&self) -> Micros {
        let seen = self.0.running.borrow();
        let charged = seen.iter().map(|running| running.ask(|holding, site, _| holding.charged(site)));
        charged.max().unwrap_or_default()
    }

    /// Whether the request was made free, as [`Budget::waive`](crate::Budget::waive) does: by any of the budgets.
    ///
    /// What is free is charged nothing, and so is what no limit of time is about: this tells them apart.
    pub fn is_waived(&self) -> bool {
        self.0.running.borrow().iter().any(|running| running.held().is_waived)
    }

    fn while_set<T>(&self, work: impl FnOnce() -> T) -> T {
        let seen = self.0.running.borrow().len();
        let outer = WATCH.replace(Some(self.clone()));
        IS_WATCHED.set(true);
        let _before = Before { outer, inner: self, seen };
        work()
    }
}

/// Shows a request to the watch, if there is one.
#[inline]
pub(crate) fn see(running: &Rc<Running>, facts: &RequestFacts<'_>) {
    if IS_WATCHED.get() {
        show(running, facts);
    }
}

#[cold]
fn show(running: &Rc<Running>, facts: &RequestFacts<'_>) {
    if let Some(watch) = WATCH.take() {
        if watch.0.running.borrow().is_empty() {
            watch.0.client.set(facts.ip());
            watch.0.names.replace(running.site().names_of(facts));
        }
        watch.0.running.borrow_mut().push(Rc::clone(running));
        WATCH.set(Some(watch));
    }
}

impl Running {
    /// The name of the rule that has refused it, be it served another page.
    fn refused_by(&self) -> Option<Arc<str>> {
        let rewritten =
            self.seldom().and_then(|seldom| seldom.rewritten.borrow().as_ref().map(|it| it.report.rule));
        match rewritten {
            Some(position) => Some(self.site().shared_rule_name(position)),
            None => self.held().refused_by(self.site()),
        }
    }
}

/// Puts back the watch that was set before, also if the work panics, and shows it what the inner one has seen.
struct Before<'a> {
    outer: Option<Watch>,
    inner: &'a Watch,
    /// How much the inner one had seen before.
    seen: usize,
}

impl Drop for Before<'_> {
    fn drop(&mut self) {
        if let Some(outer) = self.outer.as_ref().filter(|outer| !Rc::ptr_eq(&outer.0, &self.inner.0)) {
            let mut seen = outer.0.running.borrow_mut();
            if seen.is_empty() {
                outer.0.client.set(self.inner.0.client.get());
                outer.0.names.replace(self.inner.0.names.borrow().clone());
            }
            seen.extend(self.inner.0.running.borrow().iter().skip(self.seen).cloned());
        }
        IS_WATCHED.set(self.outer.is_some());
        WATCH.set(self.outer.take());
    }
}

pin_project! {
    /// A service's answer, watched while it is made.
    #[must_use = "futures do nothing unless they are awaited"]
    #[derive(Debug)]
    pub struct Watched<F> {
        #[pin]
        future: F,
        watch: Watch,
    }
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let watched = self.project();
        watched.watch.while_set(|| watched.future.poll(cx))
    }
}
