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
            status: None,
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
    /// What was answered, once something was.
    status: Option<StatusCode>,
}

impl Noted for Recorded {
    fn answered<B>(&mut self, response: &mut ServiceResponse<B>) {
        self.status = Some(response.status());
        self.pattern = response.request().match_pattern();
    }

    fn failed(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    fn ended(&mut self, watch: &Watch) {
        // No budget was asked.
        let Some(limiter) = watch.limiter() else { return };
        let (host, rule) = (watch.host(), watch.refused_by());
        let (user, api_key) = (watch.user(), watch.api_key());
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
            status: self.status.map_or(0, |status| status.as_u16()),
            path: &self.path,
            user: user.as_deref().unwrap_or_default(),
            api_key: api_key.as_deref().unwrap_or_default(),
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::test::{TestRequest, init_service};
    use actix_web::{App, HttpResponse, web};
    use timebudget::{ManualClock, TimeBudget, UnixMicros};

    use super::*;
    use crate::noting::Noting;

    async fn hangs() -> HttpResponse {
        std::future::pending().await
    }

    async fn panics() -> HttpResponse {
        panic!("on purpose")
    }

    async fn fails() -> Result<HttpResponse, actix_web::Error> {
        Err(actix_web::error::ErrorBadGateway("on purpose"))
    }

    /// Of whoever went away before there was an answer it was kept that the answer was 200.
    #[actix_web::test]
    async fn where_nothing_was_answered_no_status_is_kept() {
        let clock = Arc::new(ManualClock::at(UnixMicros::from_secs(1_767_225_600)));
        let hour = Arc::new(Hour::new(Arc::clone(&clock) as _, 1 << 20));
        let rule = TimeBudget::rule("all", "600s per hour").key(timebudget::Component::Site);
        let budget = TimeBudget::builder().rule(rule).build().unwrap();
        let app = App::new()
            .wrap(budget)
            .wrap(Noting::new(Recording::new(Some(Arc::clone(&hour)))))
            .route("/hangs", web::to(hangs))
            .route("/panics", web::to(panics))
            .route("/fails", web::to(fails))
            .route("/", web::to(HttpResponse::Created));
        let app = init_service(app).await;
        for path in ["/", "/fails"] {
            let _ = actix_web::test::try_call_service(&app, TestRequest::with_uri(path).to_request()).await;
        }
        let call = actix_web::test::try_call_service(&app, TestRequest::with_uri("/hangs").to_request());
        assert!(tokio::time::timeout(Duration::from_millis(1), call).await.is_err());
        let call = actix_web::test::try_call_service(&app, TestRequest::with_uri("/panics").to_request());
        let call = futures_util::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(call));
        assert!(call.await.is_err());
        let kept = hour.kept();
        let statuses = |chunk: &Arc<crate::recent::hour::Chunk>| {
            chunk.requests.iter().map(|passed| passed.status).collect::<Vec<_>>()
        };
        assert_eq!(kept.chunks.iter().flat_map(statuses).collect::<Vec<_>>(), [201, 502, 0, 0]);
    }
}
