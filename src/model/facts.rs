//! What rules may see of a request.

use std::any::Any;
use std::borrow::Cow;
use std::net::IpAddr;

use crate::model::country::Country;
use crate::model::identity::Identity;
use crate::model::path::Paths;
use crate::model::region::Region;

/// What rules may see of a request, whatever framework brought it.
pub trait Facts {
    /// The request's method as the client sent it.
    fn method(&self) -> &str;

    /// The path in the form in which rules see it, without the query; see [`Paths::form`].
    fn path(&self) -> &str;

    /// Which paths are one.
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

    /// The pattern of the route that the request will reach, as the application wrote it.
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
    fn api_key(&self) -> Option<&str> {
        None
    }

    /// The name of the client's tier.
    fn tier(&self) -> Option<&str> {
        None
    }

    /// The country that the client is in.
    fn country(&self) -> Option<Country> {
        None
    }

    /// The region that the client is in.
    fn region(&self) -> Option<Region> {
        None
    }

    /// Whether it is known who the client is: a user, or whoever was given an API key.
    fn is_authenticated(&self) -> bool {
        self.user().is_some() || self.api_key().is_some()
    }

    /// A number of the route that the request will reach: equal for equal routes, and for few others.
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
    /// Browsers send it without credentials and without a body. What has them asks for something itself, of a handler that
    /// takes any method, and would otherwise never be refused.
    fn is_preflight(&self) -> bool {
        let has = |name: &&str| self.header(name).is_some();
        self.method() == "OPTIONS"
            && ["origin", "access-control-request-method"].iter().all(has)
            && !["authorization", "cookie", "transfer-encoding"].iter().any(has)
            && self.header("content-length").is_none_or(|length| length == b"0")
    }
}
