//! Accounts as the servers know them: by name.

use super::{Arguments, FORMAT};
use crate::model::{KeyHash, UnixMicros};
use crate::store::memory::{account, of_last_words};
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
    /// One of the accounts that a claim is about.
    pub(crate) fn of(claim: &Claim, part: Part) -> Self {
        let (book, key) = account(claim, part);
        let (_, home) = account(claim, Part::Whole);
        Self { book, key, home }
    }

    /// All accounts that a request's claims are about, in their order.
    pub(crate) fn all(claims: &[Claim]) -> impl Iterator<Item = Self> {
        claims.iter().flat_map(Self::of_claim)
    }

    /// All accounts that a claim is about.
    pub(crate) fn of_claim(claim: &Claim) -> impl Iterator<Item = Self> {
        claim.ask.parts().iter().map(|part| Self::of(claim, *part))
    }

    /// Writes the account's name in a window: the format's version, the home's hash as hash tag, the book, the key's
    /// hash where that is another, and the window's start.
    ///
    /// Accounts of one home share the tag, and with it the slot of a cluster.
    pub(crate) fn push_name(&self, prefix: &str, window: UnixMicros, arguments: &mut Arguments) {
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

/// A key as it follows from an account's name, which tells the last three of its words: the first one only chooses where
/// this process keeps it.
pub(crate) fn canonical(key: KeyHash) -> KeyHash {
    let KeyHash([_, words @ ..]) = key;
    of_last_words(words)
}

/// Whether an account has windows: that of a cap on running requests has none.
pub(crate) const fn is_windowed(window: UnixMicros) -> bool {
    window.0 != i64::MIN
}

/// The digits of base 64 (RFC 4648, section 5).
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// How many digits so many words have.
pub(crate) const fn digits(words: usize) -> usize {
    (32 * words).div_ceil(6)
}

/// The words that a text of base 64 stands for, if it does.
pub(crate) fn read_text<const WORDS: usize>(text: &[u8]) -> Option<[u32; WORDS]> {
    let digit = |digit: &u8| DIGITS.iter().position(|known| known == digit);
    let bits = text.iter().try_fold(0_u128, |bits, next| Some((bits << 6) | digit(next)? as u128))?;
    let word = |at: usize| (bits >> (32 * (WORDS - 1 - at))) as u32;
    (text.len() == digits(WORDS)).then(|| std::array::from_fn(word))
}

/// The words' bits in base 64, from the right.
fn push_text(name: &mut Vec<u8>, words: &[u32]) {
    let bits = words.iter().fold(0_u128, |bits, word| (bits << 32) | u128::from(*word));
    for place in (0..digits(words.len())).rev() {
        name.push(DIGITS[(bits >> (6 * place)) as usize & 63]);
    }
}
