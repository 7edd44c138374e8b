//! One connection to an upstream, driven by whoever waits for its answer, and its private waker.
//!
//! The connection is no task: it is polled within the request's own polls. So it is known, at the end of each, whether the
//! client is all that is waited for. What its parts tell each other goes by a bell of its own; only what comes from outside,
//! while nobody polls, wakes the request.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use crate::gateway::alarm::Alarm;
use crate::gateway::connect::Socket;
use crate::gateway::timeouts::{Late, Timeouts};
use crate::gateway::upload::{Upload, Uploading};

/// A connection to an upstream.
pub(crate) struct Line {
    connection: Connection<TokioIo<Socket>, Upload>,
    sender: SendRequest<Upload>,
    /// Whether the connection has done its work, after which it must not be polled.
    is_over: bool,
    bell: Arc<Bell>,
    /// The bell as a waker.
    private: Waker,
    alarm: Alarm,
    /// The body of the request that it carries.
    uploading: Option<Rc<Uploading>>,
    /// Whether the head of the answer has come: from then on it is the upstream that is waited for.
    is_answered: bool,
}

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// Somebody has not sent in time what was waited for.
    Late(Late),
    /// The connection has broken; whether certainly not a byte was sent.
    Broken { error: hyper::Error, is_unsent: bool },
}

impl Line {
    /// A line on a connection that nothing was sent on.
    ///
    /// # Errors
    ///
    /// None, so far as is known.
    pub(crate) async fn new(socket: Socket) -> hyper::Result<Box<Self>> {
        let (sender, connection) = http1::Builder::new().handshake(TokioIo::new(socket)).await?;
        let bell = Arc::new(Bell { rung: AtomicBool::new(true), ..Bell::default() });
        let private = Waker::from(Arc::clone(&bell));
        // Large, and handed from one to another several times a request.
        Ok(Box::new(Self {
            connection,
            sender,
            is_over: false,
            bell,
            private,
            alarm: Alarm::default(),
            uploading: None,
            is_answered: false,
        }))
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// # Errors
    ///
    /// The connection breaks, or somebody is late.
    pub(crate) async fn ask(
        &mut self,
        request: Request<Upload>,
        timeouts: &Timeouts,
    ) -> Result<Response<Incoming>, Unanswered> {
        self.uploading = request.body().uploading();
        self.is_answered = false;
        let sent_at = Instant::now();
        let mut answer = pin!(self.sender.try_send_request(request));
        poll_fn(|cx| {
            if let Poll::Ready(answer) = self.poll(cx, |cx| answer.as_mut().poll(cx)) {
                self.is_answered = true;
                return Poll::Ready(answer.map_err(|mut error| {
                    let is_unsent = error.take_message().is_some();
                    Unanswered::Broken { error: error.into_error(), is_unsent }
                }));
            }
            let (moved, waits) = self.uploading.as_ref().map_or((sent_at, false), |uploading| {
                (uploading.moved().unwrap_or(sent_at), uploading.waits())
            });
            let (deadline, late) = timeouts.until_head(moved, waits);
            self.poll_late(deadline).map(|()| Err(Unanswered::Late(late)))
        })
        .await
    }

    /// Lets the work and the connection go on by turns until neither can.
    ///
    /// The work comes first: what it asks for is often there already, as a small body is that has come with its head.
    pub(crate) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut work: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.bell.outer.register(cx.waker());
        self.bell.is_heard.store(true, SeqCst);
        // Who waits for the client has to ask it in each poll, or the time would run again.
        let mut is_due =
            !self.is_answered && self.uploading.as_ref().is_some_and(|uploading| uploading.waits());
        loop {
            if let Poll::Ready(done) = work(&mut Context::from_waker(&self.private)) {
                self.bell.is_heard.store(false, SeqCst);
                return Poll::Ready(done);
            }
            if self.bell.rung.swap(false, SeqCst) || is_due {
                self.drive();
                is_due = false;
            }
            if !self.bell.rung.load(SeqCst) {
                self.bell.is_heard.store(false, SeqCst);
                // Rung since it was looked at, when nobody else was told.
                if !self.bell.rung.load(SeqCst) {
                    self.go_on_without_client(cx);
                    return Poll::Pending;
                }
                self.bell.is_heard.store(true, SeqCst);
            }
        }
    }

    /// Has the time run on behind the head of an answer, though the client was asked for the rest of its body: a poll that asks
    /// it nothing follows, since what is waited for is the upstream's.
    fn go_on_without_client(&self, cx: &Context<'_>) {
        if self.is_answered && self.uploading.as_ref().is_some_and(|uploading| uploading.was_asked()) {
            cx.waker().wake_by_ref();
        }
    }

    /// Ready once a deadline has passed; else the bell rings by then.
    pub(crate) fn poll_late(&mut self, deadline: Instant) -> Poll<()> {
        self.alarm.poll(&mut Context::from_waker(&self.private), deadline)
    }

    fn drive(&mut self) {
        if !self.is_over {
            let mut cx = Context::from_waker(&self.private);
            // An error reaches whoever waits for an answer or for a body.
            self.is_over = self.connection.poll_without_shutdown(&mut cx).is_ready();
        }
    }

    /// Whether another request can be sent on it when an answer has just been read to its end.
    ///
    /// Called in the poll that has read it, in which nobody can have rung but its own parts.
    pub(crate) fn can_go_on(&mut self) -> bool {
        if self.sender.is_ready() {
            // That the body was taken is nothing to a connection that waits for the next request.
            self.bell.rung.store(false, SeqCst);
        }
        self.is_idle()
    }

    /// Whether another request can be sent on it, as far as is known.
    ///
    /// Asked between two requests, when nobody waits for it.
    pub(crate) fn is_idle(&mut self) -> bool {
        self.bell.outer.take();
        self.uploading = None;
        // What its parts tell each other at the end of an answer takes it a few steps.
        for _ in 0..4 {
            if !self.bell.rung.swap(false, SeqCst) {
                break;
            }
            self.drive();
        }
        !self.is_over && self.sender.is_ready()
    }

    /// Takes the socket out of a connection whose answer was 101, and what has come on it since.
    pub(crate) fn into_socket(mut self: Box<Self>) -> (Socket, Bytes) {
        self.drive();
        let parts = self.connection.into_parts();
        (parts.io.into_inner(), parts.read_buf)
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}

/// The private waker of a line.
#[derive(Default)]
struct Bell {
    rung: AtomicBool,
    /// Whether somebody polls the line and will look before going away.
    is_heard: AtomicBool,
    /// Who is woken else.
    outer: AtomicWaker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, SeqCst);
        if !self.is_heard.load(SeqCst) {
            self.outer.wake();
        }
    }
}
