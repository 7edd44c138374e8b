//! How the bytes of a snapshot are read, and why some are not trusted.

use std::fmt;
use std::hash::Hasher as _;
use std::num::NonZeroU32;

use siphasher::sip::SipHasher13;

use super::encoder::{LEARNED, MAGIC, SECTION, VERSION};
use super::section::{Account, NOBODYS, Section};
use crate::model::{Expectation, Learned, Period, UnixMicros, Window};
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
            [SECTION] => contents.sections.push(rest.section(version)?),
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

    fn section(&mut self, version: u32) -> Option<Section> {
        let shard = usize::try_from(self.word()?).ok().filter(|shard| *shard < SHARDS)?;
        let [kind] = self.take()?;
        let period = period_of(kind, self.word()?)?;
        let window = Window { start: self.instant()?, end: self.instant()? };
        let zone = self.text()?;
        let accounts = (0..self.word()?).map(|_| self.account(version)).collect::<Option<_>>()?;
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

    fn account(&mut self, version: u32) -> Option<Account> {
        let hash = [self.word()?, self.word()?, self.word()?];
        // What is no mark would be taken for a slot.
        let mark = if version < MARKED {
            NOBODYS
        } else {
            self.word().filter(|mark| (NOBODYS..VACANT).contains(mark))?
        };
        Some(Account { hash, mark, spent: i64::from_le_bytes(self.take()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::encoder::{Encoder, section_bytes};
    use super::*;

    use crate::model::Micros;

    const SECRET: [u8; 16] = *b"sixteen secrets!";

    fn account(hash: [u32; 3], spent: i64) -> Account {
        Account { hash, mark: NOBODYS + hash[0], spent }
    }

    fn sections() -> Vec<Section> {
        let window = Window { start: UnixMicros(-5), end: UnixMicros(i64::MAX) };
        let accounts = vec![account([1, 2, 3], 7), account([4, 5, 6], -8)];
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

    fn unfit(bytes: &[u8]) -> Option<Unreadable> {
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
        assert_eq!(unfit(&[bytes.as_slice(), b"\0"].concat()), Some(Unreadable::Damaged));
        assert_eq!(unfit(&[bytes.as_slice(), &bytes].concat()), Some(Unreadable::Damaged));
    }

    /// The bytes of a section as they were before accounts had marks.
    fn unmarked_bytes(section: &Section) -> Vec<u8> {
        let mut bytes = section_bytes(&Section { accounts: Vec::new(), ..section.clone() });
        bytes.truncate(bytes.len() - size_of::<u32>());
        bytes.extend((section.accounts.len() as u32).to_le_bytes());
        for Account { hash, spent, .. } in &section.accounts {
            hash.iter().for_each(|word| bytes.extend(word.to_le_bytes()));
            bytes.extend(spent.to_le_bytes());
        }
        bytes
    }

    /// A process that is upgraded finds what the older one has left.
    #[test]
    fn versions_1_and_2_are_read() {
        let mut expected = sections();
        let accounts = expected.iter_mut().flat_map(|section| &mut section.accounts);
        accounts.for_each(|account| account.mark = NOBODYS);
        for (version, left_out) in [(1_u32, 1), (2, 0)] {
            let sections: Vec<_> =
                expected.iter().flat_map(|section| unmarked_bytes(section).split_off(left_out)).collect();
            let summed = [MAGIC.as_slice(), &version.to_le_bytes(), &SECRET, &sections].concat();
            let mut sum = SipHasher13::new();
            sum.write(&summed);
            let contents = decode(&[summed.as_slice(), &sum.finish().to_le_bytes()].concat()).ok().unwrap();
            assert_eq!((contents.secret, contents.sections), (SECRET, expected.clone()), "version {version}");
        }
    }

    #[test]
    fn another_version_is_named() {
        let mut bytes = encoded(&sections());
        bytes[MAGIC.len()] = 4;
        assert_eq!(unfit(&bytes), Some(Unreadable::Version(4)));
        assert_eq!(Unreadable::Version(4).to_string(), "a snapshot of version 4; expected version 1 to 3");
    }

    #[test]
    fn a_file_of_somebody_else_is_told_from_a_damaged_snapshot() {
        for bytes in [b"".as_slice(), b"{}", &[0; 500]] {
            assert_eq!(unfit(bytes), Some(Unreadable::Foreign));
        }
    }

    #[test]
    fn nonsense_with_a_checksum_that_holds_is_damaged() {
        let wrong: [fn(&mut Section); 2] = [|section| section.shard = SHARDS, |section| section.zone.clear()];
        for (spoil, expected) in wrong.into_iter().zip([Some(Unreadable::Damaged), None]) {
            let mut sections = sections();
            spoil(&mut sections[0]);
            assert_eq!(unfit(&encoded(&sections)), expected);
        }
    }
}
