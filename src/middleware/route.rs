//! The path and the route of a request, however its client spells them.

use std::borrow::Cow;

use actix_web::dev::ServiceRequest;

use crate::model::{EscapedSlash, Paths};

/// The path of a request in the form in which rules see it, for closures.
///
/// [`ServiceRequest::path`] is the path as the client spells it: `/%6cogin`, `//login` and `/login/` pass by a closure that
/// asks whether it is `/login`, and the router, or `NormalizePath` inside of the budget, may still serve the login. What
/// `rate_limit_paths` says is for the rules of its site; this is always the [normal](Paths::Normal) form. A rule about one path
/// needs no closure: [`RuleBuilder::path`](crate::RuleBuilder::path).
///
/// # Examples
///
/// ```
/// use actix_web::test::TestRequest;
/// use timebudget::TimeBudget;
/// use timebudget::normal_path;
///
/// for spelling in ["/login", "/%6cogin", "//login", "/login/"] {
///     assert_eq!(normal_path(&TestRequest::with_uri(spelling).to_srv_request()), "/login");
/// }
/// let pages = TimeBudget::rule("pages", "10 per hour").when_by(|request| normal_path(request).ends_with(".html"));
/// # let _ = pages;
/// ```
pub fn normal_path(request: &ServiceRequest) -> Cow<'_, str> {
    path(request, Paths::Normal)
}

/// The path of a request in the form in which a site's rules see it.
pub(crate) fn path(request: &ServiceRequest, paths: Paths) -> Cow<'_, str> {
    // Unlike `ServiceRequest::path`, decoded as the router decodes it.
    let path = request.match_info().as_str();
    if paths.is_form(path) {
        return Cow::Borrowed(path);
    }
    let form = paths.form(path, EscapedSlash::IsSlash);
    let told_apart = if path.contains('%') { told_apart(request, path, &form, paths) } else { None };
    told_apart.map_or(form, |told| Cow::Owned(paths.form(&told, EscapedSlash::Stays).into_owned()))
}

/// The pattern of the route that a request will reach, as the application wrote it.
///
/// Where paths that differ by slashes are one, so are their routes: with `NormalizePath` inside of the budget, the router
/// has not yet seen the path that it will match.
pub(crate) fn pattern(request: &ServiceRequest, paths: Paths) -> Option<String> {
    let path = request.match_info().as_str();
    let normal = paths.slashes(path);
    // A request that is routed already knows its route better than its path tells it, but it looks at the path as it was
    // spelled if it is not.
    if normal == path && request.uri().path() == path {
        return request.match_pattern().or_else(|| matched(request, path, paths));
    }
    matched(request, path, paths)
}

/// The path with as many slashes escaped as can be, if the application's routes tell it from what it is decoded to.
///
/// `/static%2Fx` is a page of `/{name}`, and must not be taken for one of `/static/x`. As many as can be, for a route that
/// takes the rest of a path cannot tell which they are: each choice of them would be another account. Each slash is tried;
/// of very many, those behind stay as they are spelled.
#[cold]
fn told_apart(request: &ServiceRequest, path: &str, form: &str, paths: Paths) -> Option<String> {
    const MOST: usize = 32;
    let route = matched(request, path, paths);
    if route == matched(request, form, paths) {
        return None;
    }
    let mut told = paths.slashes(path).into_owned();
    let mut from = 1;
    for _ in 0..MOST {
        let Some(at) = told.get(from..).and_then(|rest| rest.find('/')).map(|at| at + from) else { break };
        let escaped = format!("{}%2F{}", &told[..at], &told[at + 1..]);
        from = at + 1;
        if matched(request, &escaped, paths) == route {
            told = escaped;
        }
    }
    Some(told)
}

/// The pattern that a path matches, in the first of its spellings that matches one.
fn matched(request: &ServiceRequest, path: &str, paths: Paths) -> Option<String> {
    let routes = request.resource_map();
    if paths == Paths::Exact {
        return routes.match_pattern(path);
    }
    let normal = paths.slashes(path);
    let found = routes.match_pattern(&normal).or_else(|| routes.match_pattern(&format!("{normal}/")));
    found.or_else(|| routes.match_pattern(path))
}
