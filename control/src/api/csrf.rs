//! Writes that another site's page makes a browser send.
//!
//! A browser sends cookies along, whoever asks it to. So a write that is known by one must carry a header that no foreign
//! page can add without asking first, and what the browser tells of the page must not be another origin's.

use actix_web::HttpRequest;
use actix_web::http::header::{HOST, ORIGIN};
use actix_web::http::uri::{Authority, Uri};
use timebudget::AddressPolicy;

use crate::api::forwarded;
use crate::api::problem::Problem;

const HEADER: &str = "x-timebudget-csrf";

/// Lets a write through that is known by a cookie.
///
/// # Errors
///
/// It lacks the header, or comes from elsewhere.
pub(crate) fn check(request: &HttpRequest, policy: &AddressPolicy) -> Result<(), Problem> {
    if request.headers().get(HEADER).is_none_or(|value| value != "1") {
        return Err(Problem::forbidden("a write by cookie needs the header X-Timebudget-Csrf: 1"));
    }
    check_origin(request, policy)
}

/// Lets a request through that no page of another origin has sent, as far as the browser tells.
///
/// A browser that compares origins itself knows what the pages are called, whatever stands between.
///
/// # Errors
///
/// It comes from elsewhere.
pub(crate) fn check_origin(request: &HttpRequest, policy: &AddressPolicy) -> Result<(), Problem> {
    const FOREIGN: &str = "the request comes from a page of another origin";
    const BEHIND: &str = "the request comes from a page of another origin than the host that was asked for; behind a proxy, \
        have it send X-Forwarded-Host, and name it in --admin-trusted-proxies";
    match request.headers().get("sec-fetch-site") {
        Some(site) if site == "same-origin" || site == "none" => Ok(()),
        Some(_) => Err(Problem::forbidden(FOREIGN)),
        None if is_own_origin(request, policy) => Ok(()),
        None => Err(Problem::forbidden(BEHIND)),
    }
}

fn is_own_origin(request: &HttpRequest, policy: &AddressPolicy) -> bool {
    let Some(origin) = request.headers().get(ORIGIN) else { return true };
    // `null`, as of a page in a sandbox, has no authority.
    let origin: Option<Uri> = origin.to_str().ok().and_then(|origin| origin.parse().ok());
    let Some((scheme, page)) = origin.as_ref().and_then(|origin| origin.scheme_str().zip(origin.authority()))
    else {
        return false;
    };
    let usual = if scheme == "https" { 443 } else { 80 };
    let place = |of: &Authority| (of.host().to_ascii_lowercase(), of.port_u16().unwrap_or(usual));
    host(request, policy).is_some_and(|host| place(&host) == place(page))
}

/// What the pages are called by whoever asks: a trusted proxy's word, or the request's; HTTP/2 has it in its target.
fn host(request: &HttpRequest, policy: &AddressPolicy) -> Option<Authority> {
    if let Some(said) = forwarded::said(request, policy, forwarded::HOST) {
        return said.parse().ok();
    }
    let sent = || request.headers().get(HOST)?.to_str().ok()?.parse().ok();
    request.uri().authority().cloned().or_else(sent)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn is_let_in(target: &str, fields: &[(&str, &str)]) -> bool {
        let policy =
            AddressPolicy { trusted_proxies: vec!["10.0.0.1".parse().unwrap()], ..AddressPolicy::default() };
        let peer =
            if fields.iter().any(|(name, _)| *name == "trusted") { "10.0.0.1:9" } else { "10.0.0.2:9" };
        let request = TestRequest::post().uri(target).peer_addr(peer.parse().unwrap());
        let request = fields.iter().fold(request, |request, field| request.append_header(*field));
        check_origin(&request.to_http_request(), &policy).is_ok()
    }

    #[test]
    fn over_http_2_the_host_stands_in_the_target() {
        let own = ("origin", "https://limits.example");
        assert!(is_let_in("https://limits.example/api/v1/session", &[own]));
        assert!(!is_let_in("https://other.example/api/v1/session", &[own]));
    }

    #[test]
    fn a_port_that_is_usual_need_not_be_said() {
        for (origin, host, is_own) in [
            ("https://limits.example", "limits.example:443", true),
            ("https://Limits.example:443", "limits.example", true),
            ("http://limits.example", "limits.example:80", true),
            ("https://limits.example", "limits.example:8443", false),
            ("http://[::1]:8081", "[::1]:8081", true),
            ("null", "null", false),
            ("limits.example", "limits.example", false),
        ] {
            assert_eq!(is_let_in("/", &[("origin", origin), ("host", host)]), is_own, "{origin} at {host}");
        }
    }

    #[test]
    fn a_proxy_is_believed_where_it_is_trusted() {
        let own = ("origin", "https://limits.example");
        let fields = [own, ("host", "127.0.0.1:8081"), ("x-forwarded-host", "evil.example, limits.example")];
        assert!(is_let_in("/", &[&fields[..], &[("trusted", "yes")]].concat()));
        assert!(!is_let_in("/", &fields));
    }

    #[test]
    fn a_browser_that_compares_origins_itself_is_believed() {
        let behind = [("origin", "https://limits.example"), ("host", "127.0.0.1:8081")];
        for (site, is_own) in
            [("same-origin", true), ("none", true), ("same-site", false), ("cross-site", false)]
        {
            assert_eq!(
                is_let_in("/", &[&behind[..], &[("sec-fetch-site", site)]].concat()),
                is_own,
                "{site}"
            );
        }
    }
}
