//! The three kinds of traffic: whose requests they are, and whether they are let through.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// Whose requests a subject is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// All from one address, and all served.
    One,
    /// Each from an address that is new; under load, from 100,000 addresses in turn.
    Many,
    /// All from one address, and refused.
    Refused,
}

impl Traffic {
    /// Every kind, in the order of the tables' columns.
    pub(crate) const ALL: [Self; 3] = [Self::One, Self::Many, Self::Refused];

    /// How many addresses are in use under load.
    pub(crate) const ADDRESSES: u64 = 100_000;

    /// The address that the `nth` request comes from.
    pub(crate) fn peer(self, nth: u64) -> SocketAddr {
        let account = if self == Self::Many { nth } else { 0 };
        SocketAddr::new(address(account), 40_000)
    }

    /// The same, with the addresses of [`Traffic::Many`] coming round again in an order that no cache foresees.
    pub(crate) fn recurring_peer(self, nth: u64) -> SocketAddr {
        // 70,657 shares no factor with 100,000, so each round visits every address once.
        self.peer(nth.wrapping_mul(70_657) % Self::ADDRESSES)
    }

    /// The status that every request must be answered with, so that no table shows a limiter that did not work.
    pub(crate) fn status(self, subject: &str) -> u16 {
        if self == Self::Refused && !subject.starts_with("bare") { 429 } else { 200 }
    }
}

/// The address of an account: `10.0.0.0/8` counted through.
pub(crate) fn address(account: u64) -> IpAddr {
    let [.., a, b, c] = account.to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(10, a, b, c))
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One => "one",
            Self::Many => "many",
            Self::Refused => "refused",
        })
    }
}

impl FromStr for Traffic {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|kind| kind.to_string() == text);
        found.ok_or_else(|| format!("{text:?}: no such traffic; expected one, many or refused"))
    }
}
