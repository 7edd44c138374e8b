//! How the bytes of a snapshot are read, and why some are not trusted.

use std::fmt;
use std::hash::Hasher as _;
use std::num::NonZeroU32;

use siphasher::sip::SipHasher13;

use super::encoder::{LEARNED, MAGIC, SECTION, VERSION};
use super::section::{Account, Section};
use crate::model::{Expectation, Learned, Period, UnixMicros, Window};
use crate::store::memory::SHARDS;

/// What a snapshot says.
pub(super) struct Contents {
    /// What keys were hashed with.
    pub(super) secret: [u8; 16],
    pub(super) sections: Vec<Section>,
    pub(super) learned: Vec<Learned>,
}

/// Why a snapshot is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It does not begin as one.
    Foreign,
    /// It is of a version that this program does not read.
    Version(u32),
    /// Its bytes are not those that were written.
    Damaged,
    /// Every window in it has ended.
    Old,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("not a snapshot of accounts"),
            Self::Version(found) => {
                write!(f, "a snapshot of version {found}; expected version {OLDEST} or {VERSION}")
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
pub(super) fn decode(bytes: &[u8]) -> Result<Contents, Unfit> {
    let mut rest = Bytes(bytes);
    if rest.take() != Some(MAGIC) {
        return Err(Unfit::Foreign);
    }
    match rest.word().ok_or(Unfit::Damaged)? {
        version @ OLDEST..=VERSION => contents(bytes, version).ok_or(Unfit::Damaged),
        other => Err(Unfit::Version(other)),
    }
}

/// The oldest version that is read.
const OLDEST: u32 = 1;

fn contents(bytes: &[u8], version: u32) -> Option<Contents> {
    let (summed, checksum) = bytes.split_last_chunk()?;
    let mut sum = SipHasher13::new();
    sum.write(summed);
    if sum.finish() != u64::from_le_bytes(*checksum) {
        return None;
    }
    let mut rest = Bytes(summed.get(MAGIC.len() + size_of_val(&VERSION)..)?);
    let mut contents = Contents { secret: rest.take()?, sections: Vec::new(), learned: Vec::new() };
    while !rest.0.is_empty() {
        match if version == OLDEST { [SECTION] } else { rest.take()? } {
            [SECTION] => contents.sections.push(rest.section()?),
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

    fn section(&mut self) -> Option<Section> {
        let shard = usize::try_from(self.word()?).ok().filter(|shard| *shard < SHARDS)?;
        let [kind] = self.take()?;
        let period = period_of(kind, self.word()?)?;
        let window = Window { start: self.instant()?, end: self.instant()? };
        let zone = self.text()?;
        let accounts = (0..self.word()?).map(|_| self.account()).collect::<Option<_>>()?;
        Some(Section { shard, zone, period, window, accounts })
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

    fn account(&mut self) -> Option<Account> {
        let hash = [self.word()?, self.word()?, self.word()?];
        Some(Account { hash, spent: u64::from_le_bytes(self.take()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::encoder::{Encoder, section_bytes};
    use super::*;

    use crate::model::Micros;

    const SECRET: [u8; 16] = *b"sixteen secrets!";

    fn sections() -> Vec<Section> {
        let window = Window { start: UnixMicros(-5), end: UnixMicros(i64::MAX) };
        let accounts = vec![Account { hash: [1, 2, 3], spent: 7 }, Account { hash: [4, 5, 6], spent: 8 }];
        let section = |shard, zone: &str, period| Section {
            shard,
            zone: zone.to_owned(),
            period,
            window,
            accounts: accounts.clone(),
        };
        let counts = [Period::DAY, Period::WEEK, Period::MONTH, Period::YEAR];
        (0..).zip(counts).map(|(shard, period)| section(shard, "Asia/Kathmandu", period)).collect()
    }

    fn learned() -> Vec<Learned> {
        let after = |costs: &[u64]| {
            let mut expectation = Expectation::UNKNOWN;
            costs.iter().for_each(|cost| expectation.record(Micros(*cost)));
            expectation
        };
        let of = |rule: &str, routes| Learned {
            site: "a.example".into(),
            rule: rule.into(),
            overall: after(&[5, 700]),
            routes,
        };
        vec![of("one", vec![]), of("other", vec![(7, after(&[1])), (u32::MAX, after(&[u64::MAX; 90]))])]
    }

    fn encoded(sections: &[Section]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::begin(&mut bytes, &SECRET).unwrap();
        learned().iter().for_each(|learned| encoder.learned(learned).unwrap());
        sections.iter().for_each(|section| encoder.section(section).unwrap());
        encoder.end().unwrap();
        bytes
    }

    fn unfit(bytes: &[u8]) -> Option<Unfit> {
        decode(bytes).err()
    }

    #[test]
    fn what_was_written_is_read() {
        for sections in [Vec::new(), sections()] {
            let contents = decode(&encoded(&sections)).ok().unwrap();
            assert_eq!((contents.secret, contents.sections, contents.learned), (SECRET, sections, learned()));
        }
    }

    #[test]
    fn any_changed_bit_is_noticed() {
        let bytes = encoded(&sections());
        for (at, bit) in (0..bytes.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            assert!(unfit(&changed).is_some(), "bit {bit} of byte {at}");
        }
    }

    #[test]
    fn any_cut_and_any_appendix_is_noticed() {
        let bytes = encoded(&sections());
        for len in 0..bytes.len() {
            assert!(unfit(&bytes[..len]).is_some(), "{len} bytes");
        }
        assert_eq!(unfit(&[bytes.as_slice(), b"\0"].concat()), Some(Unfit::Damaged));
        assert_eq!(unfit(&[bytes.as_slice(), &bytes].concat()), Some(Unfit::Damaged));
    }

    /// A process that is upgraded finds what the older one has left.
    #[test]
    fn version_1_is_read() {
        let written = sections();
        let sections: Vec<_> =
            written.iter().flat_map(|section| section_bytes(section).split_off(1)).collect();
        let summed = [MAGIC.as_slice(), &1_u32.to_le_bytes(), &SECRET, &sections].concat();
        let mut sum = SipHasher13::new();
        sum.write(&summed);
        let contents = decode(&[summed.as_slice(), &sum.finish().to_le_bytes()].concat()).ok().unwrap();
        assert_eq!((contents.secret, contents.sections, contents.learned), (SECRET, written, Vec::new()));
    }

    #[test]
    fn another_version_is_named() {
        let mut bytes = encoded(&sections());
        bytes[MAGIC.len()] = 3;
        assert_eq!(unfit(&bytes), Some(Unfit::Version(3)));
        assert_eq!(Unfit::Version(3).to_string(), "a snapshot of version 3; expected version 1 or 2");
    }

    #[test]
    fn a_file_of_somebody_else_is_told_from_a_damaged_snapshot() {
        for bytes in [b"".as_slice(), b"{}", &[0; 500]] {
            assert_eq!(unfit(bytes), Some(Unfit::Foreign));
        }
    }

    #[test]
    fn nonsense_with_a_checksum_that_holds_is_damaged() {
        let wrong: [fn(&mut Section); 2] = [|section| section.shard = SHARDS, |section| section.zone.clear()];
        for (spoil, expected) in wrong.into_iter().zip([Some(Unfit::Damaged), None]) {
            let mut sections = sections();
            spoil(&mut sections[0]);
            assert_eq!(unfit(&encoded(&sections)), expected);
        }
    }
}
