//! The response of a request under a budget, while it is made.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ResponseHead, ServiceResponse};
use actix_web::http::StatusCode;
use pin_project_lite::pin_project;

use crate::middleware::body::BudgetBody;
use crate::middleware::current;
use crate::middleware::error::LimitedError;
use crate::middleware::running::Guard;

pin_project! {
    /// The response of a request under a budget, while it is made.
    pub struct BudgetFuture<F, B> {
        #[pin]
        state: State<F, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, B> {
        /// No budget has to do with the request.
        Exempt { #[pin] future: F },
        /// The handler runs. The guard is taken when it has answered.
        Running { #[pin] future: F, guard: Option<Guard> },
        /// The store asks others whether the request may run.
        Asking { asking: Asking<F, B> },
        /// The answer was there before any handler was asked.
        Answered { response: Option<ServiceResponse<BudgetBody<B>>> },
    }
}

/// What becomes of a request once the store has asked others.
type Asking<F, B> = Pin<Box<dyn Future<Output = BudgetFuture<F, B>>>>;

impl<F, B> BudgetFuture<F, B> {
    pub(super) const fn exempt(future: F) -> Self {
        Self { state: State::Exempt { future } }
    }

    pub(super) const fn running(future: F, guard: Guard) -> Self {
        Self { state: State::Running { future, guard: Some(guard) } }
    }

    pub(super) const fn asking(asking: Asking<F, B>) -> Self {
        Self { state: State::Asking { asking } }
    }

    pub(super) const fn answered(response: ServiceResponse<BudgetBody<B>>) -> Self {
        Self { state: State::Answered { response: Some(response) } }
    }
}

impl<F, B> Future for BudgetFuture<F, B>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody,
{
    type Output = Result<ServiceResponse<BudgetBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        while let StateProjection::Asking { asking } = state.as_mut().project() {
            let next = ready!(asking.as_mut().poll(cx));
            state.set(next.state);
        }
        match state.project() {
            StateProjection::Exempt { future } => {
                future.poll(cx).map_ok(|response| response.map_body(|_, body| BudgetBody::passing(body)))
            }
            StateProjection::Running { future, guard } => poll_handler(future, guard, cx),
            StateProjection::Answered { response } => {
                response.take().map_or(Poll::Pending, |r| Poll::Ready(Ok(r)))
            }
            StateProjection::Asking { .. } => Poll::Pending, // The loop has left this state.
        }
    }
}

fn poll_handler<F, B>(
    future: Pin<&mut F>,
    guard: &mut Option<Guard>,
    cx: &mut Context<'_>,
) -> Poll<Result<ServiceResponse<BudgetBody<B>>, Error>>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody,
{
    let Some(running) = guard.as_ref().map(|guard| &guard.0) else {
        return Poll::Pending; // Polled after its end, which no caller may do.
    };
    running.enter();
    let Poll::Ready(answer) = current::during(running, || future.poll(cx)) else {
        running.leave();
        return Poll::Pending;
    };
    let Some(guard) = guard.take() else { return Poll::Pending };
    Poll::Ready(match answer {
        Ok(response) => {
            if guard.0.judges_answers() {
                guard.0.answered(response.response().head());
            }
            Ok(response.map_body(|head, body| depart(head, body, guard)))
        }
        Err(error) => Err(LimitedError::wrap(error, &guard.0)),
    })
}

/// The head leaves: headers are written, and what is complete is settled.
fn depart<B: MessageBody>(head: &mut ResponseHead, body: B, guard: Guard) -> BudgetBody<B> {
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        guard.0.settle_with_headers(&mut head.headers);
        return BudgetBody::passing(body);
    }
    let size = body.size();
    match body.try_into_bytes() {
        Ok(bytes) => {
            guard.0.settle_with_headers(&mut head.headers);
            BudgetBody::complete(bytes, size)
        }
        Err(body) => {
            let running = &guard.0;
            running.write_headers(&mut head.headers, running.report().as_ref());
            running.head_left();
            // Until a chunk is asked for, what is outside works, or the client reads: neither is charged.
            running.pause();
            BudgetBody::streaming(body, guard)
        }
    }
}
