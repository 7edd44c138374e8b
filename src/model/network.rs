//! Networks: ranges of addresses, as a site file writes them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses that begin with the same bits, or a single address.
///
/// An IPv4 address that is mapped into IPv6 is the IPv4 address, on either side of a comparison. So `::/0` holds no
/// IPv4 address, and `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
///
/// # Examples
///
/// ```
/// use timebudget::model::network::Network;
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

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkFault {
    /// What stands before the slash, or the whole, is no address.
    NotAnAddress,
    /// What stands behind the slash is no number of bits that the address has.
    NotAPrefix,
    /// The address has bits beyond the prefix; the network that was perhaps meant.
    BitsBeyond(Network),
}

impl Network {
    /// Whether an address lies in the network.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4() && cut(address, self.prefix) == self.first
    }

    /// Whether some address lies in both.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.contains(other.first) || other.contains(self.first)
    }

    /// The network of this length that an address lies in; `None` if the address is of the other kind.
    pub(crate) fn around(&self, address: IpAddr) -> Option<Self> {
        let address = address.to_canonical();
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
        let first = written.to_canonical();
        let prefix = match bits {
            Some(bits) => prefix(bits, written, first).ok_or(NetworkFault::NotAPrefix)?,
            None => width(first),
        };
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

fn prefix(bits: &str, written: IpAddr, first: IpAddr) -> Option<u32> {
    let is_number = !bits.is_empty() && bits.bytes().all(|digit| digit.is_ascii_digit());
    let bits: u32 = bits.parse().ok().filter(|bits| is_number && *bits <= width(written))?;
    // A mapped address has 96 bits before those of the IPv4 address.
    bits.checked_sub(width(written) - width(first))
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
