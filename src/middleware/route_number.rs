//! Routes by numbers: of a method and a pattern, as it is written or as it was reached, the same in all processes.

use std::hash::{BuildHasher as _, Hasher as _};
use std::ops::Range;

use actix_web::dev::{Path, Url};
use actix_web::http::Method;
use foldhash::fast::FixedState;
use smallvec::SmallVec;

use crate::limiter::name_route;
use crate::model::NO_ROUTE;

/// The parameters that the router has found in a path: their names, and where they lie.
pub(crate) fn places(path: &Path<Url>) -> impl Iterator<Item = (&str, Range<usize>)> {
    let text = path.as_str();
    let begin = text.as_ptr().addr();
    path.iter().filter_map(move |(name, value)| {
        // What the application has added lies elsewhere.
        let at = value.as_ptr().addr().checked_sub(begin)?;
        let end = at.checked_add(value.len()).filter(|end| *end <= text.len())?;
        Some((name, at..end))
    })
}

/// Writes the pattern that a path has reached, as far as the router has left it: without its parameters' expressions.
pub(crate) fn write_pattern(path: &Path<Url>, pattern: &mut String) {
    let mut places: SmallVec<[_; 8]> = places(path).collect();
    places.sort_by_key(|(_, span)| span.start);
    let (text, mut done) = (path.as_str(), 0);
    pattern.clear();
    for (name, span) in places {
        pattern.push_str(text.get(done..span.start).unwrap_or_default());
        pattern.push('{');
        pattern.push_str(name);
        pattern.push('}');
        done = span.end;
    }
    pattern.push_str(text.get(done..).unwrap_or_default());
}

/// A pattern as an application writes it, without its parameters' expressions: so that it has the number of one that was
/// reached.
pub(crate) fn plain(pattern: &str) -> String {
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
    hasher.finish() as u32 & (NO_ROUTE - 1)
}

/// A route's number, whose name whoever asks for it is told.
pub(crate) fn named(method: &Method, pattern: &str) -> u32 {
    let number = number(known_method(method), pattern);
    name_route(number, || match known_method(method) {
        0 => format!("? {pattern}"),
        _ => format!("{method} {pattern}"),
    });
    number
}

/// A number for each method, by [its own](known_method).
pub(crate) type ByMethod = [u32; METHODS.len() + 1];

/// The routes of all that reaches no pattern, with their names, since no such request is asked what it is called.
pub(crate) fn unmatched() -> ByMethod {
    let unmatched = std::array::from_fn(|method| number(method as u8, ""));
    // The first is of all methods that HTTP does not know.
    name_route(unmatched[0], || "?".to_owned());
    for method in &METHODS {
        name_route(unmatched[usize::from(known_method(method))], || method.to_string());
    }
    unmatched
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
pub(crate) fn known_method(method: &Method) -> u8 {
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
