//! Request methods as conditions compare them.

use std::fmt;

/// A request method to compare requests with.
///
/// HEAD is GET: whoever may not GET a page may not learn its headers either, and the other way round.
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
mod tests {
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
