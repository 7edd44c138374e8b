//! Keys: equal bytes mean equal parts, and addresses that are one client's are one key.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use timebudget::store::{KeyBytes, KeyHasher};

/// A part of a key; `None` is one that the request does not have.
type Part = (u8, Option<String>);

/// Texts that are short and alike, so that shifted boundaries come up.
fn parts() -> impl Strategy<Value = Vec<Part>> {
    let text = prop_oneof![3 => "[a:\u{0}]{0,3}", 1 => ".{0,80}"];
    prop::collection::vec((0..3u8, prop::option::of(text)), 0..5)
}

fn bytes(parts: &[Part]) -> KeyBytes {
    let mut key = KeyBytes::default();
    for (kind, text) in parts {
        match text {
            Some(text) => key.text(*kind, text),
            None => key.absent(*kind),
        }
    }
    key
}

fn address(text: &str, ipv6_prefix: u8) -> KeyBytes {
    let mut key = KeyBytes::default();
    key.address(0, text.parse().unwrap(), ipv6_prefix);
    key
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn two_keys_have_the_same_bytes_if_and_only_if_they_have_the_same_parts(a in parts(), b in parts()) {
        prop_assert_eq!(bytes(&a) == bytes(&b), a == b);
    }

    #[test]
    fn no_key_is_the_beginning_of_a_longer_one_with_other_parts(a in parts(), b in parts()) {
        let (short, long) = (bytes(&a), bytes(&b));
        prop_assert_eq!(long.as_slice().starts_with(short.as_slice()), b.starts_with(&a));
    }

    #[test]
    fn an_ipv4_address_mapped_into_ipv6_is_the_same_client(bits in any::<u32>(), prefix in 0..=128u8) {
        let v4 = Ipv4Addr::from_bits(bits);
        let (mut plain, mut mapped) = (KeyBytes::default(), KeyBytes::default());
        plain.address(0, IpAddr::V4(v4), prefix);
        mapped.address(0, IpAddr::V6(v4.to_ipv6_mapped()), prefix);
        prop_assert_eq!(plain, mapped);
    }

    #[test]
    fn ipv6_addresses_are_one_client_if_their_prefixes_are(a in any::<u128>(), flip in 0..128u32, prefix in 0..=128u8) {
        let (first, other) = (Ipv6Addr::from_bits(a), Ipv6Addr::from_bits(a ^ (1 << (127 - flip))));
        prop_assume!(first.to_ipv4_mapped().is_none() && other.to_ipv4_mapped().is_none());
        let (mut one, mut two) = (KeyBytes::default(), KeyBytes::default());
        one.address(0, IpAddr::V6(first), prefix);
        two.address(0, IpAddr::V6(other), prefix);
        prop_assert_eq!(one == two, flip >= u32::from(prefix));
    }
}

#[test]
fn a_part_that_is_absent_is_not_the_empty_part() {
    assert_ne!(bytes(&[(1, None)]), bytes(&[(1, Some(String::new()))]));
}

#[test]
fn addresses_of_one_64_are_one_client() {
    assert_eq!(address("2001:db8:1:2:3:4:5:6", 64), address("2001:db8:1:2::", 64));
    assert_ne!(address("2001:db8:1:2::", 64), address("2001:db8:1:3::", 64));
}

#[test]
fn an_ipv4_address_is_not_the_ipv6_address_that_begins_with_it() {
    assert_ne!(address("32.1.13.184", 32), address("2001:db8::", 32));
}

#[test]
fn the_same_key_under_another_secret_is_another_hash() {
    let key = bytes(&[(0, Some("key".to_owned()))]);
    let hash = |secret| KeyHasher::new([secret; 16]).hash(key.as_slice());
    assert_eq!(hash(1), hash(1));
    assert_ne!(hash(1), hash(2));
}

#[test]
fn a_hasher_does_not_print_its_secret() {
    assert_eq!(format!("{:?}", KeyHasher::new(*b"0123456789abcdef")), "KeyHasher(..)");
}
