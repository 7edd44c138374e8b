//! The service that a wrapped application, scope or resource becomes.

use std::rc::Rc;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, forward_ready};

use crate::limiter::Decision;
use crate::middleware::body::BudgetBody;
use crate::middleware::current;
use crate::middleware::facts::RequestFacts;
use crate::middleware::future::BudgetFuture;
use crate::middleware::running::{Guard, Running};
use crate::middleware::worker::Worker;
use crate::middleware::{payload, refusal};

/// A service under a budget.
#[derive(Debug)]
pub struct BudgetService<S> {
    service: S,
    worker: Worker,
}

impl<S> BudgetService<S> {
    pub(super) const fn new(service: S, worker: Worker) -> Self {
        Self { service, worker }
    }
}

impl<S, B> Service<ServiceRequest> for BudgetService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<BudgetBody<B>>;
    type Error = Error;
    type Future = BudgetFuture<S::Future, B>;

    forward_ready!(service);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let running = Rc::new(Running::new(self.worker.site(&request)));
        let facts = RequestFacts::new(&request, &self.worker.routes, running.site().site());
        match running.admit(&facts) {
            Ok(Decision::Exempt) => BudgetFuture::exempt(self.service.call(request)),
            Ok(Decision::Admitted) => {
                payload::watch(&mut request, &running);
                // Before the call: a panic in it would otherwise leave the request running for ever.
                let guard = Guard(running);
                let future = current::during(&guard.0, || self.service.call(request));
                BudgetFuture::running(future, guard)
            }
            Ok(Decision::Refused(refused)) => {
                running.refused(&refused.report);
                let response = refusal::response(&request, running.site(), &refused);
                BudgetFuture::answered(request.into_response(response))
            }
            Err(fault) => BudgetFuture::answered(request.into_response(refusal::of_fault(&fault))),
        }
    }
}
