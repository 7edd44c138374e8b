//! What rules may see of a request: its facts, and what code computes from them.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use crate::model::client::{Country, Identity, Region};
use crate::model::condition::decoded::Paths;

/// The [`Facts::route`] of a request whose route nobody knows: it is expected to cost what its rule's requests do.
pub(crate) const NO_ROUTE: u32 = u32::MAX;

/// What rules may see of a request, whatever framework brought it.
///
/// The middleware tells it of actix's requests. Whoever decides without a framework, with
/// [`Limiter::admit`](crate::Limiter::admit), implements it: a method, a path and an address are enough, and all else is
/// absent. It is asked only for what the rules of the site need, and may be asked more than once for the same.
///
/// A fact that a client can spell in several ways must come in one: see each of them. Rules that count by a fact which a
/// client chooses freely limit nobody.
///
/// # Examples
///
/// ```
/// use std::net::IpAddr;
/// use timebudget::{Condition, Facts, Text};
///
/// struct Call { path: String, from: IpAddr }
///
/// impl Facts for Call {
///     fn method(&self) -> &str {
///         "POST"
///     }
///
///     fn path(&self) -> &str {
///         &self.path
///     }
///
///     fn ip(&self) -> Option<IpAddr> {
///         Some(self.from)
///     }
/// }
///
/// let call = Call { path: "/rpc/report".into(), from: [192, 0, 2, 7].into() };
/// assert!(Condition::Path(Text::Below("/rpc".into())).matches(&call));
/// assert!(call.user().is_none() && !call.is_authenticated());
/// ```
pub trait Facts {
    /// The request's method as the client sent it, to the letter: `get` is a method, but not GET.
    fn method(&self) -> &str;

    /// The path in the form in which rules see it, without the query; see [`Paths::form`].
    fn path(&self) -> &str;

    /// Which paths are one, and so in which form the path is: the [normal one](Paths::Normal) by default.
    fn paths(&self) -> Paths {
        Paths::Normal
    }

    /// The client's address; `None` for a peer that has none, such as a Unix socket's.
    fn ip(&self) -> Option<IpAddr>;

    /// The value of the request's first header of that name, which need not be text; names ignore case.
    ///
    /// It is the value that keys are made of.
    fn header(&self, _name: &str) -> Option<&[u8]> {
        None
    }

    /// Whether one of the values of that header is wanted; conditions look at all of them.
    fn any_header(&self, name: &str, is_wanted: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.header(name).is_some_and(is_wanted)
    }

    /// The configured name or wildcard that the request asks for, in ASCII form; never what the client calls it.
    ///
    /// Where it asks for none of them, the name of the site that answers all the same.
    fn host(&self) -> Option<&str> {
        None
    }

    /// The value of the request's first cookie of that name, decoded, as applications read it.
    fn cookie(&self, _name: &str) -> Option<Cow<'_, [u8]>> {
        None
    }

    /// Whether one of the values of that cookie is wanted.
    fn any_cookie(&self, name: &str, is_wanted: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.cookie(name).is_some_and(|value| is_wanted(&value))
    }

    /// The value of the last parameter of that name in the query, decoded.
    ///
    /// The last, for that is what is left of several where they are read into a map.
    fn query(&self, _name: &str) -> Option<Cow<'_, [u8]>> {
        None
    }

    /// Whether one of the values of that parameter is wanted.
    fn any_query(&self, name: &str, is_wanted: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.query(name).is_some_and(|value| is_wanted(&value))
    }

    /// The pattern of the route that the request will reach, as the application wrote it: `/users/{id}`.
    ///
    /// `None` where no route is reached, so that all such requests are one to a key.
    fn pattern(&self) -> Option<Cow<'_, str>> {
        None
    }

    /// Who the client is, as the application's own code tells it; `None` if it does not.
    ///
    /// Asked at most once for each decision, and only if a rule needs it.
    fn identity(&self) -> Option<Identity> {
        None
    }

    /// The values of a header's lines, if the peer is a trusted proxy; of any other peer nothing is believed.
    ///
    /// What is no UTF-8 is ISO 8859-1, as fields of HTTP once were.
    fn told_by_proxy(&self, _header: &str) -> Vec<Cow<'_, str>> {
        Vec::new()
    }

    /// The name of the user who asks. A limiter finds it, and what follows, from who the client is.
    fn user(&self) -> Option<&str> {
        None
    }

    /// The names of the groups that the user is in, sorted.
    fn groups(&self) -> &[String] {
        &[]
    }

    /// The name of the API key that the client has sent; a key that nobody knows is none.
    ///
    /// A limiter finds it in what the client sends, unless it is told here: then an empty name, or one that no key has, is none.
    fn api_key(&self) -> Option<&str> {
        None
    }

    /// The name of the client's tier.
    fn tier(&self) -> Option<&str> {
        None
    }

    /// The country that the client is in; `None` if nobody knows.
    fn country(&self) -> Option<Country> {
        None
    }

    /// The region that the client is in, such as a state; `None` if nobody knows.
    fn region(&self) -> Option<Region> {
        None
    }

    /// Whether it is known who the client is: a user, or whoever was given an API key.
    fn is_authenticated(&self) -> bool {
        self.user().is_some() || self.api_key().is_some()
    }

    /// A number of the route that the request will reach: equal for equal routes, and for few others; `u32::MAX` where
    /// nobody knows.
    ///
    /// What a request is expected to cost is learned by route.
    fn route(&self) -> u32 {
        0
    }

    /// The request as its framework knows it, for rules that code computes.
    fn request(&self) -> Option<&dyn Any> {
        None
    }

    /// Whether the request is a CORS preflight (Fetch standard, "CORS-preflight request").
    ///
    /// Browsers send it without credentials and without a body. What has them, or goes on in another protocol, asks for something
    /// itself, of a handler that takes any method, and would otherwise never be refused.
    ///
    /// In HTTP/2 a body need not be announced. Whoever decides over such requests without the middleware, which takes the body away,
    /// serves a preflight without what follows its head.
    fn is_preflight(&self) -> bool {
        is_preflight(self)
    }
}

/// Whether a request is [a preflight](Facts::is_preflight) by its method and headers.
pub(crate) fn is_preflight<F: Facts + ?Sized>(facts: &F) -> bool {
    let has = |name: &&str| facts.header(name).is_some();
    facts.method() == "OPTIONS"
        && ["origin", "access-control-request-method"].iter().all(has)
        && !["authorization", "cookie", "transfer-encoding", "upgrade"].iter().any(has)
        && facts.header("content-length").is_none_or(|length| length == b"0")
}

/// A value that a closure computes for each request.
///
/// Two are equal if they are clones of one: nobody can tell what closures have in common. A closure that panics takes its
/// request with it, as a handler that panics does; nothing has been charged by then.
///
/// # Examples
///
/// ```
/// use timebudget::Computed;
/// use timebudget::{Component, Cost, KeyValue, Rule};
/// use timebudget::parse_rates;
///
/// let tenant = Computed::new(|facts| facts.path().split('/').nth(1).map(KeyValue::from));
/// let by_size = Computed::new(|facts| {
///     let items = facts.header("x-items").and_then(|items| str::from_utf8(items).ok()?.parse().ok());
///     items.unwrap_or(1)
/// });
/// let rule = Rule {
///     cost: Cost::Computed(by_size),
///     ..Rule::new("items", Component::Computed(tenant), parse_rates("1000 per hour")?)
/// };
/// assert_eq!(rule.clone(), rule);
/// # Ok::<(), timebudget::RateError>(())
/// ```
pub struct Computed<T>(Arc<Closure<T>>);

type Closure<T> = dyn Fn(&dyn Facts) -> T + Send + Sync;

impl<T> Computed<T> {
    /// What the closure returns; it runs in the worker that serves the request, and should not block.
    pub fn new(compute: impl Fn(&dyn Facts) -> T + Send + Sync + 'static) -> Self {
        Self(Arc::new(compute))
    }

    /// What a closure over a framework's own request returns; `absent` where the facts are not of such a request.
    pub fn from_request<R: Any>(
        absent: impl Fn() -> T + Send + Sync + 'static,
        compute: impl Fn(&R) -> T + Send + Sync + 'static,
    ) -> Self {
        Self::new(move |facts| match facts.request().and_then(|request| request.downcast_ref()) {
            Some(request) => compute(request),
            None => absent(),
        })
    }

    /// The value for a request: what the closure returns, called anew each time.
    pub fn compute(&self, facts: &dyn Facts) -> T {
        (self.0)(facts)
    }

    fn address(&self) -> *const () {
        Arc::as_ptr(&self.0).cast()
    }
}

impl<T> Clone for Computed<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> PartialEq for Computed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.address() == other.address()
    }
}

impl<T> Eq for Computed<T> {}

impl<T> Hash for Computed<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address().hash(state);
    }
}

impl<T> fmt::Debug for Computed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Computed(..)")
    }
}

/// A request method to compare requests with.
///
/// HEAD is GET: whoever may not GET a page may not learn its headers either, and the other way round.
///
/// # Examples
///
/// ```
/// use timebudget::{Condition, Method};
/// let writes = Condition::Method(["POST", "PUT", "PATCH", "DELETE"].into_iter().filter_map(Method::new).collect());
/// assert!(!writes.is_always());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Method(String);

impl Method {
    /// The method of that name in any case, or `None` if no request can have it (RFC 9110, section 9.1).
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::Method;
    /// assert!(Method::new("post").is_some_and(|method| method.matches("POST")));
    /// assert!(Method::new("GET").is_some_and(|method| method.matches("HEAD")));
    /// assert_eq!(Method::new("GET POST"), None);
    /// ```
    pub fn new(name: &str) -> Option<Self> {
        let name = name.to_ascii_uppercase();
        is_token(&name).then(|| Self(head_is_get(&name).to_owned()))
    }

    /// Whether a request's method is this one.
    ///
    /// Requests' methods are taken to the letter, as routers take them: `get` is a method, but not GET.
    pub fn matches(&self, asked: &str) -> bool {
        self.0 == head_is_get(asked)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a text is a token, of which methods and field names are made (RFC 9110, section 5.6.2).
pub(crate) fn is_token(text: &str) -> bool {
    let is_letter = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(is_letter)
}

fn head_is_get(name: &str) -> &str {
    if name == "HEAD" { "GET" } else { name }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A request of the model's tests, from 192.0.2.7: its method, its path, and what its header `x-key` says.
    pub(crate) struct Asked(pub(crate) &'static str, pub(crate) &'static str, pub(crate) &'static str);

    impl Facts for Asked {
        fn method(&self) -> &str {
            self.0
        }

        fn path(&self) -> &str {
            self.1
        }

        fn ip(&self) -> Option<IpAddr> {
            Some(IpAddr::from([192, 0, 2, 7]))
        }

        fn header(&self, name: &str) -> Option<&[u8]> {
            (name == "x-key").then_some(self.2.as_bytes())
        }
    }

    #[test]
    fn what_is_computed_equals_its_clones_only() {
        // Of closures that hold nothing all would lie at one address.
        let of = |value: u64| Computed::new(move |_| value);
        let one = of(1);
        assert!(one == one.clone() && one != of(1));
    }
}

#[cfg(test)]
mod method_tests {
    use super::*;

    #[test]
    fn head_is_get_on_either_side() {
        let head = Method::new("head").unwrap();
        assert!(head.matches("GET") && head.matches("HEAD"));
        assert!(!head.matches("POST"));
    }

    #[test]
    fn a_request_is_taken_to_the_letter() {
        assert!(!Method::new("get").unwrap().matches("get"));
    }

    #[test]
    fn what_is_no_token_is_no_method() {
        for name in ["", "GET ", "GÉT", "GET,POST", "\u{0}"] {
            assert_eq!(Method::new(name), None, "{name:?}");
        }
    }
}
