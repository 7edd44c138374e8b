//! The path and the route of a request, however its client spells them, and the parameters that the route finds in the path, also
//! before the application has routed it.
//!
//! A budget around an `App` or a `Scope` decides before the router has found the resource, and so a closure that reads
//! `match_info()` there would find nothing in it. Closures are shown what it will hold; the router then finds it as it was.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::rc::Rc;

use actix_web::dev::{Path, ResourceDef, ServiceRequest, Url};
use foldhash::fast::FixedState;
use percent_encoding::percent_decode_str;

use crate::model::{EscapedSlash, Paths};

/// How many paths a worker remembers the pattern of; a power of two.
const MOST_PATHS: usize = 256;

/// How long a path may be that is remembered.
const LONGEST_PATH: usize = 512;

/// How many patterns a thread keeps compiled.
const MOST_PATTERNS: usize = 256;

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

/// The parameter of the route that a request will reach, decoded as extractors decode it; for closures.
///
/// `match_info()` has it as well, but leaves `%2F`, `%2B` and `%25` as the client spelled them, so that one value could have several
/// accounts.
///
/// # Examples
///
/// ```
/// use actix_web::{App, HttpResponse, web};
/// use timebudget::TimeBudget;
/// use timebudget::route_parameter;
///
/// let budget = TimeBudget::rule("teams", "60s per hour").key_by(|request| route_parameter(request, "team")).build()?;
/// let app = App::new().wrap(budget.clone()).route("/teams/{team}/export", web::get().to(HttpResponse::Ok));
/// # let _ = app;
/// # Ok::<(), timebudget::RuleError>(())
/// ```
pub fn route_parameter(request: &ServiceRequest, name: &str) -> Option<String> {
    let routed = request.match_info().get(name).map(str::to_owned);
    let found = routed.or_else(|| {
        let mut parameters = values(request, &*resource(request, Paths::Normal)?, Paths::Normal).into_iter();
        parameters.find(|(other, _)| other == name).map(|(_, value)| value)
    })?;
    Some(percent_decode_str(&found).decode_utf8_lossy().into_owned())
}

/// The path of a request in the form in which a site's rules see it.
pub(crate) fn path(request: &ServiceRequest, paths: Paths) -> Cow<'_, str> {
    // Unlike `ServiceRequest::path`, decoded as the router decodes it.
    let path = request.match_info().as_str();
    if paths.is_form(path) {
        return Cow::Borrowed(path);
    }
    // The router, which is asked, knows letters by their case.
    let written = paths.in_their_case();
    let form = written.form(path, EscapedSlash::IsSlash);
    let told_apart = if path.contains('%') { told_apart(request, path, &form, paths) } else { None };
    paths.letters(match told_apart {
        Some(told) => Cow::Owned(written.form(&told, EscapedSlash::Stays).into_owned()),
        None => form,
    })
}

/// The pattern of the route that a request will reach, as the application wrote it.
///
/// Where paths that differ by slashes are one, so are their routes: with `NormalizePath` inside of the budget, the router
/// has not yet seen the path that it will match. Where the case of letters does not matter, that path is in lower case, and what
/// is written otherwise is tried behind it.
pub(crate) fn pattern(request: &ServiceRequest, paths: Paths) -> Option<String> {
    let path = request.match_info().as_str();
    let form = paths.unescaped(path);
    // A request that is routed already knows its route better than its path tells it, but it looks at the path as it was
    // spelled if it is not.
    if form == path && request.uri().path() == path {
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
    let with_a_slash_or_without =
        |path: &str| routes.match_pattern(path).or_else(|| routes.match_pattern(&format!("{path}/")));
    let lower = paths.ignores_case().then(|| paths.unescaped(path));
    let found = lower.and_then(|lower| with_a_slash_or_without(&lower));
    found.or_else(|| with_a_slash_or_without(&paths.slashes(path))).or_else(|| routes.match_pattern(path))
}

/// The patterns of paths whose route has parameters. To find one costs a walk through the application's resources.
///
/// A path is known by itself, and not by its hash, which says only where to look: clients choose paths, and one whose hash is that
/// of another would be shown the other's parameters, which may be whose account it is.
#[derive(Debug)]
pub(crate) struct Parameters(RefCell<Box<[Option<Known>]>>);

/// A path, and the pattern of its route if that has parameters.
#[derive(Clone, Debug)]
struct Known {
    path: Box<str>,
    /// Which paths are one to the site that has asked.
    paths: Paths,
    pattern: Option<Rc<ResourceDef>>,
}

impl Default for Parameters {
    fn default() -> Self {
        Self(RefCell::new(vec![None; MOST_PATHS].into_boxed_slice()))
    }
}

impl Parameters {
    /// Shows closures a request with its parameters, also where the router has yet to find them; what comes back is to be
    /// [put back](put_back) before it does.
    ///
    /// Nothing is done for a budget around a resource, whose requests have been routed.
    #[cold]
    pub(crate) fn show(&self, request: &mut ServiceRequest, paths: Paths) -> Option<Box<Path<Url>>> {
        if request.match_info().unprocessed().is_empty() {
            return None;
        }
        let pattern = self.pattern(request, paths)?;
        let mut shown = request.match_info().clone();
        for (name, value) in values(request, &pattern, paths) {
            if shown.get(&name).is_none() {
                shown.add_static(name, value);
            }
        }
        // The router takes the request to be its only owner, too.
        Some(Box::new(std::mem::replace(request.match_info_mut(), shown)))
    }

    /// The pattern of the route that a request will reach, if it has parameters.
    fn pattern(&self, request: &ServiceRequest, paths: Paths) -> Option<Rc<ResourceDef>> {
        let path = request.match_info().as_str();
        let place = FixedState::default().hash_one(path) as usize % MOST_PATHS;
        if let Some(known) = &self.0.borrow()[place]
            && *known.path == *path
            && known.paths == paths
        {
            return known.pattern.clone();
        }
        let pattern = resource(request, paths);
        if path.len() <= LONGEST_PATH {
            self.0.borrow_mut()[place] = Some(Known { path: path.into(), paths, pattern: pattern.clone() });
        }
        pattern
    }
}

/// Puts back what the router is to find: a path without parameters.
#[inline]
pub(crate) fn put_back(request: &mut ServiceRequest, unrouted: Option<Box<Path<Url>>>) {
    if let Some(unrouted) = unrouted {
        *request.match_info_mut() = *unrouted;
    }
}

/// The parameters that a pattern finds in a request's path, in the first of its spellings that has them.
fn values(request: &ServiceRequest, pattern: &ResourceDef, paths: Paths) -> Vec<(String, String)> {
    let path = request.match_info().as_str();
    let (normal, lower) = (paths.slashes(path), paths.unescaped(path));
    let spellings = [path.to_owned(), normal.to_string(), format!("{normal}/")];
    let in_lower_case = paths.ignores_case().then(|| [lower.to_string(), format!("{lower}/")]);
    let found = in_lower_case.into_iter().flatten().chain(spellings).find_map(|spelling| {
        let mut path = Path::new(spelling);
        pattern.capture_match_info(&mut path).then_some(path)
    });
    let found = found.unwrap_or_else(|| Path::new(String::new()));
    found.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The pattern of the route that a request will reach, compiled once for each thread; `None` if it has no parameter.
fn resource(request: &ServiceRequest, paths: Paths) -> Option<Rc<ResourceDef>> {
    thread_local!(static KNOWN: RefCell<HashMap<String, Rc<ResourceDef>>> = RefCell::default());
    let pattern = pattern(request, paths).filter(|pattern| pattern.contains('{'))?;
    KNOWN.with_borrow_mut(|known| {
        if known.len() >= MOST_PATTERNS && !known.contains_key(&pattern) {
            known.clear();
        }
        let compile = |pattern: &str| Rc::new(ResourceDef::new(pattern));
        Some(Rc::clone(known.entry(pattern).or_insert_with_key(|pattern| compile(pattern))))
    })
}
