//! The bytes of a snapshot, and how they are written: pure, no files.
//!
//! ```text
//! snapshot = magic (16 bytes)  version (u32)  secret (16 bytes)  part*  checksum (u64)
//! part     = 1 (u8) section | 2 (u8) learned
//! learned  = length (u32)  site  length (u32)  rule  overall (u64)  number of routes (u32)  (route (u32)  cost (u64))*
//! section  = shard (u32)  period kind (u8)  period count (u32)  window start, end (i64, µs since 1970)
//!            name length (u32)  zone name  number of accounts (u32)  account*
//! account  = hash (3 × u32)  mark (u32)  spent less granted (i64)
//! ```
//!
//! Version 1 had sections only, without the byte before them, and up to version 2 accounts had no mark. Both are still read.
//!
//! All numbers are little-endian. The checksum is SipHash-1-3 of every byte before it, which also covers the length:
//! a file that was cut, or went on, has another.

use std::hash::Hasher as _;
use std::io::{self, Write};
use std::num::NonZeroU32;

use siphasher::sip::SipHasher13;

use super::section::{Account, Section};
use crate::model::{Learned, Period, UnixMicros};
use crate::store::memory::SHARDS;

/// Its last two bytes are changed by whoever takes the file for text.
pub(crate) const MAGIC: [u8; 16] = *b"timebudget acc\r\n";

/// To be raised whenever a shard, an account's hash or a byte of the format means something else.
pub(crate) const VERSION: u32 = 3;
const _: () = assert!(SHARDS == 1024, "accounts in other shards are another version");

/// What a part begins with.
pub(crate) const SECTION: u8 = 1;
pub(crate) const LEARNED: u8 = 2;

/// An account's bytes.
const ACCOUNT: usize = 24;

/// Writes a snapshot, section by section, so that it is never in memory as a whole.
pub(crate) struct Encoder<W> {
    out: W,
    checksum: SipHasher13,
}

impl<W: Write> Encoder<W> {
    /// Begins a snapshot.
    pub(crate) fn begin(out: W, secret: &[u8; 16]) -> io::Result<Self> {
        let mut encoder = Self { out, checksum: SipHasher13::new() };
        encoder.put(&MAGIC)?;
        encoder.put(&VERSION.to_le_bytes())?;
        encoder.put(secret)?;
        Ok(encoder)
    }

    /// Appends a section.
    pub(crate) fn section(&mut self, section: &Section) -> io::Result<()> {
        self.put(&section_bytes(section))
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

/// A section with the byte before it.
pub(crate) fn section_bytes(section: &Section) -> Vec<u8> {
    let Section { shard, zone, period, window, accounts } = section;
    let (kind, count) = period_parts(*period);
    let mut bytes = Vec::with_capacity(64 + zone.len() + accounts.len() * ACCOUNT);
    bytes.push(SECTION);
    bytes.extend((*shard as u32).to_le_bytes());
    bytes.push(kind);
    bytes.extend(count.get().to_le_bytes());
    bytes.extend([window.start, window.end].map(|UnixMicros(at)| at.to_le_bytes()).concat());
    text(zone, &mut bytes);
    bytes.extend((accounts.len() as u32).to_le_bytes());
    for Account { hash, mark, spent } in accounts {
        hash.iter().chain([mark]).for_each(|word| bytes.extend(word.to_le_bytes()));
        bytes.extend(spent.to_le_bytes());
    }
    bytes
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
