//! A request, as the client has sent it and as the upstream is sent it: one of the two files that know both `http` crates.
//!
//! The path is passed on byte for byte. What is about the client's connection stays behind, and so does what somebody who is not
//! trusted claims of where the request comes from.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{self as client, HeaderMap};
use actix_web::http::{Method, Version};
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Request, Uri};
use timebudget::Site;

use crate::gateway::args::HostPolicy;
use crate::gateway::claims::Claims;
use crate::gateway::failure::Failure;
use crate::gateway::hop;
use crate::gateway::host::is_host;
use crate::gateway::lines::Address;
use crate::gateway::path;
use crate::gateway::values::Values;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TIME_LEFT: HeaderName = HeaderName::from_static("x-ratelimit-time-left");

/// A request that can be passed on.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    request: &'a HttpRequest,
    /// Whom it asks for, as it is written.
    host: Option<&'a [u8]>,
    /// Whether its peer is believed when it tells of others.
    is_believed: bool,
    /// What only those may say who are.
    claims: Claims<'a>,
    pub(crate) is_websocket: bool,
    /// The length of its body, if that is said and it has one.
    pub(crate) length: Option<u64>,
    /// Whether it says that it has none.
    says_empty: bool,
    /// Whether it can have a body.
    pub(crate) may_have_body: bool,
    id: &'a str,
    /// What is left to it of budgets that cut, in milliseconds.
    pub(crate) time_left_millis: Option<u64>,
}

impl<'a> Asked<'a> {
    /// Looks at what has to be known before anything is passed on.
    ///
    /// # Errors
    ///
    /// Nobody could say where its body ends, whom it asks for, or for what; or it is a CONNECT.
    pub(crate) fn read(
        request: &'a HttpRequest,
        site: &Site,
        claims: Claims<'a>,
        id: &'a str,
    ) -> Result<Self, Failure> {
        if request.method() == Method::CONNECT {
            return Err(Failure::Connect);
        }
        if path::has_dot_segment(request.head().uri.path()) {
            return Err(Failure::DotSegment);
        }
        if !has_form(request) {
            return Err(Failure::Malformed);
        }
        let headers = request.headers();
        let length = length(headers)?;
        let is_chunked = is_chunked(headers, request.head().version)?;
        if is_chunked && length.is_some() {
            return Err(Failure::Malformed);
        }
        // The server reads on without an end where it sees this, whatever else is said.
        let speaks_of_websocket =
            headers.get_all(client::UPGRADE).any(|value| is_websocket(value.as_bytes()));
        if speaks_of_websocket && (length.is_some() || is_chunked) {
            return Err(Failure::Malformed);
        }
        let is_http2 = request.head().version == Version::HTTP_2;
        Ok(Self {
            request,
            host: host(request)?,
            is_believed: site.addresses.trusts(request.peer_addr().map(|peer| peer.ip())),
            claims,
            is_websocket: speaks_of_websocket && request.head().upgrade(),
            length: length.filter(|length| *length > 0),
            says_empty: length == Some(0),
            may_have_body: !speaks_of_websocket
                && (is_chunked || length.unwrap_or_default() > 0 || (is_http2 && length.is_none())),
            id,
            time_left_millis: None,
        })
    }

    pub(crate) fn method(&self) -> &Method {
        self.request.method()
    }

    pub(crate) fn version(&self) -> Version {
        self.request.head().version
    }

    /// The head that the upstream is sent.
    ///
    /// # Errors
    ///
    /// The target or a field is none that may be sent.
    pub(crate) fn head(
        &self,
        address: &Address,
        policy: HostPolicy,
        has_body: bool,
    ) -> Result<Request<()>, Failure> {
        let mut head = Request::new(());
        let method = http::Method::from_bytes(self.method().as_str().as_bytes());
        *head.method_mut() = method.map_err(|_| Failure::Malformed)?;
        *head.uri_mut() = self.target()?;
        let mut values = Values::with_room(self.room());
        let asked = self.host.map(|host| value(values.add(host))).transpose()?;
        let host = match (policy, &asked) {
            (HostPolicy::Keep, Some(host)) => host.clone(),
            (HostPolicy::Rewrite, _) | (_, None) => address.host().clone(),
        };
        let headers = head.headers_mut();
        headers.reserve(self.request.headers().len() + 8);
        headers.insert(header::HOST, host);
        self.copy(headers, &mut values)?;
        self.say_who_asks(headers, &mut values, asked)?;
        if has_body && self.length.is_none() {
            // Left unsaid, a GET would be sent without its body.
            headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        if self.says_empty {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        if self.is_websocket {
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        if let Some(site) = self.claims.site()
            && let Ok(field) = HeaderName::from_bytes(self.claims.site_field().as_bytes())
        {
            headers.insert(field, value(values.add(site.as_bytes()))?);
        }
        headers.insert(REQUEST_ID, value(values.add(self.id.as_bytes()))?);
        if let Some(millis) = self.time_left_millis {
            headers.insert(TIME_LEFT, HeaderValue::from(millis));
        }
        Ok(head)
    }

    /// How many bytes all values together have, or a few more.
    fn room(&self) -> usize {
        let own = self.host.map_or(0, |host| 2 * host.len()) + 160;
        self.request.headers().iter().map(|(_, value)| value.len() + 2).sum::<usize>() + own
    }

    /// The path and the query as they have come; of an absolute target, without whom it names.
    fn target(&self) -> Result<Uri, Failure> {
        let target = self.request.head().uri.path_and_query().map_or("/", |target| target.as_str());
        let target = PathAndQuery::from_maybe_shared(Bytes::copy_from_slice(target.as_bytes()));
        target.map(Uri::from).map_err(|_| Failure::Malformed)
    }

    /// Copies the fields that go on.
    fn copy(&self, headers: &mut http::HeaderMap, values: &mut Values) -> Result<(), Failure> {
        let from = self.request.headers();
        let taken = hop::named(from.get_all(client::CONNECTION).map(client::HeaderValue::as_bytes));
        let taken: Vec<_> = taken.filter(|name| !hop::is_about_the_connection_alone(name)).collect();
        let joins_cookies = self.version() == Version::HTTP_2;
        for (name, field) in from {
            let name = name.as_str();
            if is_left_behind(name)
                || self.is_only_claimed(name)
                || taken.iter().any(|listed| hop::takes_away(listed, name))
            {
                continue;
            }
            let copied = if joins_cookies && name == "cookie" {
                if headers.contains_key(header::COOKIE) {
                    continue;
                }
                values.add_list(from.get_all(client::COOKIE).map(client::HeaderValue::as_bytes), b"; ")
            } else {
                values.add(field.as_bytes())
            };
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Failure::Malformed)?;
            headers.append(name, value(copied)?);
        }
        Ok(())
    }

    /// Whether a field is one that its client may not say, or not so.
    fn is_only_claimed(&self, name: &str) -> bool {
        (!self.is_believed && self.claims.has(name))
            || self.claims.is_disguised(name)
            || (self.claims.site().is_some() && name.eq_ignore_ascii_case(self.claims.site_field()))
    }

    /// Says for whom the request is passed on: what a trusted peer says of it with the peer added, else the peer alone.
    fn say_who_asks(
        &self,
        headers: &mut http::HeaderMap,
        values: &mut Values,
        asked: Option<HeaderValue>,
    ) -> Result<(), Failure> {
        let is_secure = self.request.app_config().secure();
        let proto = if is_secure { "https" } else { "http" };
        let peer = self.request.peer_addr().map(|peer| peer.ip().to_canonical());
        let (element, for_whom) = self.forwarded(values, peer, proto);
        let mut before = |name: client::HeaderName, own: Option<Bytes>| {
            if !self.is_believed || !self.request.headers().contains_key(&name) {
                return own;
            }
            let said = self.request.headers().get_all(name).map(client::HeaderValue::as_bytes);
            Some(values.add_list(said.chain(own.as_deref()), b", "))
        };
        let told = [
            (FORWARDED_FOR, before(client::X_FORWARDED_FOR, for_whom)),
            (header::FORWARDED, before(client::FORWARDED, Some(element))),
            (FORWARDED_PROTO, before(client::X_FORWARDED_PROTO, None)),
            (FORWARDED_HOST, before(client::X_FORWARDED_HOST, None)),
        ];
        for (name, text) in told {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                headers.insert(name, value(text)?);
            }
        }
        headers.entry(FORWARDED_PROTO).or_insert(HeaderValue::from_static(proto));
        if let Some(host) = asked {
            headers.entry(FORWARDED_HOST).or_insert(host);
        }
        Ok(())
    }

    /// The element of `Forwarded` that this gateway adds (RFC 7239), and the peer's address, which is a part of it.
    fn forwarded(&self, values: &mut Values, peer: Option<IpAddr>, proto: &str) -> (Bytes, Option<Bytes>) {
        let (before, after) = match peer {
            Some(IpAddr::V6(_)) => ("for=\"[", "]\""),
            Some(IpAddr::V4(_)) => ("for=", ""),
            None => ("for=unknown", ""),
        };
        values.put(before.as_bytes());
        let address = peer.map(|peer| values.put_address(peer));
        values.put(after.as_bytes());
        let host = self
            .host
            .filter(|host| str::from_utf8(host).is_ok() && !host.iter().any(|byte| b"\"\\".contains(byte)));
        if let Some(host) = host {
            values.put(b";host=\"");
            values.put(host);
            values.put(b"\"");
        }
        values.put(b";proto=");
        values.put(proto.as_bytes());
        let element = values.take();
        let address = address.map(|length| element.slice(before.len()..before.len() + length));
        (element, address)
    }
}

/// Whether a field stays behind or is said anew.
fn is_left_behind(name: &str) -> bool {
    hop::is_hop_by_hop(name)
        || hop::is_ours(name)
        || matches!(name, "host" | "content-length" | "expect" | "http2-settings" | "x-request-id")
}

/// Whom a request asks for, as it is written: that of its target where it names one, else that of `Host`.
fn host(request: &HttpRequest) -> Result<Option<&[u8]>, Failure> {
    let head = request.head();
    let mut named = request.headers().get_all(client::HOST);
    let (first, second) = (named.next(), named.next());
    if second.is_some() {
        return Err(Failure::Malformed);
    }
    let target = head.uri.authority().map(|authority| {
        // A user that stands before it is nobody's to know.
        let authority = authority.as_str();
        authority.rsplit_once('@').map_or(authority, |(_, host)| host).as_bytes()
    });
    match target.or(first.map(client::HeaderValue::as_bytes)) {
        None if head.version >= Version::HTTP_11 => Err(Failure::Malformed),
        Some(host) if !is_host(host) => Err(Failure::Malformed),
        host => Ok(host),
    }
}

/// Whether the target is a path, or a whole URI of HTTP, or the `*` of OPTIONS (RFC 9112, section 3.2): what else there is, a host alone, is
/// for CONNECT.
fn has_form(request: &HttpRequest) -> bool {
    let uri = &request.head().uri;
    let is_path = uri.path().starts_with('/') || (uri.path() == "*" && request.method() == Method::OPTIONS);
    let is_whole = matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some();
    is_path && (is_whole || (uri.scheme().is_none() && uri.authority().is_none()))
}

/// The length that is said of the body.
fn length(headers: &HeaderMap) -> Result<Option<u64>, Failure> {
    let mut said = headers.get_all(client::CONTENT_LENGTH);
    let Some(first) = said.next() else { return Ok(None) };
    let digits = first.as_bytes();
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let length = str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    match length.filter(|_| is_number && said.next().is_none()) {
        Some(length) => Ok(Some(length)),
        None => Err(Failure::Malformed),
    }
}

fn is_chunked(headers: &HeaderMap, version: Version) -> Result<bool, Failure> {
    let mut codings = headers.get_all(client::TRANSFER_ENCODING);
    let Some(first) = codings.next() else { return Ok(false) };
    let is_alone = codings.next().is_none();
    match version == Version::HTTP_11 && is_alone && first.as_bytes().eq_ignore_ascii_case(b"chunked") {
        true => Ok(true),
        false => Err(Failure::Malformed),
    }
}

fn is_websocket(upgrade: &[u8]) -> bool {
    upgrade.trim_ascii().eq_ignore_ascii_case(b"websocket")
}

fn value(bytes: Bytes) -> Result<HeaderValue, Failure> {
    HeaderValue::from_maybe_shared(bytes).map_err(|_| Failure::Malformed)
}
