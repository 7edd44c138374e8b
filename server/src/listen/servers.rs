//! The servers of a process: one for what comes in clear, and one for what comes by TLS or a Unix socket.

use std::io;

use actix_server::ServerBuilder;
use actix_service::ServiceFactory;
use actix_web::body::MessageBody;
use actix_web::dev::{Server, ServiceRequest as Request, ServiceResponse as Response};
use actix_web::{App, Error, HttpServer};
use rustls::ServerConfig;
use tokio::sync::watch;

use crate::gateway::Client;
use crate::listen::clear;
use crate::listen::socket::Socket;

/// How long what runs may go on after SIGTERM: less than the half minute after which Kubernetes kills.
const LAST_REQUESTS_SECS: u64 = 25;

/// Serves an application on sockets, until the end is told and then until what runs has ended.
///
/// # Errors
///
/// A socket that cannot be listened on.
pub(crate) fn serve<F, T, B>(
    sockets: Vec<Socket>,
    certificate: Option<&ServerConfig>,
    workers: usize,
    end: &watch::Receiver<bool>,
    app: F,
) -> io::Result<Vec<Server>>
where
    F: Fn() -> App<T> + Send + Clone + 'static,
    T: ServiceFactory<Request, Config = (), Response = Response<B>, Error = Error, InitError = ()> + 'static,
    B: MessageBody + 'static,
{
    let in_clear = || {
        Server::build()
            .workers(workers)
            .shutdown_signal(told(end.clone()))
            .shutdown_timeout(LAST_REQUESTS_SECS)
    };
    let other = || {
        HttpServer::new(app.clone())
            // Whoever hangs up gives up: its request ends, and with it its place under a cap.
            .h1_allow_half_closed(false)
            .on_connect(Client::greet)
            .workers(workers)
            .shutdown_signal(told(end.clone()))
            // Else the end of an answer waits until the client has acknowledged what came before it.
            .tcp_nodelay(true)
            .shutdown_timeout(LAST_REQUESTS_SECS)
    };
    let (mut clear, mut others) = (None, None);
    for socket in sockets {
        match (socket, certificate) {
            (Socket::Tcp(listener), None) => {
                let server = clear.take().unwrap_or_else(in_clear);
                clear = Some(clear::listen(server, listener, Client::greet, app.clone())?);
            }
            (Socket::Tcp(listener), Some(config)) => {
                let server = others.take().unwrap_or_else(other);
                others = Some(server.listen_rustls_0_23(listener, config.clone())?);
            }
            #[cfg(unix)]
            (Socket::Unix(listener), _) => {
                others = Some(others.take().unwrap_or_else(other).listen_uds(listener)?);
            }
        }
    }
    Ok(clear.map(ServerBuilder::run).into_iter().chain(others.map(HttpServer::run)).collect())
}

/// Ready once the end is told; whoever would tell it and is gone has ended.
async fn told(mut end: watch::Receiver<bool>) {
    let _ = end.wait_for(|is_told| *is_told).await;
}
