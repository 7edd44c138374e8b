//! Networks: ranges of addresses, as a site file writes them.
//!
//! Not ipnet's: asked whether an address lies in one, both canonical first, callgrind counts 24 instructions here and 63 there for
//! IPv4, 36 and 142 for IPv6 (ipnet 2.12.2, ten networks and a thousand addresses in a loop). It compares the address with the first
//! and the last of the network, which it computes each time; here one mask and one comparison do. A site asks for each request
//! about each of its trusted proxies.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses that begin with the same bits, or a single address.
///
/// An address of IPv6 that stands for one of IPv4, because it is mapped (`::ffff:0:0/96`) or translated by a gateway
/// (`64:ff9b::/96`), is that one, on either side of a comparison. So `::/0` holds no IPv4 address, and `::ffff:10.0.0.0/104` and `64:ff9b::10.0.0.0/104` are `10.0.0.0/8`.
///
/// # Examples
///
/// ```
/// use timebudget::Network;
/// let office: Network = "10.0.0.0/8".parse().unwrap();
/// assert!(office.contains("10.1.2.3".parse().unwrap()));
/// assert!(office.contains("::ffff:10.1.2.3".parse().unwrap()));
/// assert!(!office.contains("11.0.0.1".parse().unwrap()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    first: IpAddr,
    prefix: u32,
}

/// The address by which somebody is known: an address of IPv6 that stands for one of IPv4 is that one.
///
/// Those are the mapped ones, `::ffff:0:0/96`, as a server that listens on both calls its IPv4 peers, and those that a gateway
/// translates, `64:ff9b::/96` (NAT64, RFC 6052). An address of 6to4 (`2002::/16`) is not: it names a network behind an IPv4
/// address, which whoever sends packets writes himself, so that `2002:a00:1::` would pass for a proxy at `10.0.0.1`.
#[inline]
pub(crate) const fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) if v6.to_bits() >> 32 == TRANSLATED => {
            IpAddr::V4(Ipv4Addr::from_bits(v6.to_bits() as u32))
        }
        other => other.to_canonical(),
    }
}

/// The first 96 bits of addresses that a gateway translates (RFC 6052, section 2.1).
const TRANSLATED: u128 = 0x64_ff9b << 64;

/// The shortest prefix of a network of IPv4 that one proxy, or one operator's, can have; a wider one is of strangers too.
const WIDEST_IPV4: u32 = 8;

/// The same of IPv6: `fc00::/7` are private addresses.
const WIDEST_IPV6: u32 = 7;

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("{}", self.words("an address, or a range such as \"10.0.0.0/8\""))]
pub enum NetworkFault {
    /// What stands before the slash, or the whole, is no address.
    NotAnAddress,
    /// What stands behind the slash is no number of bits that the address has.
    NotAPrefix,
    /// The address has bits beyond the prefix; the network that was perhaps meant.
    BitsBeyond(Network),
}

impl NetworkFault {
    /// What is wrong; `expected` says what is none.
    pub(crate) fn words(&self, expected: &str) -> String {
        match self {
            Self::NotAnAddress => format!("not an address; expected {expected}"),
            Self::NotAPrefix => "no such prefix; expected at most 32 bits for IPv4, 128 for IPv6".to_owned(),
            Self::BitsBeyond(meant) => format!("has bits beyond its prefix; did you mean {meant}?"),
        }
    }
}

impl Network {
    /// Whether an address lies in the network, in whichever form it is written.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::net::IpAddr;
    /// use timebudget::Network;
    /// let office: Network = "192.0.2.0/24".parse()?;
    /// let holds = |text: &str| text.parse::<IpAddr>().is_ok_and(|address| office.contains(address));
    /// assert!(holds("192.0.2.77") && !holds("192.0.3.1"));
    /// # Ok::<(), timebudget::NetworkFault>(())
    /// ```
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = canonical(address);
        address.is_ipv4() == self.first.is_ipv4() && cut(address, self.prefix) == self.first
    }

    /// Whether strangers have addresses in it, whoever else has.
    pub(crate) const fn is_of_strangers(&self) -> bool {
        self.prefix < if self.first.is_ipv4() { WIDEST_IPV4 } else { WIDEST_IPV6 }
    }

    /// Whether some address lies in both.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.contains(other.first) || other.contains(self.first)
    }

    /// The network of this length that an address lies in; `None` if the address is of the other kind.
    pub(crate) fn around(&self, address: IpAddr) -> Option<Self> {
        let address = canonical(address);
        let network = || Self { first: cut(address, self.prefix), prefix: self.prefix };
        (address.is_ipv4() == self.first.is_ipv4()).then(network)
    }

    /// Whether both networks have addresses of one kind, and as many of them.
    pub(crate) const fn is_as_long_as(&self, other: &Self) -> bool {
        self.first.is_ipv4() == other.first.is_ipv4() && self.prefix == other.prefix
    }
}

impl FromStr for Network {
    type Err = NetworkFault;

    /// Reads `ADDRESS/PREFIX`, or an address alone.
    fn from_str(text: &str) -> Result<Self, NetworkFault> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let written: IpAddr = address.parse().map_err(|_| NetworkFault::NotAnAddress)?;
        let bits = bits.map(|bits| prefix(bits, written).ok_or(NetworkFault::NotAPrefix)).transpose()?;
        // A network that is wider than all that a gateway translates is one of IPv6.
        let first = match bits {
            Some(bits) if bits < 128 - 32 => written.to_canonical(),
            _ => canonical(written),
        };
        // Of an address that stands for one of IPv4, 96 bits are before those of the IPv4 address.
        let of_first = |bits: u32| bits.checked_sub(width(written) - width(first));
        let prefix = bits.map_or(Some(width(first)), of_first).ok_or(NetworkFault::NotAPrefix)?;
        let network = Self { first: cut(first, prefix), prefix };
        if network.first == first { Ok(network) } else { Err(NetworkFault::BitsBeyond(network)) }
    }
}

impl fmt::Display for Network {
    /// Writes the network as it can be read again; a single address without its prefix.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix == width(self.first) {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}/{}", self.first, self.prefix),
        }
    }
}

fn prefix(bits: &str, written: IpAddr) -> Option<u32> {
    let is_number = !bits.is_empty() && bits.bytes().all(|digit| digit.is_ascii_digit());
    bits.parse().ok().filter(|bits| is_number && *bits <= width(written))
}

const fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address with all bits beyond the first `prefix` cleared.
fn cut(address: IpAddr, prefix: u32) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn network(text: &str) -> Result<Network, NetworkFault> {
        text.parse()
    }

    fn holds(net: &str, address: &str) -> bool {
        network(net).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_network_holds_what_begins_with_its_bits() {
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.0"));
        assert!(holds("192.0.2.7", "192.0.2.7") && !holds("192.0.2.7", "192.0.2.8"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1") && !holds("2001:db8::/32", "2001:db9::"));
        assert!(holds("0.0.0.0/0", "255.255.255.255") && holds("::/0", "2001::"));
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address() {
        assert_eq!(network("::ffff:10.0.0.0/104"), network("10.0.0.0/8"));
        assert!(holds("10.0.0.0/8", "::ffff:10.0.0.1"));
        assert!(!holds("::/0", "10.0.0.1") && !holds("0.0.0.0/0", "2001::"));
    }

    #[test]
    fn an_address_is_known_as_that_of_ipv4_which_it_stands_for() {
        for text in ["192.0.2.7", "::ffff:192.0.2.7", "64:ff9b::192.0.2.7", "64:ff9b::c000:207"] {
            assert_eq!(canonical(text.parse().unwrap()).to_string(), "192.0.2.7");
        }
        assert_eq!(canonical("2002:c000:207::".parse().unwrap()).to_string(), "2002:c000:207::");
    }

    /// A client behind NAT64 was another one than the same client over IPv4.
    #[test]
    fn an_address_that_a_gateway_translates_is_the_ipv4_address() {
        assert_eq!(network("64:ff9b::10.0.0.0/104"), network("10.0.0.0/8"));
        assert_eq!(network("64:ff9b::/96"), network("0.0.0.0/0"));
        assert!(holds("10.0.0.0/8", "64:ff9b::a00:1") && holds("64:ff9b::a00:1", "10.0.0.1"));
        assert!(!holds("::/0", "64:ff9b::a00:1"));
        for text in ["64:ff9b::/64", "64:ff9b::/32", "64:ff9b:1::/48", "::/0"] {
            assert_eq!(network(text).unwrap().to_string(), text);
            assert!(holds(text, "64:ff9b:1::1") != (text == "64:ff9b::/64"), "{text}");
        }
        assert!(!holds("10.0.0.0/8", "64:ff9b:1::a00:1") && !holds("10.0.0.0/8", "2002:a00:1::"));
    }

    #[test]
    fn a_network_of_strangers_is_wider_than_any_operators() {
        for text in
            ["0.0.0.0/0", "::/0", "128.0.0.0/1", "2000::/3", "64:ff9b::/96", "::ffff:0:0/96", "0.0.0.0/7"]
        {
            assert!(network(text).unwrap().is_of_strangers(), "{text}");
        }
        for text in ["10.0.0.0/8", "fc00::/7", "fe80::/10", "127.0.0.1", "::1", "2400:cb00::/32"] {
            assert!(!network(text).unwrap().is_of_strangers(), "{text}");
        }
    }

    #[test]
    fn a_mistake_is_named() {
        for text in ["", "155.255.355.0/24", "10.0.0", "example.org", "/8", "10.0.0.1:80", "[::1]"] {
            assert_eq!(network(text), Err(NetworkFault::NotAnAddress), "{text:?}");
        }
        for text in ["10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/+8", "10.0.0.0/8/8", "::ffff:0:0/95"] {
            assert_eq!(network(text), Err(NetworkFault::NotAPrefix), "{text:?}");
        }
        let meant = network("10.0.0.0/8").unwrap();
        assert_eq!(network("10.0.0.1/8"), Err(NetworkFault::BitsBeyond(meant)));
    }

    proptest! {
        #[test]
        fn a_network_survives_its_text_and_holds_its_first_address(address in any::<IpAddr>(), prefix in 0_u32..=128) {
            let address = address.to_canonical();
            let first = cut(address, prefix.min(width(address)));
            let network = Network { first, prefix: prefix.min(width(address)) };
            prop_assert_eq!(network.to_string().parse(), Ok(network));
            prop_assert!(network.contains(first) && network.contains(address));
        }
    }
}
