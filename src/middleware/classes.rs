//! Classes of requests: which route a request will reach, by the look of it.
//!
//! What a request is expected to cost is known by route, and the route only when the router has found it. To ask the
//! application's resources beforehand would cost more than everything else. So a request is put into a class by its method
//! and the shape of its path, in which segments with digits, or too long for a name, are all alike; and each class is told,
//! at the end of each of its requests, which route it reached. `/users/17` and `/users/4711` have one shape, and a million
//! users make one class.
//!
//! Where parameters are words, each makes another shape. Such routes are found by less of the path: by its first segment
//! and how many there are, or by their number alone.

use std::cell::Cell;
use std::hash::{BuildHasher as _, Hasher as _};
use std::ops::Range;

use actix_web::HttpRequest;
use actix_web::dev::{Path, ServiceRequest, Url};
use actix_web::http::Method;
use foldhash::fast::FixedState;

use crate::limiter::name_route;
use crate::middleware::{route, shape};
use crate::model::{NO_ROUTE as NOBODY_KNOWS, Paths};

/// How many classes a worker knows the route of; a power of two.
const KNOWN: usize = 1024;

/// How many requests of unknown classes a worker asks the application's resources about: enough to know all routes from
/// their first request on, and an end to what strangers' paths can cost.
const ASKED: u16 = 256;

/// The class of a request, by the shape of its path: 0 for one whose route nobody has asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Class(u64);

/// The classes that a worker has met.
#[derive(Debug)]
pub(crate) struct Classes {
    known: Box<[Cell<Known>]>,
    left_to_ask: Cell<u16>,
    /// By the method's number, the route of what reaches no pattern.
    unmatched: [u32; METHODS.len() + 1],
    /// Whether any request has reached a pattern. Where none does, one service answers all.
    has_patterns: Cell<bool>,
}

/// The route that the last request of a class has reached.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    class: u64,
    /// By what the router's work is recognised.
    trace: u64,
    route: u32,
}

impl Default for Classes {
    fn default() -> Self {
        let known = (0..KNOWN).map(|_| Cell::default()).collect();
        let unmatched = std::array::from_fn(|method| number(method as u8, ""));
        // A request that reaches no pattern is not asked what it is called. The first is of all methods that HTTP does not know.
        name_route(unmatched[0], || "?".to_owned());
        METHODS.iter().for_each(|method| {
            name_route(unmatched[usize::from(known_method(method))], || method.to_string());
        });
        Self { known, left_to_ask: Cell::new(ASKED), unmatched, has_patterns: Cell::new(false) }
    }
}

impl Classes {
    /// The class of a request, and the route that it will probably reach.
    #[inline]
    pub(crate) fn of(&self, request: &ServiceRequest, paths: Paths) -> (Class, u32) {
        let class = Class(shape::of(known_method(request.method()), request.match_info().as_str()));
        let known = self.known(class.0);
        let route = if known.class == class.0 { known.route } else { self.guess(request, paths) };
        (class, route)
    }

    /// The route that a request of this class has reached, of which the class learns.
    #[inline(always)]
    pub(crate) fn reached(&self, class: Class, request: &HttpRequest) -> u32 {
        let known = self.known(class.0);
        // One path reaches one route, however often.
        if known.class == class.0 && shape::is_exact(class.0) {
            return known.route;
        }
        self.found(class, known, request)
    }

    /// The same, where it has to be looked what the router has found.
    #[inline(never)]
    fn found(&self, class: Class, known: Known, request: &HttpRequest) -> u32 {
        let trace = trace(request.match_info());
        match known.class == class.0 && known.trace == trace {
            true => known.route,
            false => self.learn(class, trace, request),
        }
    }

    #[inline]
    fn known(&self, class: u64) -> Known {
        self.known[seat(class)].get()
    }

    #[inline(never)]
    fn guess(&self, request: &ServiceRequest, paths: Paths) -> u32 {
        if self.has_patterns.get() {
            let less = shape::less_of(known_method(request.method()), request.match_info().as_str());
            let known = less.map(|by| (by, self.known(by)));
            if let Some((_, known)) = known.iter().find(|(by, known)| known.class == *by) {
                return known.route;
            }
        }
        let left = self.left_to_ask.get();
        if left > 0 {
            self.left_to_ask.set(left - 1);
            let pattern = route::pattern(request, paths).unwrap_or_default();
            return named(request.method(), &plain(&pattern));
        }
        if self.has_patterns.get() { NOBODY_KNOWS } else { self.unmatched(request.method()) }
    }

    /// The route of all that reaches no pattern.
    fn unmatched(&self, method: &Method) -> u32 {
        self.unmatched[usize::from(known_method(method))]
    }

    /// The route that a request has reached whose class does not know it: it is kept by as much of the look as tells it.
    #[inline(never)]
    fn learn(&self, class: Class, trace: u64, request: &HttpRequest) -> u32 {
        if trace == UNTRACED {
            // Of all that reaches no pattern nothing is kept: it has as many shapes as strangers can think of.
            return self.unmatched(request.method());
        }
        self.has_patterns.set(true);
        let by = told_by(class, request);
        let known = self.known(by);
        match known.class == by && known.trace == trace {
            true => known.route,
            false => self.keep(by, trace, request),
        }
    }

    #[cold]
    fn keep(&self, by: u64, trace: u64, request: &HttpRequest) -> u32 {
        let path = request.match_info();
        let route = named(request.method(), &reached(path.as_str(), &spans(path)));
        self.known[seat(by)].set(Known { class: by, trace, route });
        route
    }
}

/// By what the route is told that a request has reached: by its shape, if all parameters are alike in it.
fn told_by(class: Class, request: &HttpRequest) -> u64 {
    let path = request.match_info();
    let (mut are_alike, mut first) = (true, usize::MAX);
    for (_, span) in places(path) {
        first = first.min(span.start);
        are_alike &= shape::is_alike(&path.as_str()[span]);
    }
    if are_alike {
        return class.0;
    }
    let [begin, count] = shape::less_of(known_method(request.method()), path.as_str());
    if first > 1 { begin } else { count }
}

/// Where a class is kept. Its lowest two bits say what kind it is of.
#[inline]
const fn seat(class: u64) -> usize {
    (class >> 2) as usize % KNOWN
}

/// The trace of a request that has reached no pattern.
const UNTRACED: u64 = 0;

/// What the router has left in a path: the names of the resource's parameters, which lie at an address of its own; of one
/// without parameters the path.
#[inline(never)]
fn trace(path: &Path<Url>) -> u64 {
    if !path.unprocessed().is_empty() {
        return UNTRACED;
    }
    if path.is_empty() {
        return hash(path.as_str()) | 1;
    }
    let mut trace = 1_u64;
    for (name, _) in path.iter().take(path.segment_count()) {
        trace = trace.rotate_left(7) ^ name.as_ptr().addr() as u64;
    }
    trace
}

fn hash(text: &str) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// The parameters that the router has found in a path: their names, and where they lie.
fn places(path: &Path<Url>) -> impl Iterator<Item = (&str, Range<usize>)> {
    let text = path.as_str();
    let begin = text.as_ptr().addr();
    path.iter().filter_map(move |(name, value)| {
        // What the application has added lies elsewhere.
        let at = value.as_ptr().addr().checked_sub(begin)?;
        let end = at.checked_add(value.len()).filter(|end| *end <= text.len())?;
        Some((name, at..end))
    })
}

/// The same in the order of the path.
fn spans(path: &Path<Url>) -> Vec<(&str, Range<usize>)> {
    let mut spans: Vec<_> = places(path).collect();
    spans.sort_by_key(|(_, span)| span.start);
    spans
}

/// The pattern that a path has reached, as far as the router has left it: without its parameters' expressions.
fn reached(path: &str, spans: &[(&str, Range<usize>)]) -> String {
    let (mut pattern, mut done) = (String::with_capacity(path.len()), 0);
    for (name, span) in spans {
        pattern.push_str(path.get(done..span.start).unwrap_or_default());
        pattern.push('{');
        pattern.push_str(name);
        pattern.push('}');
        done = span.end;
    }
    pattern.push_str(path.get(done..).unwrap_or_default());
    pattern
}

/// A pattern as an application writes it, without its parameters' expressions: so that it has the number of one that was
/// [reached].
fn plain(pattern: &str) -> String {
    let (mut plain, mut depth, mut is_expression) = (String::with_capacity(pattern.len()), 0_u32, false);
    for letter in pattern.trim_end_matches('*').chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 1 => is_expression = true,
            _ => {}
        }
        is_expression &= depth > 0;
        if !is_expression {
            plain.push(letter);
        }
    }
    plain
}

/// A route's number, by that of its method. A method does not cost what another one on the same pattern costs.
fn number(method: u8, pattern: &str) -> u32 {
    let mut hasher = FixedState::default().build_hasher();
    hasher.write_u8(method);
    hasher.write(pattern.as_bytes());
    hasher.finish() as u32 & (NOBODY_KNOWS - 1)
}

/// A route's number, whose name whoever asks for it is told.
fn named(method: &Method, pattern: &str) -> u32 {
    let number = number(known_method(method), pattern);
    name_route(number, || match known_method(method) {
        0 => format!("? {pattern}"),
        _ => format!("{method} {pattern}"),
    });
    number
}

/// The methods that HTTP knows.
const METHODS: [Method; 9] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
    Method::CONNECT,
    Method::TRACE,
];

/// A method's number; those that HTTP does not know have one, or a client could make up routes without end.
fn known_method(method: &Method) -> u8 {
    match *method {
        Method::GET => 1,
        Method::HEAD => 2,
        Method::POST => 3,
        Method::PUT => 4,
        Method::PATCH => 5,
        Method::DELETE => 6,
        Method::OPTIONS => 7,
        Method::CONNECT => 8,
        Method::TRACE => 9,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::dev::ResourceDef;
    use actix_web::test::TestRequest;

    use super::*;

    /// Routes a request as the application's router would.
    fn routed(patterns: &[&str], uri: &str) -> ServiceRequest {
        let mut request = TestRequest::with_uri(uri).to_srv_request();
        patterns
            .iter()
            .map(|pattern| known(pattern))
            .find(|pattern| pattern.capture_match_info(request.match_info_mut()));
        request
    }

    /// A pattern as an application has it: compiled once, so that its names lie at one place.
    fn known(pattern: &str) -> &'static ResourceDef {
        thread_local!(static ALL: std::cell::RefCell<std::collections::HashMap<String, &'static ResourceDef>> = Default::default());
        ALL.with_borrow_mut(|all| {
            *all.entry(pattern.to_owned()).or_insert_with(|| Box::leak(Box::new(ResourceDef::new(pattern))))
        })
    }

    /// Classes that ask the application nothing.
    fn classes() -> Classes {
        let classes = Classes::default();
        classes.left_to_ask.set(0);
        classes
    }

    /// Serves a request, and returns what route was expected of it and which it reached.
    fn serve(classes: &Classes, patterns: &[&str], uri: &str) -> (u32, u32) {
        let request = TestRequest::with_uri(uri).to_srv_request();
        let (class, expected) = classes.of(&request, Paths::Normal);
        let reached = classes.reached(class, routed(patterns, uri).request());
        (expected, reached)
    }

    const ROUTES: &[&str] =
        &["/", "/users/me", "/users/{id}", "/users/{id}/orders/{order:\\d+}", "/posts/{slug}", "/{page}"];

    #[test]
    fn a_million_paths_of_one_pattern_are_one_class() {
        let classes = classes();
        serve(&classes, ROUTES, "/users/1/orders/1");
        for user in 0..2_000 {
            let uri = format!("/users/{user}/orders/{}", user * 7_919);
            let (expected, reached) = serve(&classes, ROUTES, &uri);
            assert_eq!(expected, reached, "{uri}");
        }
        assert_eq!(classes.known.iter().filter(|known| known.get().class != 0).count(), 1);
    }

    #[test]
    fn words_as_parameters_are_known_by_the_begin_of_the_path_and_those_at_the_begin_by_their_number() {
        let classes = classes();
        serve(&classes, ROUTES, "/posts/hello");
        serve(&classes, ROUTES, "/about");
        for word in
            ["one", "two-words", "x"].iter().flat_map(|word| [format!("/posts/{word}"), format!("/{word}")])
        {
            let (expected, reached) = serve(&classes, ROUTES, &word);
            assert_eq!(expected, reached, "{word}");
        }
        assert_eq!(classes.known.iter().filter(|known| known.get().class != 0).count(), 2);
    }

    #[test]
    fn a_path_that_is_a_route_of_its_own_is_told_from_the_parameters_beside_it() {
        let classes = classes();
        for _ in 0..2 {
            serve(&classes, ROUTES, "/users/alice");
            serve(&classes, ROUTES, "/users/me");
        }
        let (own, other) = (serve(&classes, ROUTES, "/users/me"), serve(&classes, ROUTES, "/users/bob"));
        assert!(own.0 == own.1 && other.0 == other.1 && own.1 != other.1, "{own:?} {other:?}");
    }

    /// One class, of two routes: what the report costs is not learned of the user.
    #[test]
    fn routes_that_look_alike_are_learned_of_apart() {
        let (classes, routes) = (classes(), ["/v1/{id}", "/v2/{id}"]);
        let [one, other] = ["/v1/7", "/v2/7"].map(|uri| serve(&classes, &routes, uri).1);
        assert_ne!(one, other);
        assert_eq!(["/v2/8", "/v1/8"].map(|uri| serve(&classes, &routes, uri).1), [other, one]);
    }

    #[test]
    fn of_paths_that_reach_nothing_none_is_kept() {
        let classes = classes();
        serve(&classes, ROUTES, "/users/1");
        let known = || classes.known.iter().filter(|known| known.get().class != 0).count();
        let before = known();
        for at in 0..100 {
            let (expected, reached) = serve(&classes, ROUTES, &format!("/nothing/is/here/{at}/at/all"));
            assert_eq!((expected, reached), (NOBODY_KNOWS, classes.unmatched(&Method::GET)));
        }
        assert_eq!(known(), before);
    }

    #[test]
    fn where_one_service_answers_all_it_is_the_route() {
        let (expected, reached) = serve(&classes(), &[], "/any/path");
        assert_eq!(expected, reached);
    }

    #[test]
    fn a_route_has_one_number_whether_it_was_asked_for_or_reached() {
        for (pattern, uri) in [
            ("/users/{id}", "/users/5"),
            ("/users/{id:\\d{1,5}}/orders/{order:[a-z]+}", "/users/5/orders/abc"),
            ("/files/{tail:.*}", "/files/a/b/c"),
            ("/files/{tail}*", "/files/a/b/c"),
            ("/plain", "/plain"),
        ] {
            let request = routed(&[pattern], uri);
            let path = request.match_info();
            assert_eq!(plain(pattern), reached(path.as_str(), &spans(path)), "{pattern}");
        }
    }

    #[test]
    fn methods_are_classes_of_their_own() {
        let classes = Classes::default();
        let class = |request: TestRequest| classes.of(&request.uri("/a").to_srv_request(), Paths::Normal);
        assert_ne!(class(TestRequest::get()), class(TestRequest::post()));
    }
}
