//! `events`: what happens, as it happens.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, ThinData};
use actix_web::{Error, HttpRequest, HttpResponse};
use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc::{self, Sender};
use tokio::time::{Instant, timeout};

use crate::api::answer::Answer;
use crate::api::auth::Proof;
use crate::api::caller::Caller;
use crate::api::parameters::Parameters;
use crate::api::problem::Problem;
use crate::control::Control;
use crate::live::{Crowd, Listener};

/// How long nothing is said at most: whoever is between would take the connection for a dead one.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How often it is looked whether somebody may still listen, beside when members change on this node.
const LOOK: Duration = Duration::from_secs(5);
/// How long a stream lasts in which nothing happens, or one by an application's login, which is asked again then.
const LASTS: Duration = Duration::from_secs(600);
/// How long a stream may wait for its client to read before it ends.
const UNREAD: Duration = Duration::from_secs(30);

/// What happens, as server-sent events: `refused`, `near_limit` when four fifths of an account are spent, `changed`, and
/// `dropped` with the `count` of those that were not told.
///
/// A stream ends after ten quiet minutes, and browsers ask again by themselves. That of somebody whose token or session has
/// ended ends at once where it was ended on this node, and within seconds elsewhere. That of a client which reads nothing for half
/// a minute ends. A member has up to 16 at once, all together 256 on a node.
#[utoipa::path(get, path = "/events", responses((status = 200, content_type = "text/event-stream", body = String)))]
pub(crate) async fn get(
    request: HttpRequest,
    control: ThinData<Control>,
    caller: Caller,
    parameters: Parameters,
) -> Answer {
    parameters.finish()?;
    let listener = control.hub().listen(&caller.name).map_err(|crowd| match crowd {
        Crowd::Full => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many listen already"),
        Crowd::OfOne(most) => Problem::too_many(format!("you have {most} streams already; end one of them")),
    })?;
    let first = stream::once(std::future::ready(Ok::<_, Error>(Bytes::from_static(b"retry: 2000\n\n"))));
    let now = Instant::now();
    let ThinData(control) = control;
    let proof = Proof::of(&request);
    let telling = Telling { listener, control, proof, began: now, happened: now, said: now, looked: now };
    let (tell, told) = mpsc::channel(1);
    // A server asks for no more while its client reads nothing: then nobody would see that it does not.
    actix_web::rt::spawn(telling.tell(tell, UNREAD));
    let rest = stream::unfold(told, |mut told| async { Some((Ok(told.recv().await?), told)) });
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
    /// Tells all that is to be told, until there is no more, the client goes, or reads nothing for so long.
    async fn tell(mut self, tell: Sender<Bytes>, unread: Duration) {
        loop {
            let next = tokio::select! {
                next = self.next() => next,
                () = tell.closed() => None,
            };
            let Some(next) = next else { return };
            if !matches!(timeout(unread, tell.send(next)).await, Ok(Ok(()))) {
                return;
            }
        }
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Options;

    /// It stayed for as long as its client kept the connection open, and nobody else could listen in its place.
    #[actix_web::test]
    async fn a_stream_that_nobody_reads_ends() {
        let directory = tempfile::tempdir().unwrap();
        let uri = format!("sqlite://{}/timebudget.db", directory.path().display());
        let control = Control::open(Options::new(uri)).await.unwrap();
        let (listener, now) = (control.hub().listen("ann").unwrap(), Instant::now());
        let proof = Proof::Application;
        let telling = Telling {
            listener,
            control: control.clone(),
            proof,
            began: now,
            happened: now,
            said: now,
            looked: now,
        };
        (0..3).for_each(|number| control.hub().tell("changed", &number));
        let (tell, _told) = mpsc::channel(1);
        telling.tell(tell, Duration::from_millis(20)).await;
        assert_eq!(control.hub().listeners(), 0);
        control.close().await;
    }
}
