//! Values of the fields of one head, written into one buffer that all of them share.

use std::fmt::Write as _;
use std::net::IpAddr;

use bytes::{Bytes, BytesMut};

/// A buffer out of which values are cut one after another.
#[derive(Debug)]
pub(crate) struct Values(BytesMut);

impl Values {
    /// A buffer for so many bytes; more are no mistake, but take another.
    pub(crate) fn with_room(bytes: usize) -> Self {
        Self(BytesMut::with_capacity(bytes))
    }

    /// A value of these bytes.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> Bytes {
        self.put(bytes);
        self.take()
    }

    /// A value that lists those of these that are not empty.
    pub(crate) fn add_list<'a>(&mut self, items: impl Iterator<Item = &'a [u8]>, between: &[u8]) -> Bytes {
        for (at, item) in items.filter(|item| !item.is_empty()).enumerate() {
            self.put(if at == 0 { b"" } else { between });
            self.put(item);
        }
        self.take()
    }

    /// Begins a value, or adds to what was begun.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Adds an address, and tells how many bytes that were.
    pub(crate) fn put_address(&mut self, address: IpAddr) -> usize {
        let before = self.0.len();
        match address {
            // `Display` takes five times as many instructions.
            IpAddr::V4(address) => {
                let mut digits = itoa::Buffer::new();
                for (at, octet) in address.octets().into_iter().enumerate() {
                    self.put(if at == 0 { b"" } else { b"." });
                    self.put(digits.format(octet).as_bytes());
                }
            }
            IpAddr::V6(address) => {
                // Nothing that is written to memory fails.
                let _ = write!(self.0, "{address}");
            }
        }
        self.0.len() - before
    }

    /// What was begun, as a value.
    pub(crate) fn take(&mut self) -> Bytes {
        self.0.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_cut_out_one_after_another() {
        let mut values = Values::with_room(4);
        assert_eq!(values.add(b"first"), "first");
        assert_eq!(values.add_list([&b"a"[..], b"", b"b"].into_iter(), b", "), "a, b");
        values.put(b"for=");
        assert_eq!(values.put_address("192.0.2.10".parse().unwrap()), 10);
        assert_eq!(values.take(), "for=192.0.2.10");
        assert_eq!(values.add_list([].into_iter(), b", "), "");
    }

    #[test]
    fn addresses_are_written_as_everywhere() {
        for text in ["0.0.0.0", "255.255.255.255", "10.0.100.9", "::1", "2001:db8::17", "fe80::"] {
            let mut values = Values::with_room(64);
            let length = values.put_address(text.parse().unwrap());
            assert_eq!((values.take(), length), (Bytes::from(text), text.len()));
        }
    }
}
