//! Which headers tell clients where they stand, and what they are called.

/// The header fields that a script in a browser has to be let read: all that this crate writes, by their default names.
///
/// A browser shows a script of another origin none of them, `Retry-After` included, unless the server says
/// `Access-Control-Expose-Headers`. Where a site gives its fields other names, ask [`HeaderPolicy::exposed`].
///
/// # Examples
///
/// ```
/// use actix_cors::Cors;
///
/// let cors = Cors::default().allowed_origin("https://app.example").expose_headers(timebudget::EXPOSED_HEADERS);
/// # let _ = cors;
/// ```
pub const EXPOSED_HEADERS: [&str; 9] = [
    "Retry-After",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-RateLimit-Used",
    "X-RateLimit-Resource",
    "X-RateLimit-Unit",
    "RateLimit",
    "RateLimit-Policy",
];

/// Which headers tell clients where they stand; the default is Frappe's.
///
/// `Retry-After` is on every refusal, whatever this says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderPolicy {
    /// Whether there are any on answers. Refusals have `Retry-After` all the same.
    pub enabled: bool,
    /// How the window's end is written.
    pub reset: ResetStyle,
    /// What they are called.
    pub names: HeaderNames,
    /// Whose fields there are beside them, if anybody's.
    pub standard: Option<StandardHeaders>,
}

/// Who defines fields that say the same as ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StandardHeaders {
    /// draft-ietf-httpapi-ratelimit-headers-11: `RateLimit` and `RateLimit-Policy`.
    Draft11,
}

impl Default for HeaderPolicy {
    fn default() -> Self {
        Self { enabled: true, reset: ResetStyle::Seconds, names: HeaderNames::default(), standard: None }
    }
}

impl HeaderPolicy {
    /// The header fields that a script in a browser has to be let read, by the names that they have here.
    ///
    /// There are more than some responses bear: which of them do depends on the rules and on the answer.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::EXPOSED_HEADERS;
    /// use timebudget::HeaderPolicy;
    ///
    /// let mut policy = HeaderPolicy::default();
    /// assert!(policy.exposed().eq(EXPOSED_HEADERS));
    /// policy.names.limit = "X-Quota".to_owned();
    /// assert!(policy.exposed().any(|name| name == "X-Quota"));
    /// ```
    pub fn exposed(&self) -> impl Iterator<Item = &str> {
        let HeaderNames { limit, remaining, reset, used } = &self.names;
        EXPOSED_HEADERS.into_iter().map(move |name| match name {
            "X-RateLimit-Limit" => limit,
            "X-RateLimit-Remaining" => remaining,
            "X-RateLimit-Reset" => reset,
            "X-RateLimit-Used" => used,
            other => other,
        })
    }
}

/// How the window's end is written in the reset field; `Retry-After` is in seconds from now whatever this says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResetStyle {
    /// Whole seconds from now, rounded up, at least 1.
    Seconds,
    /// Whole seconds since 1970-01-01T00:00:00Z, rounded up.
    Unix,
}

/// The names of the headers that tell clients where they stand.
///
/// The site file's names are valid field names, and no two are equal in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderNames {
    /// What the window grants.
    pub limit: String,
    /// What is left of it, less what others who run are expected to take.
    pub remaining: String,
    /// When the window ends.
    pub reset: String,
    /// What this request was charged: of time, up to the moment at which its head leaves.
    pub used: String,
}

impl Default for HeaderNames {
    fn default() -> Self {
        Self {
            limit: "X-RateLimit-Limit".to_owned(),
            remaining: "X-RateLimit-Remaining".to_owned(),
            reset: "X-RateLimit-Reset".to_owned(),
            used: "X-RateLimit-Used".to_owned(),
        }
    }
}
