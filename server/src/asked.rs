//! Requests as the command line describes them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic;

use actix_web::dev::{ResourceDef, Url};
use actix_web::http::header::{HOST, HeaderName, HeaderValue};
use actix_web::http::{Method, Uri};
use actix_web::test::TestRequest;

use crate::args::ExplainArgs;
use crate::output::Failure;

const HEADER: &str = "header; expected 'Name: value'";

/// A request that somebody asks about.
pub(crate) struct Asked {
    method: Method,
    target: Uri,
    peer: IpAddr,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The pattern of the route that it reaches, if it reaches one.
    pub(crate) route: Option<String>,
}

impl Asked {
    /// The request that the arguments describe.
    ///
    /// # Errors
    ///
    /// What is wrong with it; of headers, which may be credentials, only names are repeated.
    pub(crate) fn of(args: &ExplainArgs) -> Result<Self, Failure> {
        let wrong = |what: &str, text: &str| Failure::wrong(format!("{text:?}: not a {what}"));
        let is_path = |uri: &Uri| uri.path().starts_with('/') && uri.host().is_none();
        let target = args.target.parse().ok().filter(is_path);
        let mut headers = args.headers.iter().map(|text| header(text)).collect::<Result<Vec<_>, _>>()?;
        if let Some(host) = &args.host {
            let value = HeaderValue::from_bytes(host.as_bytes()).map_err(|_| wrong("host", host))?;
            headers.retain(|(name, _)| name != HOST);
            headers.push((HOST, value));
        } else if !headers.iter().any(|(name, _)| name == HOST) {
            headers.push((HOST, HeaderValue::from_static("localhost")));
        }
        let asked = Self {
            method: args.method.parse().map_err(|_| wrong("method", &args.method))?,
            target: target
                .ok_or_else(|| wrong("target; expected a path such as /api/x?page=2", &args.target))?,
            peer: args.ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            headers,
            route: args.route.clone(),
        };
        asked.routed()
    }

    /// The path as it was written.
    pub(crate) fn path(&self) -> &str {
        self.target.path()
    }

    /// The request as an application receives it.
    pub(crate) fn request(&self) -> TestRequest {
        let request = TestRequest::with_uri(&self.target.to_string()).method(self.method.clone());
        let request = request.peer_addr(SocketAddr::new(self.peer, 0));
        self.headers.iter().fold(request, |request, header| request.append_header(header.clone()))
    }

    fn routed(self) -> Result<Self, Failure> {
        let Some(route) = &self.route else { return Ok(self) };
        // As the router sees it.
        let target = Url::new(self.target.clone());
        let fault = match is_match(route, target.path()) {
            Some(true) => return Ok(self),
            Some(false) => "does not match the target",
            None => "not a pattern; expected one such as /users/{id}",
        };
        Err(Failure::wrong(format!("--route: {route:?}: {fault}")))
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.headers.iter().find(|(name, _)| name == HOST);
        let host = host.map_or("".into(), |(_, host)| String::from_utf8_lossy(host.as_bytes()));
        write!(f, "{} {} for {host} from {}", self.method, self.target, self.peer)
    }
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    let (name, value) = text.split_once(':').unwrap_or_default();
    let header = (HeaderName::try_from(name.trim()), HeaderValue::from_bytes(value.trim().as_bytes()));
    match header {
        (Ok(name), Ok(value)) => Ok((name, value)),
        _ => Err(Failure::wrong(format!("-H {name:?}: not a {HEADER}"))),
    }
}

/// Whether a path matches a pattern; `None` if it is none, for which the router has no other answer than to panic.
fn is_match(pattern: &str, path: &str) -> Option<bool> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let is_match = panic::catch_unwind(|| ResourceDef::new(pattern).is_match(path));
    panic::set_hook(hook);
    is_match.ok()
}
