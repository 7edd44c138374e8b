//! The service that a wrapped application, scope or resource becomes.

use std::rc::Rc;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Path, Service, ServiceRequest, ServiceResponse, Url, forward_ready};

use crate::limiter::{Decision, Question, Refusal};
use crate::middleware::body::BudgetBody;
use crate::middleware::current;
use crate::middleware::facts::RequestFacts;
use crate::middleware::future::BudgetFuture;
use crate::middleware::routes::Routes;
use crate::middleware::running::{Guard, Running};
use crate::middleware::worker::{Worker, WorkerSite};
use crate::middleware::{doubles, parameters, payload, refusal, rewrite, unbelieved, watch};
use crate::store::Fault;

/// A service under a budget.
#[derive(Debug)]
pub struct BudgetService<S> {
    /// Shared, for a request that waits until the store has asked others begins later.
    service: Rc<S>,
    worker: Worker,
}

impl<S> BudgetService<S> {
    pub(super) fn new(service: S, worker: Worker) -> Self {
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

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let running = Rc::new(Running::new(self.worker.site(&request), current::current()));
        let routes = &self.worker.routes;
        let unrouted = shown(&mut request, running.site(), routes);
        let decided = decide(&request, routes, &running);
        parameters::put_back(&mut request, unrouted);
        // Not earlier: while it is decided, the application's code may look at what it watches.
        watch::see(&running);
        if running.is_inside() {
            doubles::compare(&self.worker.built, &running);
        }
        match decided {
            Ok(Decision::Open(question)) => {
                ask(Rc::clone(&self.service), question, running, request, Rc::clone(&self.worker.routes))
            }
            decided => begin(&self.service, decided, running, request, &self.worker.routes),
        }
    }
}

#[inline]
fn decide(request: &ServiceRequest, routes: &Routes, running: &Running) -> Result<Decision, Fault> {
    let facts = RequestFacts::new(request, routes, running.site());
    let is_exempt = running.is_inside_of_rewritten()
        || running.site().hooks().is_some_and(|hooks| hooks.excepted(&facts).is_some());
    match is_exempt {
        true => Ok(Decision::Exempt),
        false => running.admit(&facts),
    }
}

/// Serves the request or answers it, as it was decided.
fn begin<S, B>(
    service: &Rc<S>,
    decided: Result<Decision, Fault>,
    running: Rc<Running>,
    mut request: ServiceRequest,
    routes: &Routes,
) -> BudgetFuture<S::Future, B>
where
    S: Service<ServiceRequest> + 'static,
    B: 'static,
{
    match decided {
        Ok(Decision::Exempt) => BudgetFuture::exempt(service.call(request)),
        Ok(Decision::Admitted) => {
            payload::watch(&mut request, &running);
            run(&**service, running, request)
        }
        Ok(Decision::Refused(refused)) => {
            let refused = running.refusal(&refused);
            if let Some(target) = rewrite::target(&running, &refused, &request).map(str::to_owned) {
                tell(&running, &request, &refused);
                return serve_other(service, &target, &refused, running, request, routes);
            }
            // Before the application's closures: a panic in one would otherwise charge the budgets outside.
            running.refused(&refused.report);
            tell(&running, &request, &refused);
            unbelieved::hint(&request, running.site(), &refused);
            let response = refusal::response(&request, &running, &refused);
            BudgetFuture::answered(request.into_response(response))
        }
        // A store that has asked leaves nothing open.
        Ok(Decision::Open(_)) | Err(_) => fault(request),
    }
}

/// Tells the application that a request is refused, if it wants to know.
#[inline]
fn tell(running: &Running, request: &ServiceRequest, refused: &Refusal) {
    if let Some(hooks) = running.site().hooks() {
        hooks.tell(request, refused);
    }
}

/// Waits until the store has asked others.
#[cold]
fn ask<S, B>(
    service: Rc<S>,
    question: Question,
    running: Rc<Running>,
    request: ServiceRequest,
    routes: Rc<Routes>,
) -> BudgetFuture<S::Future, B>
where
    S: Service<ServiceRequest> + 'static,
    B: 'static,
{
    BudgetFuture::asking(Box::pin(async move {
        let decided = running.conclude(question).await;
        begin(&service, decided, running, request, &routes)
    }))
}

/// Serves a refused request the page of another path in place of its own.
#[cold]
fn serve_other<S, B>(
    service: &Rc<S>,
    target: &str,
    refused: &Refusal,
    running: Rc<Running>,
    mut request: ServiceRequest,
    routes: &Routes,
) -> BudgetFuture<S::Future, B>
where
    S: Service<ServiceRequest> + 'static,
    B: 'static,
{
    let unrouted = shown(&mut request, running.site(), routes);
    let facts = RequestFacts::new(&request, routes, running.site());
    let decided = running.admit_rewritten(&facts, refused.report.clone());
    parameters::put_back(&mut request, unrouted);
    if decided.is_err() || rewrite::rewrite(&mut request, target).is_none() {
        return fault(request);
    }
    let Ok(Decision::Open(question)) = decided else {
        return run(&**service, running, request);
    };
    let service = Rc::clone(service);
    BudgetFuture::asking(Box::pin(async move {
        match running.conclude(question).await {
            Ok(_) => run(&*service, running, request),
            Err(_) => fault(request),
        }
    }))
}

/// Shows the application's closures a request with its parameters, if the site has closures.
#[inline]
fn shown(request: &mut ServiceRequest, site: &WorkerSite, routes: &Routes) -> Option<Box<Path<Url>>> {
    if site.is_computed() { routes.show_parameters(request, site.site().paths) } else { None }
}

/// Answers a request of which nobody knows whether it may be served.
fn fault<F, B>(request: ServiceRequest) -> BudgetFuture<F, B> {
    let response = refusal::of_fault(&request);
    BudgetFuture::answered(request.into_response(response))
}

/// Lets an admitted request run.
fn run<S, B>(service: &S, running: Rc<Running>, request: ServiceRequest) -> BudgetFuture<S::Future, B>
where
    S: Service<ServiceRequest>,
{
    // Before the call: a panic in it would otherwise leave the request running for ever.
    let guard = Guard(running);
    let future = current::during(&guard.0, || service.call(request));
    BudgetFuture::running(future, guard)
}
