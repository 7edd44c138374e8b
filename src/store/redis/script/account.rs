//! Accounts as the servers know them: by name.

use super::{Arguments, FORMAT};
use crate::model::{KeyHash, UnixMicros};
use crate::store::{Book, Claim, Part};

/// An account, in whatever window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Account {
    pub(crate) book: Book,
    pub(crate) key: KeyHash,
    /// The key in whose slot of a cluster it lies: its own, but for the parts of an account that many share, which lie where
    /// that account does.
    pub(crate) home: KeyHash,
}

impl Account {
    /// The account of one of a request's claims.
    pub(crate) fn at(claims: &[Claim], at: usize) -> Self {
        let Claim { book, key, part, .. } = claims[at];
        let whole = match part {
            Part::Whole => None,
            Part::Clients => at.checked_sub(1),
            Part::Share => at.checked_sub(2),
        };
        Self { book, key, home: whole.map_or(key, |whole| claims[whole].key) }
    }

    /// The accounts of a request's claims, in their order.
    pub(crate) fn all(claims: &[Claim]) -> impl Iterator<Item = Self> {
        (0..claims.len()).map(|at| Self::at(claims, at))
    }

    /// Writes the account's name in a window: the format's version, the home's hash as hash tag, the book, the key's
    /// hash where that is another, and the window's start.
    ///
    /// Accounts of one home share the tag, and with it the slot of a cluster.
    pub(super) fn push_name(&self, prefix: &str, window: UnixMicros, arguments: &mut Arguments) {
        let mut name = Vec::with_capacity(prefix.len() + 48);
        name.extend_from_slice(prefix.as_bytes());
        name.extend_from_slice(&[b'0' + FORMAT, b':', b'{']);
        push_text(&mut name, &self.home.0[1..]);
        name.push(b'}');
        // Books are few: two of the salt's three words tell them apart, and save every account 8 bytes.
        push_text(&mut name, &self.book.salt[..2]);
        if self.key != self.home {
            push_text(&mut name, &self.key.0[1..]);
        }
        if is_windowed(window) {
            name.push(b':');
            name.extend_from_slice(itoa::Buffer::new().format(window.secs()).as_bytes());
        }
        arguments.push_key(&name);
    }
}

/// Whether an account has windows: that of a cap on running requests has none.
pub(crate) const fn is_windowed(window: UnixMicros) -> bool {
    window.0 != i64::MIN
}

/// The words' bits in base 64 (RFC 4648, section 5), from the right.
fn push_text(name: &mut Vec<u8>, words: &[u32]) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits = words.iter().fold(0_u128, |bits, word| (bits << 32) | u128::from(*word));
    for place in (0..(32 * words.len()).div_ceil(6)).rev() {
        name.push(DIGITS[(bits >> (6 * place)) as usize & 63]);
    }
}
