//! The peers as apps: the hello-world handler behind each, keyed by the client's address.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_extensible_rate_limit::RateLimiter as Extensible;
use actix_extensible_rate_limit::backend::SimpleInputFunctionBuilder;
use actix_extensible_rate_limit::backend::memory::InMemoryBackend;
use actix_governor::{Governor, GovernorConfigBuilder};
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{App, Error, HttpResponse};
use governor::middleware::StateInformationMiddleware;
use governor::{Quota, RateLimiter};
use limitador::limit::{Context, Limit, Namespace};
use parking_lot::Mutex;

use crate::harness::task::Task;
use crate::harness::traffic::Traffic;

/// The subjects of this file.
pub(crate) const SUBJECTS: &[&str] =
    &["governor", "actix-governor", "extensible", "limitador", "charge-at-end"];

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const USED: HeaderName = HeaderName::from_static("x-ratelimit-used");

/// Runs the task with a subject of this file; `false` if it has none of that name.
pub(crate) fn start(subject: &str, task: Task) -> bool {
    match subject {
        "governor" => governor_by_hand(task),
        "actix-governor" => actix_governor(task),
        "extensible" => extensible(task),
        "limitador" => limitador(task),
        "charge-at-end" => charge_at_end(task),
        _ => return false,
    }
    true
}

/// So many requests that none is refused, or so few that all but the first are.
fn quota(traffic: Traffic) -> NonZeroU32 {
    if traffic == Traffic::Refused { NonZeroU32::MIN } else { NonZeroU32::MAX }
}

/// governor behind the smallest middleware that can use it, with two headers.
fn governor_by_hand(task: Task) {
    let quota = Quota::per_hour(quota(task.traffic));
    let limiter = RateLimiter::keyed(quota).with_middleware::<StateInformationMiddleware>();
    let limiter = Arc::new(limiter);
    task.run(move || {
        let limiter = Arc::clone(&limiter);
        App::new().service(task.hello()).wrap_fn(move |request, app| {
            let address = request.peer_addr().expect("every request has an address").ip();
            let verdict = match limiter.check_key(&address) {
                Ok(state) => Ok(state.remaining_burst_capacity()),
                Err(refusal) => Err(refusal.quota().burst_size().get()),
            };
            let (remaining, limit) = match verdict {
                Ok(remaining) => (remaining, quota.burst_size().get()),
                Err(limit) => (0, limit),
            };
            let headers = [(LIMIT, limit.into()), (REMAINING, remaining.into())];
            guard(admit(request, app, verdict.is_ok()), move || headers)
        })
    });
}

/// actix-governor with its headers.
fn actix_governor(task: Task) {
    let config = GovernorConfigBuilder::default()
        .period(Duration::from_secs(3600) / quota(task.traffic).get())
        .burst_size(quota(task.traffic).get())
        .use_headers()
        .finish()
        .expect("neither is zero");
    task.run(move || App::new().wrap(Governor::new(&config)).service(task.hello()));
}

/// actix-extensible-rate-limit with its memory backend and its headers.
fn extensible(task: Task) {
    const HOUR: Duration = Duration::from_secs(3600);
    let backend = InMemoryBackend::builder().with_gc_interval(None).build();
    task.run(move || {
        let requests = quota(task.traffic).get().into();
        let input = SimpleInputFunctionBuilder::new(HOUR, requests).peer_ip_key().build();
        let limiter = Extensible::builder(backend.clone(), input).add_headers().build();
        App::new().wrap(limiter).service(task.hello())
    });
}

/// limitador's memory storage behind the smallest middleware that can use it, with the headers that it names.
fn limitador(task: Task) {
    let limiter = Arc::new(limitador_by_address(quota(task.traffic).get().into()));
    task.run(move || {
        let limiter = Arc::clone(&limiter);
        App::new().service(task.hello()).wrap_fn(move |request, app| {
            let address = request.peer_addr().expect("every request has an address").ip();
            let mut check = check_limitador(&limiter, address.to_string());
            let admitted = !check.limited;
            let headers = move || {
                check.response_header().into_iter().map(|(name, value)| {
                    let name = HeaderName::try_from(name).expect("limitador's own names");
                    (name, HeaderValue::try_from(value).expect("limitador's own values"))
                })
            };
            guard(admit(request, app, admitted), headers)
        })
    });
}

/// limitador with one limit per address and hour.
pub(crate) fn limitador_by_address(requests: u64) -> limitador::RateLimiter {
    let variable = "address".try_into().expect("a name is an expression");
    let limiter = limitador::RateLimiter::new(1 << 24);
    limiter.add_limit(Limit::new("bench", requests, 3600, vec![], vec![variable]));
    limiter
}

/// One decision of limitador's.
pub(crate) fn check_limitador(limiter: &limitador::RateLimiter, address: String) -> limitador::CheckResult {
    let values = HashMap::from([("address".to_owned(), address)]);
    let context = Context::from(values);
    limiter
        .check_rate_limited_and_update(&Namespace::from("bench"), &context, 1)
        .expect("the memory storage does not fail")
}

/// The model that time budgets are compared with: one map, one mutex, time charged when a request has ended.
fn charge_at_end(task: Task) {
    let quota = if task.traffic == Traffic::Refused { 0 } else { u64::MAX };
    let began = Instant::now();
    let spends = Arc::new(Mutex::new(HashMap::new()));
    task.run(move || {
        let spends = Arc::clone(&spends);
        App::new().service(task.hello()).wrap_fn(move |request, app| {
            let address = request.peer_addr().expect("every request has an address").ip();
            let start = Instant::now();
            let spent = spends.lock().get(&address).copied().unwrap_or(0);
            let spends = Arc::clone(&spends);
            let headers = move || {
                let used = start.elapsed().as_micros() as u64;
                let mut spends = spends.lock();
                let spent = spends.entry(address).or_insert(0);
                *spent += used;
                let reset = 3600 - began.elapsed().as_secs() % 3600;
                let remaining = quota.saturating_sub(*spent);
                [
                    (LIMIT, quota.into()),
                    (REMAINING, remaining.into()),
                    (RESET, reset.into()),
                    (USED, used.into()),
                ]
            };
            guard(admit(request, app, spent < quota), headers)
        })
    });
}

/// Serves or refuses, and puts the headers on whatever is answered.
async fn guard<F, B, I>(
    admitted: Result<F, ServiceResponse>,
    headers: impl FnOnce() -> I,
) -> Result<ServiceResponse<EitherBody<B>>, Error>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody,
    I: IntoIterator<Item = (HeaderName, HeaderValue)>,
{
    let mut response = match admitted {
        Ok(serving) => serving.await?.map_into_left_body(),
        Err(refusal) => refusal.map_into_right_body(),
    };
    for (name, value) in headers() {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// The refusal of a request, or the future that serves it.
fn admit<S: Service<ServiceRequest>>(
    request: ServiceRequest,
    app: &S,
    admitted: bool,
) -> Result<S::Future, ServiceResponse> {
    if admitted {
        return Ok(app.call(request));
    }
    Err(request.into_response(HttpResponse::TooManyRequests()))
}
