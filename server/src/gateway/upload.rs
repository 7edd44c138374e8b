//! The body of a request on its way to the upstream: a chunk at a time, no more than may be.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::dev::Payload;
use bytes::Bytes;
use futures_util::Stream as _;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// A request's body, as the connection to the upstream is given it.
#[derive(Debug)]
pub(crate) struct Upload(Option<Rc<Uploading>>);

/// How far a request's body has come, for all who have to do with it.
pub(crate) struct Uploading {
    payload: RefCell<Payload>,
    /// What was read of it to see whether there is one.
    first: Cell<Option<Bytes>>,
    /// Its length, if the client has said it.
    length: Option<u64>,
    /// How many bytes more it may have.
    room: Cell<u64>,
    /// Whether the client is waited for.
    waits: Cell<bool>,
    /// How many bytes of it have come.
    came: Cell<u64>,
    /// How long there was nothing to send on, though there was more to come.
    withheld: Cell<Duration>,
    /// Since when it is so again.
    withheld_since: Cell<Option<Instant>>,
    /// Whether the client was asked for more, and had none, since somebody looked.
    was_asked: Cell<bool>,
    /// When its last byte was moved.
    moved: Cell<Option<Instant>>,
    state: Cell<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Begun,
    Ended,
    Broken(Fault),
}

/// What is wrong with a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is larger than it may be.
    TooLarge,
    /// The client has broken it off.
    BrokenOff,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the body of the request is too large",
            Self::BrokenOff => "the body of the request has broken off",
        })
    }
}

impl std::error::Error for Fault {}

impl Uploading {
    /// A body of which nothing was read but, perhaps, its first chunk.
    pub(crate) fn new(payload: Payload, first: Option<Bytes>, length: Option<u64>, room: u64) -> Rc<Self> {
        Rc::new(Self {
            payload: RefCell::new(payload),
            first: Cell::new(first),
            length,
            room: Cell::new(room),
            waits: Cell::new(false),
            came: Cell::new(0),
            withheld: Cell::new(Duration::ZERO),
            withheld_since: Cell::new(None),
            was_asked: Cell::new(false),
            moved: Cell::new(None),
            state: Cell::new(State::Begun),
        })
    }

    /// Whether the client is all that is waited for, of those who send.
    pub(crate) fn waits(&self) -> bool {
        self.waits.get()
    }

    /// How long, all in all, the upstream had what the client had sent, and the client had not sent all.
    pub(crate) fn withheld(&self) -> Duration {
        let now = self.withheld_since.get().map_or(Duration::ZERO, |since| since.elapsed());
        self.withheld.get() + now
    }

    /// Whether the client has sent all of it.
    pub(crate) fn is_whole(&self) -> bool {
        self.state.get() == State::Ended || self.length == Some(self.came.get())
    }

    /// Whether the client was asked for more, and had none, since this was last called.
    pub(crate) fn was_asked(&self) -> bool {
        self.was_asked.take()
    }

    /// When its last byte was moved.
    pub(crate) fn moved(&self) -> Option<Instant> {
        self.moved.get()
    }

    /// What is wrong with it.
    pub(crate) fn fault(&self) -> Option<Fault> {
        match self.state.get() {
            State::Broken(fault) => Some(fault),
            State::Begun | State::Ended => None,
        }
    }

    /// Reads the next chunk, and forgets it: nobody wants it any more. `None` once there is nothing more to come.
    pub(crate) fn poll_forgotten(&self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        if self.state.get() != State::Begun {
            return Poll::Ready(None);
        }
        let polled = Pin::new(&mut *self.payload.borrow_mut()).poll_next(cx);
        polled.map(|chunk| chunk?.ok().map(drop))
    }

    /// Whether the client has more to send.
    pub(crate) fn has_more(&self) -> bool {
        self.state.get() == State::Begun
    }

    fn poll_chunk(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Fault>>> {
        let first = self.first.take().map(|first| Poll::Ready(Some(Ok(first))));
        let polled = first.unwrap_or_else(|| Pin::new(&mut *self.payload.borrow_mut()).poll_next(cx));
        self.waits.set(polled.is_pending());
        if polled.is_ready() {
            self.moved.set(Some(Instant::now()));
            self.withheld.set(self.withheld());
            self.withheld_since.set(None);
        } else {
            self.was_asked.set(true);
            if self.withheld_since.get().is_none() {
                self.withheld_since.set(Some(Instant::now()));
            }
        }
        polled.map(|chunk| match chunk {
            Some(Ok(chunk)) => Some(self.take_room(chunk)),
            Some(Err(_)) => Some(Err(self.break_off(Fault::BrokenOff))),
            None => {
                self.state.set(State::Ended);
                None
            }
        })
    }

    fn take_room(&self, chunk: Bytes) -> Result<Bytes, Fault> {
        match self.room.get().checked_sub(chunk.len() as u64) {
            Some(room) => {
                self.room.set(room);
                self.came.set(self.came.get() + chunk.len() as u64);
                Ok(chunk)
            }
            None => Err(self.break_off(Fault::TooLarge)),
        }
    }

    fn break_off(&self, fault: Fault) -> Fault {
        self.state.set(State::Broken(fault));
        fault
    }
}

impl fmt::Debug for Uploading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uploading").field("state", &self.state.get()).finish_non_exhaustive()
    }
}

impl Upload {
    pub(crate) const fn new(uploading: Option<Rc<Uploading>>) -> Self {
        Self(uploading)
    }

    /// How far it has come, if there is a body.
    pub(crate) fn uploading(&self) -> Option<Rc<Uploading>> {
        self.0.clone()
    }
}

impl Drop for Upload {
    /// Nobody asks the client for more, so it is not waited for.
    fn drop(&mut self) {
        if let Some(uploading) = &self.0 {
            uploading.waits.set(false);
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match &self.0 {
            Some(uploading) => {
                uploading.poll_chunk(cx).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
            }
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let length = self.0.as_ref().map_or(Some(0), |uploading| uploading.length);
        length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
