//! Keys: whose account a request is charged to, as code says it, in bytes, and hashed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use siphasher::sip128::SipHasher13;
use smallvec::SmallVec;

use crate::model::client::canonical;

/// The bytes of a key, injective: two keys with the same bytes have the same parts.
///
/// Each part is written as its kind, its length and its bytes, so no separator inside a part can shift
/// what belongs to which.
///
/// # Examples
///
/// ```
/// use timebudget::store::KeyBytes;
/// let mut shifted = KeyBytes::default();
/// shifted.text(1, "a:b");
/// shifted.text(1, "c");
/// let mut other = KeyBytes::default();
/// other.text(1, "a");
/// other.text(1, "b:c");
/// assert_ne!(shifted.as_slice(), other.as_slice());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyBytes {
    /// The bytes of a short key, such as an address: as many as `len`.
    short: [u8; SHORT],
    len: usize,
    /// The bytes of a long key, all of them; else empty.
    long: Vec<u8>,
}

/// How long a key may be that needs no allocation.
const SHORT: usize = 48;

impl Default for KeyBytes {
    fn default() -> Self {
        Self { short: [0; SHORT], len: 0, long: Vec::new() }
    }
}

impl KeyBytes {
    /// Appends a text of a kind; what a client sends is bytes, and need not be UTF-8.
    pub fn text(&mut self, kind: u8, text: impl AsRef<[u8]>) {
        self.part(kind, text.as_ref());
    }

    /// Appends an address: an IPv4 address whole, also as IPv6 writes it; of an IPv6 address the first
    /// `ipv6_prefix` bits.
    pub fn address(&mut self, kind: u8, address: IpAddr, ipv6_prefix: u8) {
        match canonical(address) {
            IpAddr::V4(v4) => self.part(kind, &v4.octets()),
            IpAddr::V6(v6) => self.part(kind, &masked(v6.to_bits(), ipv6_prefix).to_be_bytes()),
        }
    }

    /// Appends the account that another key names.
    pub(crate) fn account(&mut self, kind: u8, key: KeyHash) {
        let words = key.0.map(u32::to_le_bytes);
        self.part(kind, words.as_flattened());
    }

    /// Appends a part of a kind that is absent from the request.
    ///
    /// It differs from every part that is present, the empty one included.
    pub fn absent(&mut self, kind: u8) {
        self.push(&[kind, 0xff, 0xff, 0xff, 0xff]);
    }

    /// The bytes so far.
    pub fn as_slice(&self) -> &[u8] {
        if self.long.is_empty() { &self.short[..self.len] } else { &self.long }
    }

    fn part(&mut self, kind: u8, bytes: &[u8]) {
        // No header, path or address comes near 4 GiB; what did would keep its first 4 GiB.
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX - 1);
        let [a, b, c, d] = len.to_le_bytes();
        self.push(&[kind, a, b, c, d]);
        self.push(&bytes[..bytes.len().min(len as usize)]);
    }

    #[inline]
    fn push(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        match self.short.get_mut(self.len..end) {
            Some(room) if self.long.is_empty() => {
                room.copy_from_slice(bytes);
                self.len = end;
            }
            _ => self.push_long(bytes),
        }
    }

    #[cold]
    fn push_long(&mut self, bytes: &[u8]) {
        if self.long.is_empty() {
            self.long.extend_from_slice(&self.short[..self.len]);
        }
        self.long.extend_from_slice(bytes);
    }
}

fn masked(bits: u128, prefix: u8) -> u128 {
    match prefix {
        0 => 0,
        1..=127 => bits & (u128::MAX << (128 - prefix)),
        _ => bits,
    }
}

/// A key as accounts know it: 128 bits, from which the raw text cannot be read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyHash(pub [u32; 4]);

/// What tells the accounts of one book from those of another.
pub(crate) type Salt = [u32; 3];

/// An account's name within its window: 96 bits that depend on the key and the book.
pub(crate) type AccountHash = [u32; 3];

impl KeyHash {
    const fn from_halves(low: u64, high: u64) -> Self {
        Self([low as u32, (low >> 32) as u32, high as u32, (high >> 32) as u32])
    }

    /// The account of this key in the book with this salt: 96 of the bits, mixed with the book's.
    pub const fn salted(self, salt: Salt) -> AccountHash {
        let [_, a, b, c] = self.0;
        [a ^ salt[0], b ^ salt[1], c ^ salt[2]]
    }

    /// The word that chooses the shard: the same in all books, so all accounts of a key lie together.
    pub const fn shard_word(self) -> u32 {
        self.0[0]
    }
}

/// A keyed hash, so that no client can choose keys that meet in one account or one bucket: SipHash-1-3 of 128 bits.
#[derive(Clone, Copy)]
pub struct KeyHasher {
    any: SipHasher13,
    /// Where the hash of an address begins.
    start: Sip,
}

impl KeyHasher {
    /// The hasher of a secret; processes that share accounts share the secret.
    pub fn new(secret: [u8; 16]) -> Self {
        Self { any: SipHasher13::new_with_key(&secret), start: Sip::new(secret) }
    }

    /// The hash of a key: the same wherever the secret is, so in processes that share a Redis and after a restart with a snapshot.
    pub fn hash(&self, bytes: &[u8]) -> KeyHash {
        let (low, high) = self.any.hash(bytes).as_u64();
        KeyHash::from_halves(low, high)
    }

    /// The hash of a key that is one [address](KeyBytes::address) and no more, as most are.
    ///
    /// Its length is known, so it is worked out in line, at half the instructions.
    #[inline]
    pub(crate) fn hash_address(&self, kind: u8, address: IpAddr, ipv6_prefix: u8) -> KeyHash {
        match address {
            IpAddr::V4(v4) => self.hash_v4(kind, v4),
            IpAddr::V6(v6) => self.hash_v6(kind, v6, ipv6_prefix),
        }
    }

    #[inline]
    fn hash_v4(&self, kind: u8, address: Ipv4Addr) -> KeyHash {
        let octets = u64::from(u32::from_le_bytes(address.octets()));
        let sip = self.start.after(u64::from(kind) | 4 << 8 | octets << 40);
        sip.after(octets >> 24 | 9 << 56).finish()
    }

    #[inline(never)]
    fn hash_v6(&self, kind: u8, address: Ipv6Addr, prefix: u8) -> KeyHash {
        let v6 = match canonical(address.into()) {
            IpAddr::V4(v4) => return self.hash_v4(kind, v4),
            IpAddr::V6(v6) => v6,
        };
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = masked(v6.to_bits(), prefix).to_be_bytes();
        let sip = self.start.after(u64::from_le_bytes([kind, 16, 0, 0, 0, a, b, c]));
        let sip = sip.after(u64::from_le_bytes([d, e, f, g, h, i, j, k]));
        sip.after(u64::from_le_bytes([l, m, n, o, p, 0, 0, 21])).finish()
    }
}

/// The state of SipHash with one round a word and three at the end (Aumasson and Bernstein, 2012; of 128 bits as in the
/// reference implementation).
#[derive(Clone, Copy)]
struct Sip(u64, u64, u64, u64);

impl Sip {
    fn new(secret: [u8; 16]) -> Self {
        let key = u128::from_le_bytes(secret);
        let (low, high) = (key as u64, (key >> 64) as u64);
        Self(
            low ^ 0x736f_6d65_7073_6575,
            high ^ 0x646f_7261_6e64_6f6d ^ 0xee,
            low ^ 0x6c79_6765_6e65_7261,
            high ^ 0x7465_6462_7974_6573,
        )
    }

    #[inline]
    const fn after(self, word: u64) -> Self {
        let Self(a, b, c, d) = Self(self.0, self.1, self.2, self.3 ^ word).round();
        Self(a ^ word, b, c, d)
    }

    #[inline]
    const fn finish(self) -> KeyHash {
        let sip = Self(self.0, self.1, self.2 ^ 0xee, self.3).round().round().round();
        let low = sip.sum();
        let sip = Self(sip.0, sip.1 ^ 0xdd, sip.2, sip.3).round().round().round();
        KeyHash::from_halves(low, sip.sum())
    }

    #[inline]
    const fn sum(self) -> u64 {
        self.0 ^ self.1 ^ self.2 ^ self.3
    }

    #[inline]
    const fn round(self) -> Self {
        let Self(mut a, mut b, mut c, mut d) = self;
        a = a.wrapping_add(b);
        b = b.rotate_left(13) ^ a;
        a = a.rotate_left(32);
        c = c.wrapping_add(d);
        d = d.rotate_left(16) ^ c;
        a = a.wrapping_add(d);
        d = d.rotate_left(21) ^ a;
        c = c.wrapping_add(b);
        b = b.rotate_left(17) ^ c;
        c = c.rotate_left(32);
        Self(a, b, c, d)
    }
}

impl std::fmt::Debug for KeyHasher {
    /// Does not show the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyHasher(..)")
    }
}

/// The value of one component of a key: a text, or an address.
///
/// It is made of what code has at hand; short texts and numbers need no allocation. A number is the text that it is written
/// as. An address is not: like a client's, it is cut to the [prefix](crate::AddressPolicy) of its site. An empty text is none.
///
/// # Examples
///
/// ```
/// use std::net::Ipv4Addr;
/// use timebudget::KeyValue;
///
/// assert_eq!(KeyValue::from(42), KeyValue::from("42"));
/// assert_ne!(KeyValue::from(Ipv4Addr::LOCALHOST), KeyValue::from("127.0.0.1"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyValue(pub(crate) Value);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Value {
    Text(SmallVec<[u8; 32]>),
    Address(IpAddr),
}

/// The key of an account: a value for each component of a [`KeySpec`](crate::KeySpec) that tells accounts apart.
///
/// `()` is that of a rule for the whole site, and of several components there is a tuple or an array.
///
/// # Examples
///
/// ```
/// use std::net::IpAddr;
/// use timebudget::Key;
///
/// let whole_site = Key::from(());
/// let tenant = Key::from("acme");
/// let tenant_and_address = Key::from(("acme", IpAddr::from([192, 0, 2, 7])));
/// # let _ = (whole_site, tenant, tenant_and_address);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(pub(crate) SmallVec<[KeyValue; 1]>);

impl KeyValue {
    /// The bytes of a text; an address has none.
    pub(crate) fn text(&self) -> Option<&[u8]> {
        match &self.0 {
            Value::Text(text) => Some(text),
            Value::Address(_) => None,
        }
    }
}

impl Key {
    /// The values, in the order of the components.
    pub(crate) fn values(&self) -> std::slice::Iter<'_, KeyValue> {
        self.0.iter()
    }
}

impl FromIterator<KeyValue> for Key {
    fn from_iter<I: IntoIterator<Item = KeyValue>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl From<()> for Key {
    fn from((): ()) -> Self {
        Self(SmallVec::new())
    }
}

impl<T: Into<KeyValue>, const N: usize> From<[T; N]> for Key {
    fn from(values: [T; N]) -> Self {
        Self(values.into_iter().map(Into::into).collect())
    }
}

impl<A: Into<KeyValue>, B: Into<KeyValue>> From<(A, B)> for Key {
    fn from((a, b): (A, B)) -> Self {
        Self::from([a.into(), b.into()])
    }
}

impl<A: Into<KeyValue>, B: Into<KeyValue>, C: Into<KeyValue>> From<(A, B, C)> for Key {
    fn from((a, b, c): (A, B, C)) -> Self {
        Self::from([a.into(), b.into(), c.into()])
    }
}

impl From<KeyValue> for Key {
    fn from(value: KeyValue) -> Self {
        Self(SmallVec::from_buf([value]))
    }
}

/// Values from what code has at hand, and keys of one such value.
macro_rules! values {
    ($($from:ty: $value:ident => $made:expr;)*) => {$(
        impl From<$from> for KeyValue {
            fn from($value: $from) -> Self {
                Self($made)
            }
        }

        impl From<$from> for Key {
            fn from(value: $from) -> Self {
                KeyValue::from(value).into()
            }
        }
    )*};
}

values! {
    &str: text => Value::Text(SmallVec::from_slice(text.as_bytes()));
    &String: text => Value::Text(SmallVec::from_slice(text.as_bytes()));
    &[u8]: bytes => Value::Text(SmallVec::from_slice(bytes));
    String: text => Value::Text(SmallVec::from_vec(text.into_bytes()));
    Vec<u8>: bytes => Value::Text(SmallVec::from_vec(bytes));
    IpAddr: address => Value::Address(address);
    Ipv4Addr: address => Value::Address(address.into());
    Ipv6Addr: address => Value::Address(address.into());
    i32: number => decimal(number);
    i64: number => decimal(number);
    i128: number => decimal(number);
    u16: number => decimal(number);
    u32: number => decimal(number);
    u64: number => decimal(number);
    u128: number => decimal(number);
    usize: number => decimal(number);
}

fn decimal(number: impl itoa::Integer) -> Value {
    Value::Text(SmallVec::from_slice(itoa::Buffer::new().format(number).as_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_text_is_as_good_as_a_short_one() {
        let long = "a".repeat(1_000);
        assert_eq!(KeyValue::from(long.as_str()), KeyValue::from(long.clone()));
        assert_eq!(KeyValue::from("acme"), KeyValue::from("acme".to_owned()));
        assert_eq!(KeyValue::from(long.as_str()).text(), Some(long.as_bytes()));
    }

    proptest! {
        #[test]
        fn an_address_is_hashed_as_any_key_is(
            secret: [u8; 16],
            kind: u8,
            v4: [u8; 4],
            v6: [u8; 16],
            is_mapped: bool,
            prefix in 0..=128_u8,
        ) {
            let hasher = KeyHasher::new(secret);
            let v6 = if is_mapped { IpAddr::from(Ipv4Addr::from(v4).to_ipv6_mapped()) } else { v6.into() };
            for address in [v4.into(), v6] {
                let mut bytes = KeyBytes::default();
                bytes.address(kind, address, prefix);
                prop_assert_eq!(hasher.hash_address(kind, address, prefix), hasher.hash(bytes.as_slice()));
            }
        }
    }
}
