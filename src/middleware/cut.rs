//! Hard budgets: what runs is ended when its budget is spent, if its rule says so.
//!
//! Who has no answer yet is answered like one who is refused, by an error, since the request has gone with the handler's
//! future that is dropped. A body that has begun breaks off.

use std::fmt;
use std::task::{Context, Poll, Waker};

use actix_web::body::{BoxBody, MessageBody as _};
use actix_web::dev::ServiceRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use actix_web::{HttpResponse, ResponseError};
use bytes::Bytes;

use crate::limiter::{Alarm, Refusal};
use crate::middleware::refusal;
use crate::middleware::running::{Guard, Running, Seldom};
use crate::middleware::told::Form;
use crate::model::Micros;

/// What is kept of a request that may be cut.
#[derive(Debug)]
pub(crate) struct Deadline {
    alarm: Alarm,
    /// Who polls it.
    waker: Option<Waker>,
    /// In what form its client is told.
    form: Form,
}

impl Running {
    /// From now on the request is ended when a budget of its is spent whose rule cuts what runs.
    #[cold]
    pub(crate) fn may_be_cut(&self, request: &ServiceRequest) {
        let alarm = self.holding().alarm(self.site());
        if let Some(alarm) = alarm {
            let deadline = Deadline { alarm, waker: None, form: refusal::form_for(request) };
            *self.to_have_seldom().deadline.borrow_mut() = Some(deadline);
        }
    }

    /// Whether the request is to be ended before it goes on.
    #[inline]
    pub(crate) fn is_spent(&self) -> bool {
        self.seldom().is_some_and(|seldom| self.has_spent(seldom))
    }

    #[cold]
    fn has_spent(&self, seldom: &Seldom) -> bool {
        seldom.deadline.borrow().is_some() && self.cut_in() == Some(Micros::ZERO)
    }

    /// How long it may run on; `None` while it does not run, or if nothing ends it.
    fn cut_in(&self) -> Option<Micros> {
        let mut holding = self.holding();
        if holding.runs() { holding.cut_in(self.site()) } else { None }
    }

    /// Ready if the request is to be ended, after a poll that has yielded nothing; else it is polled again by then.
    #[cold]
    fn poll_spent(&self, seldom: &Seldom, cx: &mut Context<'_>) -> Poll<()> {
        match &mut *seldom.deadline.borrow_mut() {
            Some(deadline) => {
                deadline.waker = Some(cx.waker().clone());
                deadline.alarm.poll(cx, || self.cut_in())
            }
            None => Poll::Pending,
        }
    }

    /// Ends a poll of a body that has yielded a chunk: the client is waited for, and nothing runs that could be ended.
    pub(crate) fn rest(&self) {
        self.pause();
        if let Some(seldom) = self.seldom()
            && let Some(deadline) = &mut *seldom.deadline.borrow_mut()
        {
            let _ = deadline.alarm.rest();
        }
    }

    /// Has it polled, since its time runs again: its end is to be watched anew.
    pub(crate) fn runs_again(&self) {
        let Some(seldom) = self.seldom() else { return };
        if let Some(waker) = seldom.deadline.borrow().as_ref().and_then(|deadline| deadline.waker.as_ref()) {
            waker.wake_by_ref();
        }
    }

    /// How long it can go on, at the present pace, until the first budget is spent: of this one and those around it.
    pub(crate) fn time_left(&self) -> Option<Micros> {
        let all = self.and_around();
        all.filter_map(|running| running.holding().time_left(running.site())).min()
    }

    /// Ends the request, and says so to the budgets around it, which charge it what it has cost.
    #[cold]
    fn cut(&self) -> CutOff {
        let refused = self.holding().cut(self.site());
        self.tells_of(&refused);
        let deadline = self.seldom().and_then(|seldom| seldom.deadline.take());
        let form = deadline.map_or(Form::Problem, |deadline| deadline.form);
        let response = refusal::of_cut(self, &refused, form);
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.into_body().try_into_bytes().unwrap_or_default();
        CutOff { refusal: self.refusal(&refused), status, headers, body }
    }
}

/// Ends a request that has yielded nothing, if it is to be ended; its guard is taken then.
#[inline]
pub(crate) fn cut(guard: &mut Option<Guard>, cx: &mut Context<'_>) -> Option<CutOff> {
    let guard = guard.take_if(|guard| {
        let seldom = guard.seldom();
        seldom.is_some_and(|seldom| guard.poll_spent(seldom, cx).is_ready())
    })?;
    Some(guard.cut())
}

/// The error of a request that was ended, because its budget was spent.
///
/// Before the head of a response it becomes the answer of a refusal, 429 or as the rule's `action` says. Of a body that
/// has begun it is the error that breaks the connection off. Middleware outside finds it by [`actix_web::Error::as_error`].
pub struct CutOff {
    refusal: Refusal,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl CutOff {
    /// Which budget was spent, and when there is more.
    pub const fn refusal(&self) -> &Refusal {
        &self.refusal
    }
}

impl ResponseError for CutOff {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::with_body(self.status, BoxBody::new(self.body.clone()));
        *response.headers_mut() = self.headers.clone();
        response
    }
}

impl std::error::Error for CutOff {}

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the request was ended: {}", self.refusal)
    }
}

impl fmt::Debug for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CutOff").field("refusal", &self.refusal).finish_non_exhaustive()
    }
}
