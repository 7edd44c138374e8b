//! Clients with addresses of their own.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::answer::Answer;

/// A client at `127.0.0.N`.
#[derive(Clone, Copy)]
pub(super) struct Client(pub(super) u8);

impl Client {
    /// What comes back for a GET with these fields.
    pub(super) fn get(self, server: SocketAddr, target: &str, fields: &str) -> Answer {
        let head = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{fields}Connection: close\r\n\r\n");
        let mut connection = self.connect(server);
        connection.write_all(head.as_bytes()).unwrap();
        Answer::read(&connection).unwrap_or_else(|| panic!("no response to {head:?}"))
    }

    /// The statuses of several GETs.
    pub(super) fn statuses(self, server: SocketAddr, count: usize) -> Vec<u16> {
        (0..count).map(|_| self.get(server, "/", "").status).collect()
    }

    fn connect(self, server: SocketAddr) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let own = SocketAddr::from((Ipv4Addr::new(127, 0, 0, self.0), 0));
        socket.bind(&own.into()).unwrap();
        socket.connect(&server.into()).unwrap();
        let connection = TcpStream::from(socket);
        connection.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        connection
    }
}
