//! Answers that nobody reads: a client that does not read leaves a body unpolled, and no timer of the body's own is looked at.
//!
//! So whoever keeps a worker's bodies in sight gives those up that lie there for too long, and with each its connection to the
//! upstream: else a client could keep as many as it likes busy for nothing.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use tokio::time::Instant;

/// How much of a body is handed over at once: the next is asked for when the client has taken it, and whoever reads slowly, but reads,
/// has to be seen to do so. More at once saves next to nothing.
const PART: usize = 32 * 1024;

/// A body that is given up if nobody reads it.
#[derive(Debug)]
pub(crate) struct Watched<B>(Rc<Kept<B>>);

#[derive(Debug)]
struct Kept<B> {
    /// None once it was given up.
    body: RefCell<Option<B>>,
    /// What is left of its last chunk, which may be larger than a part.
    left: RefCell<Bytes>,
    /// Since when a chunk of it is on its way to the client, and no other was asked for.
    given: Cell<Option<Instant>>,
    size: BodySize,
}

/// The bodies that a worker sends.
#[derive(Default)]
pub(crate) struct Sent(RefCell<Vec<Weak<dyn Unread>>>);

/// A body, for whoever looks after many.
trait Unread {
    /// Gives it up if its client has taken nothing for so long.
    fn look(&self, now: Instant, idle: Duration);
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sent").field("bodies", &self.0.borrow().len()).finish()
    }
}

impl Sent {
    /// Keeps a body in sight until it is dropped.
    pub(crate) fn watch<B: MessageBody + Unpin + 'static>(&self, body: B) -> Watched<B> {
        let size = body.size();
        // Until it is first asked for a chunk, its head is on its way.
        let given = Cell::new(Some(Instant::now()));
        let kept = Rc::new(Kept { body: RefCell::new(Some(body)), left: RefCell::default(), given, size });
        let watched: Weak<Kept<B>> = Rc::downgrade(&kept);
        self.0.borrow_mut().push(watched);
        Watched(kept)
    }

    /// Gives up what nobody has read for so long.
    pub(crate) fn look(&self, now: Instant, idle: Duration) {
        // Taken out: what is given up may end what adds to them.
        let mut bodies = std::mem::take(&mut *self.0.borrow_mut());
        bodies.retain(|body| body.upgrade().map(|body| body.look(now, idle)).is_some());
        self.0.borrow_mut().append(&mut bodies);
    }
}

impl<B> Unread for Kept<B> {
    fn look(&self, now: Instant, idle: Duration) {
        if self.given.get().is_some_and(|given| now.duration_since(given) >= idle)
            && let Some(body) = self.body.take()
        {
            log::warn!("an answer is not whole: the client has not read for too long");
            drop((body, self.left.take()));
        }
    }
}

/// Nobody has read it for too long.
#[derive(Debug)]
struct GivenUp;

impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody has read the answer for too long")
    }
}

impl std::error::Error for GivenUp {}

impl<B: MessageBody + Unpin> MessageBody for Watched<B> {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.0.size
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Box<dyn std::error::Error>>>> {
        let Kept { body, left, given, .. } = &*self.0;
        given.set(None);
        let mut chunk = left.take();
        if chunk.is_empty() {
            let polled = match &mut *body.borrow_mut() {
                Some(body) => Pin::new(body).poll_next(cx),
                None => return Poll::Ready(Some(Err(GivenUp.into()))),
            };
            chunk = match std::task::ready!(polled) {
                Some(Ok(chunk)) => chunk,
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => return Poll::Ready(None),
            };
        }
        given.set(Some(Instant::now()));
        let part = chunk.split_to(chunk.len().min(PART));
        left.replace(chunk);
        Poll::Ready(Some(Ok(part)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(60);

    /// A body of chunks that tells when it is dropped, and waits after the last of them.
    #[derive(Debug)]
    struct Chunks(usize, #[expect(dead_code, reason = "held")] Rc<()>);

    impl MessageBody for Chunks {
        type Error = std::convert::Infallible;

        fn size(&self) -> BodySize {
            BodySize::Stream
        }

        fn poll_next(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Bytes, Self::Error>>> {
            let Some(left) = self.0.checked_sub(1) else { return Poll::Pending };
            self.0 = left;
            Poll::Ready(Some(Ok(Bytes::from_static(b"x"))))
        }
    }

    /// A body of one chunk.
    #[derive(Debug)]
    struct Large(Option<Bytes>);

    impl MessageBody for Large {
        type Error = std::convert::Infallible;

        fn size(&self) -> BodySize {
            BodySize::Stream
        }

        fn poll_next(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Bytes, Self::Error>>> {
            Poll::Ready(self.0.take().map(Ok))
        }
    }

    /// Whether the next chunk is one.
    fn next(body: &mut Watched<Chunks>) -> Poll<Option<bool>> {
        let polled = Pin::new(body).poll_next(&mut Context::from_waker(std::task::Waker::noop()));
        polled.map(|chunk| chunk.map(|chunk| chunk.is_ok()))
    }

    #[test]
    fn what_nobody_reads_is_given_up_and_its_reader_is_told_so() {
        let (sent, lives) = (Sent::default(), Rc::new(()));
        let mut body = sent.watch(Chunks(9, Rc::clone(&lives)));
        assert_eq!(next(&mut body), Poll::Ready(Some(true)));
        sent.look(Instant::now() + IDLE / 2, IDLE);
        assert_eq!(Rc::strong_count(&lives), 2);
        sent.look(Instant::now() + IDLE, IDLE);
        assert_eq!(Rc::strong_count(&lives), 1);
        assert_eq!(next(&mut body), Poll::Ready(Some(false)));
    }

    #[test]
    fn nor_does_a_body_lie_there_that_nobody_has_begun_to_read() {
        let (sent, lives) = (Sent::default(), Rc::new(()));
        let _body = sent.watch(Chunks(9, Rc::clone(&lives)));
        sent.look(Instant::now() + IDLE, IDLE);
        assert_eq!(Rc::strong_count(&lives), 1);
    }

    #[test]
    fn a_body_whose_upstream_is_waited_for_is_not_given_up() {
        let (sent, lives) = (Sent::default(), Rc::new(()));
        let mut body = sent.watch(Chunks(0, Rc::clone(&lives)));
        assert_eq!(next(&mut body), Poll::Pending);
        sent.look(Instant::now() + IDLE * 10, IDLE);
        assert_eq!(Rc::strong_count(&lives), 2);
    }

    /// A chunk of the upstream's connection may have 400 kB, for which a reader of 5 kB a second took longer than it may.
    #[test]
    fn whoever_takes_a_large_chunk_bit_by_bit_is_seen_to_read() {
        const LARGE: usize = 400_000;
        let sent = Sent::default();
        let mut body = sent.watch(Large(Some(Bytes::from(vec![b'x'; LARGE]))));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut taken = 0;
        while let Poll::Ready(Some(part)) = Pin::new(&mut body).poll_next(&mut cx) {
            let part = part.unwrap();
            assert!(part.len() <= PART);
            taken += part.len();
            sent.look(Instant::now() + IDLE / 2, IDLE);
        }
        assert_eq!(taken, LARGE);
    }

    #[test]
    fn what_is_left_of_a_chunk_is_given_up_with_its_body() {
        let sent = Sent::default();
        let mut body = sent.watch(Large(Some(Bytes::from(vec![b'x'; 3 * PART]))));
        let mut next = || Pin::new(&mut body).poll_next(&mut Context::from_waker(std::task::Waker::noop()));
        assert!(matches!(next(), Poll::Ready(Some(Ok(_)))));
        sent.look(Instant::now() + IDLE, IDLE);
        assert!(matches!(next(), Poll::Ready(Some(Err(_)))));
    }

    #[test]
    fn a_body_that_was_sent_is_forgotten() {
        let sent = Sent::default();
        drop(sent.watch(Chunks(0, Rc::new(()))));
        sent.look(Instant::now(), IDLE);
        assert!(sent.0.borrow().is_empty());
    }
}
