//! Proxies: peers whose word about their clients is believed.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::model::network::{Network, NetworkFault};

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

    /// Whether strangers are among them: then clients are believed about their own address.
    pub(crate) const fn has_strangers(&self) -> bool {
        matches!(self, Self::Network(network) if network.is_of_strangers())
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
