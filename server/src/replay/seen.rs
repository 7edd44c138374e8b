//! What rules see of a request that a log tells of, and what they ask for that it does not.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::net::IpAddr;

use timebudget::{EscapedSlash, Facts, Identity, Paths, Site, cookie_values, query_value, query_values};
use timebudget_control::replay::{Lacking, Past, Times};

use crate::replay::format::{FieldKind, Format};
use crate::replay::request::Request;

/// A request of a log.
pub(crate) struct OfLog<'a> {
    pub(crate) request: &'a Request,
    /// That of the log.
    pub(crate) format: &'a Format,
}

impl Past for OfLog<'_> {
    type Seen<'b>
        = Seen<'b>
    where
        Self: 'b;

    fn method(&self) -> &str {
        self.request.method()
    }

    fn path(&self) -> &str {
        self.request.path()
    }

    fn status(&self) -> u16 {
        self.request.status
    }

    fn was_refused(&self) -> bool {
        self.request.was_refused
    }

    fn times(&self) -> Times {
        self.request.times
    }

    fn seen<'b>(&'b self, site: &'b Site, host: &'b str, lacking: &'b Lacking) -> Seen<'b> {
        Seen { request: self.request, format: self.format, site, host, path: OnceCell::new(), lacking }
    }
}

/// A request as rules see it.
pub(crate) struct Seen<'a> {
    request: &'a Request,
    format: &'a Format,
    site: &'a Site,
    host: &'a str,
    path: OnceCell<Cow<'a, str>>,
    lacking: &'a Lacking,
}

impl<'a> Seen<'a> {
    /// The values of a field; none if the log does not have it, which is noted.
    fn values(&self, kind: FieldKind, name: &str) -> impl DoubleEndedIterator<Item = &'a [u8]> + use<'a> {
        let number = self.format.fields.number(kind, name);
        if number.is_none() {
            self.lacking.note(if kind == FieldKind::Header { "header" } else { "cookie" }, name);
        }
        // No line has a field of this number.
        self.request.fields(number.unwrap_or(u16::MAX))
    }

    /// The lines of cookies, where a log has the whole header.
    fn cookie_lines(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let number = self.format.fields.number(FieldKind::Header, "cookie");
        self.request.fields(number.unwrap_or(u16::MAX))
    }

    fn cookies(&self, name: &str) -> Vec<Cow<'a, [u8]>> {
        if self.format.fields.number(FieldKind::Header, "cookie").is_none() {
            return self.values(FieldKind::Cookie, name).map(Cow::Borrowed).collect();
        }
        self.cookie_lines().flat_map(|line| cookie_values(line, name)).collect()
    }
}

impl Facts for Seen<'_> {
    fn method(&self) -> &str {
        self.request.method()
    }

    fn path(&self) -> &str {
        self.path.get_or_init(|| self.site.paths.form(self.request.path(), EscapedSlash::IsSlash))
    }

    fn paths(&self) -> Paths {
        self.site.paths
    }

    fn ip(&self) -> Option<IpAddr> {
        let (policy, peer) = (&self.site.addresses, self.request.peer);
        if self.request.is_client || !policy.trusts(peer) {
            return peer;
        }
        policy.client(peer, self.values(FieldKind::Header, &policy.header))
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        self.values(FieldKind::Header, name).next()
    }

    fn any_header(&self, name: &str, is_wanted: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.values(FieldKind::Header, name).any(is_wanted)
    }

    fn host(&self) -> Option<&str> {
        Some(self.host)
    }

    fn cookie(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.cookies(name).into_iter().next()
    }

    fn any_cookie(&self, name: &str, is_wanted: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.cookies(name).iter().any(|value| is_wanted(value))
    }

    fn query(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        query_value(self.request.query(), name).map(into_bytes)
    }

    fn any_query(&self, name: &str, is_wanted: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        query_values(self.request.query(), name).any(|value| is_wanted(value.as_bytes()))
    }

    /// The user that the log names: it was known who it is when it was written.
    fn identity(&self) -> Option<Identity> {
        if !self.format.tells.users {
            self.lacking.note("user", "");
        }
        let user = self.request.user();
        (!user.is_empty()).then(|| Identity::new(user))
    }

    fn api_key(&self) -> Option<&str> {
        self.request.api_key()
    }

    fn told_by_proxy(&self, header: &str) -> Vec<Cow<'_, str>> {
        let values = self.values(FieldKind::Header, header);
        if !self.site.addresses.trusts(self.request.peer) {
            return Vec::new();
        }
        values.map(String::from_utf8_lossy).collect()
    }

    /// By its method, as of all that a gateway serves: its own router knows no patterns.
    fn route(&self) -> u32 {
        const METHODS: [&str; 9] =
            ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"];
        let method = self.request.method();
        METHODS.iter().position(|known| *known == method).map_or(0, |at| at as u32 + 1)
    }

    /// Logs do not have the headers by which preflights are known, and hardly any other request is an OPTIONS.
    fn is_preflight(&self) -> bool {
        self.request.method() == "OPTIONS"
    }
}

fn into_bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}
