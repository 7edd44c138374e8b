//! Upstreams: where the requests of a site are answered, if the program in front of it is a gateway.

use std::fmt;
use std::str::FromStr;

/// What an upstream is, for messages.
pub(crate) const UPSTREAM: &str = "\"http://HOST:PORT\" or \"unix:/PATH\"";

/// An address at which an application speaks HTTP/1.1.
///
/// The crate itself connects to none: it is read from site files for whoever does, as the `timebudget` binary.
///
/// # Examples
///
/// ```
/// use timebudget::Upstream;
/// let local: Upstream = "http://127.0.0.1:3000".parse()?;
/// assert_eq!(local, Upstream::Http { host: "127.0.0.1".to_owned(), port: 3000 });
/// assert_eq!("http://[::1]/".parse::<Upstream>()?.to_string(), "http://[::1]:80");
/// assert_eq!("unix:/run/app.sock".parse::<Upstream>()?, Upstream::Unix("/run/app.sock".to_owned()));
/// assert!("https://app.example".parse::<Upstream>().is_err());
/// # Ok::<(), timebudget::NoUpstream>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Upstream {
    /// A TCP port.
    Http {
        /// A name, an IPv4 address, or an IPv6 address without brackets.
        host: String,
        /// 80 where nobody says it.
        port: u16,
    },
    /// A Unix socket, by its absolute path.
    Unix(String),
}

/// Why a text is no upstream, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}; expected {UPSTREAM}")]
pub struct NoUpstream(&'static str);

impl FromStr for Upstream {
    type Err = NoUpstream;

    /// Reads `http://HOST`, `http://HOST:PORT`, either with a `/` at the end, or `unix:/PATH`.
    ///
    /// # Errors
    ///
    /// Another scheme, a path, user, query or fragment, a port that is none, or a path that is not absolute.
    fn from_str(text: &str) -> Result<Self, NoUpstream> {
        if let Some(path) = text.strip_prefix("unix:") {
            return unix(path);
        }
        match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => http(rest),
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("https") => {
                Err(NoUpstream("upstreams are spoken to without TLS"))
            }
            _ => Err(NoUpstream("not an upstream")),
        }
    }
}

fn unix(path: &str) -> Result<Upstream, NoUpstream> {
    let path = path.strip_prefix("//").unwrap_or(path);
    match path.starts_with('/') && path.len() > 1 && !path.contains('\0') {
        true => Ok(Upstream::Unix(path.to_owned())),
        false => Err(NoUpstream("not an absolute path")),
    }
}

fn http(rest: &str) -> Result<Upstream, NoUpstream> {
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#']) {
        return Err(NoUpstream("paths are passed on as they come, so an upstream has none"));
    }
    if authority.contains('@') {
        return Err(NoUpstream("an upstream is told no user"));
    }
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of an IPv6 address stand before its bracket.
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let port = match port {
        None => 80,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port > 0).ok_or(NoUpstream("not a port"))?
        }
        Some(_) => return Err(NoUpstream("not a port")),
    };
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match inner {
        Some(address) if address.parse::<std::net::Ipv6Addr>().is_ok() => address,
        None if is_name(host) => host,
        _ => return Err(NoUpstream("not a host")),
    };
    Ok(Upstream::Http { host: host.to_owned(), port })
}

fn is_name(host: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    !host.is_empty() && host.bytes().all(is_of_name)
}

impl fmt::Display for Upstream {
    /// As it is read: `http://HOST:PORT` or `unix:/PATH`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { host, port } if host.contains(':') => write!(f, "http://[{host}]:{port}"),
            Self::Http { host, port } => write!(f, "http://{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, String> {
        text.parse::<Upstream>().map(|upstream| upstream.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_upstream_is_shown_as_it_is_read() {
        for text in ["http://127.0.0.1:3000", "http://app:80", "http://[::1]:8000", "unix:/run/app.sock"] {
            assert_eq!(shown(text), Ok(text.to_owned()));
        }
        assert_eq!(shown("HTTP://app/"), Ok("http://app:80".to_owned()));
        assert_eq!(shown("unix:///run/app.sock"), Ok("unix:/run/app.sock".to_owned()));
    }

    #[test]
    fn what_is_no_upstream_is_told_why() {
        for (text, why) in [
            ("", "not an upstream"),
            ("127.0.0.1:3000", "not an upstream"),
            ("https://app", "upstreams are spoken to without TLS"),
            ("http://app/base", "paths are passed on as they come, so an upstream has none"),
            ("http://me:secret@app", "an upstream is told no user"),
            ("http://app:", "not a port"),
            ("http://app:0", "not a port"),
            ("http://app:+80", "not a port"),
            ("http://app:65536", "not a port"),
            ("http://", "not a host"),
            ("http://::1:80", "not a host"),
            ("http://[::1", "not a host"),
            ("unix:app.sock", "not an absolute path"),
        ] {
            assert_eq!(shown(text), Err(format!("{why}; expected {UPSTREAM}")), "{text}");
        }
    }
}
