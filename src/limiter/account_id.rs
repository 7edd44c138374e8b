//! The id of an account: its address in text.
//!
//! It stays the same over restarts with a snapshot and, with Redis, for all processes. It has no client's name in it, for keys are
//! hashed: whoever knows the client asks by its key, and whoever has only a list goes on from an id.

use std::fmt;
use std::str::FromStr;

use crate::model::KeyHash;

/// What a store knows a client's accounts by: a keyed hash. All rules with the same key know a client by the same one.
///
/// It is written as 32 hexadecimal digits, and means something only where keys are hashed with the same secret: in one
/// process, in those that share a Redis, or after a restart with a snapshot.
///
/// # Examples
///
/// ```
/// use timebudget::AccountId;
/// let id: AccountId = "000102030405060708090a0b0c0d0e0f".parse()?;
/// assert_eq!(id.to_string(), "000102030405060708090a0b0c0d0e0f");
/// assert!("ann".parse::<AccountId>().is_err());
/// # Ok::<(), timebudget::NoAccountId>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AccountId(pub(crate) KeyHash);

impl AccountId {
    /// The words that tell accounts apart: the first one says only where a store looks for it.
    pub(crate) const fn words(self) -> [u32; 3] {
        let KeyHash([_, a, b, c]) = self.0;
        [a, b, c]
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.0.iter().try_for_each(|word| write!(f, "{word:08x}"))
    }
}

/// The text is no [`AccountId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAccountId;

impl FromStr for AccountId {
    type Err = NoAccountId;

    fn from_str(text: &str) -> Result<Self, NoAccountId> {
        let is_hexadecimal = text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        let bits = u128::from_str_radix(text, 16).ok().filter(|_| is_hexadecimal).ok_or(NoAccountId)?;
        Ok(Self(KeyHash([96, 64, 32, 0].map(|shift| (bits >> shift) as u32))))
    }
}

impl fmt::Display for NoAccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no id of an account; expected 32 hexadecimal digits")
    }
}

impl std::error::Error for NoAccountId {}
