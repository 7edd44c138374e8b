//! Traces where the program was built without them: there are none, and nothing is done for them.

use actix_web::HttpRequest;
use actix_web::dev::ServiceRequest;
use timebudget::Upstream;

use crate::traces::{Asked, Ended, endpoint};

/// What makes spans.
#[derive(Clone, Debug)]
pub(crate) enum Traces {}

/// The span of a request.
#[derive(Debug)]
pub(crate) enum Serving {}

/// The span that others are inside of.
#[derive(Debug)]
pub(crate) enum Around {}

/// The span of a request to an upstream.
#[derive(Debug)]
pub(crate) enum Asking {}

impl Traces {
    /// None; who has said where they go is told so.
    pub(crate) fn open() -> Option<Self> {
        if let Some(variable) = endpoint() {
            log::warn!("{variable}: this program was built without traces; build it with --features otel");
        }
        None
    }

    pub(crate) fn begin(&self, _: &ServiceRequest) -> Serving {
        match *self {}
    }

    pub(crate) fn sent(&self) -> u64 {
        match *self {}
    }

    pub(crate) fn lost(&self) -> u64 {
        match *self {}
    }

    pub(crate) fn end(&self) {
        match *self {}
    }
}

impl Serving {
    pub(crate) fn end(&mut self, _: &Ended<'_>) {
        match *self {}
    }
}

impl Around {
    #[inline]
    pub(crate) fn of(_: &HttpRequest) -> Option<Self> {
        None
    }

    pub(crate) fn ask(&self, _: &Asked<'_>) -> Asking {
        match *self {}
    }
}

impl Asking {
    pub(crate) fn goes_to(&mut self, _: &Upstream, _: &mut http::HeaderMap) {
        match *self {}
    }

    pub(crate) fn answered(self, _: u16) {
        match self {}
    }

    pub(crate) fn failed(self, _: &'static str) {
        match self {}
    }
}
