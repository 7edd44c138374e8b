//! Upstreams that do what a test tells them.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::running::eventually;

/// An upstream on a port of its own, with a thread for each connection.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
}

/// A connection that the gateway has opened.
pub(crate) struct Connection {
    /// How many were opened before it.
    pub(crate) number: usize,
    stream: TcpStream,
    unread: Vec<u8>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    /// An upstream that serves each connection so; when `serve` returns, the connection is closed.
    pub(crate) fn new(serve: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (heads, connections) = <(Arc<Mutex<Vec<_>>>, Arc<Mutex<Vec<_>>>)>::default();
        let (all_heads, all_connections) = (Arc::clone(&heads), Arc::clone(&connections));
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                all_connections.lock().unwrap().push(stream.try_clone().unwrap());
                stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
                let heads = Arc::clone(&all_heads);
                let mut connection = Connection { number, stream, unread: Vec::new(), heads };
                let serve = Arc::clone(&serve);
                thread::spawn(move || {
                    serve(&mut connection);
                    // The test keeps a handle of it.
                    let _ = connection.stream.shutdown(Shutdown::Both);
                });
            }
        });
        Self { address, heads, connections }
    }

    /// An upstream that answers every request with the same bytes, and keeps its connections.
    pub(crate) fn answering(answer: &str) -> Self {
        let answer = answer.to_owned();
        Self::new(move |connection| {
            while connection.head().is_some() {
                connection.send(&answer);
            }
        })
    }

    /// An upstream that finds each body too large when it has read a thousand bytes of it, says so, and hangs up.
    pub(crate) fn soon_full() -> Self {
        Self::new(|connection| {
            connection.head();
            connection.bytes(1_000);
            connection.send(
                "HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge",
            );
        })
    }

    /// An upstream that answers the first request of its first connection and then hangs up.
    pub(crate) fn hangs_up() -> Self {
        Self::after_the_first_answer(|_| {})
    }

    /// An upstream that answers the first request of its first connection and hangs up when the next has come.
    pub(crate) fn hangs_up_when_asked() -> Self {
        Self::after_the_first_answer(|connection| drop(connection.head()))
    }

    fn after_the_first_answer(end: fn(&mut Connection)) -> Self {
        Self::new(move |connection| {
            let is_first = connection.number == 0;
            while connection.head().is_some() {
                connection.answer("hello");
                if is_first {
                    return end(connection);
                }
            }
        })
    }

    /// The argument that names it.
    pub(crate) fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The heads of the requests that it has heard so far, in lower case but for their values.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// The only head that it has heard.
    pub(crate) fn head(&self) -> String {
        let heads = self.heads();
        assert_eq!(heads.len(), 1, "{heads:#?}");
        heads[0].clone()
    }

    /// The values of a field of the only head.
    pub(crate) fn values(&self, name: &str) -> Vec<String> {
        values(&self.head(), name)
    }

    /// How many connections were opened.
    pub(crate) fn connections(&self) -> usize {
        self.connections.lock().unwrap().len()
    }

    /// Waits until it has heard so many heads.
    pub(crate) fn wait_for_heads(&self, count: usize) {
        eventually("heads", || (self.heads().len() >= count).then_some(()), String::new);
    }
}

/// The values of a field of a head.
pub(crate) fn values(head: &str, name: &str) -> Vec<String> {
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    fields.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).collect()
}

impl Connection {
    /// The head of the next request; `None` once the gateway has closed.
    pub(crate) fn head(&mut self) -> Option<String> {
        let end = loop {
            if let Some(end) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            if !self.read_more() {
                return None;
            }
        };
        let head = String::from_utf8_lossy(&self.unread[..end]).into_owned();
        self.unread.drain(..end + 4);
        self.heads.lock().unwrap().push(head.clone());
        Some(head)
    }

    /// So many bytes of a body.
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.unread.len() < count {
            assert!(self.read_more(), "{} of {count} bytes", self.unread.len());
        }
        self.unread.drain(..count).collect()
    }

    /// Everything up to a text, and the text.
    pub(crate) fn up_to(&mut self, text: &str) -> String {
        let end = loop {
            if let Some(end) = self.unread.windows(text.len()).position(|window| window == text.as_bytes()) {
                break end + text.len();
            }
            assert!(self.read_more(), "no {text:?} in {:?}", String::from_utf8_lossy(&self.unread));
        };
        String::from_utf8_lossy(&self.unread.drain(..end).collect::<Vec<_>>()).into_owned()
    }

    /// The next line with its end; `None` once the gateway has closed.
    pub(crate) fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                return Some(
                    String::from_utf8_lossy(&self.unread.drain(..=end).collect::<Vec<_>>()).into_owned(),
                );
            }
            if !self.read_more() {
                return None;
            }
        }
    }

    fn read_more(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        let read = self.stream.read(&mut buffer).unwrap_or_default();
        self.unread.extend_from_slice(&buffer[..read]);
        read > 0
    }

    /// Waits until the gateway has closed the connection, whatever it sends until then.
    pub(crate) fn wait_for_end(&mut self) {
        while self.read_more() {}
    }

    /// All that the gateway sends until it closes the connection.
    pub(crate) fn rest(&mut self) -> String {
        self.wait_for_end();
        String::from_utf8_lossy(&std::mem::take(&mut self.unread)).into_owned()
    }

    /// Sends text, though nobody may take it.
    pub(crate) fn send(&mut self, text: &str) {
        let _ = self.stream.write_all(text.as_bytes());
    }

    /// Sends letters until the connection ends.
    pub(crate) fn send_without_end(&mut self) {
        let megabyte = [b'x'; 1 << 20];
        while self.stream.write_all(&megabyte).is_ok() {}
    }

    /// Sends an answer with a body of this text.
    pub(crate) fn answer(&mut self, body: &str) {
        self.send(&ok(body));
    }

    /// Closes it so that the gateway is told of a reset.
    pub(crate) fn reset(&mut self) {
        let socket = socket2::SockRef::from(&self.stream);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }
}

/// An answer with a body of this text.
pub(crate) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}
