//! The bytes of a snapshot, and how they are written: pure, no files.
//!
//! ```text
//! snapshot = magic (16 bytes)  version (u32)  secret (16 bytes)  part*  checksum (u64)
//! part     = 1 (u8) section | 2 (u8) learned
//! learned  = length (u32)  site  length (u32)  rule  overall (u64)  number of routes (u32)  (route (u32)  cost (u64))*
//! section  = shard (u32)  period kind (u8)  period count (u32)  window start, end (i64, µs since 1970)
//!            name length (u32)  zone name  number of books (varint)  book*
//! book     = number (varint)  mark (u32), if the number is new  number of accounts (varint)  account*
//! account  = hash (3 × u32)  spent less granted (zigzag varint)
//! ```
//!
//! A section's accounts stand by book. Books are numbered from 0 on in the order in which the snapshot comes upon them, so that a
//! mark is written once. A million accounts that have spent up to 100 s take 16.2 bytes each if they are of a hundred books, and
//! 18.6 of 3,000, whose accounts mostly lie alone; in version 3 they took 24.
//!
//! Versions 1 to 3 are still read. They had the number of all accounts, and then each with 8 bytes of what it had spent; in
//! version 3 its mark stood before these, and before that accounts had none. Version 1 had sections only, without the byte
//! before them.
//!
//! A varint has seven bits in each byte, the lowest first, and the eighth bit in all but the last. All other numbers are
//! little-endian. The checksum is SipHash-1-3 of every byte before it, which also covers the length:
//! a file that was cut, or went on, has another.
//!
//! Reading takes nothing for granted: whatever the bytes are, it ends with contents or with a reason ([`Unreadable`]), and no number in
//! them makes it ask for more memory than the bytes themselves could fill. `tests` holds that with bytes changed at random.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hasher as _;
use std::io::{self, Write};
use std::num::NonZeroU32;

use foldhash::fast::RandomState;
use integer_encoding::VarInt;
use siphasher::sip::SipHasher13;

use crate::model::{AccountHash, Expectation, Learned, Period, UnixMicros, Window};
use crate::store::calendar::Calendar;
use crate::store::memory::SHARDS;
use crate::store::memory::rows::IDLE;
use crate::store::memory::rows::VACANT;

/// The accounts of one calendar in one shard, as they stood in one window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) shard: usize,
    /// The calendar's zone, by name.
    pub(crate) zone: String,
    pub(crate) period: Period,
    pub(crate) window: Window,
    pub(crate) accounts: Vec<Account>,
}

/// What an account has spent, less what it was granted: microseconds or requests, as its book counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) hash: AccountHash,
    /// What its table's entry says of its book; [`NOBODYS`] in a snapshot of a version before marks.
    pub(crate) mark: u32,
    pub(crate) spent: i64,
}

/// The mark of an account of which it is not known which book's it is.
pub(crate) const NOBODYS: u32 = IDLE;

impl Section {
    /// Whether the accounts are those of a calendar, be their window in force or not.
    pub(crate) fn is_of(&self, calendar: &Calendar) -> bool {
        Some(self.period) == calendar.period() && self.zone == calendar.zone().name()
    }
}

/// Its last two bytes are changed by whoever takes the file for text.
pub(crate) const MAGIC: [u8; 16] = *b"timebudget acc\r\n";

/// To be raised whenever a shard, an account's hash or a byte of the format means something else.
pub(crate) const VERSION: u32 = 4;
const _: () = assert!(SHARDS == 1024, "accounts in other shards are another version");

/// What a part begins with.
pub(crate) const SECTION: u8 = 1;
pub(crate) const LEARNED: u8 = 2;

/// The bytes of most accounts, or more.
const ACCOUNT: usize = 18;

/// Writes a snapshot, section by section, so that it is never in memory as a whole.
///
/// [`Encoder::end`] writes the checksum. So whatever keeps it from being reached, a full disk or a panic, leaves bytes that nobody
/// will take for a snapshot.
pub(crate) struct Encoder<W> {
    out: W,
    checksum: SipHasher13,
    books: Numbers,
}

/// The numbers of the marks that have been written.
type Numbers = HashMap<u32, usize, RandomState>;

impl<W: Write> Encoder<W> {
    /// Begins a snapshot.
    pub(crate) fn begin(out: W, secret: &[u8; 16]) -> io::Result<Self> {
        let mut encoder = Self { out, checksum: SipHasher13::new(), books: Numbers::default() };
        encoder.put(&MAGIC)?;
        encoder.put(&VERSION.to_le_bytes())?;
        encoder.put(secret)?;
        Ok(encoder)
    }

    /// Appends a section; its accounts are put in the order of their books.
    pub(crate) fn section(&mut self, mut section: Section) -> io::Result<()> {
        // Those of a book stay in the order of their rows. Keys apart are sorted faster than accounts of 24 bytes.
        section.accounts.sort_by_cached_key(|account| account.mark);
        let bytes = section_bytes(&section, &mut self.books);
        self.put(&bytes)
    }

    /// Appends what was learned of a rule.
    pub(crate) fn learned(&mut self, learned: &Learned) -> io::Result<()> {
        self.put(&learned_bytes(learned))
    }

    /// Ends the snapshot; without it, what has been written is damaged.
    pub(crate) fn end(mut self) -> io::Result<()> {
        self.out.write_all(&self.checksum.finish().to_le_bytes())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.checksum.write(bytes);
        self.out.write_all(bytes)
    }
}

/// A section with the byte before it; its accounts stand by book.
fn section_bytes(section: &Section, known: &mut Numbers) -> Vec<u8> {
    let accounts = &section.accounts;
    let mut bytes = Vec::with_capacity(64 + section.zone.len() + accounts.len() * ACCOUNT);
    head(section, &mut bytes);
    let books = || accounts.chunk_by(|one, next| one.mark == next.mark);
    put(books().count(), &mut bytes);
    books().for_each(|accounts| book(accounts, known, &mut bytes));
    bytes
}

/// What stands in a section before its books; in versions before, the same stood before its accounts.
pub(crate) fn head(section: &Section, bytes: &mut Vec<u8>) {
    let Section { shard, zone, period, window, .. } = section;
    let (kind, count) = period_parts(*period);
    bytes.push(SECTION);
    bytes.extend((*shard as u32).to_le_bytes());
    bytes.push(kind);
    bytes.extend(count.get().to_le_bytes());
    bytes.extend([window.start, window.end].map(|UnixMicros(at)| at.to_le_bytes()).concat());
    text(zone, bytes);
}

/// The accounts of one book; its mark is written where its number comes first.
fn book(accounts: &[Account], known: &mut Numbers, bytes: &mut Vec<u8>) {
    let Some(Account { mark, .. }) = accounts.first() else { return };
    let next = known.len();
    let number = *known.entry(*mark).or_insert(next);
    put(number, bytes);
    if number == next {
        bytes.extend(mark.to_le_bytes());
    }
    put(accounts.len(), bytes);
    for Account { hash, spent, .. } in accounts {
        bytes.extend(hash.map(u32::to_le_bytes).as_flattened());
        put(*spent, bytes);
    }
}

fn learned_bytes(learned: &Learned) -> Vec<u8> {
    let Learned { site, rule, overall, routes } = learned;
    let mut bytes = vec![LEARNED];
    text(site, &mut bytes);
    text(rule, &mut bytes);
    bytes.extend(overall.to_bits().to_le_bytes());
    bytes.extend((routes.len() as u32).to_le_bytes());
    for (route, cost) in routes {
        bytes.extend(route.to_le_bytes());
        bytes.extend(cost.to_bits().to_le_bytes());
    }
    bytes
}

/// No name, number of accounts or of routes comes near 2^32; what did would be found damaged when read.
fn text(text: &str, bytes: &mut Vec<u8>) {
    bytes.extend((text.len() as u32).to_le_bytes());
    bytes.extend(text.as_bytes());
}

fn period_parts(period: Period) -> (u8, NonZeroU32) {
    match period {
        Period::Seconds(count) => (0, count),
        Period::Weeks(count) => (1, count),
        Period::Months(count) => (2, count),
        Period::Years(count) => (3, count),
    }
}

/// What a snapshot says.
///
/// All of it is from one process, which had one secret: an account's hash means nothing under another one.
pub(crate) struct Contents {
    /// What keys were hashed with.
    pub(crate) secret: [u8; 16],
    pub(crate) sections: Vec<Section>,
    pub(crate) learned: Vec<Learned>,
}

/// Why a snapshot is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It does not begin as one.
    Foreign,
    /// It is of a version that this program does not read.
    Version(u32),
    /// Its bytes are not those that were written.
    Damaged,
    /// Every window in it has ended.
    Old,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("not a snapshot of accounts"),
            Self::Version(found) => {
                write!(f, "a snapshot of version {found}; expected version {OLDEST} to {VERSION}")
            }
            Self::Damaged => f.write_str("a damaged snapshot: it is not as it was written"),
            Self::Old => f.write_str("an old snapshot: every window in it has ended"),
        }
    }
}

/// Reads a snapshot whose checksum holds.
///
/// # Errors
///
/// Why it is not trusted.
pub(crate) fn decode(bytes: &[u8]) -> Result<Contents, Unreadable> {
    let mut rest = Bytes(bytes);
    if rest.take() != Some(MAGIC) {
        return Err(Unreadable::Foreign);
    }
    match rest.word().ok_or(Unreadable::Damaged)? {
        version @ OLDEST..=VERSION => contents(bytes, version).ok_or(Unreadable::Damaged),
        other => Err(Unreadable::Version(other)),
    }
}

/// The oldest version that is read.
const OLDEST: u32 = 1;
/// The oldest version in which accounts are marked.
const MARKED: u32 = 3;
/// The oldest version in which they stand by book.
const BY_BOOK: u32 = 4;
/// An account takes as many bytes or more: so much room is made for accounts at most, however many are announced.
const LEAST: usize = 13;

fn contents(bytes: &[u8], version: u32) -> Option<Contents> {
    let (summed, checksum) = bytes.split_last_chunk()?;
    let mut sum = SipHasher13::new();
    sum.write(summed);
    if sum.finish() != u64::from_le_bytes(*checksum) {
        return None;
    }
    let mut rest = Bytes(summed.get(MAGIC.len() + size_of_val(&VERSION)..)?);
    let mut contents = Contents { secret: rest.take()?, sections: Vec::new(), learned: Vec::new() };
    let mut marks = Vec::new();
    while !rest.0.is_empty() {
        match if version == OLDEST { [SECTION] } else { rest.take()? } {
            [SECTION] => contents.sections.push(rest.section(version, &mut marks)?),
            [LEARNED] => contents.learned.push(rest.learned()?),
            _ => return None,
        }
    }
    Some(contents)
}

fn period_of(kind: u8, count: u32) -> Option<Period> {
    let of = [Period::Seconds, Period::Weeks, Period::Months, Period::Years].get(usize::from(kind))?;
    NonZeroU32::new(count).map(of)
}

/// What has not been read yet.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn word(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn instant(&mut self) -> Option<UnixMicros> {
        self.take().map(i64::from_le_bytes).map(UnixMicros)
    }

    /// `marks` are those of the books that have been met, by number.
    fn section(&mut self, version: u32, marks: &mut Vec<u32>) -> Option<Section> {
        let shard = usize::try_from(self.word()?).ok().filter(|shard| *shard < SHARDS)?;
        let [kind] = self.take()?;
        let period = period_of(kind, self.word()?)?;
        let window = Window { start: self.instant()?, end: self.instant()? };
        let zone = self.text()?;
        let accounts = if version < BY_BOOK { self.mixed(version)? } else { self.books(marks)? };
        Some(Section { shard, zone, period, window, accounts })
    }

    fn books(&mut self, marks: &mut Vec<u32>) -> Option<Vec<Account>> {
        let mut accounts = Vec::new();
        for _ in 0..take::<u64>(&mut self.0)? {
            self.book(marks, &mut accounts)?;
        }
        Some(accounts)
    }

    fn book(&mut self, marks: &mut Vec<u32>, accounts: &mut Vec<Account>) -> Option<()> {
        let number: usize = take(&mut self.0)?;
        if number == marks.len() {
            marks.push(self.mark()?);
        }
        let (mark, count): (_, usize) = (*marks.get(number)?, take(&mut self.0)?);
        accounts.reserve(count.min(self.0.len() / LEAST));
        for _ in 0..count {
            accounts.push(Account { hash: self.hash()?, mark, spent: take(&mut self.0)? });
        }
        Some(())
    }

    /// The accounts of a version in which they did not stand by book.
    fn mixed(&mut self, version: u32) -> Option<Vec<Account>> {
        (0..self.word()?).map(|_| self.account(version)).collect()
    }

    fn learned(&mut self) -> Option<Learned> {
        let (site, rule, overall) = (self.text()?, self.text()?, self.cost()?);
        let routes = (0..self.word()?).map(|_| Some((self.word()?, self.cost()?))).collect::<Option<_>>()?;
        Some(Learned { site, rule, overall, routes })
    }

    fn cost(&mut self) -> Option<Expectation> {
        self.take().map(u64::from_le_bytes).and_then(Expectation::read_bits)
    }

    fn text(&mut self) -> Option<String> {
        let len = usize::try_from(self.word()?).ok()?;
        let (text, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    fn account(&mut self, version: u32) -> Option<Account> {
        let hash = self.hash()?;
        let mark = if version < MARKED { NOBODYS } else { self.mark()? };
        Some(Account { hash, mark, spent: i64::from_le_bytes(self.take()?) })
    }

    fn hash(&mut self) -> Option<AccountHash> {
        Some([self.word()?, self.word()?, self.word()?])
    }

    /// What is no mark would be taken for a slot.
    fn mark(&mut self) -> Option<u32> {
        self.word().filter(|mark| (NOBODYS..VACANT).contains(mark))
    }
}

/// No number of 64 bits takes more bytes.
const LONGEST: usize = 10;

/// Appends a number.
#[inline]
pub(crate) fn put(number: impl VarInt, bytes: &mut Vec<u8>) {
    let mut buffer = [0; LONGEST];
    let len = number.encode_var(&mut buffer);
    bytes.extend_from_slice(&buffer[..len]);
}

/// Takes a number off the front of what has not been read yet; of bytes that begin with none, nothing.
#[inline]
pub(crate) fn take<T: VarInt>(rest: &mut &[u8]) -> Option<T> {
    let (number, len) = T::decode_var(rest)?;
    *rest = rest.get(len..)?;
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(number: i64) -> Vec<u8> {
        let mut bytes = Vec::new();
        put(number, &mut bytes);
        bytes
    }

    #[test]
    fn what_was_put_is_taken_with_no_byte_more() {
        let powers = (0..63).map(|power| 1 << power);
        let around = powers.flat_map(|power: i64| [power - 1, power, -power, -power - 1]);
        for number in around.chain([i64::MAX, i64::MIN]) {
            let bytes = [bytes_of(number), vec![0xff]].concat();
            let mut rest = bytes.as_slice();
            assert_eq!((take(&mut rest), rest), (Some(number), [0xff].as_slice()), "{number}");
        }
    }

    /// Its sign takes a bit.
    #[test]
    fn a_number_takes_a_byte_for_each_seven_bits() {
        for (number, len) in [(0, 1), (63, 1), (-64, 1), (64, 2), (1_000_000, 3), (3_600_000_000, 5)] {
            assert_eq!(bytes_of(number).len(), len, "{number}");
        }
        assert_eq!(bytes_of(i64::MIN).len(), LONGEST);
    }

    #[test]
    fn a_number_that_is_cut_and_one_that_is_too_large_are_none() {
        for len in 0..LONGEST {
            assert_eq!(take::<i64>(&mut &bytes_of(i64::MIN)[..len]), None, "{len} bytes");
        }
        let beyond_64_bits = [[0xff; LONGEST - 1].as_slice(), &[2]].concat();
        assert_eq!(take::<u64>(&mut beyond_64_bits.as_slice()), None);
        assert_eq!(take::<u64>(&mut [0xff; 64].as_slice()), None);
    }
}
