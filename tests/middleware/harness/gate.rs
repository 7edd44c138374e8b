//! Gates: where a handler stops until the test lets it go on; and taps, from which bodies are drawn.

use std::io;
use std::sync::Arc;

use actix_web::web::{Bytes, Data};
use futures_util::{Stream, StreamExt as _, stream};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::soon;

/// A place in a handler where it waits for the test.
#[derive(Clone)]
pub(crate) struct Gate {
    arrived: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self { arrived: Arc::new(Semaphore::new(0)), open: Arc::new(Semaphore::new(0)) }
    }

    /// In a handler: tells that it is here, and waits to be let through.
    pub(crate) async fn pass(&self) {
        self.arrived.add_permits(1);
        self.open.acquire().await.expect("gates are never closed").forget();
    }

    /// In a test: waits until so many handlers are here.
    pub(crate) async fn arrivals(&self, count: u32) {
        soon(self.arrived.acquire_many(count)).await.expect("gates are never closed").forget();
    }

    /// In a test: lets so many handlers through.
    pub(crate) fn open(&self, count: usize) {
        self.open.add_permits(count);
    }
}

/// A handler that waits at a gate.
pub(crate) async fn slow(gate: Data<Gate>) -> &'static str {
    gate.pass().await;
    "done"
}

/// A body whose chunks the test sends; it ends when the tap is dropped.
pub(crate) struct Tap(UnboundedSender<Bytes>);

impl Tap {
    /// A tap, and the body for a single response.
    pub(crate) fn new() -> (Self, Spout) {
        let (sender, receiver) = unbounded_channel();
        (Self(sender), Spout(Arc::new(std::sync::Mutex::new(Some(receiver)))))
    }

    pub(crate) fn send(&self, chunk: &'static str) {
        // Whoever reads it may be gone.
        let _ = self.0.send(Bytes::from_static(chunk.as_bytes()));
    }
}

/// Where what goes into a tap comes out.
#[derive(Clone)]
pub(crate) struct Spout(Arc<std::sync::Mutex<Option<UnboundedReceiver<Bytes>>>>);

impl Spout {
    /// One that nobody asks for its body.
    pub(crate) fn dry() -> Self {
        Tap::new().1
    }

    /// The body, for the first who asks.
    pub(crate) fn body(&self) -> impl Stream<Item = io::Result<Bytes>> + 'static {
        let receiver = self.0.lock().unwrap().take().expect("asked once");
        stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) })
            .map(Ok)
    }
}
