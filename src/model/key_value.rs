//! The values of keys, as code gives them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use smallvec::SmallVec;

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
    use super::*;

    #[test]
    fn a_long_text_is_as_good_as_a_short_one() {
        let long = "a".repeat(1_000);
        assert_eq!(KeyValue::from(long.as_str()), KeyValue::from(long.clone()));
        assert_eq!(KeyValue::from("acme"), KeyValue::from("acme".to_owned()));
        assert_eq!(KeyValue::from(long.as_str()).text(), Some(long.as_bytes()));
    }
}
