//! Identities: who a client is, as somebody who knows tells it.

use std::borrow::Cow;
use std::fmt;

/// Who a client is: a user and the groups that the user is in.
///
/// Names are compared to the letter. An empty user is nobody, whatever the groups.
///
/// # Examples
///
/// ```
/// use timebudget::Identity;
/// let alice = Identity::new("alice").in_groups(["staff", "vips"]);
/// assert_eq!(alice.user, "alice");
/// assert_eq!(alice.groups, ["staff", "vips"]);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The user's name.
    pub user: String,
    /// The names of the user's groups.
    pub groups: Vec<String>,
}

impl Identity {
    /// A user who is in no group.
    pub fn new(user: impl Into<String>) -> Self {
        Self { user: user.into(), groups: Vec::new() }
    }

    /// The same user, in these groups.
    #[must_use]
    pub fn in_groups<G: Into<String>>(mut self, groups: impl IntoIterator<Item = G>) -> Self {
        self.groups = groups.into_iter().map(Into::into).collect();
        self
    }

    /// Who a client is by the lines of two headers; `None` if they name no user.
    ///
    /// Lines that name different users name none: only one of them can be the proxy's own. Groups are separated by
    /// commas, over as many lines as there are.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::Identity;
    /// let alice = Identity::new("alice").in_groups(["staff", "vips"]);
    /// assert_eq!(Identity::of_lines(&[" alice ".into()], &["staff,,".into(), "vips".into()]), Some(alice));
    /// assert_eq!(Identity::of_lines(&["alice".into(), "mallory".into()], &[]), None);
    /// assert_eq!(Identity::of_lines(&["".into()], &["vips".into()]), None);
    /// ```
    pub fn of_lines(users: &[Cow<'_, str>], groups: &[Cow<'_, str>]) -> Option<Self> {
        let [user, others @ ..] = users else { return None };
        let user = user.trim();
        if user.is_empty() || others.iter().any(|other| other.trim() != user) {
            return None;
        }
        let groups = groups.iter().flat_map(|line| line.split(',')).map(str::trim);
        Some(Self::new(user).in_groups(groups.filter(|group| !group.is_empty())))
    }
}

impl fmt::Debug for Identity {
    /// Does not show who it is: what is logged outlives the reason to know it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(..)")
    }
}

/// The headers in which a trusted proxy tells who a client is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityHeaders {
    /// The header of the user's name.
    pub user: String,
    /// The header of the user's groups, if there is one.
    pub groups: Option<String>,
}
