//! The body of an answer on its way to the client: a chunk at a time, and broken if the upstream breaks off.

use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody};
use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::gateway::drain::drain;
use crate::gateway::failure::Failure;
use crate::gateway::lines::Held;
use crate::gateway::stop::LastMoment;
use crate::gateway::upload::Uploading;

/// How much of a body is waited for before the head is sent, if it is there already.
const AHEAD: usize = 64 * 1024;

/// The body of an answer.
#[derive(Debug)]
pub(crate) struct Download {
    /// None once the whole body was read, or has broken off.
    held: Option<Held>,
    /// Why it has broken off, if it has.
    broken: Option<&'static str>,
    body: Incoming,
    size: BodySize,
    /// What was read of it with the head.
    ahead: Bytes,
    /// Since when the next chunk is waited for.
    waits_since: Option<Instant>,
    idle: Duration,
    /// The request's body, where something has to read it to its end.
    unread: Option<Rc<Uploading>>,
    /// Where it has no end of its own.
    last_moment: Option<LastMoment>,
}

/// Chunks that are made one; of a single one nothing is copied.
#[derive(Debug, Default)]
struct Gathered {
    first: Bytes,
    all: BytesMut,
}

impl Gathered {
    fn len(&self) -> usize {
        self.first.len().max(self.all.len())
    }

    fn add(&mut self, chunk: Bytes) {
        if self.first.is_empty() {
            self.first = chunk;
        } else {
            if self.all.is_empty() {
                self.all.extend_from_slice(&self.first);
            }
            self.all.extend_from_slice(&chunk);
        }
    }

    fn into_bytes(self) -> Bytes {
        if self.all.is_empty() { self.first } else { self.all.freeze() }
    }
}

/// Why a body is not whole.
#[derive(Debug)]
pub(crate) struct Broken(&'static str);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Broken {}

impl Download {
    pub(crate) const fn new(held: Held, body: Incoming, size: BodySize, idle: Duration) -> Self {
        Self {
            held: Some(held),
            broken: None,
            body,
            size,
            ahead: Bytes::new(),
            waits_since: None,
            idle,
            unread: None,
            last_moment: None,
        }
    }

    /// Has the request's body read to its end when the answer's has ended.
    pub(crate) fn then_drain(&mut self, uploading: Option<Rc<Uploading>>) {
        self.unread = uploading;
    }

    /// Has it end with the server.
    pub(crate) fn lasts_until(&mut self, last_moment: LastMoment) {
        self.last_moment = Some(last_moment);
    }

    /// Reads what is there; the whole body, if it is small and all of it has come.
    ///
    /// # Errors
    ///
    /// The body has broken off, before anything of it was passed on.
    pub(crate) fn gather(&mut self, cx: &mut Context<'_>) -> Result<Option<Bytes>, Broken> {
        let mut gathered = Gathered::default();
        while gathered.len() < AHEAD {
            match self.poll_chunk(cx) {
                Poll::Ready(Some(chunk)) => gathered.add(chunk?),
                Poll::Ready(None) => return Ok(Some(gathered.into_bytes())),
                Poll::Pending => break,
            }
            if self.held.is_none() {
                return Ok(Some(gathered.into_bytes()));
            }
        }
        self.ahead = gathered.into_bytes();
        Ok(None)
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        loop {
            let Some(held) = &mut self.held else {
                return Poll::Ready(self.broken.map(|why| Err(Broken(why))));
            };
            let body = &mut self.body;
            let frame = match held.line.poll(cx, |cx| Pin::new(&mut *body).poll_frame(cx)) {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    let last_moment = self.last_moment.as_mut();
                    if last_moment.is_some_and(|last_moment| last_moment.poll(cx).is_ready()) {
                        return Poll::Ready(Some(Err(self.break_off("the server ends"))));
                    }
                    let since = *self.waits_since.get_or_insert_with(Instant::now);
                    let late = held.line.poll_late(since + self.idle);
                    return late.map(|()| Some(Err(self.fail("the application has paused for too long"))));
                }
            };
            self.waits_since = None;
            match frame {
                None => {
                    self.end();
                    return Poll::Ready(None);
                }
                Some(Err(_)) => {
                    return Poll::Ready(Some(Err(self.fail("the application has broken off"))));
                }
                Some(Ok(frame)) => {
                    // Of trailers nothing can be passed on.
                    let Ok(chunk) = frame.into_data() else { continue };
                    if self.body.is_end_stream() {
                        self.end();
                    }
                    if !chunk.is_empty() {
                        return Poll::Ready(Some(Ok(chunk)));
                    }
                }
            }
        }
    }

    fn end(&mut self) {
        if let Some(held) = self.held.take() {
            held.keep();
        }
        if let Some(uploading) = self.unread.take() {
            drain(uploading);
        }
    }

    /// It is the upstream that has not sent all.
    fn fail(&mut self, why: &'static str) -> Broken {
        if let Some(held) = &self.held {
            held.address().counts.failed(Failure::BrokenAnswer);
        }
        self.break_off(why)
    }

    /// Closes the connection; the error is told at each further poll as well.
    fn break_off(&mut self, why: &'static str) -> Broken {
        log::warn!("an answer is not whole: {why}");
        self.held = None;
        self.broken = Some(why);
        Broken(why)
    }
}

impl MessageBody for Download {
    type Error = Broken;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        let download = self.get_mut();
        if !download.ahead.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut download.ahead))));
        }
        download.poll_chunk(cx)
    }
}

/// A body that is not sent, of the size that is said: that of an answer to HEAD.
#[derive(Debug)]
pub(crate) struct Unsent(pub(crate) BodySize);

impl MessageBody for Unsent {
    type Error = Broken;

    fn size(&self) -> BodySize {
        self.0
    }

    fn poll_next(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use actix_web::rt;

    use super::*;
    use crate::gateway::Counted;
    use crate::gateway::lines::{Address, Group};
    use crate::gateway::timeouts::Timeouts;
    use crate::gateway::upload::Upload;

    const SHORT: Duration = Duration::from_secs(60);

    /// After its error the connection said that there was nothing more, which was taken for the end of a body that is whole.
    #[test]
    fn a_body_that_has_broken_off_stays_so_and_its_connection_is_not_kept() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        let upstream = std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let _ = connection.read(&mut [0; 1024]).unwrap();
            connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").unwrap();
        });
        let address: timebudget::Upstream = uri.parse().unwrap();
        let counts = Counted::default().of(&address);
        let group = Group::new(vec![Rc::new(Address::new(address, counts))]);
        rt::System::new().block_on(async move {
            let timeouts = Timeouts { connect: SHORT, head: SHORT, idle: SHORT, kept: SHORT };
            let mut held = group.line(&timeouts, false, Instant::now()).await.unwrap();
            let request = http::Request::get("/").header("host", "a").body(Upload::new(None)).unwrap();
            let answer = held.line.ask(request, &timeouts).await.unwrap();
            let mut download = Download::new(held, answer.into_body(), BodySize::Sized(9), SHORT);
            let mut next = async || poll_fn(|cx| Pin::new(&mut download).poll_next(cx)).await;
            assert_eq!(next().await.unwrap().unwrap(), "half");
            for _ in 0..3 {
                assert!(next().await.is_some_and(|chunk| chunk.is_err()));
            }
            assert!(download.held.is_none());
        });
        upstream.join().unwrap();
    }
}
