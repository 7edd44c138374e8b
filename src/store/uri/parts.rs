//! The parts of a URI, before anybody knows what they mean.

use super::error::UriFault;

/// The parts of a URI behind its scheme, still encoded.
///
/// What stands before the last `@` is the user and the password, so that an `@` or a `/` in a password need not be
/// encoded. A `?` or a `#` there must be: without that nobody could tell a password from parameters.
pub(crate) struct Parts<'a> {
    /// The user and the password, with a colon between them; empty where there is neither.
    pub(crate) login: &'a str,
    /// All up to the parameters: hosts and a path.
    pub(crate) place: &'a str,
    /// Names and values in their order; a parameter without `=` has no value.
    pub(crate) parameters: Vec<(&'a str, &'a str)>,
}

impl<'a> Parts<'a> {
    /// # Errors
    ///
    /// A `?` or a `#` before the last `@`, or a `#` in the place.
    pub(crate) fn new(rest: &'a str) -> Result<Self, UriFault> {
        let (login, tail) = rest.rsplit_once('@').unwrap_or(("", rest));
        let (place, parameters) = tail.split_once('?').unwrap_or((tail, ""));
        if login.contains(['?', '#']) || place.contains('#') {
            return Err(UriFault::new(
                "password",
                "a question mark, a hash or an at sign that is not encoded; expected %3F, %23 or %40",
            ));
        }
        let parameters = parameters.split('&').filter(|parameter| !parameter.is_empty());
        let parameters = parameters.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")));
        Ok(Self { login, place, parameters: parameters.collect() })
    }
}

/// Percent-decoded (RFC 3986, section 2.1); `part` is what messages call the text.
pub(crate) fn decoded(part: &str, text: &str) -> Result<String, UriFault> {
    const EXPECTED: &str =
        "a % that two hexadecimal digits of UTF-8 do not follow; expected %25 for a % itself";
    let broken = || UriFault::new(part, EXPECTED);
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        let digits = part.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).ok_or_else(broken)?;
        bytes.push(byte);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).map_err(|_| broken())
}
