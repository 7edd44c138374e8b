//! The way of one request, from its arrival to its headers, in the order in which it goes:
//!
//! site → ask → admit → (only if admitted) run → settle → headers

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::body::MessageBody;
use actix_web::dev::{ResponseHead, Service, ServiceRequest, ServiceResponse, forward_ready};
use actix_web::http::StatusCode;
use actix_web::{Error, HttpResponse};
use pin_project_lite::pin_project;

use crate::limiter::{Decision, Holding, Prospect, Question, Refused, Report};
use crate::middleware::body::{BudgetBody, cut, watch_payload};
use crate::middleware::budget::{current, during};
use crate::middleware::facts::RequestFacts;
use crate::middleware::running::{Guard, Running, Undecided, WorkerSite};
use crate::middleware::standing::LimitedError;
use crate::middleware::worker::Worker;
use crate::middleware::{prospect_page, refusal, route, watch};

/// A service under a budget.
#[derive(Debug)]
pub struct BudgetService<S> {
    /// Shared, for a request that waits until the store has asked others begins later.
    service: Rc<S>,
    worker: Worker,
}

impl<S> BudgetService<S> {
    pub(crate) fn new(service: S, worker: Worker) -> Self {
        Self { service: Rc::new(service), worker }
    }
}

impl<S, B> Service<ServiceRequest> for BudgetService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BudgetBody<B>>;
    type Error = Error;
    type Future = BudgetFuture<S::Future, B>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        // The site that answers, and a place for the request.
        let guard = self.worker.place(&request, current());
        if guard.is_inside() || guard.site().is_adapted() {
            return self.call_adapted(guard, request);
        }
        match decide(&guard, &RequestFacts::new(&request, guard.site())) {
            Ok(Decision::Admitted) => run(&*self.service, guard, request),
            decided => answer(&self.service, decided, guard, request),
        }
    }
}

impl<S> BudgetService<S> {
    /// The same where the application has closures, or another budget is around this one.
    #[inline(never)]
    fn call_adapted<B>(&self, guard: Guard, mut request: ServiceRequest) -> BudgetFuture<S::Future, B>
    where
        S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
        B: MessageBody + 'static,
    {
        if let Some(prospect) = prospect_page::asked(&guard, &request) {
            return tell(prospect, request);
        }
        let decided = with_facts(&mut request, guard.site(), |facts| decide_adapted(&guard, facts));
        if guard.is_inside() {
            self.worker.built.tell_if_doubled(|| guard.rule_charged_twice());
        }
        answer(&self.service, decided, guard, request)
    }
}

/// Tells a client where it stands, which is read first.
#[cold]
fn tell<F: 'static, B: 'static>(prospect: Prospect, request: ServiceRequest) -> BudgetFuture<F, B> {
    BudgetFuture::waiting(Box::pin(async {
        let page = prospect_page::page(prospect).await;
        BudgetFuture::answered(request, page.map_or(Answer::Fault, |page| Answer::Page(Box::new(page))))
    }))
}

/// Asks the rules that are about the request, and charges their accounts if all admit it.
#[inline(always)]
fn decide(running: &Rc<Running>, facts: &RequestFacts<'_>) -> Result<Decision, Undecided> {
    let decided = running.admit(facts);
    // Not earlier: while it is decided, the application's code may look at what it watches.
    watch::see(running, facts);
    decided
}

/// The same where the application's closures have a say, or a budget around this one.
#[inline(never)]
fn decide_adapted(running: &Rc<Running>, facts: &RequestFacts<'_>) -> Result<Decision, Undecided> {
    let site = running.site();
    let is_exempt =
        running.is_inside_of_rewritten() || site.hooks().is_some_and(|hooks| hooks.excepted(facts).is_some());
    if !is_exempt && !site.is_computed() {
        return decide(running, facts);
    }
    let decided = if is_exempt { Ok(Decision::Exempt) } else { running.admit_asking(facts) };
    watch::see(running, facts);
    decided
}

/// Decides by what rules may see of a request. Closures are shown its parameters, which the router has yet to find.
fn with_facts<T>(
    request: &mut ServiceRequest,
    site: &WorkerSite,
    decide: impl FnOnce(&RequestFacts<'_>) -> T,
) -> T {
    let unrouted =
        if site.is_computed() { site.common().parameters.show(request, site.site().paths) } else { None };
    let decided = decide(&RequestFacts::new(request, site));
    route::put_back(request, unrouted);
    decided
}

/// Does what was decided where it is not, or not yet, that the request runs.
#[inline(never)]
fn answer<S, B>(
    service: &Rc<S>,
    decided: Result<Decision, Undecided>,
    guard: Guard,
    request: ServiceRequest,
) -> BudgetFuture<S::Future, B>
where
    S: Service<ServiceRequest> + 'static,
    B: 'static,
{
    match decided {
        Ok(Decision::Refused) => refuse(service, guard, request),
        Ok(Decision::Exempt) => BudgetFuture::running(service.call(request), None),
        Ok(Decision::Open(question)) => wait(Rc::clone(service), question, guard, request),
        Ok(Decision::Admitted) => run(&**service, guard, request),
        Err(Undecided) => fault(request),
    }
}

/// Waits until the store has asked others. A store that has asked leaves nothing open.
#[cold]
fn wait<S, B>(
    service: Rc<S>,
    question: Box<Question>,
    guard: Guard,
    request: ServiceRequest,
) -> BudgetFuture<S::Future, B>
where
    S: Service<ServiceRequest> + 'static,
    B: 'static,
{
    BudgetFuture::waiting(Box::pin(async move {
        let decided = guard.conclude(question).await;
        answer(&service, decided, guard, request)
    }))
}

/// Lets an admitted request run. Its guard is there before the service is called, so that not even a panic in the call
/// leaves it running.
#[inline(always)]
fn run<S, B>(service: &S, guard: Guard, mut request: ServiceRequest) -> BudgetFuture<S::Future, B>
where
    S: Service<ServiceRequest>,
{
    watch_payload(&mut request, &guard);
    if guard.site().cuts {
        guard.may_be_cut(&request);
    }
    let mut guard = Some(guard);
    let future = during(&mut guard, || service.call(request));
    BudgetFuture::running(future, guard)
}

/// Answers a refused request, or serves it another page.
#[inline]
fn refuse<S, B>(service: &Rc<S>, guard: Guard, request: ServiceRequest) -> BudgetFuture<S::Future, B>
where
    S: Service<ServiceRequest> + 'static,
    B: 'static,
{
    let refused = &guard.held().why_refused(guard.site());
    if let Some(target) = refusal::target(guard.site(), refused, &request).map(str::to_owned) {
        refusal::tell(&guard, &request, refused);
        return serve_other(service, &target, refused, guard, request);
    }
    // Before the application's closures: a panic in one would otherwise charge the budgets outside.
    guard.refuses(refused);
    refusal::tell(&guard, &request, refused);
    refusal::hint(&request, guard.site(), refused);
    BudgetFuture::answered(request, Answer::Refused { refused: *refused, guard })
}

/// Serves a refused request the page of another path in place of its own.
#[cold]
fn serve_other<S, B>(
    service: &Rc<S>,
    target: &str,
    refused: &Refused,
    guard: Guard,
    mut request: ServiceRequest,
) -> BudgetFuture<S::Future, B>
where
    S: Service<ServiceRequest> + 'static,
    B: 'static,
{
    let decided = with_facts(&mut request, guard.site(), |facts| guard.admit_rewritten(facts, refused));
    if decided.is_err() || refusal::rewrite(&mut request, target).is_none() {
        return fault(request);
    }
    let Ok(Decision::Open(question)) = decided else {
        return run(&**service, guard, request);
    };
    let service = Rc::clone(service);
    BudgetFuture::waiting(Box::pin(async move {
        match guard.conclude(question).await {
            Ok(_) => run(&*service, guard, request),
            Err(Undecided) => fault(request),
        }
    }))
}

/// Answers a request of which nobody knows whether it may be served.
#[cold]
fn fault<F, B>(request: ServiceRequest) -> BudgetFuture<F, B> {
    BudgetFuture::answered(request, Answer::Fault)
}

pin_project! {
    /// The response of a request under a budget, while it is made.
    pub struct BudgetFuture<F, B> {
        #[pin]
        state: State<F, B>,
    }
}

pin_project! {
    /// No larger than it must be, for it is moved: a response is made where it is asked for.
    #[project = StateProjection]
    enum State<F, B> {
        /// The handler runs, under the guard until it has answered; without one, no budget has to do with the request.
        Running { #[pin] future: F, guard: Option<Guard> },
        /// The store asks others whether the request may run.
        Waiting { decided: Waiting<F, B> },
        /// The request is answered without any handler.
        Answered { answer: Option<(ServiceRequest, Answer)> },
        /// There is nothing to be answered any more.
        Over,
    }
}

/// What becomes of a request once the store has asked others.
type Waiting<F, B> = Pin<Box<dyn Future<Output = BudgetFuture<F, B>>>>;

/// What a request is answered that does not run.
#[derive(Debug)]
enum Answer {
    Refused {
        refused: Refused,
        guard: Guard,
    },
    /// A page of the budget's own.
    Page(Box<HttpResponse>),
    /// Nobody knows whether it may be served.
    Fault,
}

impl Answer {
    #[inline(always)]
    fn to<B>(self, request: ServiceRequest) -> ServiceResponse<BudgetBody<B>> {
        match self {
            Self::Refused { refused, guard } => refusal::answer(request, guard, &refused),
            Self::Page(page) => request.into_response(page.map_body(|_, body| BudgetBody::own(body))),
            Self::Fault => refusal::of_fault(request),
        }
    }
}

impl<F, B> BudgetFuture<F, B> {
    const fn running(future: F, guard: Option<Guard>) -> Self {
        Self { state: State::Running { future, guard } }
    }

    const fn waiting(decided: Waiting<F, B>) -> Self {
        Self { state: State::Waiting { decided } }
    }

    const fn answered(request: ServiceRequest, answer: Answer) -> Self {
        Self { state: State::Answered { answer: Some((request, answer)) } }
    }
}

/// What a request under a budget is answered.
type Answered<B> = Result<ServiceResponse<BudgetBody<B>>, Error>;

impl<F, B> Future for BudgetFuture<F, B>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody,
{
    type Output = Answered<B>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answered<B>> {
        self.project().state.poll(cx)
    }
}

impl<F, B> State<F, B>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody,
{
    /// Lets the handler go on, and with it the request's time, unless it waits for its client.
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answered<B>> {
        let StateProjection::Running { future, guard } = self.as_mut().project() else {
            return self.poll_other(cx);
        };
        let Some(running) = guard.as_ref() else { return poll_exempt(future, cx) };
        let is_spent = running.enter_handler();
        if !is_spent {
            let answered = during(guard, || future.poll(cx));
            if let Some(guard) = guard.take_if(|_| answered.is_ready()) {
                if let Poll::Ready(Ok(response)) = &answered {
                    hear(response, &guard);
                }
                return match answered {
                    Poll::Ready(Ok(response)) => Poll::Ready(Ok(depart(response, guard))),
                    Poll::Ready(Err(error)) => Poll::Ready(Err(LimitedError::wrap(error, &guard))),
                    Poll::Pending => Poll::Pending,
                };
            }
        }
        if let Some(running) = guard {
            running.leave();
        }
        let Some(cut) = cut(guard, is_spent, cx) else { return Poll::Pending };
        // What the handler has is dropped here, where it waits.
        self.set(Self::Over);
        Poll::Ready(Err(cut.into()))
    }

    /// The same, of what does not run, or not yet.
    #[inline(never)]
    fn poll_other(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answered<B>> {
        match self.as_mut().project() {
            StateProjection::Answered { answer } => {
                let Some((request, answer)) = answer.take() else { return Poll::Pending };
                Poll::Ready(Ok(answer.to(request)))
            }
            StateProjection::Waiting { decided } => {
                let next = ready!(decided.as_mut().poll(cx));
                self.set(next.state);
                self.poll(cx)
            }
            StateProjection::Running { .. } | StateProjection::Over => Poll::Pending,
        }
    }
}

/// Lets a handler go on that no budget has to do with.
#[inline(never)]
fn poll_exempt<F, B>(future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<Answered<B>>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
{
    let passing = |response: ServiceResponse<B>| response.map_body(|_, body| BudgetBody::passing(body));
    future.poll(cx).map_ok(passing)
}

/// Hears of the answer before it is taken apart: which route it is of, and whether it is charged.
#[inline(always)]
fn hear<B>(response: &ServiceResponse<B>, guard: &Guard) {
    guard.reached(response.request());
    if guard.site().judges_answers {
        guard.answered(response.response().head());
    }
}

/// The head leaves: what is complete is settled, and headers are written.
///
/// Taken apart where it lies, and not by `map_body`: a response is large, and each step would move it whole.
#[inline(always)]
fn depart<B: MessageBody>(response: ServiceResponse<B>, guard: Guard) -> ServiceResponse<BudgetBody<B>> {
    let (request, response) = response.into_parts();
    let (mut response, body) = response.into_parts();
    let body = match response.status() {
        StatusCode::SWITCHING_PROTOCOLS => open(response.head_mut(), body, guard),
        _ => {
            let size = body.size();
            match body.try_into_bytes() {
                Ok(bytes) => {
                    guard.settle_with_headers(response.headers_mut());
                    drop(guard);
                    BudgetBody::complete(bytes, size)
                }
                Err(body) => stream(response.head_mut(), body, guard),
            }
        }
    };
    ServiceResponse::new(request, response.set_body(body))
}

/// The body is yet to be made.
#[inline(never)]
fn stream<B>(head: &mut ResponseHead, body: B, guard: Guard) -> BudgetBody<B> {
    let report = guard.holding().tightest(guard.site()).map(Report::from);
    guard.write_headers(&mut head.headers, report.as_ref());
    guard.with(Holding::head_left);
    // Until a chunk is asked for, what is outside works, or the client reads: neither is charged.
    guard.rest();
    BudgetBody::streaming(body, guard)
}

/// The connection switches to another protocol, and a rule may charge it until it is closed.
#[cold]
fn open<B>(head: &mut ResponseHead, body: B, guard: Guard) -> BudgetBody<B> {
    if !guard.site().charges_tunnels {
        guard.settle_with_headers(&mut head.headers);
        return BudgetBody::passing(body);
    }
    let report = guard.holding().tightest(guard.site()).map(Report::from);
    guard.write_headers(&mut head.headers, report.as_ref());
    guard.with(Holding::tunnel_opened);
    BudgetBody::open(body, guard)
}
