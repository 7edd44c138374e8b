//! Who a client is: a user with groups, or whoever was given an API key; and what somebody has to tell of clients.

use std::borrow::Cow;
use std::fmt;

use sha2::{Digest as _, Sha256};

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
    ///
    /// They are in the order given; a client's tier is the one of its highest group, whatever that order.
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
    /// assert_eq!(Identity::from_lines(&[" alice ".into()], &["staff,,".into(), "vips".into()]), Some(alice));
    /// assert_eq!(Identity::from_lines(&["alice".into(), "mallory".into()], &[]), None);
    /// assert_eq!(Identity::from_lines(&["".into()], &["vips".into()]), None);
    /// ```
    pub fn from_lines(users: &[Cow<'_, str>], groups: &[Cow<'_, str>]) -> Option<Self> {
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

/// The headers in which a trusted proxy tells who a client is, such as `X-Auth-Request-User` of oauth2-proxy.
///
/// A proxy that does not itself remove them from what clients send lets everybody be whoever they like.
///
/// # Examples
///
/// ```
/// use timebudget::{ClientPolicy, IdentityHeaders, Site};
///
/// let user = IdentityHeaders { user: "X-Auth-Request-User".into(), groups: Some("X-Auth-Request-Groups".into()) };
/// let mut site = Site::unlimited("shop.example");
/// site.clients = ClientPolicy { identity: Some(user), ..site.clients };
/// let found = site.check(false).iter().map(ToString::to_string).collect::<Vec<_>>();
/// assert!(!found.is_empty(), "no proxy is trusted, so nobody would be believed");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityHeaders {
    /// The header of the user's name.
    pub user: String,
    /// The header of the user's groups, if there is one: names separated by commas, over as many lines as there are.
    pub groups: Option<String>,
}

/// The SHA-256 digest of an API key: all that is kept of it.
///
/// # Examples
///
/// ```
/// use timebudget::KeyDigest;
/// let written = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
/// assert_eq!(KeyDigest::parse(&format!("sha256:{written}")), Some(KeyDigest::from_key("secret")));
/// assert_eq!(KeyDigest::parse("secret"), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// The digest of a key, which need not be text: to put into a site file, or to look a key up by.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::KeyDigest;
    /// assert_eq!(KeyDigest::from_key("secret"), KeyDigest::from_key(b"secret"));
    /// ```
    pub fn from_key(key: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(key.as_ref()).into())
    }

    /// The digest that a text is: `sha256:` and 64 hexadecimal digits, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("sha256:")?.as_bytes();
        let mut digest = [0; 32];
        if digits.len() != 2 * digest.len() {
            return None;
        }
        for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Some(Self(digest))
    }
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

impl fmt::Debug for KeyDigest {
    /// Does not show the digest: a short key could be found by trying.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(..)")
    }
}

/// What is known of the client that sends an API key.
///
/// # Examples
///
/// ```
/// use timebudget::{ApiKey, KeyDigest, Tier, Tiers};
///
/// let mut tiers = Tiers::new([Tier::new("gold")], []);
/// let acme = ApiKey { name: "Acme".into(), tier: Some("gold".into()), user: None };
/// tiers.api_keys.insert(KeyDigest::from_key("secret"), acme);
/// assert_eq!(tiers.api_keys[&KeyDigest::from_key("secret")].name, "Acme");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// What accounts that are keyed by `api_key` know it by.
    ///
    /// Two keys of one name draw on one account, so that a client can exchange its key without a refund.
    pub name: String,
    /// The tier of whoever sends it.
    pub tier: Option<String>,
    /// The user who sends it.
    pub user: Option<String>,
}

/// What somebody has to tell of clients before a rule can be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Who they are.
    User,
    /// Which groups they are in.
    Groups,
    /// Which API keys there are.
    ApiKeys,
    /// Which tiers there are, and who they are.
    Tier,
    /// Where they are.
    Country,
    /// In which region they are.
    Region,
}
