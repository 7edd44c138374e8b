//! The bytes of a snapshot, and how they are written: pure, no files.
//!
//! ```text
//! snapshot = magic (16 bytes)  version (u32)  secret (16 bytes)  section*  checksum (u64)
//! section  = shard (u32)  period kind (u8)  period count (u32)  window start, end (i64, µs since 1970)
//!            name length (u32)  zone name  number of accounts (u32)  account*
//! account  = hash (3 × u32)  spent (u64)
//! ```
//!
//! All numbers are little-endian. The checksum is SipHash-1-3 of every byte before it, which also covers the length:
//! a file that was cut, or went on, has another.

use std::hash::Hasher as _;
use std::io::{self, Write};
use std::num::NonZeroU32;

use siphasher::sip::SipHasher13;

use super::section::{Account, Section};
use crate::model::units::UnixMicros;
use crate::model::window::Period;
use crate::store::memory::SHARDS;

/// Its last two bytes are changed by whoever takes the file for text.
pub(super) const MAGIC: [u8; 16] = *b"timebudget acc\r\n";

/// To be raised whenever a shard, an account's hash or a byte of the format means something else.
pub(super) const VERSION: u32 = 1;
const _: () = assert!(SHARDS == 1024, "accounts in other shards are another version");

/// An account's bytes.
const ACCOUNT: usize = 20;

/// Writes a snapshot, section by section, so that it is never in memory as a whole.
pub(super) struct Encoder<W> {
    out: W,
    checksum: SipHasher13,
}

impl<W: Write> Encoder<W> {
    /// Begins a snapshot.
    pub(super) fn begin(out: W, secret: &[u8; 16]) -> io::Result<Self> {
        let mut encoder = Self { out, checksum: SipHasher13::new() };
        encoder.put(&MAGIC)?;
        encoder.put(&VERSION.to_le_bytes())?;
        encoder.put(secret)?;
        Ok(encoder)
    }

    /// Appends a section.
    pub(super) fn section(&mut self, section: &Section) -> io::Result<()> {
        self.put(&section_bytes(section))
    }

    /// Ends the snapshot; without it, what has been written is damaged.
    pub(super) fn end(mut self) -> io::Result<()> {
        self.out.write_all(&self.checksum.finish().to_le_bytes())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.checksum.write(bytes);
        self.out.write_all(bytes)
    }
}

fn section_bytes(section: &Section) -> Vec<u8> {
    let Section { shard, zone, period, window, accounts } = section;
    let (kind, count) = period_parts(*period);
    let mut bytes = Vec::with_capacity(64 + zone.len() + accounts.len() * ACCOUNT);
    bytes.extend((*shard as u32).to_le_bytes());
    bytes.push(kind);
    bytes.extend(count.get().to_le_bytes());
    bytes.extend([window.start, window.end].map(|UnixMicros(at)| at.to_le_bytes()).concat());
    // Neither a name nor a shard's accounts come near 2^32; what did would be found damaged when read.
    bytes.extend((zone.len() as u32).to_le_bytes());
    bytes.extend(zone.as_bytes());
    bytes.extend((accounts.len() as u32).to_le_bytes());
    for Account { hash, spent } in accounts {
        hash.iter().for_each(|word| bytes.extend(word.to_le_bytes()));
        bytes.extend(spent.to_le_bytes());
    }
    bytes
}

fn period_parts(period: Period) -> (u8, NonZeroU32) {
    match period {
        Period::Seconds(count) => (0, count),
        Period::Weeks(count) => (1, count),
        Period::Months(count) => (2, count),
        Period::Years(count) => (3, count),
    }
}
