//! Keys: equal bytes mean equal parts, and addresses that are one client's are one key.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use timebudget::store::{KeyBytes, KeyHasher};
use timebudget::{Component, Computed, Country, Facts, KeySpec, KeyValue, Missing, Region};

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

/// What requests can say: texts that are also the octets of addresses, and addresses that are also texts.
const SAID: [&str; 6] = ["", "abcd", "97.98.99.100", "GET", "abcdefghijklmnop", "DE"];

/// A request, whose every fact is one of a few.
#[derive(Clone, Debug)]
struct Request {
    ip: Option<IpAddr>,
    /// By the position of what it is said of in [`components`].
    said: Vec<&'static str>,
    groups: Vec<String>,
}

impl Request {
    fn said(&self, of: &str) -> Option<&'static str> {
        let at = components().iter().position(|component| component.to_string() == of).expect("one of them");
        Some(self.said[at]).filter(|said| !said.is_empty())
    }
}

impl Facts for Request {
    fn method(&self) -> &str {
        self.said("method").unwrap_or_default()
    }

    fn path(&self) -> &str {
        self.said("path").unwrap_or_default()
    }

    fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        self.said(&format!("header:{name}")).map(str::as_bytes)
    }

    fn host(&self) -> Option<&str> {
        self.said("host")
    }

    fn cookie(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.said(&format!("cookie:{name}")).map(|said| said.as_bytes().into())
    }

    fn query(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.said(&format!("query:{name}")).map(|said| said.as_bytes().into())
    }

    fn pattern(&self) -> Option<Cow<'_, str>> {
        self.said("route").map(Cow::from)
    }

    fn user(&self) -> Option<&str> {
        self.said("user")
    }

    fn groups(&self) -> &[String] {
        &self.groups
    }

    fn api_key(&self) -> Option<&str> {
        self.said("api_key")
    }

    fn tier(&self) -> Option<&str> {
        self.said("tier")
    }

    fn country(&self) -> Option<Country> {
        Country::new(self.said("country")?)
    }

    fn region(&self) -> Option<Region> {
        Region::new(&format!("DE-{}", self.said("region")?.get(..2)?))
    }
}

/// All components; the last is computed: a header, or else the address, which itself may be read from a text.
fn components() -> Vec<Component> {
    let computed =
        Computed::new(|facts: &dyn Facts| match facts.header("a").filter(|said| *said != b"GET") {
            Some(said) => Some(KeyValue::from(str::from_utf8(said).expect("text"))),
            None => facts.ip().map(KeyValue::from),
        });
    vec![
        Component::Site,
        Component::Ip,
        Component::Host,
        Component::Method,
        Component::Path,
        Component::Route,
        Component::Header("a".into()),
        Component::Header("b".into()),
        Component::Cookie("a".into()),
        Component::Query("a".into()),
        Component::User,
        Component::ApiKey,
        Component::Tier,
        Component::Groups,
        Component::Country,
        Component::Region,
        Component::Computed(computed),
    ]
}

/// What a part of a key says.
#[derive(Debug, PartialEq)]
enum Said {
    Nothing,
    Text(Vec<String>),
    Address(IpAddr),
    /// What the component says that stands in for it.
    InItsPlace(Box<Said>),
}

/// What a component says of a request, by its definition.
fn said(component: &Component, request: &Request) -> Said {
    let text = |said: Option<&str>| said.map_or(Said::Nothing, |said| Said::Text(vec![said.to_owned()]));
    let address = |ip: Option<IpAddr>| ip.map_or(Said::Nothing, Said::Address);
    match component {
        // They are never missing.
        Component::Site => Said::Text(vec![]),
        Component::Method => match request.method() {
            "GET" => Said::Text(vec!["GET".into()]),
            _ => Said::Text(vec!["another".into()]),
        },
        Component::Path => Said::Text(vec![request.path().into()]),
        Component::Ip => address(request.ip),
        Component::Groups if request.groups.is_empty() => Said::Nothing,
        Component::Groups => Said::Text(request.groups.clone()),
        Component::Country => text(request.country().map(|country| country.code().to_owned()).as_deref()),
        Component::Region => text(request.region().map(|region| region.code().to_owned()).as_deref()),
        Component::Computed(_) => match request.said("header:a") {
            None | Some("GET") => address(request.ip),
            said => text(said),
        },
        named => text(request.said(&named.to_string())),
    }
}

/// What a key says of a request; `None` if its rule is skipped.
fn said_by(parts: &[Component], missing: &Missing, request: &Request) -> Option<Vec<Said>> {
    let of = |component| match (said(component, request), missing) {
        (Said::Nothing, Missing::Use(other)) => Some(Said::InItsPlace(Box::new(said(other, request)))),
        (Said::Nothing, _) => None,
        (said, _) => Some(said),
    };
    parts.iter().map(of).collect()
}

fn requests() -> impl Strategy<Value = Request> {
    let ip =
        prop::option::of(prop::sample::select(vec!["97.98.99.100", "192.0.2.7", "6162:6364:6566:6768::"]));
    let said = prop::collection::vec(prop::sample::select(&SAID[..]), components().len());
    let groups = prop::collection::btree_set(prop::sample::select(vec!["abcd", "b"]), 0..3);
    (ip, said, groups).prop_map(|(ip, said, groups)| Request {
        ip: ip.map(|ip| ip.parse().expect("an address")),
        said,
        groups: groups.into_iter().map(str::to_owned).collect(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16_384))]

    /// A text of four bytes that code gave was the IPv4 address of these octets.
    #[test]
    fn two_requests_have_the_same_key_if_and_only_if_it_says_the_same_of_them(
        parts in prop::collection::vec(prop::sample::select(components()), 1..4),
        missing in prop::option::of(prop::sample::select(components())),
        one in requests(),
        mut other in requests(),
        alike in prop::collection::vec(any::<bool>(), components().len()),
        same_ip in any::<bool>(),
    ) {
        // So that keys are often the same.
        for (at, _) in alike.iter().enumerate().filter(|(_, alike)| **alike) {
            other.said[at] = one.said[at];
        }
        if same_ip {
            (other.ip, other.groups) = (one.ip, one.groups.clone());
        }
        let missing = missing.map_or(Missing::Skip, Missing::Use);
        let said = |request| said_by(&parts, &missing, request);
        let key = |request: &Request| KeySpec(parts.clone()).bytes(&missing, request, 128);
        prop_assert_eq!(key(&one) == key(&other), said(&one) == said(&other));
    }
}

/// A header `abcd` spent what was 97.98.99.100's.
#[test]
fn a_text_that_code_gives_is_nobodys_address() {
    let bytes = |value: KeyValue| {
        let value = Computed::new(move |_: &dyn Facts| Some(value.clone()));
        let request = Request { ip: None, said: vec![""; components().len()], groups: vec![] };
        KeySpec::from(Component::Computed(value)).bytes(&Missing::Skip, &request, 64)
    };
    assert_ne!(bytes("abcd".into()), bytes(Ipv4Addr::from(*b"abcd").into()));
    assert_ne!(bytes("abcdefghijklmnop".into()), bytes(Ipv6Addr::from(*b"abcdefghijklmnop").into()));
}
