//! `events`: what happens, as it happens.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, ThinData};
use actix_web::{Error, HttpResponse};
use futures_util::stream;

use crate::api::answer::Answer;
use crate::api::parameters::Parameters;
use crate::api::problem::Problem;
use crate::control::Control;
use crate::live::Listener;

/// How long nothing is said at most: whoever is between would take the connection for a dead one.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How often a stream says that it is there until it ends, so that whoever may not listen any more does not: ten minutes.
const BEATS: u32 = 40;
/// The most that listen at once.
const LISTENERS: usize = 256;

/// What happens, as server-sent events: `refused`, `near_limit` when four fifths of an account are spent, `changed`, and
/// `dropped` with the `count` of those that were not told.
///
/// A stream ends after ten quiet minutes; browsers ask again by themselves.
#[utoipa::path(get, path = "/events", responses((status = 200, content_type = "text/event-stream", body = String)))]
pub(crate) async fn get(control: ThinData<Control>, parameters: Parameters) -> Answer {
    parameters.finish()?;
    if control.hub().listeners() >= LISTENERS {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many listen already"));
    }
    let listener = control.hub().listen();
    let first = stream::once(std::future::ready(Ok::<_, Error>(Bytes::from_static(b"retry: 2000\n\n"))));
    let rest = stream::unfold((listener, 0), next);
    let mut response = HttpResponse::Ok();
    response.insert_header(("X-Accel-Buffering", "no")).content_type("text/event-stream");
    Ok(response.streaming(futures_util::StreamExt::chain(first, rest)))
}

async fn next((mut listener, beats): (Listener, u32)) -> Option<(Result<Bytes, Error>, (Listener, u32))> {
    if beats == BEATS {
        return None;
    }
    match tokio::time::timeout(HEARTBEAT, listener.next()).await {
        Ok(told) => Some((Ok(told?.line().into()), (listener, 0))),
        Err(_) => Some((Ok(Bytes::from_static(b": still here\n\n")), (listener, beats + 1))),
    }
}
