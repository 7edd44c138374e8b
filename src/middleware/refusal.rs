//! What becomes of a refused request: an answer, or another page in place; and a hint where the refusals show a mistake.
//!
//! The answer is built once, in the form that the client asks for, and told again while it stays the same. A request for another page
//! keeps its account's refusal but has another path, no body, and none of the conditions that were about the first page. If many
//! refusals of a worker come from one address with a header that a proxy sets, the proxy was probably not named, and all its clients are
//! refused for one: the log says so, once.

use std::cell::Cell;
use std::net::IpAddr;
use std::sync::Once;

use actix_web::HttpResponse;
use actix_web::body::MessageBody as _;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE, RETRY_AFTER, TRANSFER_ENCODING,
};
use actix_web::http::uri::{PathAndQuery, Uri};
use actix_web::http::{Method, StatusCode};
use bytes::Bytes;

use crate::limiter::{Refusal, Refused};
use crate::middleware::body::BudgetBody;
use crate::middleware::closures::Hooks;
use crate::middleware::reply::{NO_STORE, Reply, form_for, reply, write};
use crate::middleware::running::{Guard, Running, WorkerSite};
use crate::model::{Action, Component};

/// Tells the application that a request is refused, if it wants to know.
#[inline]
pub(crate) fn tell(running: &Running, request: &ServiceRequest, refused: &Refused) {
    if let Some(hooks) = running.site().hooks() {
        hooks.tell(request, &running.refusal(refused));
    }
}

/// Answers a refused request: when to come back, and a body in the form that the client asks for, unless its rule has a
/// body of its own.
#[inline(always)]
pub(crate) fn answer<B>(
    request: ServiceRequest,
    guard: Guard,
    refused: &Refused,
) -> ServiceResponse<BudgetBody<B>> {
    match guard.site().hooks() {
        None => {
            let reply = reply(&guard, refused, form_for(&request), None);
            reply.to(request, |headers| {
                guard.write_refused(headers, refused);
                drop(guard);
            })
        }
        Some(hooks) => answer_by(hooks, request, &guard, refused),
    }
}

/// The same where the application has closures, which may make the answer or its message.
#[cold]
fn answer_by<B>(
    hooks: &Hooks,
    request: ServiceRequest,
    running: &Running,
    refused: &Refused,
) -> ServiceResponse<BudgetBody<B>> {
    let refusal = running.refusal(refused);
    let write = |headers: &mut HeaderMap| running.write_refused(headers, refused);
    match hooks.response(&request, &refusal) {
        Some(own) => {
            let mut own = own_response(own, &refusal);
            write(own.headers_mut());
            request.into_response(own)
        }
        None => {
            let message = hooks.message(&request, &refusal);
            reply(running, refused, form_for(&request), message).to(request, write)
        }
    }
}

/// What a closure answers, with what every refusal says.
#[cold]
fn own_response<B>(own: HttpResponse, refusal: &Refusal) -> HttpResponse<BudgetBody<B>> {
    let mut response = own.map_body(|_, body| BudgetBody::own(body));
    let headers = response.headers_mut();
    let said = [(CACHE_CONTROL, NO_STORE), (RETRY_AFTER, HeaderValue::from(refusal.retry_after_secs))];
    for (name, value) in said {
        if !headers.contains_key(&name) {
            headers.append(name, value);
        }
    }
    response
}

/// Answers where nobody can decide: the store has failed and is told to refuse then, or the site's file is wrong.
#[cold]
pub(crate) fn of_fault<B>(request: ServiceRequest) -> ServiceResponse<BudgetBody<B>> {
    let form = form_for(&request);
    let body = Bytes::from_static(form.of_fault().as_bytes());
    let (status, retry_after) = (StatusCode::SERVICE_UNAVAILABLE, HeaderValue::from_static("1"));
    Reply { status, content_type: form.content_type(), body, retry_after }.to(request, |_| {})
}

impl Reply {
    /// Answers a request, with the fields that `write_others` adds.
    ///
    /// The response is put together last, when nothing can happen to it any more: it is large, and would be moved.
    #[inline(always)]
    fn to<B>(
        self,
        request: ServiceRequest,
        write_others: impl FnOnce(&mut HeaderMap),
    ) -> ServiceResponse<BudgetBody<B>> {
        let Self { status, content_type, body, retry_after } = self;
        let (request, _) = request.into_parts();
        let mut head = HttpResponse::with_body(status, ());
        write(head.headers_mut(), content_type, retry_after);
        write_others(head.headers_mut());
        let size = body.size();
        ServiceResponse::new(request, head.set_body(BudgetBody::complete(body, size)))
    }
}

/// The target of the rule that refuses, if it is one that rewrites and the request can be.
///
/// Under a scope or a resource, the router has gone part of the way already, and does not turn round.
#[inline]
pub(crate) fn target<'a>(
    site: &'a WorkerSite,
    refused: &Refused,
    request: &ServiceRequest,
) -> Option<&'a str> {
    match &site.rule_at(refused.rule).action {
        Action::Rewrite(target) if is_unrouted(request) && PathAndQuery::try_from(&**target).is_ok() => {
            Some(target)
        }
        _ => None,
    }
}

/// Makes the request a GET of the target, without the query; `None` if the target is no path.
///
/// What it asks of the page, be it a part or whether it has changed, is not asked of the target; and a body that was
/// meant for the page is left unread.
pub(crate) fn rewrite(request: &mut ServiceRequest, target: &str) -> Option<()> {
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
    let uri = Uri::from_parts(parts).ok()?;
    request.match_info_mut().get_mut().update(&uri);
    request.match_info_mut().reset();
    request.set_payload(Payload::None);
    let head = request.head_mut();
    head.uri = uri;
    head.method = Method::GET;
    for name in OF_THE_PAGE {
        head.headers.remove(name);
    }
    Some(())
}

/// What a request says of its body, and asks of the page.
const OF_THE_PAGE: [actix_web::http::header::HeaderName; 9] = [
    CONTENT_LENGTH,
    CONTENT_TYPE,
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_RANGE,
    IF_UNMODIFIED_SINCE,
    RANGE,
    TRANSFER_ENCODING,
];

fn is_unrouted(request: &ServiceRequest) -> bool {
    let path = request.match_info();
    path.unprocessed() == path.as_str()
}

/// How many refusals of a worker are looked at. Behind a proxy the first one shows it, and looking at all of them would
/// cost each something.
const LOOKS: u8 = 64;

thread_local! {
    static LOOKS_LEFT: Cell<u8> = const { Cell::new(LOOKS) };
}

static SAID: Once = Once::new();

/// Logs, once in a process, that a request was refused as its peer's which somebody at a private address forwarded, where
/// nobody is believed who says so.
#[inline]
pub(crate) fn hint(request: &ServiceRequest, site: &WorkerSite, refused: &Refused) {
    let left = LOOKS_LEFT.get();
    if left > 0 {
        LOOKS_LEFT.set(left - 1);
        look(request, site, refused);
    }
}

#[cold]
fn look(request: &ServiceRequest, site: &WorkerSite, refused: &Refused) {
    let addresses = &site.site().addresses;
    let is_by_address = site.rule_at(refused.rule).key.0.contains(&Component::Ip);
    if addresses.trusts_somebody() || !is_by_address || !is_near(request) {
        return;
    }
    if let Some(header) =
        ["X-Forwarded-For", "Forwarded", &addresses.header].iter().find(|name| has(request, name))
    {
        SAID.call_once(|| {
            log::warn!(
                "a request was refused that bears {header}, which nobody is trusted to write: if a proxy wrote it, all \
                 clients behind it share one account; say rate_limit_trusted_proxies (in Rust, trusted_proxies)"
            );
        });
    }
}

fn has(request: &ServiceRequest, name: &str) -> bool {
    request.headers().contains_key(name)
}

/// Whether the peer is on this machine or in a private network, where proxies are. A stranger who writes such a header
/// is an attempt rather than a mistake.
fn is_near(request: &ServiceRequest) -> bool {
    let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
    peer.is_none_or(|peer| match peer {
        IpAddr::V4(peer) => peer.is_loopback() || peer.is_private(),
        IpAddr::V6(peer) => peer.is_loopback() || peer.is_unique_local(),
    })
}
