//! When what has no end of its own is ended: event streams and upgraded connections, some time after the server was told to end.

use std::time::Duration;

use actix_web::rt;
use tokio::sync::watch;

/// How long they may go on: their clients connect again, and by then another process may be there.
const STREAMS_WITHIN: Duration = Duration::from_secs(10);

/// Tells those who have no end of their own.
#[derive(Clone, Debug)]
pub(crate) struct LastCall(watch::Sender<bool>);

impl LastCall {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// From now on there are ten seconds left.
    pub(crate) fn begin(&self) {
        let told = self.0.clone();
        rt::spawn(async move {
            rt::time::sleep(STREAMS_WITHIN).await;
            told.send_replace(true);
        });
    }

    /// Done when they are over.
    pub(crate) fn over(&self) -> impl Future<Output = ()> + 'static {
        let mut told = self.0.subscribe();
        async move {
            // Whoever tells it is there as long as the server is.
            let _ = told.wait_for(|is_over| *is_over).await;
        }
    }
}
