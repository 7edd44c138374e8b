//! What rules may see of an actix request.

use std::any::Any;
use std::borrow::Cow;
use std::cell::Cell;
use std::net::IpAddr;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{COOKIE, HeaderValue};

use crate::middleware::hooks::Hooks;
use crate::middleware::routes::Routes;
use crate::middleware::worker::WorkerSite;
use crate::model::facts::Facts;
use crate::model::identity::Identity;
use crate::model::parameter;
use crate::model::site::Site;

/// A request as rules see it.
pub(super) struct RequestFacts<'a> {
    request: &'a ServiceRequest,
    routes: &'a Routes,
    site: &'a Site,
    host: &'a str,
    hooks: Option<&'a Hooks>,
    ip: Cell<Option<IpAddr>>,
    route: Cell<Option<u32>>,
}

impl<'a> RequestFacts<'a> {
    pub(super) fn new(request: &'a ServiceRequest, routes: &'a Routes, worker_site: &'a WorkerSite) -> Self {
        let (site, host, hooks) = (worker_site.site(), worker_site.host(), worker_site.hooks());
        Self { request, routes, site, host, hooks, ip: Cell::new(None), route: Cell::new(None) }
    }

    fn peer(&self) -> Option<IpAddr> {
        self.request.peer_addr().map(|address| address.ip())
    }

    /// The client's address, which a trusted peer tells.
    #[cold]
    fn forwarded(&self, peer: IpAddr) -> IpAddr {
        let lines = self.request.headers().get_all(self.site.addresses.header.as_str());
        self.site.addresses.client(peer, lines.map(HeaderValue::as_bytes))
    }
}

impl Facts for RequestFacts<'_> {
    fn method(&self) -> &str {
        self.request.method().as_str()
    }

    fn path(&self) -> &str {
        // Unlike `ServiceRequest::path`, decoded as the router decodes it.
        self.request.match_info().as_str()
    }

    fn ip(&self) -> Option<IpAddr> {
        if self.site.addresses.trusted_proxies.is_empty() {
            return self.peer();
        }
        let ip = self.ip.get().or_else(|| self.peer().map(|peer| self.forwarded(peer)));
        self.ip.set(ip);
        ip
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.request.headers().get(name)?.to_str().ok()
    }

    fn host(&self) -> Option<&str> {
        Some(self.host)
    }

    fn cookie(&self, name: &str) -> Option<Cow<'_, str>> {
        let fields = self.request.headers().get_all(COOKIE).filter_map(|field| field.to_str().ok());
        fields.into_iter().find_map(|field| parameter::of_cookies(field, name))
    }

    fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        parameter::of_query(self.request.query_string(), name)
    }

    fn pattern(&self) -> Option<Cow<'_, str>> {
        self.request.match_pattern().map(Cow::Owned)
    }

    fn identity(&self) -> Option<Identity> {
        self.hooks?.identity.as_ref()?(self.request)
    }

    fn told_by_proxy(&self, header: &str) -> Vec<&str> {
        let is_trusted = |peer: IpAddr| self.site.addresses.trusts(peer.to_canonical());
        if !self.peer().is_some_and(is_trusted) {
            return Vec::new();
        }
        let lines = self.request.headers().get_all(header);
        // A line that is no text may be the proxy's own, and the others a client's: then nothing is believed.
        lines.map(|line| str::from_utf8(line.as_bytes())).collect::<Result<_, _>>().unwrap_or_default()
    }

    fn request(&self) -> Option<&dyn Any> {
        Some(self.request)
    }

    fn route(&self) -> u32 {
        let route = self.route.get().unwrap_or_else(|| self.routes.of(self.request));
        self.route.set(Some(route));
        route
    }
}
