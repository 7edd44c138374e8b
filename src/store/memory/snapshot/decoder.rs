//! How the bytes of a snapshot are read, and why some are not trusted.

use std::fmt;
use std::hash::Hasher as _;
use std::num::NonZeroU32;

use siphasher::sip::SipHasher13;

use super::encoder::{LEARNED, MAGIC, SECTION, VERSION};
use super::section::{Account, NOBODYS, Section};
use super::varint;
use crate::model::{AccountHash, Expectation, Learned, Period, UnixMicros, Window};
use crate::store::memory::SHARDS;
use crate::store::memory::rows::VACANT;

/// What a snapshot says.
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
        for _ in 0..varint::take::<u64>(&mut self.0)? {
            self.book(marks, &mut accounts)?;
        }
        Some(accounts)
    }

    fn book(&mut self, marks: &mut Vec<u32>, accounts: &mut Vec<Account>) -> Option<()> {
        let number: usize = varint::take(&mut self.0)?;
        if number == marks.len() {
            marks.push(self.mark()?);
        }
        let (mark, count): (_, usize) = (*marks.get(number)?, varint::take(&mut self.0)?);
        accounts.reserve(count.min(self.0.len() / LEAST));
        for _ in 0..count {
            accounts.push(Account { hash: self.hash()?, mark, spent: varint::take(&mut self.0)? });
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
