//! What the bytes of a snapshot promise: all that was written is read, and nothing else is.

use std::hash::Hasher as _;

use proptest::prelude::*;
use siphasher::sip::SipHasher13;

use super::format::{Contents, Encoder, MAGIC, Unreadable, decode, head, put};
use crate::model::{Expectation, Learned, Micros, Period, UnixMicros, Window};
use crate::store::memory::SHARDS;
use crate::store::memory::rows::VACANT;
use crate::store::memory::snapshot::format::NOBODYS;
use crate::store::memory::snapshot::{Account, Section};

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
    sections.iter().for_each(|section| encoder.section(section.clone()).unwrap());
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

/// The bytes of a section as they were before accounts stood by book.
fn old_bytes(section: &Section, version: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    head(section, &mut bytes);
    bytes.extend((section.accounts.len() as u32).to_le_bytes());
    for Account { hash, mark, spent } in &section.accounts {
        let mark = (version == 3).then_some(mark);
        hash.iter().chain(mark).for_each(|word| bytes.extend(word.to_le_bytes()));
        bytes.extend(spent.to_le_bytes());
    }
    bytes.split_off(usize::from(version == 1))
}

/// A snapshot whose checksum holds, whatever is in it.
fn summed(version: u32, parts: &[u8]) -> Vec<u8> {
    let summed = [MAGIC.as_slice(), &version.to_le_bytes(), &SECRET, parts].concat();
    let mut sum = SipHasher13::new();
    sum.write(&summed);
    [summed.as_slice(), &sum.finish().to_le_bytes()].concat()
}

/// A process that is upgraded finds what the older one has left.
#[test]
fn versions_1_to_3_are_read() {
    for version in 1..=3 {
        let mut expected = sections();
        let parts: Vec<_> = expected.iter().flat_map(|section| old_bytes(section, version)).collect();
        let accounts = expected.iter_mut().flat_map(|section| &mut section.accounts);
        accounts.filter(|_| version < 3).for_each(|account| account.mark = NOBODYS);
        let contents = decode(&summed(version, &parts)).ok().unwrap();
        assert_eq!((contents.secret, contents.sections), (SECRET, expected), "version {version}");
    }
}

#[test]
fn another_version_is_named() {
    let mut bytes = encoded(&sections());
    bytes[MAGIC.len()] = 5;
    assert_eq!(unfit(&bytes), Some(Unreadable::Version(5)));
    assert_eq!(Unreadable::Version(5).to_string(), "a snapshot of version 5; expected version 1 to 4");
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

/// A section of no accounts yet, and then these bytes in place of its books.
fn with_books(books: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    head(&sections()[0], &mut bytes);
    summed(4, &[bytes.as_slice(), books].concat())
}

#[test]
fn as_many_books_and_accounts_as_there_can_be_are_announced_and_no_room_is_made_for_them() {
    let mut announced = Vec::new();
    put(u64::MAX, &mut announced);
    assert_eq!(unfit(&with_books(&announced)), Some(Unreadable::Damaged));
    let mut book = vec![1, 0];
    book.extend(NOBODYS.to_le_bytes());
    book.extend(announced);
    book.extend([0; 500]);
    assert_eq!(unfit(&with_books(&book)), Some(Unreadable::Damaged));
}

#[test]
fn a_book_is_known_by_its_number_only_once_its_mark_was_told() {
    let account = [0; 13];
    let first = |number: u8, mark: u32| [&[number], mark.to_le_bytes().as_slice(), &[1], &account].concat();
    let again = |number: u8| [[number, 1].as_slice(), &account].concat();
    let of = |books: &[Vec<u8>]| with_books(&[vec![books.len() as u8], books.concat()].concat());
    assert_eq!(unfit(&of(&[first(0, NOBODYS), first(1, NOBODYS + 1), again(0), again(1)])), None);
    for books in
        [&[first(1, NOBODYS)][..], &[first(0, NOBODYS), again(2)], &[first(0, VACANT)], &[first(0, 1)]]
    {
        assert_eq!(unfit(&of(books)), Some(Unreadable::Damaged), "{books:?}");
    }
}

/// A number that looks random, of 32 bits.
fn scattered(seed: u64) -> u32 {
    (seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

/// The bytes an account, of so many accounts of so many books over all shards, each with up to 100 s spent.
fn bytes_an_account(accounts: u64, books: u64) -> f64 {
    let of_shard = |shard: u64| (shard..accounts).step_by(SHARDS);
    let account = |at: u64| Account {
        hash: [0; 3],
        mark: NOBODYS + (u64::from(scattered(at)) % books) as u32,
        spent: i64::from(scattered(at ^ 0xa5a5) % 100_000_000),
    };
    let section = |shard: usize| Section {
        shard,
        accounts: of_shard(shard as u64).map(account).collect(),
        ..sections().swap_remove(0)
    };
    let sections: Vec<_> = (0..SHARDS).map(section).collect();
    encoded(&sections).len() as f64 / accounts as f64
}

/// In version 3 it was 24 bytes, however many books there were.
#[test]
fn an_account_takes_at_most_20_bytes_be_its_book_one_of_thousands() {
    for (accounts, books, most) in [
        (1_000_000, 100, 16.3),
        (1_000_000, 3_000, 18.7),
        (100_000, 1, 16.5),
        (100_000, 100, 18.2),
        (100_000, 3_000, 19.6),
    ] {
        let bytes = bytes_an_account(accounts, books);
        assert!(bytes <= most, "{bytes:.2} bytes, of {accounts} accounts of {books} books");
    }
}

fn any_account() -> impl Strategy<Value = Account> {
    let spent = prop_oneof![any::<i64>(), -99..9_999_999_i64];
    (any::<[u32; 3]>(), 0..40u32, spent).prop_map(|(hash, mark, spent)| Account {
        hash,
        mark: NOBODYS + mark * 7_777_777,
        spent,
    })
}

/// Sections whose accounts lie mixed, as in a table.
fn any_sections() -> impl Strategy<Value = Vec<Section>> {
    let section = (0..SHARDS, prop::collection::vec(any_account(), 0..60));
    let section =
        section.prop_map(|(shard, accounts)| Section { shard, accounts, ..sections().swap_remove(0) });
    prop::collection::vec(section, 0..5)
}

proptest! {
    /// Their order within a book stays.
    #[test]
    fn accounts_of_many_books_are_read_as_they_were_and_stand_by_book(mut sections in any_sections()) {
        let read = decode(&encoded(&sections)).ok().unwrap().sections;
        for section in &mut sections {
            section.accounts.sort_by_key(|account| account.mark);
        }
        prop_assert_eq!(read, sections);
    }

    #[test]
    fn flipped_bytes_and_cuts_are_noticed(
        sections in any_sections(), at: prop::sample::Index, flip in 1..=u8::MAX, kept: prop::sample::Index,
    ) {
        let bytes = encoded(&sections);
        let mut flipped = bytes.clone();
        *at.get_mut(&mut flipped) ^= flip;
        prop_assert!(unfit(&flipped).is_some());
        prop_assert!(unfit(&bytes[..kept.index(bytes.len())]).is_some());
    }

    /// Whoever can write the file can also sum it: nothing in it ends the process, or makes more accounts than it has room for.
    #[test]
    fn whatever_bytes_a_checksum_is_put_to_are_read_or_damaged(
        sections in any_sections(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        kept: prop::sample::Index,
        version in 1..=4u32,
    ) {
        let mut parts = encoded(&sections)[MAGIC.len() + 20..].to_vec();
        flips.iter().for_each(|(at, byte)| *at.get_mut(&mut parts) = *byte);
        parts.truncate(kept.index(parts.len() + 1));
        match decode(&summed(version, &parts)) {
            Ok(Contents { sections, .. }) => {
                let accounts: usize = sections.iter().map(|section| section.accounts.len()).sum();
                prop_assert!(accounts * 13 <= parts.len());
            }
            Err(unfit) => prop_assert_eq!(unfit, Unreadable::Damaged),
        }
    }
}
