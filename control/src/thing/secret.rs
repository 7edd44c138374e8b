//! What is shown once and kept as a digest: tokens of members and API keys; and ids.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// A token or a key, in the only moment in which it is known.
pub struct Secret(String);

impl Secret {
    /// A member's token, `tbm_…`.
    pub fn token() -> Self {
        Self(random("tbm_", 32))
    }

    /// An API key, `tbk_…`.
    pub fn key() -> Self {
        Self(random("tbk_", 32))
    }

    /// What a cookie holds.
    pub fn session() -> Self {
        Self(random("tbs_", 32))
    }

    /// Whether a text has the form of a token that was made here, and at least its length: nobody finds one by trying.
    pub(crate) fn is_token(text: &str) -> bool {
        let random = text.strip_prefix("tbm_").and_then(|random| URL_SAFE_NO_PAD.decode(random).ok());
        random.is_some_and(|random| random.len() >= 32)
    }

    /// The text, to be shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// All that is kept of it: `sha256:` and 64 hexadecimal digits.
    pub fn digest(&self) -> String {
        digest_of(&self.0)
    }

    /// The first eight letters, by which people tell keys apart.
    pub fn prefix(&self) -> &str {
        &self.0[..8]
    }

    /// The last four.
    pub fn last_four(&self) -> &str {
        &self.0[self.0.len() - 4..]
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The digest of a secret, as it is kept: `sha256:` and 64 hexadecimal digits.
///
/// Secrets are 256 random bits, so nobody finds one by trying, and a plain digest is enough.
pub fn digest_of(secret: &str) -> String {
    format!("sha256:{}", hex(&Sha256::digest(secret.as_bytes())))
}

/// Hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A new id behind a prefix.
pub(crate) fn id(prefix: &str) -> String {
    random(prefix, 9)
}

fn random(prefix: &str, bytes: usize) -> String {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).expect("the operating system has random bytes to give");
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random))
}
