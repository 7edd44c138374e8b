//! A server on a free port, with two workers that share all accounts.

use std::net::SocketAddr;

use actix_web::body::MessageBody;
use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, rt};

use super::Client;
use super::app::AppFactory;

/// A server that listens, until the test ends.
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    pub(crate) handle: ServerHandle,
}

impl Listening {
    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    /// So many clients, each of which has sent a request for `/` and waits for the answer.
    pub(crate) async fn crowd(&self, clients: usize) -> Vec<Client> {
        let mut crowd = Vec::with_capacity(clients);
        for _ in 0..clients {
            let mut client = self.connect().await;
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
            crowd.push(client);
        }
        crowd
    }
}

/// Serves an application; `$bind` is how.
macro_rules! server {
    ($(#[$doc:meta])* $name:ident, $bind:ident) => {
        $(#[$doc])*
        pub(crate) fn $name<F, S, B>(factory: F) -> Listening
        where
            F: Fn() -> App<S> + Send + Clone + 'static,
            S: AppFactory<B> + 'static,
            B: MessageBody + 'static,
        {
            let server = HttpServer::new(factory).workers(2).disable_signals().shutdown_timeout(1);
            let server = server.$bind("127.0.0.1:0").expect("a free port");
            let address = server.addrs()[0];
            let server = server.run();
            let handle = server.handle();
            rt::spawn(server);
            Listening { address, handle }
        }
    };
}

server! {
    /// Serves an application by HTTP/1.
    serve, bind
}

server! {
    /// Serves an application by HTTP/2 as well, without TLS.
    serve_h2c, bind_auto_h2c
}
