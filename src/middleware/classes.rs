//! Classes of requests: which route a request will reach, by the names in its path.
//!
//! What a request is expected to cost is known by route, and the route only when the router has found it. To ask the
//! application's resources beforehand would cost more than everything else. So each request that ends tells which segments of
//! its path are names, and which are parameters. Paths with the same names in the same places are of one class, whatever
//! their parameters, and each class knows the route that its last request has reached: `/users/17` and `/users/4711` are of
//! one class, and `/v1/users/17` and `/v2/users/17` are not.
//!
//! How names and parameters lie in paths of so many segments is a [`Look`]. An application has few of them, and a request is
//! looked at in each way in turn, by the most names first, until its class is known.
//!
//! A class is a hash without a secret, and nothing but the hash is compared: a client may write a path that is of another's class. It is then
//! expected to cost what that route costs, and what it has cost is learned and told as that route's, so that the next requests there hold
//! more or less. No account is found by a class, and what a request is charged is what it has taken.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::ops::Range;

use actix_web::HttpRequest;
use actix_web::dev::{Path, ServiceRequest, Url};
use actix_web::http::Method;
use smallvec::SmallVec;

use crate::middleware::outline::{KINDS, Names, Outline, is_exact, root};
use crate::middleware::route;
use crate::middleware::route_number::{
    ByMethod, known_method, named, places, plain, unmatched, write_pattern,
};
use crate::model::{NO_ROUTE as NOBODY_KNOWS, Paths};

/// How many classes a worker knows the route of; a power of two.
const KNOWN: usize = 1024;

/// How many requests of unknown classes a worker asks the application's resources about: enough to know all routes from
/// their first request on, and an end to what strangers' paths can cost.
const ASKED: u16 = 256;

/// The class of a request: 0 for one whose route nobody has asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Class(u64);

impl Class {
    /// That of a request whose class nobody knows.
    const UNKNOWN: Self = Self(1);
}

/// The classes that a worker has met.
#[derive(Debug)]
pub(crate) struct Classes {
    known: Box<[Cell<Known>]>,
    /// How paths are looked at, by the kind of their outline.
    looks: [Cell<Looks>; KINDS],
    left_to_ask: Cell<u16>,
    /// By the method's number, the route of what reaches no pattern.
    unmatched: ByMethod,
    /// Whether any request has reached a pattern. Where none does, one service answers all.
    has_patterns: Cell<bool>,
    /// Where the pattern is written that a request has reached.
    pattern: RefCell<String>,
}

/// The route that the last request of a class has reached.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    class: u64,
    /// By what the router's work is recognised.
    trace: u64,
    route: u32,
}

/// In how many ways paths of a kind are looked at.
const LOOKS: usize = 6;

/// The ways in which paths of a kind are looked at, those by the most names first.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(8))] // So that it is copied as one word.
struct Looks {
    /// By which of their segments.
    names: [Names; LOOKS],
    len: u8,
    /// All segments that any of them is by.
    any: Names,
}

impl Looks {
    #[inline(always)]
    fn each(&self) -> &[Names] {
        &self.names[..usize::from(self.len).min(LOOKS)]
    }

    /// The same with one more, which takes the place of the least telling if there are too many.
    fn with(mut self, names: Names) -> Self {
        if !self.each().contains(&names) {
            let last = usize::from(self.len).min(LOOKS - 1);
            (self.names[last], self.len) = (names, last as u8 + 1);
            self.names[..=last].sort_by_key(|names| Reverse(names.count_ones()));
            self.any = self.each().iter().fold(0, |any, names| any | names);
        }
        self
    }
}

impl Default for Classes {
    fn default() -> Self {
        let known = (0..KNOWN).map(|_| Cell::default()).collect();
        Self {
            known,
            looks: std::array::from_fn(|_| Cell::default()),
            left_to_ask: Cell::new(ASKED),
            unmatched: unmatched(),
            has_patterns: Cell::new(false),
            pattern: RefCell::default(),
        }
    }
}

impl Classes {
    /// The class of a request, and the route that it will probably reach.
    #[inline(always)]
    pub(crate) fn of(&self, request: &ServiceRequest, paths: Paths) -> (Class, u32) {
        let path = request.match_info().as_str();
        // The root needs no outline.
        if path == "/" {
            let class = root(known_method(request.method()));
            let known = self.known(class);
            if known.class == class {
                return (Class(class), known.route);
            }
        }
        self.by_outline(request, path, paths)
    }

    /// The same of a path that is taken apart.
    #[inline(never)]
    fn by_outline(&self, request: &ServiceRequest, path: &str, paths: Paths) -> (Class, u32) {
        if !self.has_patterns.get() {
            return (Class::UNKNOWN, self.guess(request, paths));
        }
        let method = known_method(request.method());
        let mut outline = Outline::of(path);
        let looks = self.looks[outline.kind() % KINDS].get();
        outline.read(looks.any);
        for names in looks.each() {
            let class = outline.class(method, *names);
            let known = self.known(class);
            if known.class == class {
                return (Class(class), known.route);
            }
        }
        (Class::UNKNOWN, self.guess(request, paths))
    }

    /// The route that a request of this class has reached, of which the class learns.
    #[inline(always)]
    pub(crate) fn reached(&self, class: Class, request: &HttpRequest) -> u32 {
        let known = self.known(class.0);
        // One path reaches one route, however often.
        if known.class == class.0 && (is_exact(class.0) || known.trace == trace(request.match_info())) {
            return known.route;
        }
        self.learn(request)
    }

    #[inline]
    fn known(&self, class: u64) -> Known {
        self.known[seat(class)].get()
    }

    #[inline(never)]
    fn guess(&self, request: &ServiceRequest, paths: Paths) -> u32 {
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

    /// The route that a request has reached whose class does not know it: it is kept by the names in the path.
    ///
    /// It allocates nothing once the route was met before: two routes that no look tells apart are learned in turn.
    #[inline(never)]
    fn learn(&self, request: &HttpRequest) -> u32 {
        let (method, path) = (known_method(request.method()), request.match_info());
        if !path.unprocessed().is_empty() {
            // Of all that reaches no pattern nothing is kept: it has as many shapes as strangers can think of.
            return self.unmatched(request.method());
        }
        self.has_patterns.set(true);
        let (class, trace) = (self.told_by(method, path), trace(path));
        let known = self.known(class);
        if known.class == class && known.trace == trace {
            return known.route;
        }
        let mut pattern = self.pattern.borrow_mut();
        write_pattern(path, &mut pattern);
        let route = named(request.method(), &pattern);
        self.known[seat(class)].set(Known { class, trace, route });
        route
    }

    /// The class of the paths with the same names as one that the router has found its way through.
    fn told_by(&self, method: u8, path: &Path<Url>) -> u64 {
        if path.as_str() == "/" && path.is_empty() {
            return root(method);
        }
        let mut outline = Outline::of(path.as_str());
        let spans: Spans = places(path).map(|(_, span)| span).collect();
        let names = outline.names(path.as_str(), &spans);
        let looks = &self.looks[outline.kind() % KINDS];
        looks.set(looks.get().with(names));
        outline.read(names);
        outline.class(method, names)
    }
}

type Spans = SmallVec<[Range<usize>; 8]>;

/// Where a class is kept: its highest bits depend on all that it is made of.
#[inline(always)]
const fn seat(class: u64) -> usize {
    (class >> (u64::BITS - KNOWN.trailing_zeros())) as usize
}

/// By what the router's work is recognised: how many parameters it has found, and where the name of the first one lies, which
/// is at an address of its own for each resource.
#[inline(always)]
fn trace(path: &Path<Url>) -> u64 {
    let first = path.iter().next().map_or(0, |(name, _)| name.as_ptr().addr());
    (first as u64).rotate_left(8) ^ path.segment_count() as u64
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
        thread_local!(static ALL: RefCell<std::collections::HashMap<String, &'static ResourceDef>> = Default::default());
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
    fn words_as_parameters_make_no_class_each() {
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

    /// They were one class, which learned each time anew, whatever their names.
    #[test]
    fn routes_whose_names_differ_are_told_apart_wherever_those_stand_and_whatever_they_are() {
        for routes in [
            ["/v1/{id}", "/v2/{id}"],
            ["/api/v1/{id}", "/api/v2/{id}"],
            ["/api/posts/{id}", "/api/users/{id}"],
            ["/users/{id}/posts", "/users/{id}/orders"],
            ["/users/{id}/v1", "/users/{id}/v2"],
            ["/{id:\\d+}", "/{word}"],
        ] {
            let classes = classes();
            let of = |route: &str, id: &str| {
                serve(
                    &classes,
                    &routes,
                    &route.replace("{id}", id).replace("{id:\\d+}", id).replace("{word}", "w"),
                )
            };
            let reached = routes.map(|route| of(route, "7").1);
            assert_ne!(reached[0], reached[1], "{routes:?}");
            for id in ["8", "9", "10"] {
                assert_eq!(
                    routes.map(|route| of(route, id)),
                    reached.map(|route| (route, route)),
                    "{routes:?}"
                );
            }
        }
    }

    /// No look tells the two apart, and no request allocates for it.
    #[test]
    fn routes_that_are_alike_but_for_their_guards_are_learned_in_turn() {
        let (classes, routes) = (classes(), ["/{id:\\d+}/x", "/{word}/x"]);
        let serve = |uri| serve(&classes, &routes, uri).1;
        let [one, other] = ["/7/x", "/w/x"].map(serve);
        assert_ne!(one, other);
        let requests = ["/8/x", "/v/x", "/9/x"].map(|uri| routed(&routes, uri));
        let mut reached = [0; 3];
        let info = allocation_counter::measure(|| {
            reached = [0, 1, 2].map(|at| classes.reached(Class::UNKNOWN, requests[at].request()));
        });
        assert_eq!((reached, info.count_total), ([one, other, one], 0));
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
            let mut reached = String::new();
            write_pattern(request.match_info(), &mut reached);
            assert_eq!(plain(pattern), reached, "{pattern}");
        }
    }

    #[test]
    fn methods_are_classes_of_their_own() {
        let classes = Classes::default();
        let class = |request: TestRequest| classes.of(&request.uri("/a").to_srv_request(), Paths::Normal);
        assert_ne!(class(TestRequest::get()), class(TestRequest::post()));
    }
}
