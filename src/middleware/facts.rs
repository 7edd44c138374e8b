//! What rules may see of an actix request.

use std::any::Any;
use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::net::IpAddr;

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{COOKIE, HeaderValue};

use crate::limiter::{Claims, Decision, Refused, Report, Untold};
use crate::middleware::classes::Class;
use crate::middleware::route;
use crate::middleware::running::{Rewritten, Running, Undecided, WorkerSite};
use crate::model::{Facts, Identity, Paths, Site, cookie_values, is_preflight, query_value, query_values};
use crate::store::Mode;

/// A request as rules see it.
pub(crate) struct RequestFacts<'a> {
    request: &'a ServiceRequest,
    of: &'a WorkerSite,
    site: &'a Site,
    ip: Cell<Option<IpAddr>>,
    class: Cell<Class>,
    path: OnceCell<Cow<'a, str>>,
    /// What the application's closure has said, which is asked once.
    identity: OnceCell<Option<Identity>>,
}

impl<'a> RequestFacts<'a> {
    pub(crate) fn new(request: &'a ServiceRequest, of: &'a WorkerSite) -> Self {
        let (ip, class, path) = (Cell::new(None), Cell::default(), OnceCell::new());
        Self { request, of, site: of.site(), ip, class, path, identity: OnceCell::new() }
    }

    /// The request's class, if any rule has asked for its route.
    pub(crate) const fn class(&self) -> Class {
        self.class.get()
    }

    fn peer(&self) -> Option<IpAddr> {
        self.request.peer_addr().map(|address| address.ip())
    }

    /// The lines of cookies. Of lines that are no UTF-8 applications are given no cookie at all; but who reads the header
    /// itself, or stands behind a proxy, sees others' beside.
    fn cookie_fields(&self) -> impl Iterator<Item = &[u8]> {
        self.request.headers().get_all(COOKIE).map(HeaderValue::as_bytes)
    }

    /// The client's address, which a trusted peer tells.
    #[cold]
    fn forwarded(&self, peer: Option<IpAddr>) -> Option<IpAddr> {
        let lines = self.request.headers().get_all(self.site.addresses.header.as_str());
        self.site.addresses.client(peer, lines.map(HeaderValue::as_bytes))
    }
}

impl Facts for RequestFacts<'_> {
    fn method(&self) -> &str {
        self.request.method().as_str()
    }

    fn path(&self) -> &str {
        self.path.get_or_init(|| route::path(self.request, self.site.paths))
    }

    fn paths(&self) -> Paths {
        self.site.paths
    }

    fn ip(&self) -> Option<IpAddr> {
        if !self.site.addresses.trusts_somebody() {
            return self.peer();
        }
        let ip = self.ip.get().or_else(|| self.forwarded(self.peer()));
        self.ip.set(ip);
        ip
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        self.request.headers().get(name).map(HeaderValue::as_bytes)
    }

    fn any_header(&self, name: &str, is_wanted: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.request.headers().get_all(name).any(|value| is_wanted(value.as_bytes()))
    }

    fn host(&self) -> Option<&str> {
        Some(self.of.host())
    }

    fn cookie(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.cookie_fields().find_map(|field| cookie_values(field, name).next())
    }

    fn any_cookie(&self, name: &str, is_wanted: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        let mut fields = self.cookie_fields();
        fields.any(|field| cookie_values(field, name).any(|value| is_wanted(&value)))
    }

    fn query(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        query_value(self.request.query_string(), name).map(into_bytes)
    }

    fn any_query(&self, name: &str, is_wanted: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        let mut values = query_values(self.request.query_string(), name);
        values.any(|value| is_wanted(value.as_bytes()))
    }

    fn pattern(&self) -> Option<Cow<'_, str>> {
        route::pattern(self.request, self.site.paths).map(Cow::Owned)
    }

    fn identity(&self) -> Option<Identity> {
        let asked = self.of.hooks()?.identity.as_ref()?;
        self.identity.get_or_init(|| asked(self.request)).clone()
    }

    fn told_by_proxy(&self, header: &str) -> Vec<Cow<'_, str>> {
        if !self.site.addresses.trusts(self.peer()) {
            return Vec::new();
        }
        self.request.headers().get_all(header).map(|line| text(line.as_bytes())).collect()
    }

    fn request(&self) -> Option<&dyn Any> {
        Some(self.request)
    }

    #[inline(always)]
    fn is_preflight(&self) -> bool {
        // The method alone says it of nearly all requests.
        *self.request.method() == Method::OPTIONS && is_preflight(self)
    }

    #[inline(always)]
    fn route(&self) -> u32 {
        // Who asks keeps the answer.
        let (class, route) = self.of.common().classes.of(self.request, self.site.paths);
        self.class.set(class);
        route
    }
}

/// A field as text: UTF-8, else ISO 8859-1. No two that are no UTF-8 become one.
fn text(field: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(field) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(field.iter().map(|byte| char::from(*byte)).collect()),
    }
}

fn into_bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

impl Running {
    /// Decides over the request by rules that do not ask the application's closures.
    #[inline(always)]
    pub(crate) fn admit(&self, facts: &RequestFacts<'_>) -> Result<Decision, Undecided> {
        let mut untold = Untold::new();
        let decided = self.holding().admit(self.site(), facts, &mut untold);
        self.class.set(facts.class());
        self.decided(decided, untold)
    }

    /// The same where the application's closures are asked.
    pub(crate) fn admit_asking(&self, facts: &RequestFacts<'_>) -> Result<Decision, Undecided> {
        self.admit_so(facts, Mode::of(facts), true)
    }

    /// The same in a mode: what closures ask for of this request is not to be borrowed.
    fn admit_so(&self, facts: &RequestFacts<'_>, mode: Mode, spared: bool) -> Result<Decision, Undecided> {
        let (mut claims, mut untold) = (Claims::new(), Untold::new());
        let asked = self.site().claims(facts, mode, spared, &mut claims, &mut untold);
        let decided = self.holding().admit_claimed(self.site(), (claims, asked), mode, &mut untold);
        self.class.set(facts.class());
        self.decided(decided, untold)
    }

    /// Charges the request its time, though it was refused, since it is served another page.
    pub(crate) fn admit_rewritten(
        &self,
        facts: &RequestFacts<'_>,
        refused: &Refused,
    ) -> Result<Decision, Undecided> {
        let report = Report::from(self.held().refused(refused));
        let rewritten = Rewritten { report, standard: self.refused_standard() };
        *self.to_have_seldom().rewritten.borrow_mut() = Some(rewritten);
        // It cannot be refused again, and nothing exempts it.
        let decided = self.admit_so(facts, Mode::Force, false);
        // It will not reach the route that it looks like.
        self.class.set(Class::default());
        decided
    }
}
