//! The end of the server: what would go on for ever, such as tunnels and streams of events, is given a last moment.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

/// How long tunnels and streams of events go on after the server was told to end.
const LAST_MOMENT: Duration = Duration::from_secs(10);

/// Tells all workers that the server is to end.
#[derive(Debug)]
pub(crate) struct Stop(watch::Sender<bool>);

/// Hears of it.
#[derive(Clone, Debug)]
pub(crate) struct Stopped(watch::Receiver<bool>);

/// The last moment of something that would go on for ever.
pub(crate) struct LastMoment(Pin<Box<dyn Future<Output = ()>>>);

impl Stop {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    pub(crate) fn hears(&self) -> Stopped {
        Stopped(self.0.subscribe())
    }

    /// From now on there is a last moment.
    pub(crate) fn tell(&self) {
        self.0.send_replace(true);
    }
}

impl Stopped {
    pub(crate) fn last_moment(&self) -> LastMoment {
        let mut told = self.0.clone();
        LastMoment(Box::pin(async move {
            // Where nobody can tell any more, it was told.
            let _ = told.wait_for(|told| *told).await;
            sleep(LAST_MOMENT).await;
        }))
    }
}

impl LastMoment {
    /// Ready once it is over.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for LastMoment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LastMoment")
    }
}
