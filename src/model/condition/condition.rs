//! Conditions: which requests a rule or an exemption is about, and whether it can be any at all.

use std::borrow::Cow;

use crate::model::client::{Country, Need, Network, Region};
use crate::model::condition::decoded::Paths;
use crate::model::condition::facts::{Computed, Facts, Method};
use crate::model::condition::text::Text;

/// Which requests a rule or an exemption is about.
///
/// Conditions see a request in one normal form, so that another spelling is no way around them: the path decoded and its
/// slashes merged, HEAD as GET, the host as the configured name that was asked for. What a request lacks fulfils nothing:
/// [`User`](Self::User) does not hold for somebody unknown, and so its [`Not`](Self::Not) does.
///
/// What clients can send twice (headers, cookies, parameters) is looked at as a whole: one value that matches is enough, or
/// a client could hide the one behind the other.
///
/// In a site file a condition is an object; in Rust it is made of these, or by [`path`](crate::path),
/// [`prefix`](crate::prefix) and [`condition_by`](crate::condition_by).
///
/// # Examples
///
/// Writes to `/api`, but for those of the operators' own network:
///
/// ```
/// use timebudget::{Condition, Facts, Method, Text};
///
/// let writes = ["POST", "PUT", "DELETE"].into_iter().filter_map(Method::new).collect();
/// let inside = Condition::Ip(vec!["10.0.0.0/8".parse()?]);
/// let condition = Condition::All(vec![
///     Condition::Path(Text::Below("/api".into())),
///     Condition::Method(writes),
///     Condition::Not(Box::new(inside)),
/// ]);
/// # struct Request(&'static str, &'static str, [u8; 4]);
/// # impl Facts for Request {
/// #     fn method(&self) -> &str { self.0 }
/// #     fn path(&self) -> &str { self.1 }
/// #     fn ip(&self) -> Option<std::net::IpAddr> { Some(self.2.into()) }
/// # }
/// assert!(condition.matches(&Request("POST", "/api/users", [192, 0, 2, 7])));
/// assert!(!condition.matches(&Request("POST", "/api/users", [10, 0, 0, 1])));
/// assert!(!condition.matches(&Request("GET", "/api/users", [192, 0, 2, 7])));
/// # Ok::<(), timebudget::NetworkFault>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// Requests whose path matches. Text that ends in a slash matches as a folder does: see [`Text::matches_path`].
    Path(Text),
    /// Requests of one of these methods.
    Method(Vec<Method>),
    /// Requests that ask for a configured name or wildcard that matches.
    ///
    /// It is the name as the configuration has it, in ASCII and without a port; what a client invents is never seen.
    Host(Text),
    /// Requests of clients in one of these networks, by the address that trusted proxies tell, or else the peer's.
    ///
    /// A client without an address, on a Unix socket, is in no network.
    Ip(Vec<Network>),
    /// Requests with a header of this name, and of such a value where one is wanted; of several, any.
    Header(String, Option<Text>),
    /// Requests with a cookie of this name, and of such a value where one is wanted; of several, any.
    Cookie(String, Option<Text>),
    /// Requests with a parameter of this name in their query, and of such a value where one is wanted; of several, any.
    Query(String, Option<Text>),
    /// Requests of users with such a name. Somebody has to tell who clients are: trusted proxies, or the application.
    User(Text),
    /// Requests of users in a group with such a name.
    Group(Text),
    /// Requests of clients in a tier with such a name; everybody else is in the [default tier](crate::DEFAULT_TIER) where there is one.
    Tier(Text),
    /// Requests of clients who are known to be in one of these countries.
    ///
    /// Of whom it is not known, neither this nor the same of all other countries holds.
    Country(Vec<Country>),
    /// Requests of clients who are known to be in one of these regions.
    Region(Vec<Region>),
    /// Requests of clients of whom it is known who they are, or else of all others.
    Authenticated(bool),
    /// Requests of which a closure says so. It is called for each request that the other parts leave in doubt.
    Computed(Computed<bool>),
    /// Requests that all of these hold for; every request if there are none.
    All(Vec<Condition>),
    /// Requests that one of these holds for; none if there are none.
    Any(Vec<Condition>),
    /// Requests that this does not hold for.
    Not(Box<Condition>),
}

impl Condition {
    /// The condition that every request fulfils: that of a rule which says none.
    pub const ALWAYS: Self = Self::All(Vec::new());

    /// Whether it is the condition of a rule which says none.
    ///
    /// Another may hold for every request, too, such as one for all paths below the root.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::Condition;
    /// assert!(Condition::ALWAYS.is_always());
    /// assert!(!Condition::Authenticated(true).is_always());
    /// ```
    pub fn is_always(&self) -> bool {
        *self == Self::ALWAYS
    }

    /// Whether a request fulfils the condition.
    ///
    /// Parts are looked at in their order, and no further than it takes: what is quickly told stands best in front.
    #[inline]
    pub fn matches(&self, facts: &dyn Facts) -> bool {
        match self {
            // As most are: a call less for each.
            Self::Path(text) => text.matches_path(facts.path(), facts.paths()),
            other => other.holds(facts),
        }
    }

    fn holds(&self, facts: &dyn Facts) -> bool {
        match self {
            Self::Path(text) => text.matches_path(facts.path(), facts.paths()),
            Self::Method(methods) => methods.iter().any(|method| method.matches(facts.method())),
            Self::Host(text) => facts.host().is_some_and(|host| text.matches(host)),
            Self::Ip(networks) => {
                facts.ip().is_some_and(|ip| networks.iter().any(|network| network.contains(ip)))
            }
            Self::Header(name, text) => facts.any_header(name, &mut |value| is_wanted(value, text)),
            Self::Cookie(name, text) => facts.any_cookie(name, &mut |value| is_wanted(value, text)),
            Self::Query(name, text) => facts.any_query(name, &mut |value| is_wanted(value, text)),
            Self::User(text) => is_such(facts.user(), text),
            Self::Group(text) => facts.groups().iter().any(|group| text.matches(group)),
            Self::Tier(text) => is_such(facts.tier(), text),
            Self::Region(regions) => facts.region().is_some_and(|region| regions.contains(&region)),
            Self::Country(countries) => facts.country().is_some_and(|country| countries.contains(&country)),
            Self::Authenticated(wanted) => facts.is_authenticated() == *wanted,
            Self::Computed(computed) => computed.compute(facts),
            Self::All(parts) => parts.iter().all(|part| part.matches(facts)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(facts)),
            Self::Not(part) => !part.matches(facts),
        }
    }
}

impl Condition {
    /// Whether paths are written in the form in which rules see them.
    pub(crate) fn is_in_form(&self, paths: Paths) -> bool {
        match self {
            Self::Path(text) => text.is_in_form(paths),
            Self::All(parts) | Self::Any(parts) => parts.iter().all(|part| part.is_in_form(paths)),
            Self::Not(part) => part.is_in_form(paths),
            _ => true,
        }
    }

    /// Writes paths in that form.
    pub(crate) fn bring_into_form(&mut self, paths: Paths) {
        match self {
            Self::Path(text) => text.bring_into_form(paths),
            Self::All(parts) | Self::Any(parts) => {
                parts.iter_mut().for_each(|part| part.bring_into_form(paths));
            }
            Self::Not(part) => part.bring_into_form(paths),
            _ => {}
        }
    }

    /// The same, with paths in that form.
    pub(crate) fn in_form(&self, paths: Paths) -> Cow<'_, Self> {
        let mut condition = Cow::Borrowed(self);
        if !self.is_in_form(paths) {
            condition.to_mut().bring_into_form(paths);
        }
        condition
    }
}

/// Whether a text is there, and is such a one.
fn is_such(value: Option<&str>, text: &Text) -> bool {
    value.is_some_and(|value| text.matches(value))
}

/// Whether a value is such a one, where one is wanted.
fn is_wanted(value: &[u8], wanted: &Option<Text>) -> bool {
    wanted.as_ref().is_none_or(|text| text.matches(value))
}

impl Condition {
    /// What the condition needs to know of clients.
    pub(crate) fn needs(&self) -> Vec<Need> {
        match self {
            Self::User(_) | Self::Authenticated(_) => vec![Need::User],
            Self::Group(_) => vec![Need::Groups],
            Self::Tier(_) => vec![Need::Tier],
            Self::Country(_) => vec![Need::Country],
            Self::Region(_) => vec![Need::Region],
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::needs).collect(),
            Self::Not(part) => part.needs(),
            _ => Vec::new(),
        }
    }

    /// Whether code decides whether a request fulfils the condition.
    pub fn is_computed(&self) -> bool {
        match self {
            Self::Computed(_) => true,
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::is_computed),
            Self::Not(part) => part.is_computed(),
            _ => false,
        }
    }
}

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
    use crate::model::condition::facts::tests::Asked;

    fn path(text: &str) -> Condition {
        Condition::Path(Text::Equal(text.into()))
    }

    fn get() -> Condition {
        Condition::Method(Method::new("GET").into_iter().collect())
    }

    #[test]
    fn a_head_request_fulfils_a_condition_on_get() {
        assert!(get().matches(&Asked("HEAD", "/", "")));
        assert!(!get().matches(&Asked("POST", "/", "")));
    }

    #[test]
    fn all_needs_every_part_and_any_needs_one() {
        let parts = || vec![path("/a"), get()];
        let half = Asked("POST", "/a", "");
        assert!(!Condition::All(parts()).matches(&half));
        assert!(Condition::Any(parts()).matches(&half));
        assert!(Condition::All(parts()).matches(&Asked("GET", "/a", "")));
    }

    #[test]
    fn not_turns_a_condition_round() {
        let other = Condition::Not(Box::new(path("/a")));
        assert!(other.matches(&Asked("GET", "/b", "")) && !other.matches(&Asked("GET", "/a", "")));
    }

    #[test]
    fn without_parts_all_holds_and_any_does_not() {
        let request = Asked("GET", "/", "");
        assert!(Condition::ALWAYS.matches(&request));
        assert!(!Condition::Any(vec![]).matches(&request));
    }
}

#[cfg(test)]
mod contradiction_tests {
    use super::*;

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
