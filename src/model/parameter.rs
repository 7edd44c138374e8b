//! Named values that a client sends: parameters of a query, and cookies.

use std::borrow::Cow;

use percent_encoding::{percent_decode, percent_decode_str};

/// The value of the last parameter of that name in a query, decoded as forms are.
///
/// The last, for that is what is left of several where they are read into a map. What is no UTF-8 is replaced. Nothing is
/// allocated for a value without escapes.
///
/// # Examples
///
/// ```
/// use timebudget::parameter::of_query;
/// assert_eq!(of_query("a=1&q=white&q=red%20+wine", "q").as_deref(), Some("red  wine"));
/// assert_eq!(of_query("%71=x", "q").as_deref(), Some("x"));
/// assert_eq!(of_query("q", "q").as_deref(), Some(""));
/// assert_eq!(of_query("a=1", "q"), None);
/// ```
pub fn of_query<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    query.rsplit('&').find_map(|pair| value_in(pair, name))
}

/// The values of all parameters of that name in a query, decoded as forms are.
pub fn all_of_query<'a>(query: &'a str, name: &str) -> impl Iterator<Item = Cow<'a, str>> {
    query.split('&').filter_map(move |pair| value_in(pair, name))
}

/// The values of all cookies of that name in a `Cookie` field, as applications read them: percent-decoded, without
/// quotation marks around them. A cookie with an escape that makes it no UTF-8 is none; one that is written in other bytes is
/// one of bytes, and hides no other.
///
/// # Examples
///
/// ```
/// use timebudget::parameter::of_cookies;
/// let values: Vec<_> = of_cookies(b"a=1; session=\"%61bc\"; session=%ff; session=\xff", "session").collect();
/// assert_eq!(values, [&b"abc"[..], b"\xff"]);
/// assert_eq!(of_cookies(b"a=1; b", "b").next(), None);
/// ```
pub fn of_cookies<'a>(field: &'a [u8], name: &str) -> impl Iterator<Item = Cow<'a, [u8]>> {
    let pairs = field.split(|byte| *byte == b';');
    pairs.filter_map(move |pair| {
        str::from_utf8(pair).map_or_else(|_| of_bytes(pair, name), |pair| of_text(pair, name))
    })
}

/// The value of a cookie, if it has that name.
fn of_text<'a>(pair: &'a str, name: &str) -> Option<Cow<'a, [u8]>> {
    let (found, value) = pair.split_once('=')?;
    let is_it = percent_decode_str(found.trim()).decode_utf8().ok()? == name;
    let value = unquoted(value.trim()).trim();
    // One without a name, written as such, is none.
    let value = (is_it && !found.trim().is_empty()).then(|| percent_decode_str(value));
    value.filter(|value| value.clone().decode_utf8().is_ok()).map(Cow::from)
}

/// The same of one that is no UTF-8.
fn of_bytes<'a>(pair: &'a [u8], name: &str) -> Option<Cow<'a, [u8]>> {
    let equals = pair.iter().position(|byte| *byte == b'=')?;
    let (found, value) = (pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii());
    let is_it = !found.is_empty() && Cow::from(percent_decode(found)) == name.as_bytes();
    let inner = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value);
    is_it.then(|| percent_decode(inner.trim_ascii()).into())
}

/// The value of a pair, if it has that name. Names are compared decoded, or another spelling would hide a parameter.
fn value_in<'a>(pair: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let (found, value) = pair.split_once('=').unwrap_or((pair, ""));
    (!pair.is_empty() && decoded_form(found) == name).then(|| decoded_form(value))
}

fn decoded_form(text: &str) -> Cow<'_, str> {
    match text.contains('+') {
        true => Cow::Owned(decoded(&text.replace('+', " ")).into_owned()),
        false => decoded(text),
    }
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_plus_is_a_space_in_a_query_only() {
        assert_eq!(of_query("q=a+b", "q").as_deref(), Some("a b"));
        assert_eq!(of_cookies(b"q=a+b", "q").next().as_deref(), Some(&b"a+b"[..]));
    }

    #[test]
    fn what_is_no_utf8_is_replaced_in_a_query_and_no_cookie() {
        assert_eq!(of_query("q=%FF", "q").as_deref(), Some("\u{fffd}"));
        assert_eq!(of_cookies(b"q=%FF; q=1; q%FF=2", "q").collect::<Vec<_>>(), [&b"1"[..]]);
    }

    #[test]
    fn a_cookie_of_other_bytes_is_one_of_bytes_and_hides_no_other() {
        let field = b"a=\xe9; q\xe9=1; =\xe9; q = \"\xe9%20\" ;\xe9; %71=2; q=\"\xe8";
        let values: Vec<_> = of_cookies(field, "q").collect();
        assert_eq!(values, [&b"\xe9 "[..], b"2", b"\"\xe8"]);
    }

    #[test]
    fn of_several_parameters_the_last_is_the_one_and_all_can_be_had() {
        assert_eq!(of_query("q=1&q=2&r=3", "q").as_deref(), Some("2"));
        assert_eq!(all_of_query("q=1&q=2&r=3", "q").collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn a_value_without_escapes_is_borrowed() {
        assert!(matches!(of_query("a=1&q=wine", "q"), Some(Cow::Borrowed("wine"))));
        assert!(matches!(of_cookies(b"a=1;q=\"wine\"", "q").next(), Some(Cow::Borrowed(b"wine"))));
    }

    #[test]
    fn an_empty_query_has_no_parameter_without_a_name() {
        assert_eq!(of_query("", ""), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a-c=&;%+\"0-9F\u{e9} ]{0,40}", name in "[a-c]{0,2}") {
            let _ = (of_query(&text, &name), of_cookies(text.as_bytes(), &name).count());
        }
    }
}
