//! What is asked for: one page, or another path of one pattern with each request.

use std::borrow::Cow;

/// The resource that an app has, and the paths of it that requests ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// `/`, every time.
    Page,
    /// `/users/{id}/orders/{order}`, with numbers that no request had before.
    Orders,
}

impl Target {
    /// What the subject of that name is asked for; it is compared with the bare app that is asked for the same.
    pub(crate) fn of(subject: &str) -> Self {
        if subject.ends_with("-paths") { Self::Orders } else { Self::Page }
    }

    /// The bare app that has this resource.
    pub(crate) const fn bare(self) -> &'static str {
        match self {
            Self::Page => "bare",
            Self::Orders => "bare-paths",
        }
    }

    /// The pattern of the resource.
    pub(crate) const fn pattern(self) -> &'static str {
        match self {
            Self::Page => "/",
            Self::Orders => "/users/{id}/orders/{order}",
        }
    }

    /// The path of the `nth` request. Paths of one pattern are of one length, so that none is dearer to read.
    pub(crate) fn path(self, nth: u64) -> Cow<'static, str> {
        match self {
            Self::Page => Cow::Borrowed("/"),
            // 70,657 shares no factor with a million: each round visits every user once.
            Self::Orders => {
                let user = 1_000_000 + nth.wrapping_mul(70_657) % 1_000_000;
                Cow::Owned(format!("/users/{user}/orders/{}", 10_000_000 + nth))
            }
        }
    }
}
