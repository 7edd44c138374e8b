//! API keys: texts that clients send to prove who they are, known by their digests only.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// The SHA-256 digest of an API key: all that is kept of it.
///
/// # Examples
///
/// ```
/// use timebudget::KeyDigest;
/// let written = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
/// assert_eq!(KeyDigest::parse(&format!("sha256:{written}")), Some(KeyDigest::of("secret")));
/// assert_eq!(KeyDigest::parse("secret"), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// The digest of a key, which need not be text.
    pub fn of(key: impl AsRef<[u8]>) -> Self {
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
