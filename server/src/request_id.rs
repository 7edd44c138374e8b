//! Request ids: passed on if the client has one, else made.

use std::cell::Cell;

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
    made
}

/// The id that the client has given its request, if it can be kept.
pub(crate) fn told(fields: &HeaderMap) -> Option<&str> {
    let fits =
        |id: &&str| !id.is_empty() && id.len() <= LONGEST && id.bytes().all(|byte| byte.is_ascii_graphic());
    fields.get(X_REQUEST_ID).and_then(|value| value.to_str().ok()).filter(fits)
}

/// An id that no other request has, in 32 hexadecimal digits.
pub(crate) fn made() -> String {
    format!("{:032x}", unused())
}

/// 128 bits that no other request has: those of the worker, and a number. They need not be secret.
fn unused() -> u128 {
    thread_local! {
        static NAMES: (u64, Cell<u64>) = (getrandom::u64().unwrap_or_default(), Cell::new(0));
    }
    NAMES.with(|(worker, given)| {
        let number = given.replace(given.get() + 1);
        u128::from(*worker) << 64 | u128::from(number)
    })
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
}
