//! What rules may see of a request.

use std::any::Any;
use std::borrow::Cow;
use std::net::IpAddr;

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

    /// The name of the configured host that answers; never what the client calls it.
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
