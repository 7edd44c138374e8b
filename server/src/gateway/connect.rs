//! Connections to upstreams: the only sockets of the gateway.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use timebudget::Upstream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::gateway::failure::Failure;
use crate::gateway::timeouts::Timeouts;

/// A connection to an upstream.
///
/// A write that fails is told nobody: the upstream may have answered before it closed, and who reads on finds the answer, or
/// that there is none.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: Stream,
    /// Whether the upstream takes nothing any more.
    is_deaf: bool,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// Connects to an upstream.
///
/// # Errors
///
/// It cannot be reached, or not in time.
pub(crate) async fn connect(upstream: &Upstream, timeouts: &Timeouts) -> Result<Socket, Failure> {
    match timeout(timeouts.connect, open(upstream)).await {
        Ok(Ok(stream)) => Ok(Socket { stream, is_deaf: false }),
        Ok(Err(error)) => {
            log::warn!("{upstream}: cannot be reached: {error}");
            Err(Failure::Unreachable)
        }
        Err(_) => {
            log::warn!("{upstream}: has not accepted a connection in time");
            Err(Failure::ConnectTimeout)
        }
    }
}

async fn open(upstream: &Upstream) -> io::Result<Stream> {
    match upstream {
        Upstream::Http { host, port } => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            // Else the end of a body waits for the upstream to acknowledge what came before it.
            stream.set_nodelay(true)?;
            Ok(Stream::Tcp(stream))
        }
        #[cfg(unix)]
        Upstream::Unix(path) => UnixStream::connect(path).await.map(Stream::Unix),
        _ => Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no such sockets")),
    }
}

impl Socket {
    /// Ready once there is something to read, or the end.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.stream {
            Stream::Tcp(stream) => stream.poll_read_ready(cx),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.poll_read_ready(cx),
        }
    }

    /// Reads what is there into a buffer that has room; 0 at the end.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is nothing after all, and what else the system says.
    pub(crate) fn try_read(&self, buffer: &mut bytes::BytesMut) -> io::Result<usize> {
        match &self.stream {
            Stream::Tcp(stream) => stream.try_read_buf(buffer),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.try_read_buf(buffer),
        }
    }

    /// Goes on without a write that has failed.
    fn forgive<T>(&mut self, written: Poll<io::Result<T>>, done: T) -> Poll<io::Result<T>> {
        match written {
            Poll::Ready(Err(_)) => {
                self.is_deaf = true;
                Poll::Ready(Ok(done))
            }
            written => written,
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            #[cfg(unix)]
            Stream::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let socket = self.get_mut();
        if socket.is_deaf {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = match &mut socket.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            #[cfg(unix)]
            Stream::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        };
        socket.forgive(written, bytes.len())
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let socket = self.get_mut();
        let all = parts.iter().map(|part| part.len()).sum();
        if socket.is_deaf {
            return Poll::Ready(Ok(all));
        }
        let written = match &mut socket.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
            #[cfg(unix)]
            Stream::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
        };
        socket.forgive(written, all)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Neither kind keeps anything back.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = self.get_mut();
        let shut = match &mut socket.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(unix)]
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        };
        socket.forgive(shut, ())
    }
}
