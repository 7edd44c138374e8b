//! A connection that goes on in another protocol: bytes both ways, until either side has said all.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::Payload;
use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::Stream as _;
use tokio::io::AsyncWrite as _;
use tokio::time::Instant;

use crate::gateway::alarm::Alarm;
use crate::gateway::connect::Socket;
use crate::gateway::lines::Seat;
use crate::gateway::stop::LastMoment;

/// How much is read at once.
const CHUNK: usize = 16 * 1024;

/// A tunnel, as the body of the answer that opens it: what the upstream sends is the body, and what the client sends is read on
/// the way.
pub(crate) struct Tunnel {
    socket: Socket,
    /// None once the client has said all.
    client: Option<Payload>,
    /// What the client has sent and the upstream has not taken.
    to_upstream: Bytes,
    /// What the upstream has sent with its head.
    first: Bytes,
    idle: Duration,
    moved: Instant,
    alarm: Alarm,
    last_moment: LastMoment,
    _seat: Seat,
}

impl Tunnel {
    pub(crate) fn new(
        (socket, first): (Socket, Bytes),
        seat: Seat,
        client: Payload,
        idle: Duration,
        last_moment: LastMoment,
    ) -> Self {
        Self {
            socket,
            client: Some(client),
            to_upstream: Bytes::new(),
            first,
            idle,
            moved: Instant::now(),
            alarm: Alarm::default(),
            last_moment,
            _seat: seat,
        }
    }

    /// Passes on what the client sends, as far as the upstream takes it; ready once there is nothing more to come.
    fn poll_to_upstream(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while !self.to_upstream.is_empty() {
                let written = ready!(Pin::new(&mut self.socket).poll_write(cx, &self.to_upstream))?;
                self.to_upstream.advance(written);
                self.moved = Instant::now();
            }
            let Some(client) = &mut self.client else { return Poll::Ready(Ok(())) };
            match ready!(Pin::new(client).poll_next(cx)) {
                Some(Ok(bytes)) => self.to_upstream = bytes,
                Some(Err(_)) | None => {
                    self.client = None;
                    return Pin::new(&mut self.socket).poll_shutdown(cx);
                }
            }
        }
    }

    /// Reads what the upstream sends; empty at the end.
    fn poll_from_upstream(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        loop {
            ready!(self.socket.poll_readable(cx))?;
            let mut buffer = BytesMut::with_capacity(CHUNK);
            match self.socket.try_read(&mut buffer) {
                Ok(_) => {
                    self.moved = Instant::now();
                    return Poll::Ready(Ok(buffer.freeze()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl MessageBody for Tunnel {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let tunnel = self.get_mut();
        if !tunnel.first.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut tunnel.first))));
        }
        if let Poll::Ready(Err(error)) = tunnel.poll_to_upstream(cx) {
            return Poll::Ready(Some(Err(error)));
        }
        match tunnel.poll_from_upstream(cx) {
            Poll::Ready(Ok(bytes)) if bytes.is_empty() => return Poll::Ready(None),
            Poll::Ready(read) => return Poll::Ready(Some(read)),
            Poll::Pending => {}
        }
        if tunnel.last_moment.poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        // Nobody has said anything for so long: nobody may be there.
        tunnel.alarm.poll(cx, tunnel.moved + tunnel.idle).map(|()| None)
    }
}
