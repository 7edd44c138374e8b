//! The parameters of a request's path, also before the application has routed it.
//!
//! A budget around an `App` or a `Scope` decides before the router has found the resource, and so a closure that reads
//! `match_info()` there would find nothing in it. Closures are shown what it will hold; the router then finds it as it was.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hasher as _};
use std::rc::Rc;

use actix_web::dev::{Path, ResourceDef, ServiceRequest, Url};
use foldhash::fast::FixedState;
use percent_encoding::percent_decode_str;

use crate::middleware::route;
use crate::model::Paths;

/// How many paths a worker remembers the pattern of; a power of two.
const MOST_PATHS: usize = 256;

/// How many patterns a thread keeps compiled.
const MOST_PATTERNS: usize = 256;

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
        let mut parameters = matched(request, &*pattern(request, Paths::Normal)?, Paths::Normal).into_iter();
        parameters.find(|(other, _)| other == name).map(|(_, value)| value)
    })?;
    Some(percent_decode_str(&found).decode_utf8_lossy().into_owned())
}

/// The patterns of paths whose route has parameters. To find one costs a walk through the application's resources.
#[derive(Debug)]
pub(crate) struct Parameters {
    hasher: FixedState,
    known: RefCell<Box<[Known]>>,
}

/// A path, by its hash, and the pattern of its route if that has parameters.
type Known = (u64, Option<Rc<ResourceDef>>);

impl Default for Parameters {
    fn default() -> Self {
        let known = vec![(0, None); MOST_PATHS].into_boxed_slice();
        Self { hasher: FixedState::default(), known: RefCell::new(known) }
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
        for (name, value) in matched(request, &pattern, paths) {
            if shown.get(&name).is_none() {
                shown.add_static(name, value);
            }
        }
        // The router takes the request to be its only owner, too.
        Some(Box::new(std::mem::replace(request.match_info_mut(), shown)))
    }

    /// The pattern of the route that a request will reach, if it has parameters.
    fn pattern(&self, request: &ServiceRequest, paths: Paths) -> Option<Rc<ResourceDef>> {
        let path = self.hash(request);
        let place = path as usize % MOST_PATHS;
        if let (known, pattern) = &self.known.borrow()[place]
            && *known == path
        {
            return pattern.clone();
        }
        let pattern = pattern(request, paths);
        self.known.borrow_mut()[place] = (path, pattern.clone());
        pattern
    }

    fn hash(&self, request: &ServiceRequest) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(request.method().as_str().as_bytes());
        hasher.write(request.match_info().as_str().as_bytes());
        hasher.finish()
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
fn matched(request: &ServiceRequest, pattern: &ResourceDef, paths: Paths) -> Vec<(String, String)> {
    let path = request.match_info().as_str();
    let normal = paths.slashes(path);
    let spellings = [path.to_owned(), normal.to_string(), format!("{normal}/")];
    let found = spellings.into_iter().find_map(|spelling| {
        let mut path = Path::new(spelling);
        pattern.capture_match_info(&mut path).then_some(path)
    });
    let found = found.unwrap_or_else(|| Path::new(String::new()));
    found.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The pattern of the route that a request will reach, compiled once for each thread; `None` if it has no parameter.
fn pattern(request: &ServiceRequest, paths: Paths) -> Option<Rc<ResourceDef>> {
    thread_local!(static KNOWN: RefCell<HashMap<String, Rc<ResourceDef>>> = RefCell::default());
    let pattern = route::pattern(request, paths).filter(|pattern| pattern.contains('{'))?;
    KNOWN.with_borrow_mut(|known| {
        if known.len() >= MOST_PATTERNS && !known.contains_key(&pattern) {
            known.clear();
        }
        let compile = |pattern: &str| Rc::new(ResourceDef::new(pattern));
        Some(Rc::clone(known.entry(pattern).or_insert_with_key(|pattern| compile(pattern))))
    })
}
