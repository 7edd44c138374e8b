//! What a client may spell in many ways, in one form: paths, parameters of a query, and cookies.

use std::borrow::Cow;

use percent_encoding::{percent_decode, percent_decode_str};

use crate::model::condition::letters::{in_one_case, is_plain};

/// What is suspect about a pattern of paths with an escape, such as one that was copied from an address bar.
pub(crate) const ENCODED: &str =
    "paths are decoded before they are matched; expected the characters themselves";

/// Which paths are one to a site's rules.
///
/// # Examples
///
/// ```
/// use timebudget::{EscapedSlash, Paths};
/// for spelling in ["/login", "/%6cogin", "//login", "/login/"] {
///     assert_eq!(Paths::Normal.form(spelling, EscapedSlash::IsSlash), "/login");
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Paths {
    /// Those that differ by repeated slashes or by one at the end are one: `//a`, `/a/` and `/a`.
    #[default]
    Normal,
    /// They are not, as for a router that has no `NormalizePath` inside of the budget.
    Exact,
    /// As [`Normal`](Self::Normal), and those are one, too, that differ by the case of their letters: `/LOGIN` and `/login`, as to
    /// the routers of Express and of ASP.NET Core. Rules see them in lower case.
    AnyCase,
}

/// What becomes of an escaped slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EscapedSlash {
    /// It is a slash like any other, as in a segment that takes the rest of a path.
    IsSlash,
    /// It stays `%2F`, since the application's routes tell it from a slash.
    Stays,
}

impl Paths {
    /// The path as rules see it, of the path as the router sees it.
    ///
    /// The router leaves `%25`, `%2B` and `%2F` escaped, and extractors decode them afterwards; so does this. A text that only
    /// reads like an escaped slash, such as `%252F`, stays as it is, so no other path has its form. What is no UTF-8 is
    /// replaced, and dot segments are left, as extractors do and as the router does. A path that has this form already is
    /// borrowed.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::Paths;
    /// use timebudget::EscapedSlash;
    /// let normal = |path| Paths::Normal.form(path, EscapedSlash::IsSlash).into_owned();
    /// assert_eq!(normal("//api//login/"), "/api/login");
    /// assert_eq!(normal("/search/c%2b%2B"), "/search/c++");
    /// assert_eq!(normal("/search/100%25"), "/search/100%");
    /// assert_eq!(normal("/files/a%2fb"), "/files/a/b");
    /// assert_eq!(Paths::Normal.form("/search/a%2fb", EscapedSlash::Stays), "/search/a%2Fb");
    /// assert_eq!(Paths::Exact.form("/a%2Bb/", EscapedSlash::IsSlash), "/a+b/");
    /// assert_eq!(Paths::AnyCase.form("/%4CogIn/", EscapedSlash::IsSlash), "/login");
    /// ```
    #[inline]
    pub fn form(self, path: &str, slash: EscapedSlash) -> Cow<'_, str> {
        if self.is_form(path) { Cow::Borrowed(path) } else { self.formed(path, slash) }
    }

    /// Whether a path is in that form without more: as most are that clients send.
    #[inline]
    pub(crate) fn is_form(self, path: &str) -> bool {
        let mut last = 0;
        for letter in path.bytes() {
            if letter == b'%' || (letter == b'/' && last == b'/') {
                return false;
            }
            last = letter;
        }
        let is_merged = last != b'/' || path.len() == 1;
        match self {
            Self::Normal => is_merged,
            Self::Exact => false,
            Self::AnyCase => is_merged && is_plain(path),
        }
    }

    fn formed(self, path: &str, slash: EscapedSlash) -> Cow<'_, str> {
        let decoded = match slash {
            _ if !path.contains('%') => Cow::Borrowed(path),
            EscapedSlash::IsSlash => Cow::Owned(decoded(path)),
            EscapedSlash::Stays => Cow::Owned(decoded_by_segment(path)),
        };
        match decoded {
            Cow::Borrowed(path) => self.unescaped(path),
            Cow::Owned(path) => Cow::Owned(self.unescaped(&path).into_owned()),
        }
    }

    /// The path with its slashes in the form in which the site's rules see them, and all else as it was.
    pub fn slashes(self, path: &str) -> Cow<'_, str> {
        if self.merges_slashes() { merged(path) } else { Cow::Borrowed(path) }
    }

    /// The path with its letters in the form in which the site's rules see them, and all else as it was.
    pub(crate) fn letters(self, path: Cow<'_, str>) -> Cow<'_, str> {
        if self.ignores_case() { in_one_case(path) } else { path }
    }

    /// A path in the form in which the site's rules see it, of one that has no escapes: slashes and letters.
    pub(crate) fn unescaped(self, path: &str) -> Cow<'_, str> {
        self.letters(self.slashes(path))
    }

    /// Whether paths that differ by slashes are one.
    pub(crate) fn merges_slashes(self) -> bool {
        self != Self::Exact
    }

    /// Whether paths that differ by the case of their letters are one.
    pub(crate) fn ignores_case(self) -> bool {
        self == Self::AnyCase
    }

    /// The same, but with letters as they are written: as actix's router sees them.
    pub(crate) fn in_their_case(self) -> Self {
        if self.ignores_case() { Self::Normal } else { self }
    }
}

fn decoded(path: &str) -> String {
    unlike_escapes(&percent_decode_str(path).decode_utf8_lossy())
}

fn decoded_by_segment(path: &str) -> String {
    let segments: Vec<_> = path.split('/').map(|segment| decoded(segment).replace('/', "%2F")).collect();
    segments.join("/")
}

/// The text, in which what reads like an escaped slash, however often escaped, is escaped once more.
fn unlike_escapes(text: &str) -> String {
    let mut parts = text.split('%');
    let mut escaped = parts.next().unwrap_or_default().to_owned();
    // Behind each `%`, up to the next.
    for part in parts {
        let is_alike =
            part.trim_start_matches("25").get(..2).is_some_and(|two| two.eq_ignore_ascii_case("2F"));
        escaped.push_str(if is_alike { "%25" } else { "%" });
        escaped.push_str(part);
    }
    escaped
}

/// The path with each run of slashes as one, and none at its end; the root is one.
fn merged(path: &str) -> Cow<'_, str> {
    let trimmed = match path.strip_suffix('/') {
        None | Some("") => path,
        Some(rest) => rest,
    };
    let is_merged = !trimmed.as_bytes().windows(2).any(|two| two == b"//");
    match trimmed == "/" || is_merged && !trimmed.ends_with('/') {
        true => Cow::Borrowed(trimmed),
        false => Cow::Owned(merged_slowly(path)),
    }
}

fn merged_slowly(path: &str) -> String {
    let mut merged = String::with_capacity(path.len());
    for letter in path.chars() {
        if letter != '/' || !merged.ends_with('/') {
            merged.push(letter);
        }
    }
    if merged.len() > 1 && merged.ends_with('/') {
        merged.pop();
    }
    merged
}

/// The value of the last parameter of that name in a query, decoded as forms are.
///
/// The last, for that is what is left of several where they are read into a map. What is no UTF-8 is replaced. Nothing is
/// allocated for a value without escapes.
///
/// # Examples
///
/// ```
/// use timebudget::query_value;
/// assert_eq!(query_value("a=1&q=white&q=red%20+wine", "q").as_deref(), Some("red  wine"));
/// assert_eq!(query_value("%71=x", "q").as_deref(), Some("x"));
/// assert_eq!(query_value("q", "q").as_deref(), Some(""));
/// assert_eq!(query_value("a=1", "q"), None);
/// ```
pub fn query_value<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    query.rsplit('&').find_map(|pair| value_in(pair, name))
}

/// The values of all parameters of that name in a query, decoded as forms are.
pub fn query_values<'a>(query: &'a str, name: &str) -> impl Iterator<Item = Cow<'a, str>> {
    query.split('&').filter_map(move |pair| value_in(pair, name))
}

/// The values of all cookies of that name in a `Cookie` field, as applications read them: percent-decoded, without
/// quotation marks around them. A cookie with an escape that makes it no UTF-8 is none; one that is written in other bytes is
/// one of bytes, and hides no other.
///
/// # Examples
///
/// ```
/// use timebudget::cookie_values;
/// let values: Vec<_> = cookie_values(b"a=1; session=\"%61bc\"; session=%ff; session=\xff", "session").collect();
/// assert_eq!(values, [&b"abc"[..], b"\xff"]);
/// assert_eq!(cookie_values(b"a=1; b", "b").next(), None);
/// ```
pub fn cookie_values<'a>(field: &'a [u8], name: &str) -> impl Iterator<Item = Cow<'a, [u8]>> {
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
        true => Cow::Owned(decoded_text(&text.replace('+', " ")).into_owned()),
        false => decoded_text(text),
    }
}

fn decoded_text(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normal(path: &str) -> Cow<'_, str> {
        Paths::Normal.form(path, EscapedSlash::IsSlash)
    }

    #[test]
    fn slashes_are_merged_after_they_are_decoded() {
        for path in ["/a/b", "//a/b", "/a//b", "/a/b/", "///a///b///", "/a%2Fb", "/a%2f/b%2F", "%2Fa/b"] {
            assert_eq!(normal(path), "/a/b", "{path}");
        }
        for path in ["/", "//", "///", "%2F", "/%2f"] {
            assert_eq!(normal(path), "/", "{path}");
        }
        assert_eq!((normal(""), normal("*")), ("".into(), "*".into()));
    }

    #[test]
    fn a_path_that_is_normal_already_is_borrowed() {
        for path in ["/", "/a", "/a/b.c/é", "", "/a/../b", "/a/"] {
            assert!(matches!(normal(path), Cow::Borrowed(_)), "{path}");
        }
    }

    #[test]
    fn what_is_no_escape_is_left() {
        for path in ["/%", "/%z", "/%4", "/50%zz", "/a%%"] {
            assert_eq!(normal(path), path);
        }
        assert_eq!(normal("/%25zz"), "/%zz", "an extractor decodes both to this");
    }

    #[test]
    fn what_reads_like_an_escaped_slash_is_no_slash() {
        let stays = |path| Paths::Normal.form(path, EscapedSlash::Stays);
        assert_eq!((stays("/a%2fb"), normal("/a%2fb")), ("/a%2Fb".into(), "/a/b".into()));
        for path in ["/a%252Fb", "/a%252fb", "/a%25252Fb"] {
            assert_eq!((stays(path), normal(path)), (path.into(), path.into()));
        }
    }

    fn any_case(path: &str) -> Cow<'_, str> {
        Paths::AnyCase.form(path, EscapedSlash::IsSlash)
    }

    /// `POST /LOGIN` passed a rule on `/login`, and a router that ignores the case of letters served the login.
    #[test]
    fn in_any_case_letters_are_in_lower_case_once_they_are_decoded() {
        for path in ["/login", "/LOGIN", "//Login/", "/%6Cogin", "/%4cOG%49N", "/lo%67in%2F"] {
            assert_eq!(any_case(path), "/login", "{path}");
        }
        assert_eq!((any_case("/%E2%84%AAeys"), any_case("/%C3%89")), ("/keys".into(), "/é".into()));
        assert_eq!(Paths::AnyCase.form("/A%2Fb", EscapedSlash::Stays), "/a%2fb");
        assert_eq!(any_case("/a%252F"), any_case("/A%252f"));
    }

    #[test]
    fn in_any_case_a_path_in_lower_case_is_borrowed_and_elsewhere_letters_stay() {
        for path in ["/", "/login", "/a/b.c/é", "", "/login/"] {
            assert!(matches!(any_case(path), Cow::Borrowed(_)), "{path}");
        }
        assert_eq!((normal("/%4Cogin"), normal("/É")), ("/Login".into(), "/É".into()));
        assert_eq!(Paths::Exact.form("/%4Cogin/", EscapedSlash::IsSlash), "/Login/");
    }

    /// What an extractor makes of each segment.
    fn values(path: &str) -> Vec<String> {
        path.split('/').map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn paths_whose_segments_an_extractor_decodes_alike_have_one_form_and_no_others(
            one in "/(%25|%2F|%2f|%2B|%|2|5|F|f|/|a){0,7}",
            other in "/(%25|%2F|%2f|%2B|%|2|5|F|f|/|a){0,7}",
        ) {
            let form = |path| Paths::Exact.form(path, EscapedSlash::Stays).into_owned();
            prop_assert_eq!(values(&one) == values(&other), form(&one) == form(&other));
        }

        #[test]
        fn paths_that_are_decoded_alike_as_a_whole_have_one_form_and_no_others(
            one in "/(%25|%2F|%2f|%2B|%|2|5|F|f|/|a){0,7}",
            other in "/(%25|%2F|%2f|%2B|%|2|5|F|f|/|a){0,7}",
        ) {
            let form = |path| Paths::Exact.form(path, EscapedSlash::IsSlash).into_owned();
            prop_assert_eq!(values(&one).join("/") == values(&other).join("/"), form(&one) == form(&other));
        }

        #[test]
        fn a_form_is_its_own_form_and_in_any_case_that_of_every_case(
            path in "(/|%2F|%25|%|2|F|f|k|K|\u{212a}|%C3%89|É|İ|ı|ß|ẞ|σ|ς|Σ|µ|ǅ|%FF){0,9}",
        ) {
            for slash in [EscapedSlash::IsSlash, EscapedSlash::Stays] {
                let form = Paths::AnyCase.form(&path, slash);
                for other in [path.to_lowercase(), path.to_ascii_uppercase()] {
                    prop_assert_eq!(&Paths::AnyCase.form(&other, slash), &form);
                }
                // What reads like an escape is one to whoever decodes it once more.
                prop_assert!(form.contains('%') || Paths::AnyCase.form(&form, slash) == form);
                let normal = Paths::Normal.form(&path, slash);
                prop_assert_eq!(Paths::AnyCase.unescaped(&normal), form);
            }
        }

        #[test]
        fn a_normal_path_has_no_slash_twice_and_none_at_its_end(path in "(/|%2F|a|%25){0,9}") {
            let form = normal(&path);
            prop_assert!(!form.contains("//") && (form == "/" || !form.ends_with('/')), "{}", form);
        }
    }
}

#[cfg(test)]
mod parameter_tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_plus_is_a_space_in_a_query_only() {
        assert_eq!(query_value("q=a+b", "q").as_deref(), Some("a b"));
        assert_eq!(cookie_values(b"q=a+b", "q").next().as_deref(), Some(&b"a+b"[..]));
    }

    #[test]
    fn what_is_no_utf8_is_replaced_in_a_query_and_no_cookie() {
        assert_eq!(query_value("q=%FF", "q").as_deref(), Some("\u{fffd}"));
        assert_eq!(cookie_values(b"q=%FF; q=1; q%FF=2", "q").collect::<Vec<_>>(), [&b"1"[..]]);
    }

    #[test]
    fn a_cookie_of_other_bytes_is_one_of_bytes_and_hides_no_other() {
        let field = b"a=\xe9; q\xe9=1; =\xe9; q = \"\xe9%20\" ;\xe9; %71=2; q=\"\xe8";
        let values: Vec<_> = cookie_values(field, "q").collect();
        assert_eq!(values, [&b"\xe9 "[..], b"2", b"\"\xe8"]);
    }

    #[test]
    fn of_several_parameters_the_last_is_the_one_and_all_can_be_had() {
        assert_eq!(query_value("q=1&q=2&r=3", "q").as_deref(), Some("2"));
        assert_eq!(query_values("q=1&q=2&r=3", "q").collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn a_value_without_escapes_is_borrowed() {
        assert!(matches!(query_value("a=1&q=wine", "q"), Some(Cow::Borrowed("wine"))));
        assert!(matches!(cookie_values(b"a=1;q=\"wine\"", "q").next(), Some(Cow::Borrowed(b"wine"))));
    }

    #[test]
    fn an_empty_query_has_no_parameter_without_a_name() {
        assert_eq!(query_value("", ""), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a-c=&;%+\"0-9F\u{e9} ]{0,40}", name in "[a-c]{0,2}") {
            let _ = (query_value(&text, &name), cookie_values(text.as_bytes(), &name).count());
        }
    }
}
