//! Contradictions: conditions that no request fulfils.

use crate::model::condition::condition::Condition;
use crate::model::condition::decoded::Paths;
use crate::model::condition::text::Text;

/// Whether a condition is plainly one that no request fulfils.
///
/// It looks at what stands side by side: a path that must be two at once, methods without one in common, a part and
/// its opposite. A contradiction that hides better is not found; what is found is one.
pub(crate) fn is_contradiction(condition: &Condition) -> bool {
    match condition {
        Condition::Any(parts) => parts.iter().all(is_contradiction),
        Condition::Not(part) => part.is_always(),
        Condition::All(_) => {
            let parts = flat(condition);
            let pairs = || {
                parts.iter().enumerate().flat_map(|(at, one)| parts[..at].iter().map(move |two| (*one, *two)))
            };
            parts.iter().any(|part| is_contradiction(part)) || pairs().any(|(one, two)| exclude(one, two))
        }
        Condition::Method(methods) => methods.is_empty(),
        Condition::Ip(networks) => networks.is_empty(),
        leaf => text_of(leaf).is_some_and(|text| matches!(text, Text::AnyOf(texts) if texts.is_empty())),
    }
}

/// Whether a condition is plainly one that every request fulfils.
pub(crate) fn is_certain(condition: &Condition) -> bool {
    match condition {
        Condition::Path(text) => is_every_path(text),
        Condition::All(parts) => parts.iter().all(is_certain),
        Condition::Any(parts) => parts.iter().any(is_certain),
        Condition::Not(part) => is_contradiction(part),
        _ => false,
    }
}

fn is_every_path(text: &Text) -> bool {
    match text {
        Text::Below(begin) | Text::Prefix(begin) => begin.is_empty() || begin == "/",
        Text::Glob(glob) => matches!(glob.to_string().as_str(), "**" | "/**"),
        Text::AnyOf(texts) => texts.iter().any(is_every_path),
        Text::Equal(_) | Text::Regex(_) => false,
    }
}

/// The parts that must all hold, also those of parts that are lists of them.
fn flat(condition: &Condition) -> Vec<&Condition> {
    match condition {
        Condition::All(parts) => parts.iter().flat_map(flat).collect(),
        other => vec![other],
    }
}

/// Whether no request fulfils both.
fn exclude(one: &Condition, two: &Condition) -> bool {
    match (one, two) {
        (Condition::Not(part), other) | (other, Condition::Not(part)) => **part == *other,
        (Condition::Method(one), Condition::Method(two)) => !one.iter().any(|method| two.contains(method)),
        (Condition::Ip(one), Condition::Ip(two)) => {
            !one.iter().any(|network| two.iter().any(|other| network.overlaps(other)))
        }
        // Headers, cookies and parameters can come twice, and of hosts and paths there is one.
        (Condition::Path(one), Condition::Path(two)) => {
            is_outside(one, two, has_path) || is_outside(two, one, has_path)
        }
        (Condition::Host(one), Condition::Host(two)) => {
            is_outside(one, two, has_host) || is_outside(two, one, has_host)
        }
        _ => false,
    }
}

fn text_of(condition: &Condition) -> Option<&Text> {
    match condition {
        Condition::Path(text) | Condition::Host(text) => Some(text),
        Condition::Header(_, text) | Condition::Cookie(_, text) | Condition::Query(_, text) => text.as_ref(),
        _ => None,
    }
}

/// Whether every text of a set that can be listed is outside of another set.
fn is_outside(one: &Text, other: &Text, has: fn(&Text, &str) -> bool) -> bool {
    match one {
        Text::Equal(text) => !has(other, text),
        Text::AnyOf(texts) => texts.iter().all(|text| is_outside(text, other, has)),
        _ => false,
    }
}

fn has_path(set: &Text, path: &str) -> bool {
    // It may be met without the slash at its end.
    let trimmed = path.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(path);
    set.matches_path(path, Paths::Exact) || set.matches_path(trimmed, Paths::Normal)
}

fn has_host(set: &Text, host: &str) -> bool {
    set.matches(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::condition::facts::Method;

    fn path(text: &str) -> Condition {
        Condition::Path(Text::Equal(text.into()))
    }

    fn below(text: &str) -> Condition {
        Condition::Path(Text::Below(text.into()))
    }

    fn ip(text: &str) -> Condition {
        Condition::Ip(vec![text.parse().unwrap()])
    }

    fn method(name: &str) -> Condition {
        Condition::Method(Method::new(name).into_iter().collect())
    }

    fn header(name: &str, value: &str) -> Condition {
        Condition::Header(name.into(), Some(Text::Equal(value.into())))
    }

    fn not(part: Condition) -> Condition {
        Condition::Not(Box::new(part))
    }

    #[test]
    fn what_must_be_two_things_at_once_is_a_contradiction() {
        for parts in [
            vec![path("/a"), below("/b")],
            vec![method("GET"), method("POST")],
            vec![ip("10.0.0.0/8"), ip("192.0.2.0/24")],
            vec![path("/a"), not(path("/a"))],
            vec![path("/a"), Condition::All(vec![method("GET"), path("/b")])],
            vec![Condition::Any(vec![])],
            vec![not(Condition::ALWAYS)],
        ] {
            assert!(is_contradiction(&Condition::All(parts.clone())), "{parts:?}");
        }
    }

    #[test]
    fn what_a_request_can_fulfil_is_none() {
        for parts in [
            vec![],
            vec![path("/a/b"), below("/a")],
            vec![method("GET"), method("HEAD")],
            vec![ip("10.0.0.0/8"), ip("10.1.0.0/16")],
            vec![header("x-plan", "a"), header("x-plan", "b")],
            vec![path("/a/"), path("/a")],
            vec![path("/a"), not(path("/b"))],
            vec![Condition::Any(vec![Condition::Any(vec![]), path("/a")])],
        ] {
            assert!(!is_contradiction(&Condition::All(parts.clone())), "{parts:?}");
        }
    }

    #[test]
    fn everything_lies_below_the_root_and_an_alternative_can_be_fulfilled() {
        assert!(is_certain(&Condition::ALWAYS) && is_certain(&below("/")));
        assert!(!is_certain(&below("/api")));
        assert!(!is_contradiction(&Condition::Any(vec![path("/a"), path("/b")])));
    }
}
