//! What rules may see of a request.

use std::any::Any;
use std::borrow::Cow;
use std::net::IpAddr;

use crate::model::country::Country;
use crate::model::identity::Identity;

/// What rules may see of a request, whatever framework brought it.
pub trait Facts {
    /// The request's method as the client sent it.
    fn method(&self) -> &str;

    /// The path as the router sees it: percent-decoded once, without the query.
    fn path(&self) -> &str;

    /// The client's address; `None` for a peer that has none, such as a Unix socket's.
    fn ip(&self) -> Option<IpAddr>;

    /// The value of the request's first header of that name; names ignore case.
    ///
    /// `None` if there is none, or if its value is no text.
    fn header(&self, _name: &str) -> Option<&str> {
        None
    }

    /// The configured name or wildcard that the request asks for, in ASCII form; never what the client calls it.
    ///
    /// Where it asks for none of them, the name of the site that answers all the same.
    fn host(&self) -> Option<&str> {
        None
    }

    /// The value of the request's first cookie of that name, decoded.
    fn cookie(&self, _name: &str) -> Option<Cow<'_, str>> {
        None
    }

    /// The value of the first parameter of that name in the query, decoded.
    fn query(&self, _name: &str) -> Option<Cow<'_, str>> {
        None
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
    fn told_by_proxy(&self, _header: &str) -> Vec<&str> {
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
    fn is_preflight(&self) -> bool {
        self.method() == "OPTIONS"
            && self.header("origin").is_some()
            && self.header("access-control-request-method").is_some()
    }
}
