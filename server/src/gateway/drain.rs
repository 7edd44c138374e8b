//! The rest of a request's body that nobody wants any more, read for a moment so that the client hears its answer.
//!
//! Over HTTP/2 a stream that is dropped unread is reset, and clients throw away the answer with it. The server does the same for
//! HTTP/1 by itself.

use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use actix_web::rt;
use tokio::time::timeout;

use crate::gateway::upload::Uploading;

/// How long it is read.
const LINGER: Duration = Duration::from_secs(1);

/// Reads on and forgets what comes, in a task; to be called within one.
pub(crate) fn drain(uploading: Rc<Uploading>) {
    if uploading.has_more() {
        rt::spawn(async move {
            let read = async { while poll_fn(|cx| uploading.poll_forgotten(cx)).await.is_some() {} };
            let _ = timeout(LINGER, read).await;
        });
    }
}
