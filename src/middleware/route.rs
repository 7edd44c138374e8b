//! The path and the route of a request, however its client spells them.

use std::borrow::Cow;

use actix_web::dev::ServiceRequest;

use crate::model::path::{EscapedSlash, Paths, has_escaped_slash, with_slashes};

/// The path of a request in the form in which rules see it, for closures.
///
/// [`ServiceRequest::path`] is the path as the client spells it: `/%6cogin`, `//login` and `/login/` pass by a closure that
/// asks whether it is `/login`, and the router, or `NormalizePath` inside of the budget, may still serve the login. What
/// `rate_limit_paths` says is for the rules of its site; this is always the [normal](Paths::Normal) form.
///
/// # Examples
///
/// ```
/// use actix_web::test::TestRequest;
/// use timebudget::TimeBudget;
/// use timebudget::middleware::normal_path;
///
/// for spelling in ["/login", "/%6cogin", "//login", "/login/"] {
///     assert_eq!(normal_path(&TestRequest::with_uri(spelling).to_srv_request()), "/login");
/// }
/// let login = TimeBudget::rule("login", "10 per hour").when_by(|request| normal_path(request) == "/login");
/// # let _ = login;
/// ```
pub fn normal_path(request: &ServiceRequest) -> Cow<'_, str> {
    path(request, Paths::Normal)
}

/// The path of a request in the form in which a site's rules see it.
pub(super) fn path(request: &ServiceRequest, paths: Paths) -> Cow<'_, str> {
    // Unlike `ServiceRequest::path`, decoded as the router decodes it.
    let path = request.match_info().as_str();
    let slash = match has_escaped_slash(path) && are_told_apart(request, path, paths) {
        true => EscapedSlash::Stays,
        false => EscapedSlash::IsSlash,
    };
    paths.form(path, slash)
}

/// The pattern of the route that a request will reach, as the application wrote it.
///
/// Where paths that differ by slashes are one, so are their routes: with `NormalizePath` inside of the budget, the router
/// has not yet seen the path that it will match.
pub(super) fn pattern(request: &ServiceRequest, paths: Paths) -> Option<String> {
    let path = request.match_info().as_str();
    let normal = paths.slashes(path);
    // A request that is routed already knows its route better than its path tells it, but it looks at the path as it was
    // spelled if it is not.
    if normal == path && request.uri().path() == path {
        return request.match_pattern().or_else(|| matched(request, path, paths));
    }
    matched(request, path, paths)
}

/// Whether the application's routes tell a path's escaped slashes from slashes.
#[cold]
fn are_told_apart(request: &ServiceRequest, path: &str, paths: Paths) -> bool {
    matched(request, path, paths) != matched(request, &with_slashes(path), paths)
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
