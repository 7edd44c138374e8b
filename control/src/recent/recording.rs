//! What is kept of requests as they pass.

use std::sync::Arc;

use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use timebudget::{Now, Watch};

use crate::noting::{Note, Noted};
use crate::recent::hour::{Ended, Hour};

/// Keeps what drafts are tried on: for [`Noting`](crate::noting::Noting). Where nothing is to be kept, requests pass.
#[derive(Clone, Debug)]
pub struct Recording(Option<Arc<Hour>>);

impl Recording {
    pub(crate) const fn new(hour: Option<Arc<Hour>>) -> Self {
        Self(hour)
    }
}

impl Note for Recording {
    type Noted = Recorded;

    #[inline]
    fn begin(&self, request: &mut ServiceRequest) -> Option<Recorded> {
        let hour = self.0.as_ref()?;
        Some(Recorded {
            start: hour.clock.now(),
            hour: Arc::clone(hour),
            method: request.method().clone(),
            path: request.match_info().as_str().to_owned(),
            pattern: None,
            status: StatusCode::default(),
        })
    }
}

/// A request that is to be kept when it has ended.
#[derive(Debug)]
pub struct Recorded {
    hour: Arc<Hour>,
    start: Now,
    method: Method,
    path: String,
    pattern: Option<String>,
    status: StatusCode,
}

impl Noted for Recorded {
    fn answered<B>(&mut self, response: &mut ServiceResponse<B>) {
        self.status = response.status();
        self.pattern = response.request().match_pattern();
    }

    fn failed(&mut self, status: StatusCode) {
        self.status = status;
    }

    fn ended(&mut self, watch: &Watch) {
        // No budget was asked.
        let Some(limiter) = watch.limiter() else { return };
        let (host, rule, user) = (watch.host(), watch.refused_by(), watch.user());
        self.hour.add(&Ended {
            start: self.start.wall(),
            elapsed: self.hour.clock.tick().since(self.start.tick).0,
            charged: watch.charged().0,
            waived: watch.is_waived(),
            client: watch.client(),
            site: &limiter.site().name,
            host: host.as_deref().unwrap_or_default(),
            method: self.method.as_str(),
            pattern: self.pattern.as_deref().unwrap_or_default(),
            rule: rule.as_deref().unwrap_or_default(),
            status: self.status.as_u16(),
            path: &self.path,
            user: user.as_deref().unwrap_or_default(),
        });
    }
}
