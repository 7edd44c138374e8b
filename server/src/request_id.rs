//! Request ids: passed on if the client has one, else made.

use std::cell::Cell;
use std::ops::Deref;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

/// The field that it is in, of requests and of responses.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken from a client.
const LONGEST: usize = 128;

/// The request's id, which is written into its fields where it had none that can be kept.
///
/// One that is longer than 128 letters, or has others than visible ones of ASCII, is replaced: it would be written to logs.
pub(crate) fn of(fields: &mut HeaderMap) -> String {
    if let Some(id) = told(fields) {
        return id.to_owned();
    }
    let made = made();
    if let Ok(value) = HeaderValue::from_str(&made) {
        fields.insert(X_REQUEST_ID, value);
    }
    made.to_string()
}

/// The id that the client has given its request, if it can be kept.
pub(crate) fn told(fields: &HeaderMap) -> Option<&str> {
    let fits =
        |id: &&str| !id.is_empty() && id.len() <= LONGEST && id.bytes().all(|byte| byte.is_ascii_graphic());
    fields.get(X_REQUEST_ID).and_then(|value| value.to_str().ok()).filter(fits)
}

/// An id that was made: 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Made([u8; 32]);

impl Deref for Made {
    type Target = str;

    fn deref(&self) -> &str {
        // Digits are ASCII.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// An id that no other request has: 64 bits of the worker, and a number. They need not be secret.
pub(crate) fn made() -> Made {
    thread_local! {
        static LAST: Cell<([u8; 16], u64)> = Cell::new((digits(getrandom::u64().unwrap_or_default()), 0));
    }
    let (worker, number) = LAST.get();
    LAST.set((worker, number + 1));
    let mut id = [0; 32];
    id[..16].copy_from_slice(&worker);
    id[16..].copy_from_slice(&digits(number));
    Made(id)
}

/// A number in hexadecimal digits, without the formatter, which takes many times as many instructions.
fn digits(number: u64) -> [u8; 16] {
    std::array::from_fn(|at| b"0123456789abcdef"[(number >> (60 - 4 * at)) as usize & 15])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(id: &str) -> HeaderMap {
        let mut fields = HeaderMap::new();
        fields.insert(X_REQUEST_ID, HeaderValue::from_bytes(id.as_bytes()).unwrap());
        fields
    }

    #[test]
    fn an_id_that_the_client_has_is_kept() {
        assert_eq!(of(&mut with("0d9c-7f:0c.e1")), "0d9c-7f:0c.e1");
    }

    #[test]
    fn an_id_that_would_spoil_a_log_is_replaced() {
        for id in ["", "two words", "é", &"x".repeat(129)] {
            let mut fields = with(id);
            let made = of(&mut fields);
            assert_eq!(made.len(), 32, "{id}");
            assert_eq!(fields.get(X_REQUEST_ID).unwrap(), made.as_str(), "{id}");
        }
    }

    #[test]
    fn ids_that_are_made_differ() {
        assert_ne!(of(&mut HeaderMap::new()), of(&mut HeaderMap::new()));
    }

    #[test]
    fn digits_are_those_of_the_formatter() {
        for number in [0, 1, 15, 16, 0x0123_4567_89ab_cdef, u64::MAX] {
            assert_eq!(digits(number), format!("{number:016x}").as_bytes());
        }
    }
}
