//! Names of accounts, read: which of those that a server has are of some books, in the windows in force.

use super::account::{digits, is_windowed, read_text};
use super::{Account, FORMAT};
use crate::model::UnixMicros;
use crate::store::Book;
use crate::store::memory::of_last_words;

/// The books whose accounts are looked for, each with the start of its window.
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
