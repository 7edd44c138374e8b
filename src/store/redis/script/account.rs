//! Accounts as the servers know them: by names, written and read.
//!
//! A name is the prefix of the store, the version of the format, and in braces the home's hash, by which a cluster chooses the slot;
//! then the book, the key's hash where that is not the home, and the window's start in seconds since 1970. Hashes are in base 64, 16
//! digits for a key. A name has no text of a client in it: who may read the server's keys learns nothing of who was limited.
//!
//! A key has four words of 32 bits, of which names hold the last three: the first one only chooses where a process keeps the account.
//! So keys are made [`canonical`] before they are charged, and an account that is found by its name is its client's.

use crate::model::{KeyHash, UnixMicros};
use crate::store::memory::{account, of_last_words};
use crate::store::redis::script::{Arguments, FORMAT};
use crate::store::{Book, Claim, Part};

/// An account, in whatever window.
///
/// What it is charged, and by whom, is not here: this is who it is, on whichever server and in whichever process.
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
    pub(crate) fn from_claim(claim: &Claim, part: Part) -> Self {
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
        claim.ask.parts().iter().map(|part| Self::from_claim(claim, *part))
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

/// The books whose accounts are looked for, each with the start of its window.
///
/// A server has keys of others, too, and of windows that are over: only names that are whole and of one of these books are accounts.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    prefix: String,
    books: Vec<(Book, UnixMicros)>,
}

impl Names {
    pub(crate) fn new(prefix: &str, books: Vec<(Book, UnixMicros)>) -> Self {
        Self { prefix: format!("{prefix}{FORMAT}:{{"), books }
    }

    /// What all names begin with, for the command that looks for them.
    pub(crate) fn pattern(&self) -> String {
        let mut pattern = String::with_capacity(self.prefix.len() + 1);
        for letter in self.prefix.chars() {
            pattern.extend("*?[]^\\".contains(letter).then_some('\\'));
            pattern.push(letter);
        }
        pattern + "*"
    }

    /// The account of a name, if it is of one of the books.
    pub(crate) fn read(&self, name: &[u8]) -> Option<Account> {
        let name = name.strip_prefix(self.prefix.as_bytes())?;
        let (home, name) = name.split_at_checked(digits(3))?;
        let (salt, name) = name.strip_prefix(b"}")?.split_at_checked(digits(2))?;
        let salt = read_text::<2>(salt)?;
        let (key, start) = match name.iter().position(|byte| *byte == b':') {
            Some(at) => (&name[..at], Some(&name[at + 1..])),
            None => (name, None),
        };
        let home = of_last_words(read_text(home)?);
        let key = if key.is_empty() { home } else { of_last_words(read_text(key)?) };
        let is_in_force = |window: UnixMicros| match start {
            None => !is_windowed(window),
            Some(start) => is_windowed(window) && start == window.secs().to_string().as_bytes(),
        };
        let mut books =
            self.books.iter().filter(|(book, window)| book.salt[..2] == salt && is_in_force(*window));
        books.next().map(|(book, _)| Account { book: *book, key, home })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{KeyHash, Window};
    use crate::store::redis::script::Arguments;

    fn book(salt: u32) -> Book {
        Book { calendar: 0, salt: [salt, !salt, 7] }
    }

    fn name(account: Account, window: UnixMicros) -> Vec<u8> {
        let mut arguments = Arguments::default();
        account.push_name("tb", window, &mut arguments);
        arguments.keys().next().unwrap().to_vec()
    }

    #[test]
    fn a_name_is_read_as_it_was_written() {
        let hour = UnixMicros::from_secs(1_699_999_200);
        let (key, home) = (of_last_words([1 << 31, 5, 6]), of_last_words([u32::MAX, 0, 1]));
        let shared = KeyHash([3, 1 << 30, 3, 0]);
        let names = Names::new("tb", vec![(book(1), hour), (book(2), Window::ALL_TIME.start)]);
        for (key, home) in [(key, key), (key, home), (shared, shared)] {
            let (of_hour, of_cap) =
                (Account { book: book(1), key, home }, Account { book: book(2), key, home });
            assert_eq!(names.read(&name(of_hour, hour)), Some(of_hour));
            assert_eq!(names.read(&name(of_cap, Window::ALL_TIME.start)), Some(of_cap));
            assert_eq!(names.read(&name(of_hour, UnixMicros::from_secs(0))), None, "of another window");
            assert_eq!(
                names.read(&name(Account { book: book(3), ..of_hour }, hour)),
                None,
                "of another book"
            );
        }
    }

    #[test]
    fn a_prefix_means_itself_whatever_is_in_it() {
        assert_eq!(Names::new("a[b]*", Vec::new()).pattern(), r"a\[b\]\*1:{*");
    }

    #[test]
    fn what_others_have_written_under_the_prefix_is_no_account() {
        let names = Names::new("tb", vec![(book(1), UnixMicros(0))]);
        for name in [
            "",
            "tb1:beat",
            "tb1:{",
            "tb1:{AAAAAAAAAAAAAAAA}",
            "tb1:{AAAAAAAAAAAAAAA*}AAAAAAAAAAA:0",
            "tb1:{é}",
        ] {
            assert_eq!(names.read(name.as_bytes()), None, "{name}");
        }
    }
}
