//! `events`: what happens, as it happens.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, ThinData};
use actix_web::{Error, HttpRequest, HttpResponse};
use futures_util::{StreamExt as _, stream};
use tokio::time::{Instant, timeout};

use crate::api::answer::Answer;
use crate::api::auth::Proof;
use crate::api::parameters::Parameters;
use crate::api::problem::Problem;
use crate::control::Control;
use crate::live::Listener;

/// How long nothing is said at most: whoever is between would take the connection for a dead one.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How often it is looked whether somebody may still listen, beside when members change on this node.
const LOOK: Duration = Duration::from_secs(5);
/// How long a stream lasts in which nothing happens, or one by an application's login, which is asked again then.
const LASTS: Duration = Duration::from_secs(600);
/// The most that listen at once.
const LISTENERS: usize = 256;

/// What happens, as server-sent events: `refused`, `near_limit` when four fifths of an account are spent, `changed`, and
/// `dropped` with the `count` of those that were not told.
///
/// A stream ends after ten quiet minutes, and browsers ask again by themselves. That of somebody whose token or session has
/// ended ends at once where it was ended on this node, and within seconds elsewhere.
#[utoipa::path(get, path = "/events", responses((status = 200, content_type = "text/event-stream", body = String)))]
pub(crate) async fn get(request: HttpRequest, control: ThinData<Control>, parameters: Parameters) -> Answer {
    parameters.finish()?;
    if control.hub().listeners() >= LISTENERS {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many listen already"));
    }
    let listener = control.hub().listen();
    let first = stream::once(std::future::ready(Ok::<_, Error>(Bytes::from_static(b"retry: 2000\n\n"))));
    let now = Instant::now();
    let ThinData(control) = control;
    let proof = Proof::of(&request);
    let telling = Telling { listener, control, proof, began: now, happened: now, said: now, looked: now };
    let rest = stream::unfold(telling, |mut telling| async { Some((Ok(telling.next().await?), telling)) });
    let mut response = HttpResponse::Ok();
    response.insert_header(("X-Accel-Buffering", "no")).content_type("text/event-stream");
    Ok(response.streaming(first.chain(rest)))
}

/// A stream to somebody.
struct Telling {
    listener: Listener,
    control: Control,
    proof: Proof,
    began: Instant,
    /// When something happened last.
    happened: Instant,
    /// When something was said last.
    said: Instant,
    /// When it was looked last whether whoever listens may.
    looked: Instant,
}

impl Telling {
    /// What is said next; `None` when there will be no more.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let told = match timeout(LOOK, self.listener.next()).await {
                Ok(told) => Some(told?),
                Err(_) => None,
            };
            let is_of_members = matches!(&told, Some(told) if told.is_of_members());
            if (is_of_members || self.looked.elapsed() >= LOOK) && !self.may_go_on().await {
                return None;
            }
            match told.filter(|told| !told.is_of_members()) {
                Some(told) => {
                    (self.said, self.happened) = (Instant::now(), Instant::now());
                    return Some(told.line().into());
                }
                None if self.happened.elapsed() >= LASTS => return None,
                None if self.said.elapsed() >= HEARTBEAT => {
                    self.said = Instant::now();
                    return Some(Bytes::from_static(b": still here\n\n"));
                }
                None => {}
            }
        }
    }

    async fn may_go_on(&mut self) -> bool {
        self.looked = Instant::now();
        match self.proof {
            Proof::Application => self.began.elapsed() < LASTS,
            Proof::Token(_) | Proof::Session(_) => self.proof.holds(&self.control).await,
        }
    }
}
