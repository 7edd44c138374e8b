//! One request, top to bottom: what may be passed on, on which connection, what comes back, and what it cost.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use actix_web::body::{self, BodySize, BoxBody};
use actix_web::dev::Payload;
use actix_web::http::Version;
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures_util::Stream as _;
use http::Response;
use hyper::body::{Body as _, Incoming};
use timebudget::{Budget, Micros, Site};
use tokio::time::Instant;

use crate::gateway::claims::Claims;
use crate::gateway::client::Client;
use crate::gateway::counts::kind;
use crate::gateway::download::{Download, Unsent};
use crate::gateway::drain::drain;
use crate::gateway::failure::Failure;
use crate::gateway::line::Unanswered;
use crate::gateway::lines::{Group, Held};
use crate::gateway::request::Asked;
use crate::gateway::response;
use crate::gateway::retry::{Sent, may_be_sent_again};
use crate::gateway::timeouts::Late;
use crate::gateway::told::Told;
use crate::gateway::tunnel::Tunnel;
use crate::gateway::upload::{Fault, Upload, Uploading};
use crate::gateway::worker::Worker;
use crate::request_id;
use crate::traces::{self, Around};

/// Passes a request on to one of a site's upstreams, and its answer back.
pub(crate) async fn forward(
    worker: &Worker,
    group: &Group,
    site: &Site,
    request: &HttpRequest,
    payload: Payload,
    budget: &Budget,
) -> HttpResponse {
    let begun = Instant::now();
    let made;
    let request_id = match request_id::told(request.headers()) {
        Some(told) => told,
        None => {
            made = request_id::made();
            &made
        }
    };
    let (path, around) = (request.uri().path(), Around::of(request));
    let passed = Passing { worker, group, site, budget, begun, path, around };
    let client = Client::of(request);
    let site_header = worker.site_header();
    let claims = Claims::new(site, site_header.as_deref());
    let answered = match Asked::read(request, site, claims, request_id) {
        _ if client.is_some_and(|client| !client.admits(request)) => Err(Failure::AfterTheLast),
        Ok(asked) => passed.pass(asked, payload).await,
        Err(failure) => Err(failure),
    };
    let (mut response, upstream_micros) = answered.unwrap_or_else(|failure| {
        if failure.is_free() {
            budget.waive();
        }
        if let Some(client) = client
            && failure.closes()
        {
            client.close();
        }
        (failure.response(), micros_since(begun))
    });
    if let Some(client) = client {
        client.tells_of_its_end(request, &mut response);
    }
    if worker.settings.is_noted {
        response.extensions_mut().insert(Told { upstream_micros });
    }
    response
}

/// What a request is passed on with.
struct Passing<'a> {
    worker: &'a Worker,
    group: &'a Group,
    site: &'a Site,
    budget: &'a Budget,
    begun: Instant,
    path: &'a str,
    /// The span of the request, where there are traces.
    around: Option<Around>,
}

/// An answer, and how many microseconds its head has taken.
type Answered = (HttpResponse, u64);

impl Passing<'_> {
    async fn pass(&self, mut asked: Asked<'_>, mut payload: Payload) -> Result<Answered, Failure> {
        let cut_in = self.budget.cut_in().map(|left| left.as_millis());
        asked.time_left_millis = cut_in.map(|millis| u64::try_from(millis).unwrap_or(u64::MAX));
        let uploading = self.begin_upload(&asked, &mut payload).await?;
        let answered = self.ask(&asked, uploading.as_ref()).await;
        if let (Ok((_, answer)), Some(uploading)) = (&answered, &uploading) {
            self.charge_early(answer, uploading);
        }
        let unread = uploading.filter(|_| asked.version() == Version::HTTP_2);
        match answered {
            Ok((held, answer)) => {
                self.charge(&answer);
                let micros = micros_since(self.begun);
                held.address().counts.answered(micros);
                Ok((self.answer(&asked, held, answer, payload, unread).await?, micros))
            }
            Err(failure) => {
                if let Some(uploading) = unread {
                    drain(uploading);
                }
                Err(failure)
            }
        }
    }

    /// Sends the request, twice if it must be and may be, and waits for the head of the answer.
    async fn ask(
        &self,
        asked: &Asked<'_>,
        uploading: Option<&Rc<Uploading>>,
    ) -> Result<(Held, Response<Incoming>), Failure> {
        let settings = &self.worker.settings;
        let mut is_second = false;
        loop {
            let told = traces::Asked { method: asked.method().as_str(), path: self.path, is_second };
            let mut span = self.around.as_ref().map(|around| around.ask(&told));
            let line = self.group.line(&settings.timeouts, is_second, self.begun).await;
            let mut held = line.inspect_err(|failure| {
                if let Some(span) = span.take() {
                    span.failed(kind(*failure));
                }
            })?;
            let mut head = asked.head(held.address(), settings.host, uploading.is_some())?;
            if let Some(span) = &mut span {
                span.goes_to(held.address().upstream(), head.headers_mut());
            }
            let message = head.map(|()| Upload::new(uploading.cloned()));
            held.address().counts.asks(is_second);
            let unanswered = match held.line.ask(message, &settings.timeouts).await {
                Ok(answer) => {
                    if let Some(span) = span {
                        span.answered(answer.status().as_u16());
                    }
                    return Ok((held, answer));
                }
                Err(unanswered) => unanswered,
            };
            if let Some(fault) = uploading.and_then(|uploading| uploading.fault()) {
                return Err(of_fault(fault));
            }
            let failure = of_unanswered(&unanswered);
            if let Some(span) = span {
                span.failed(kind(failure));
            }
            let sent = Sent {
                is_reused: held.is_reused,
                is_unsent: matches!(unanswered, Unanswered::Broken { is_unsent: true, .. }),
                method: asked.method(),
                has_body: uploading.is_some(),
                is_second,
            };
            if !matches!(unanswered, Unanswered::Broken { .. }) || !may_be_sent_again(sent) {
                if failure != Failure::SlowBody {
                    held.address().counts.failed(failure);
                    log::warn!("{}: {}", held.address().upstream(), failure.text());
                }
                return Err(failure);
            }
            is_second = true;
        }
    }

    /// The request's body, if it has one that may be passed on.
    async fn begin_upload(
        &self,
        asked: &Asked<'_>,
        payload: &mut Payload,
    ) -> Result<Option<Rc<Uploading>>, Failure> {
        let room = self.worker.settings.max_body.unwrap_or(u64::MAX);
        if asked.length.is_some_and(|length| length > room) {
            return Err(Failure::TooLarge);
        }
        if !asked.may_have_body {
            return Ok(None);
        }
        let mut payload = std::mem::replace(payload, Payload::None);
        let mut first = None;
        if asked.version() == Version::HTTP_2 && asked.length.is_none() {
            // Only its end tells that there is none.
            let looked = poll_fn(|cx| Poll::Ready(Pin::new(&mut payload).poll_next(cx))).await;
            match looked {
                Poll::Ready(None) => return Ok(None),
                Poll::Ready(Some(Err(_))) => return Err(Failure::BrokenBody),
                Poll::Ready(Some(Ok(chunk))) => first = Some(chunk),
                Poll::Pending => {}
            }
        }
        Ok(Some(Uploading::new(payload, first, asked.length, room)))
    }

    /// The answer for the client, from that of the upstream.
    async fn answer(
        &self,
        asked: &Asked<'_>,
        held: Held,
        answer: Response<Incoming>,
        client: Payload,
        unread: Option<Rc<Uploading>>,
    ) -> Result<HttpResponse, Failure> {
        let (parts, answer_body) = answer.into_parts();
        if !response::ends_for_certain(&parts, asked.method()) {
            return Err(no_answer(&held));
        }
        let mut head = response::head(&parts).ok_or_else(|| no_answer(&held))?;
        let idle = self.worker.settings.timeouts.idle;
        if parts.status == http::StatusCode::SWITCHING_PROTOCOLS {
            if !asked.is_websocket {
                return Err(no_answer(&held));
            }
            response::upgrade(&mut head);
            let (line, seat) = held.into_parts();
            let last_moment = self.worker.settings.stopped.last_moment();
            let tunnel = Tunnel::new(line.into_socket(), seat, client, idle, last_moment);
            return Ok(head.set_body(self.worker.sent.watch(tunnel)).map_into_boxed_body());
        }
        let size = response::size(&parts, asked.method());
        if answer_body.is_end_stream() {
            held.keep();
            if let Some(uploading) = unread {
                drain(uploading);
            }
            return Ok(match size {
                BodySize::None => head.set_body(BoxBody::new(body::None::new())),
                BodySize::Sized(0) => head.set_body(BoxBody::new(Bytes::new())),
                _ => head.set_body(BoxBody::new(Unsent(size))),
            });
        }
        let mut download = Download::new(held, answer_body, size, idle);
        download.then_drain(unread);
        if response::is_of_events(&parts) {
            download.lasts_until(self.worker.settings.stopped.last_moment());
        }
        match poll_fn(|cx| Poll::Ready(download.gather(cx))).await {
            Ok(Some(whole)) => Ok(head.set_body(whole).map_into_boxed_body()),
            Ok(None) => {
                response::fit_to(&mut head, asked.version(), size);
                Ok(head.set_body(self.worker.sent.watch(download)).map_into_boxed_body())
            }
            Err(_) => Err(Failure::BrokenAnswer),
        }
    }

    /// Charges the time in which an upstream has worked while the client withheld the rest of its body.
    ///
    /// Only the client seemed to be waited for. An answer that is there before the body is whole shows that it was not, unless it
    /// says that the wait was too long, or that the body is. Else a client that keeps one byte back, or sends one now and then,
    /// would have its work done for nothing.
    fn charge_early(&self, answer: &Response<Incoming>, uploading: &Uploading) {
        let has_waited = [http::StatusCode::REQUEST_TIMEOUT, http::StatusCode::PAYLOAD_TOO_LARGE];
        if !uploading.is_whole() && !has_waited.contains(&answer.status()) {
            let _ = self.budget.charge(Micros(micros(uploading.withheld())));
        }
    }

    /// Charges what the upstream says beside its time, or makes the request free, if the site believes it.
    fn charge(&self, answer: &Response<Incoming>) {
        if !self.site.upstream_charges {
            return;
        }
        let said = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
        if let Some(extra) = said(response::CHARGE).and_then(|text| humantime::parse_duration(text).ok()) {
            let micros = u64::try_from(extra.as_micros()).unwrap_or(u64::MAX);
            // Where no limit is of time there is nothing to charge.
            let _ = self.budget.charge(Micros(micros));
        }
        if said(response::WAIVE) == Some("1") {
            self.budget.waive();
        }
    }
}

fn of_fault(fault: Fault) -> Failure {
    match fault {
        Fault::TooLarge => Failure::TooLarge,
        Fault::BrokenOff => Failure::BrokenBody,
    }
}

/// What cannot be passed on is no answer.
fn no_answer(held: &Held) -> Failure {
    held.address().counts.failed(Failure::NoAnswer);
    Failure::NoAnswer
}

fn of_unanswered(unanswered: &Unanswered) -> Failure {
    match unanswered {
        Unanswered::Late(Late::Client) => Failure::SlowBody,
        Unanswered::Late(Late::Upstream) => Failure::HeadTimeout,
        Unanswered::Broken { error, .. } if error.is_parse() => Failure::NoAnswer,
        Unanswered::Broken { .. } => Failure::HungUp,
    }
}

fn micros_since(begun: Instant) -> u64 {
    micros(begun.elapsed())
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
