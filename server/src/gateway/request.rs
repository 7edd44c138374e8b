//! A request, as the client has sent it and as the upstream is sent it: one of the two files that know both `http` crates.
//!
//! The path is passed on byte for byte. What is about the client's connection stays behind, and so does what somebody who is not
//! trusted claims of where the request comes from.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::rc::Rc;

use actix_web::HttpRequest;
use actix_web::http::header::{self as client, HeaderMap};
use actix_web::http::{Method, Version};
use bytes::{BufMut as _, Bytes, BytesMut};
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
    pub(crate) id: Rc<str>,
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
        id: Rc<str>,
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
        let host = match (policy, self.host) {
            (HostPolicy::Keep, Some(host)) => value(host)?,
            (HostPolicy::Rewrite, _) | (_, None) => address.host().clone(),
        };
        let headers = head.headers_mut();
        headers.reserve(self.request.headers().len() + 8);
        headers.insert(header::HOST, host);
        self.copy(headers)?;
        self.say_who_asks(headers)?;
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
            headers.insert(field, value(site.as_bytes())?);
        }
        headers.insert(REQUEST_ID, value(self.id.as_bytes())?);
        if let Some(millis) = self.time_left_millis {
            headers.insert(TIME_LEFT, HeaderValue::from(millis));
        }
        Ok(head)
    }

    /// The path and the query as they have come; of an absolute target, without whom it names.
    fn target(&self) -> Result<Uri, Failure> {
        let target = self.request.head().uri.path_and_query().map_or("/", |target| target.as_str());
        let target = PathAndQuery::from_maybe_shared(Bytes::copy_from_slice(target.as_bytes()));
        target.map(Uri::from).map_err(|_| Failure::Malformed)
    }

    /// Copies the fields that go on, with all values in one buffer.
    fn copy(&self, headers: &mut http::HeaderMap) -> Result<(), Failure> {
        let from = self.request.headers();
        let taken: Vec<_> = match from.contains_key(client::CONNECTION) {
            true => hop::named(from.get_all(client::CONNECTION).map(client::HeaderValue::as_bytes)).collect(),
            false => Vec::new(),
        };
        let mut values = BytesMut::with_capacity(from.iter().map(|(_, value)| value.len()).sum());
        let joins_cookies = self.version() == Version::HTTP_2;
        for (name, value) in from {
            let name = name.as_str();
            if is_left_behind(name)
                || self.is_only_claimed(name)
                || taken.iter().any(|listed| hop::takes_away(listed, name))
            {
                continue;
            }
            if joins_cookies && name == "cookie" && headers.contains_key(header::COOKIE) {
                continue;
            }
            if joins_cookies && name == "cookie" {
                for (at, crumb) in from.get_all(client::COOKIE).enumerate() {
                    values.extend_from_slice(if at == 0 { b"" } else { b"; " });
                    values.extend_from_slice(crumb.as_bytes());
                }
            } else {
                values.put_slice(value.as_bytes());
            }
            let value =
                HeaderValue::from_maybe_shared(values.split().freeze()).map_err(|_| Failure::Malformed)?;
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Failure::Malformed)?;
            headers.append(name, value);
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
    fn say_who_asks(&self, headers: &mut http::HeaderMap) -> Result<(), Failure> {
        let peer = self.request.peer_addr().map(|peer| peer.ip().to_canonical());
        let before = |name| if self.is_believed { self.joined(name) } else { None };
        if let Some(peer) = peer {
            let for_whom = match before("x-forwarded-for") {
                Some(mut list) => {
                    list.extend_from_slice(b", ");
                    let _ = write!(Text(&mut list), "{peer}");
                    list
                }
                None => peer.to_string().into_bytes(),
            };
            headers.insert(FORWARDED_FOR, value(&for_whom)?);
        } else if let Some(list) = before("x-forwarded-for") {
            headers.insert(FORWARDED_FOR, value(&list)?);
        }
        let is_secure = self.request.app_config().secure();
        let proto = if is_secure { "https" } else { "http" };
        let told = before("x-forwarded-proto").map(|told| value(&told)).transpose()?;
        headers.insert(FORWARDED_PROTO, told.unwrap_or(HeaderValue::from_static(proto)));
        let told = before("x-forwarded-host").map(|told| value(&told)).transpose()?;
        let asked = self.host.map(value).transpose()?;
        if let Some(host) = told.or(asked) {
            headers.insert(FORWARDED_HOST, host);
        }
        let own = self.forwarded(peer, proto);
        let forwarded = match before("forwarded") {
            Some(mut list) => {
                list.extend_from_slice(b", ");
                list.extend_from_slice(own.as_bytes());
                list
            }
            None => own.into_bytes(),
        };
        headers.insert(header::FORWARDED, value(&forwarded)?);
        Ok(())
    }

    /// The element of `Forwarded` that this gateway adds (RFC 7239).
    fn forwarded(&self, peer: Option<IpAddr>, proto: &str) -> String {
        let mut element = match peer {
            Some(IpAddr::V6(address)) => format!("for=\"[{address}]\""),
            Some(address) => format!("for={address}"),
            None => "for=unknown".to_owned(),
        };
        if let Some(host) = self.host.and_then(|host| str::from_utf8(host).ok())
            && !host.contains(['"', '\\'])
        {
            let _ = write!(element, ";host=\"{host}\"");
        }
        element + ";proto=" + proto
    }

    /// All values of a field as one list.
    fn joined(&self, name: &str) -> Option<Vec<u8>> {
        let mut joined: Option<Vec<u8>> = None;
        for value in self.request.headers().get_all(name) {
            match &mut joined {
                Some(list) => {
                    list.extend_from_slice(b", ");
                    list.extend_from_slice(value.as_bytes());
                }
                None => joined = Some(value.as_bytes().to_vec()),
            }
        }
        joined.filter(|list| !list.is_empty())
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

fn value(bytes: &[u8]) -> Result<HeaderValue, Failure> {
    HeaderValue::from_bytes(bytes).map_err(|_| Failure::Malformed)
}

/// Bytes that are written to as a text.
struct Text<'a>(&'a mut Vec<u8>);

impl std::fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
