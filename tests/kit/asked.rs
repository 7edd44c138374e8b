//! A request of a test's own: each test says of it what it is about, and the rest is as usual.

use std::net::{IpAddr, Ipv4Addr};

use timebudget::Facts;

/// What a test's request asks: `Asked { path: "/report", ..Asked::USUAL }`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) ip: Option<IpAddr>,
    /// The one header that it has, by its name in lower case.
    pub(crate) header: (&'a str, &'a str),
}

impl Asked<'_> {
    /// `GET /` from 192.0.2.7, without headers.
    pub(crate) const USUAL: Self = Self {
        method: "GET",
        path: "/",
        ip: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))),
        header: ("", ""),
    };
}

impl Facts for Asked<'_> {
    fn method(&self) -> &str {
        self.method
    }

    fn path(&self) -> &str {
        self.path
    }

    fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        let (own, value) = self.header;
        (name == own).then_some(value.as_bytes())
    }
}
