//! Named values that a client sends: parameters of a query, and cookies.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The value of the first parameter of that name in a query, decoded as forms are.
///
/// Names are compared decoded, or a client could hide a parameter from its rule by another spelling. What is no UTF-8
/// is replaced. Nothing is allocated for a value without escapes.
///
/// # Examples
///
/// ```
/// use timebudget::model::parameter::of_query;
/// assert_eq!(of_query("a=1&q=red%20+wine&q=2", "q").as_deref(), Some("red  wine"));
/// assert_eq!(of_query("%71=x", "q").as_deref(), Some("x"));
/// assert_eq!(of_query("q", "q").as_deref(), Some(""));
/// assert_eq!(of_query("a=1", "q"), None);
/// ```
pub fn of_query<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    query.split('&').find_map(|pair| {
        let (found, value) = pair.split_once('=').unwrap_or((pair, ""));
        (!pair.is_empty() && decoded_form(found) == name).then(|| decoded_form(value))
    })
}

/// The value of the first cookie of that name in a `Cookie` field, percent-decoded, without quotation marks around it.
///
/// # Examples
///
/// ```
/// use timebudget::model::parameter::of_cookies;
/// assert_eq!(of_cookies("a=1; session=%61bc", "session").as_deref(), Some("abc"));
/// assert_eq!(of_cookies("a=1; b", "b"), None);
/// ```
pub fn of_cookies<'a>(field: &'a str, name: &str) -> Option<Cow<'a, str>> {
    field.split(';').find_map(|pair| {
        let (found, value) = pair.split_once('=')?;
        (decoded(found.trim()) == name).then(|| decoded(unquoted(value.trim())))
    })
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
        assert_eq!(of_cookies("q=a+b", "q").as_deref(), Some("a+b"));
    }

    #[test]
    fn what_is_no_utf8_is_replaced() {
        assert_eq!(of_query("q=%FF", "q").as_deref(), Some("\u{fffd}"));
    }

    #[test]
    fn a_value_without_escapes_is_borrowed() {
        assert!(matches!(of_query("a=1&q=wine", "q"), Some(Cow::Borrowed("wine"))));
        assert!(matches!(of_cookies("a=1;q=\"wine\"", "q"), Some(Cow::Borrowed("wine"))));
    }

    #[test]
    fn an_empty_query_has_no_parameter_without_a_name() {
        assert_eq!(of_query("", ""), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a-c=&;%+\"0-9F\u{e9} ]{0,40}", name in "[a-c]{0,2}") {
            let _ = (of_query(&text, &name), of_cookies(&text, &name));
        }
    }
}
