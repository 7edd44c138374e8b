//! The client's address: the peer's, or what trusted proxies say of whom they speak for.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::model::client::network::{Network, NetworkFault, canonical};
use crate::model::said::Mistake;

/// How a client's address is found, and how much of it tells clients apart.
///
/// By default no proxy is trusted, so that the client's address is the peer's: a header can be sent by anybody. Behind a
/// proxy that nobody trusts all clients therefore share one account; the log says so at the first refusals.
///
/// # Examples
///
/// ```
/// use timebudget::AddressPolicy;
///
/// let policy = AddressPolicy::default();
/// assert!(!policy.trusts_somebody());
/// assert_eq!((policy.header.as_str(), policy.ipv6_prefix), ("X-Forwarded-For", 64));
/// let forged = policy.client("192.0.2.7".parse().ok(), [&b"6.6.6.6"[..]].into_iter());
/// assert_eq!(forged, "192.0.2.7".parse().ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressPolicy {
    /// The peers whose header is believed.
    pub trusted_proxies: Vec<Proxy>,
    /// How many proxies stand in front, whatever their addresses; 0 where [`trusted_proxies`](Self::trusted_proxies) say it.
    ///
    /// Whoever connects is then believed: only where no client can reach the server but through all of them.
    pub trusted_hops: u8,
    /// The name of the header in which they tell whom they speak for.
    ///
    /// `Forwarded` is read by RFC 7239; any other as a list of addresses, of which a CDN's header has one.
    pub header: String,
    /// How many bits of an IPv6 address tell clients apart: a /64 is what one customer gets (RFC 6177).
    pub ipv6_prefix: u8,
}

/// Clients are among the trusted.
const STRANGERS: &str = "clients are believed about their own address, so that each can have as many as it likes; expected the networks of proxies";

/// Who is trusted is said twice.
const HOPS_AND_PROXIES: &str =
    "trusted hops beside trusted proxies, and both say who is believed; expected one of them";

impl Default for AddressPolicy {
    fn default() -> Self {
        Self {
            trusted_proxies: Vec::new(),
            trusted_hops: 0,
            header: "X-Forwarded-For".to_owned(),
            ipv6_prefix: 64,
        }
    }
}

impl AddressPolicy {
    /// Whether what a peer says of others is believed; one on a Unix socket has no address.
    pub fn trusts(&self, peer: Option<IpAddr>) -> bool {
        self.trusted_hops > 0 || self.trusted_proxies.iter().any(|proxy| proxy.is(peer))
    }

    /// Whether somebody is believed.
    pub fn trusts_somebody(&self) -> bool {
        self.trusted_hops > 0 || !self.trusted_proxies.is_empty()
    }

    /// The client's address: the right-most of the header's addresses that is no trusted proxy's.
    ///
    /// `lines` are the values of the header's lines in their order. Each proxy adds on the right whom it speaks for; what
    /// stands further left may have been written by the client. So an element that is no address ends the search: it
    /// counts as the address to its right, at last as the peer, and nobody gains an account by writing nonsense. Where
    /// all are trusted, the left-most is the client. With [`trusted_hops`](Self::trusted_hops), so many addresses from the
    /// right are trusted, the peer's being the first.
    ///
    /// `None` if the peer is on a Unix socket and tells no address.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::AddressPolicy;
    ///
    /// let trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    /// let policy = AddressPolicy { trusted_proxies, ..AddressPolicy::default() };
    /// let client = |peer: &str, line: &str| {
    ///     policy.client(peer.parse().ok(), [line.as_bytes()].into_iter()).unwrap().to_string()
    /// };
    ///
    /// assert_eq!(client("10.0.0.1", "6.6.6.6, 192.0.2.7, 10.0.0.2"), "192.0.2.7");
    /// assert_eq!(client("192.0.2.7", "6.6.6.6"), "192.0.2.7");
    /// ```
    pub fn client<'a>(
        &self,
        peer: Option<IpAddr>,
        lines: impl DoubleEndedIterator<Item = &'a [u8]>,
    ) -> Option<IpAddr> {
        let (mut nearest, mut hops) = (peer.map(canonical), 0);
        let elements = lines.rev().flat_map(|line| line.rsplit(|letter| *letter == b','));
        // Lists may have empty elements (RFC 9110, section 5.6.1).
        for element in elements.map(<[u8]>::trim_ascii).filter(|element| !element.is_empty()) {
            if !self.speaks_for_others(nearest, hops) {
                break;
            }
            let Some(address) = self.read(element) else { break };
            (nearest, hops) = (Some(canonical(address)), hops + 1);
        }
        nearest
    }

    /// Whether a proxy with this address, and so many proxies between it and the server, is believed.
    fn speaks_for_others(&self, address: Option<IpAddr>, hops: usize) -> bool {
        match self.trusted_hops {
            0 => self.trusts(address),
            trusted => hops < usize::from(trusted),
        }
    }

    /// What is wrong where hops are trusted and proxies, too.
    pub(crate) fn contradiction(&self) -> Option<Mistake> {
        let both = self.trusted_hops > 0 && !self.trusted_proxies.is_empty();
        both.then(|| Mistake::wrong(HOPS_AND_PROXIES).with(self.trusted_hops))
    }

    fn read(&self, element: &[u8]) -> Option<IpAddr> {
        let element = str::from_utf8(element).ok()?;
        match self.header.eq_ignore_ascii_case("forwarded") {
            true => node(forwarded_for(element)?),
            false => node(element),
        }
    }
}

/// The value of `for` in an element of `Forwarded` (RFC 7239, section 4).
///
/// Elements are cut at every comma and pairs at every semicolon, also inside of quotation marks: no address has one. A
/// pair that this cuts in two is malformed, and an element with a malformed pair says nothing. So a text that a proxy
/// quotes from its client, such as a host, cannot pass for an element.
fn forwarded_for(element: &str) -> Option<&str> {
    let mut found = None;
    for pair in element.split(';') {
        let (name, value) = pair.trim().split_once('=')?;
        let value = plain(value)?;
        if name.eq_ignore_ascii_case("for") && found.replace(value).is_some() {
            return None;
        }
    }
    found
}

/// A value without its quotation marks; `None` if it has only one of them, or one inside.
fn plain(value: &str) -> Option<&str> {
    let inner = match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => value,
    };
    (!inner.contains(['"', '\\'])).then_some(inner)
}

/// An address with or without a port; IPv6 with or without brackets.
fn node(text: &str) -> Option<IpAddr> {
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').filter(|(_, port)| port.is_empty() || port.starts_with(':'))?.0,
        None => match text.split_once(':') {
            Some((host, port)) if !port.contains(':') => host,
            _ => text,
        },
    };
    bare.parse().ok()
}

/// Peers whose word about their clients is believed.
///
/// # Examples
///
/// ```
/// use timebudget::Proxy;
/// let balancers: Proxy = "10.0.0.0/8".parse().unwrap();
/// assert!(balancers.is(Some("10.1.2.3".parse().unwrap())) && !balancers.is(None));
/// let local: Proxy = "unix".parse().unwrap();
/// assert!(local.is(None));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Proxy {
    /// Those with an address in a network.
    Network(Network),
    /// Those on this machine that speak through a Unix socket, and so have no address.
    Unix,
}

/// What stands for [`Proxy::Unix`] where networks are written.
const UNIX: &str = "unix";

/// What a text is that is a proxy, for messages.
pub(crate) const PROXY: &str = "an address, a range such as \"10.0.0.0/8\", or \"unix\"";

impl Proxy {
    /// Whether a peer is one of them; a peer on a Unix socket has no address.
    pub fn is(&self, peer: Option<IpAddr>) -> bool {
        match (self, peer) {
            (Self::Network(network), Some(address)) => network.contains(address),
            (Self::Unix, None) => true,
            _ => false,
        }
    }

    /// What is suspect where strangers are among them: then clients are believed about their own address.
    pub(crate) fn mistake(&self) -> Option<Mistake> {
        let has_strangers = matches!(self, Self::Network(network) if network.is_of_strangers());
        has_strangers.then(|| Mistake::suspect(STRANGERS).with_text(&self.to_string()))
    }
}

impl From<Network> for Proxy {
    fn from(network: Network) -> Self {
        Self::Network(network)
    }
}

impl FromStr for Proxy {
    type Err = NetworkFault;

    /// Reads `unix`, `ADDRESS/PREFIX`, or an address alone.
    fn from_str(text: &str) -> Result<Self, NetworkFault> {
        if text == UNIX { Ok(Self::Unix) } else { text.parse().map(Self::Network) }
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => network.fmt(f),
            Self::Unix => f.write_str(UNIX),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy(header: &str) -> AddressPolicy {
        let trusted_proxies = ["10.0.0.0/8", "2001:db8::/32"].map(|text| text.parse().unwrap()).to_vec();
        AddressPolicy { trusted_proxies, header: header.to_owned(), ..AddressPolicy::default() }
    }

    fn client(header: &str, lines: &[&str]) -> String {
        let lines = lines.iter().map(|line| line.as_bytes());
        policy(header).client("10.0.0.1".parse().ok(), lines).unwrap().to_string()
    }

    fn of_list(lines: &[&str]) -> String {
        client("X-Forwarded-For", lines)
    }

    #[test]
    fn the_right_most_untrusted_address_is_the_client() {
        assert_eq!(of_list(&["6.6.6.6, 192.0.2.7, 10.0.0.2"]), "192.0.2.7");
        assert_eq!(of_list(&["192.0.2.7"]), "192.0.2.7");
        assert_eq!(of_list(&["6.6.6.6, 2001:db9::7, 2001:db8::2"]), "2001:db9::7");
    }

    #[test]
    fn several_lines_are_one_list() {
        assert_eq!(of_list(&["6.6.6.6", "192.0.2.7", "10.0.0.2"]), "192.0.2.7");
        assert_eq!(of_list(&["6.6.6.6", "192.0.2.7,10.0.0.3", ""]), "192.0.2.7");
    }

    #[test]
    fn where_all_are_trusted_the_left_most_is_the_client() {
        assert_eq!(of_list(&["10.9.9.9, 10.0.0.2"]), "10.9.9.9");
        assert_eq!(of_list(&[]), "10.0.0.1");
        assert_eq!(of_list(&["", " , "]), "10.0.0.1");
    }

    #[test]
    fn ports_and_brackets_are_no_part_of_an_address() {
        for text in ["192.0.2.7:4711", "::ffff:192.0.2.7", "[::ffff:192.0.2.7]:80", "192.0.2.7:"] {
            assert_eq!(of_list(&[text]), "192.0.2.7", "{text}");
        }
        for text in ["[2001::7]:4711", "[2001::7]", "2001::7", "2001:0:0::7"] {
            assert_eq!(of_list(&[text]), "2001::7", "{text}");
        }
    }

    #[test]
    fn an_element_that_is_no_address_counts_as_the_one_to_its_right() {
        for text in
            ["unknown", "_hidden", "1.2.3", "[::1", "[::1]x", "1.2.3.4.5", "\u{1F600}", "192.0.2.7 10.0.0.9"]
        {
            assert_eq!(of_list(&[&format!("6.6.6.6, {text}, 10.0.0.2")]), "10.0.0.2", "{text}");
            assert_eq!(of_list(&[&format!("6.6.6.6, {text}")]), "10.0.0.1", "{text}");
        }
    }

    #[test]
    fn a_peer_that_is_not_trusted_is_the_client() {
        let lines = || [b"192.0.2.7".as_slice()].into_iter();
        let of = |policy: AddressPolicy, peer: &str| {
            policy.client(peer.parse().ok(), lines()).unwrap().to_string()
        };
        assert_eq!(of(policy("X-Forwarded-For"), "::ffff:203.0.113.5"), "203.0.113.5");
        assert_eq!(of(AddressPolicy::default(), "10.0.0.1"), "10.0.0.1");
    }

    #[test]
    fn an_address_that_a_gateway_translates_is_the_ipv4_address() {
        assert_eq!(of_list(&["6.6.6.6, 64:ff9b::c000:207, 64:ff9b::10.0.0.2"]), "192.0.2.7");
    }

    /// A proxy on a Unix socket has no address, and so could not be trusted at all.
    #[test]
    fn a_peer_without_an_address_is_believed_where_unix_is_trusted() {
        let trusted = ["unix", "10.0.0.0/8"].map(|text| text.parse().unwrap()).to_vec();
        let policy = AddressPolicy { trusted_proxies: trusted, ..AddressPolicy::default() };
        let of = |peer: Option<IpAddr>, line: &str| policy.client(peer, [line.as_bytes()].into_iter());
        assert_eq!(of(None, "6.6.6.6, 192.0.2.7, 10.0.0.2"), "192.0.2.7".parse().ok());
        assert_eq!(of(None, "192.0.2.7, unknown"), None);
        assert_eq!(of(None, ""), None);
        assert_eq!(of("192.0.2.7".parse().ok(), "6.6.6.6"), "192.0.2.7".parse().ok());
        let nobody = AddressPolicy::default();
        assert_eq!(nobody.client(None, [&b"6.6.6.6"[..]].into_iter()), None);
    }

    #[test]
    fn so_many_hops_are_trusted_whatever_their_addresses() {
        let of = |trusted_hops: u8, line: &str| {
            let policy = AddressPolicy { trusted_hops, ..AddressPolicy::default() };
            policy.client("203.0.113.1".parse().ok(), [line.as_bytes()].into_iter()).unwrap().to_string()
        };
        let line = "6.6.6.6, 192.0.2.7, 198.51.100.2";
        assert_eq!([of(0, line), of(1, line), of(2, line)], ["203.0.113.1", "198.51.100.2", "192.0.2.7"]);
        assert_eq!(of(1, "6.6.6.6, , 192.0.2.7 ,"), "192.0.2.7");
        assert_eq!(
            [of(2, "192.0.2.7"), of(9, ""), of(2, "6.6.6.6, x, 192.0.2.7")],
            ["192.0.2.7", "203.0.113.1", "192.0.2.7"]
        );
    }

    #[test]
    fn forwarded_is_read_by_its_standard() {
        for line in [
            "for=192.0.2.7",
            "For=\"192.0.2.7:4711\";proto=http;by=10.0.0.1",
            "proto=https; for=192.0.2.7, for=10.0.0.2",
            "for=6.6.6.6, by=\"10.0.0.1\";FOR=\"[::ffff:192.0.2.7]:80\"",
        ] {
            assert_eq!(client("Forwarded", &[line]), "192.0.2.7", "{line}");
        }
        assert_eq!(client("forwarded", &["for=\"[2001::7]\""]), "2001::7");
    }

    #[test]
    fn what_a_proxy_quotes_from_its_client_does_not_pass_for_an_element() {
        for line in [
            "for=192.0.2.7;host=\"evil, for=6.6.6.6\"",
            "for=192.0.2.7;host=\"evil, for=6.6.6.6;x=\"",
            "for=192.0.2.7;host=\"evil, for=6.6.6.6;x=\\\"y\"",
            "for=\"6.6.6.6, by=1",
            "for=6.6.6.6;for=7.7.7.7",
            "for=unknown",
            "192.0.2.7",
            "proto=http",
        ] {
            assert_eq!(client("Forwarded", &[line]), "10.0.0.1", "{line}");
        }
        assert_eq!(client("Forwarded", &["for=\"6.6.6.6, for=192.0.2.7"]), "192.0.2.7");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..4)) {
            for header in ["Forwarded", "X-Forwarded-For"] {
                policy(header).client("10.0.0.1".parse().ok(), lines.iter().map(Vec::as_slice));
            }
        }

        #[test]
        fn what_a_client_writes_is_never_its_address(
            forged in "([0-9a-f.:,;=\" \\[\\]\\\\]|for=){0,40}",
            real in any::<[u8; 4]>().prop_filter("trusted", |real| real[0] != 10),
        ) {
            let real = IpAddr::from(real).to_string();
            prop_assert_eq!(of_list(&[&format!("{forged}, {real}")]), real.as_str());
            prop_assert_eq!(of_list(&[&forged, &real]), real.as_str());
            prop_assert_eq!(client("Forwarded", &[&format!("{forged}, for={real}")]), real.as_str());
        }
    }
}
