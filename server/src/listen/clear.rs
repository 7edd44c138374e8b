//! TCP in clear: HTTP/1.1, and HTTP/2 of clients that begin with it.
//!
//! actix-web's own server waits for the first bytes of a connection, which tell the two apart, for as long as the client likes:
//! whoever says nothing would keep a socket of ours for ever. This is the same with an end.

use std::any::Any;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, Protocol};
use actix_server::ServerBuilder;
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt as _, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::{
    AppConfig, Extensions, ServiceRequest as Request, ServiceResponse as Response, fn_service,
};
use actix_web::rt::net::TcpStream;
use actix_web::rt::time::timeout;
use actix_web::{App, Error};

/// How long a connection may say nothing; a request's head may take as long.
const SILENCE: Duration = Duration::from_secs(5);

/// How long is read on and forgotten what comes behind an answer that ends a connection, as actix-web's own server does: a socket
/// that is closed with bytes in it is reset, and the client may never see its answer.
const LINGER: Duration = Duration::from_secs(1);

/// What a connection begins with that speaks HTTP/2 (RFC 9113, section 3.4), as much of it as tells.
const PREFACE: &[u8; 12] = b"PRI * HTTP/2";

/// Has a server listen on a socket, and greet each connection.
///
/// # Errors
///
/// The socket is none that can be listened on.
pub(crate) fn listen<F, T, B>(
    builder: ServerBuilder,
    listener: TcpListener,
    greet: fn(&dyn Any, &mut Extensions),
    app: F,
) -> io::Result<ServerBuilder>
where
    F: Fn() -> App<T> + Send + Clone + 'static,
    T: ServiceFactory<Request, Config = (), Response = Response<B>, Error = Error, InitError = ()> + 'static,
    B: MessageBody + 'static,
{
    let address = listener.local_addr()?;
    let ends = builder.graceful_shutdown_signal();
    builder.listen(format!("http {address}"), listener, move || {
        let ends = ends.clone();
        let app = app().into_factory().map_err(|error| error.error_response());
        let http = HttpService::build()
            // Connections without a request are closed when the server ends.
            .graceful_shutdown_signal(move || {
                let ends = ends.clone();
                async move { ends.notified().await }
            })
            .client_disconnect_timeout(LINGER)
            // Whoever hangs up gives up: its request ends, and with it its place under a cap.
            .h1_allow_half_closed(false)
            .local_addr(address)
            .on_connect_ext(move |connection: &TcpStream, data| greet(connection, data))
            .finish(map_config(app, |()| AppConfig::default()));
        fn_service(told_apart).and_then(http)
    })
}

/// A connection, and what it speaks.
///
/// # Errors
///
/// It says nothing for too long, or has ended.
async fn told_apart(
    connection: TcpStream,
) -> Result<(TcpStream, Protocol, Option<SocketAddr>), DispatchError> {
    let mut first = [0; PREFACE.len()];
    match timeout(SILENCE, connection.peek(&mut first)).await {
        Ok(peeked) => peeked?,
        Err(_) => return Err(DispatchError::SlowRequestTimeout),
    };
    let protocol = if first == *PREFACE { Protocol::Http2 } else { Protocol::Http1 };
    // Else the end of an answer waits until the client has acknowledged what came before it.
    connection.set_nodelay(true)?;
    let peer = connection.peer_addr().ok();
    Ok((connection, protocol, peer))
}
