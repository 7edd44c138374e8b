//! The page that tells clients where they stand, free of charge.

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use serde_json::{Value, json};

use crate::limiter::{LimitReport, Prospect, Share};
use crate::middleware::facts::RequestFacts;
use crate::middleware::running::Running;
use crate::model::{Limit, Unit};
use crate::store::Fault;

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
pub(crate) async fn page(prospect: Prospect) -> Result<HttpResponse, Fault> {
    let site = prospect.site().to_owned();
    prospect.read().await.map(|limits| told(&site, &limits))
}

fn told(site: &str, limits: &[LimitReport]) -> HttpResponse {
    let limits: Vec<_> = limits.iter().map(limit).collect();
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")));
    response.json(json!({ "site": site, "limits": limits }))
}

fn limit(told: &LimitReport) -> Value {
    let LimitReport { rule, limit, report, share, .. } = told;
    let unit = if report.unit == Unit::Time { "microseconds" } else { "requests" };
    // A cap is granted anew whenever a request ends.
    let reset = (!matches!(limit, Limit::Concurrent { .. })).then_some(report.reset_secs);
    let mut limit = json!({
        "rule": rule.as_ref(),
        "limit": limit.to_string(),
        "unit": unit,
        "quota": report.limit,
        "remaining": report.remaining,
        "reset": reset,
    });
    if let Some(Share { clients, granted, spent, .. }) = share {
        limit["share"] = json!({ "clients": clients, "quota": granted, "spent": spent });
    }
    limit
}
