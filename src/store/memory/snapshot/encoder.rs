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

use std::collections::HashMap;
use std::hash::Hasher as _;
use std::io::{self, Write};
use std::num::NonZeroU32;

use foldhash::fast::RandomState;
use siphasher::sip::SipHasher13;

use super::section::{Account, Section};
use super::varint;
use crate::model::{Learned, Period, UnixMicros};
use crate::store::memory::SHARDS;

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
pub(crate) struct Encoder<W> {
    out: W,
    checksum: SipHasher13,
    books: Books,
}

/// The numbers of the marks that have been written.
type Books = HashMap<u32, usize, RandomState>;

impl<W: Write> Encoder<W> {
    /// Begins a snapshot.
    pub(crate) fn begin(out: W, secret: &[u8; 16]) -> io::Result<Self> {
        let mut encoder = Self { out, checksum: SipHasher13::new(), books: Books::default() };
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
fn section_bytes(section: &Section, known: &mut Books) -> Vec<u8> {
    let accounts = &section.accounts;
    let mut bytes = Vec::with_capacity(64 + section.zone.len() + accounts.len() * ACCOUNT);
    head(section, &mut bytes);
    let books = || accounts.chunk_by(|one, next| one.mark == next.mark);
    varint::put(books().count(), &mut bytes);
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

fn book(accounts: &[Account], known: &mut Books, bytes: &mut Vec<u8>) {
    let Some(Account { mark, .. }) = accounts.first() else { return };
    let next = known.len();
    let number = *known.entry(*mark).or_insert(next);
    varint::put(number, bytes);
    if number == next {
        bytes.extend(mark.to_le_bytes());
    }
    varint::put(accounts.len(), bytes);
    for Account { hash, spent, .. } in accounts {
        bytes.extend(hash.map(u32::to_le_bytes).as_flattened());
        varint::put(*spent, bytes);
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
