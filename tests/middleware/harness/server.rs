//! A server on a free port, with two workers that share all accounts.

use std::net::SocketAddr;

use actix_web::body::MessageBody;
use actix_web::dev::{ServerHandle, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::{App, Error, HttpServer, rt};

use super::Client;

/// A server that listens, until the test ends.
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    pub(crate) handle: ServerHandle,
}

impl Listening {
    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }
}

/// Serves an application; `$bind` is how.
macro_rules! server {
    ($(#[$doc:meta])* $name:ident, $bind:ident) => {
        $(#[$doc])*
        pub(crate) fn $name<F, S, B>(factory: F) -> Listening
        where
            F: Fn() -> App<S> + Send + Clone + 'static,
            S: ServiceFactory<
                    ServiceRequest,
                    Config = (),
                    Response = ServiceResponse<B>,
                    Error = Error,
                    InitError = (),
                > + 'static,
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
