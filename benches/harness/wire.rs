//! A connection without a socket: requests come in one at a time, each when the one before is answered.

use std::io::Result;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// The server's end of a connection whose client sends so many requests and then goes.
///
/// With it the instructions of parsing a request and of writing a response's headers are counted, and those of the
/// kernel are not.
pub(crate) struct Wire {
    requests: u64,
    answering: bool,
    reader: Option<Waker>,
}

impl Wire {
    pub(crate) fn new(requests: u64) -> Self {
        Self {
            requests,
            answering: false,
            reader: None,
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        if self.answering {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if self.requests > 0 {
            self.requests -= 1;
            self.answering = true;
            buffer.put_slice(REQUEST);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        response: &[u8],
    ) -> Poll<Result<usize>> {
        self.answering = false;
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(response.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }
}
