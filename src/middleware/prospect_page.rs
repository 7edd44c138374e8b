//! The page that tells clients where they stand, free of charge.

use actix_web::HttpResponse;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use serde_json::{Value, json};

use crate::limiter::{LimitReport, Prospect};
use crate::middleware::body::BudgetBody;
use crate::middleware::facts::RequestFacts;
use crate::middleware::refusal;
use crate::middleware::running::Running;
use crate::middleware::time_budget::TimeBudget;
use crate::model::{Limit, Unit};

impl TimeBudget {
    /// Tells clients at a path where they stand: by each limit that they may meet at this site what it grants, what is left
    /// and when it is granted anew, as JSON.
    ///
    /// Such a request is free: nothing is decided over it, nothing is charged for it, and no observer is told. A client is
    /// told of its own accounts and of those that all share, never of others'. Rules in shadow are not told of, and neither
    /// are those that keep accounts by path, route, method or query. The path is compared as the client has written it.
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_web::{App, HttpResponse, test, web};
    /// use timebudget::TimeBudget;
    ///
    /// # actix_web::rt::System::new().block_on(async {
    /// let budget = TimeBudget::per_ip("100 per hour")?.tell_at("/.well-known/rate-limits");
    /// let app = test::init_service(App::new().wrap(budget).route("/", web::to(HttpResponse::Ok))).await;
    /// let get = |path| test::TestRequest::get().peer_addr(([192, 0, 2, 1], 80).into()).uri(path).to_request();
    ///
    /// test::call_service(&app, get("/")).await;
    /// for _ in 0..2 {
    ///     let told: serde_json::Value = test::call_and_read_body_json(&app, get("/.well-known/rate-limits")).await;
    ///     assert_eq!(told["limits"][0]["limit"], "100 per hour");
    ///     assert_eq!(told["limits"][0]["remaining"], 99);
    /// }
    /// # Ok::<(), timebudget::RateError>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn tell_at(mut self, path: &str) -> Self {
        std::sync::Arc::make_mut(&mut self.hooks).told_at = Some(path.into());
        self
    }
}

/// Where the client stands, if that is what a request asks for.
#[inline]
pub(crate) fn asked(running: &Running, request: &ServiceRequest) -> Option<Prospect> {
    let path = running.site().hooks()?.told_at.as_deref()?;
    let is_asked = request.path() == path && matches!(*request.method(), Method::GET | Method::HEAD);
    is_asked.then(|| prospect(running, request))
}

#[cold]
fn prospect(running: &Running, request: &ServiceRequest) -> Prospect {
    let site = running.site();
    site.limiter().prospect(&RequestFacts::new(request, site))
}

/// Says where a client stands.
pub(crate) async fn answer<B>(prospect: Prospect, request: ServiceRequest) -> ServiceResponse<BudgetBody<B>> {
    let site = prospect.site().to_owned();
    let response = match prospect.read().await {
        Ok(limits) => told(&site, &limits).map_body(|_, body| BudgetBody::own(body)),
        Err(_) => refusal::of_fault(&request),
    };
    request.into_response(response)
}

fn told(site: &str, limits: &[LimitReport]) -> HttpResponse {
    let limits: Vec<_> = limits.iter().map(limit).collect();
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")));
    response.json(json!({ "site": site, "limits": limits }))
}

fn limit(told: &LimitReport) -> Value {
    let LimitReport { rule, limit, report, .. } = told;
    let unit = if report.unit == Unit::Time { "microseconds" } else { "requests" };
    // A cap is granted anew whenever a request ends.
    let reset = (!matches!(limit, Limit::Concurrent { .. })).then_some(report.reset_secs);
    json!({
        "rule": rule.as_ref(),
        "limit": limit.to_string(),
        "unit": unit,
        "quota": report.limit,
        "remaining": report.remaining,
        "reset": reset,
    })
}
