//! A proxy on pingora with a limit by address, for the gateway to be compared with: `timebudget-pingora LISTEN UPSTREAM`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::server::Server;
use pingora_core::server::configuration::ServerConf;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorType, Result};
use pingora_http::RequestHeader;
use pingora_limits::rate::Rate;
use pingora_proxy::{ProxyHttp, Session, http_proxy_service};

/// How many requests a second each address has; no benchmark comes near.
const MOST: isize = 1_000_000_000;

fn main() {
    let [listen, upstream] = [1, 2].map(|at| std::env::args().nth(at).expect("LISTEN UPSTREAM"));
    let configuration =
        ServerConf { threads: 1, work_stealing: false, upstream_keepalive_pool_size: 256, ..ServerConf::default() };
    let mut server = Server::new_with_opt_and_conf(None, configuration);
    server.bootstrap();
    let upstream = upstream.parse().expect("the address of the upstream");
    let limited = Limited { upstream, rate: Rate::new(Duration::from_secs(1)) };
    let mut service = http_proxy_service(&server.configuration, limited);
    service.add_tcp(&listen);
    server.add_service(service);
    server.run_forever();
}

struct Limited {
    upstream: SocketAddr,
    rate: Rate,
}

impl Limited {
    fn peer(session: &Session) -> Option<IpAddr> {
        Some(session.client_addr()?.as_inet()?.ip())
    }
}

#[async_trait]
impl ProxyHttp for Limited {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn request_filter(&self, session: &mut Session, _ctx: &mut ()) -> Result<bool> {
        match self.rate.observe(&Self::peer(session), 1) > MOST {
            true => Err(Error::explain(ErrorType::HTTPStatus(429), "too many requests")),
            false => Ok(false),
        }
    }

    async fn upstream_peer(&self, _session: &mut Session, _ctx: &mut ()) -> Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.upstream, false, String::new())))
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        _ctx: &mut (),
    ) -> Result<()> {
        match Self::peer(session) {
            Some(peer) => request.insert_header("X-Forwarded-For", peer.to_string()),
            None => Ok(()),
        }
    }
}
