//! Hosts: the names by which requests ask for a site, in one form.
//!
//! That form is ASCII, in lower case, without a port and without a final dot. A name of other letters is in Punycode
//! (UTS #46, as browsers write it), and an address of IPv6 is in brackets in its canonical form (RFC 5952).

use std::fmt;
use std::net::Ipv6Addr;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

/// The longest name in ASCII form (RFC 1035, section 3.1), in bytes.
const LONGEST: usize = 253;

/// The longest label, in bytes.
const LONGEST_LABEL: usize = 63;

/// What the longest name may be in UTF-8: no letter of it takes more than four bytes. What is longer is not looked at.
const LONGEST_ASKED: usize = 4 * LONGEST;

/// What stands before the other labels of a wildcard.
const WILDCARD: &str = "*.";

/// A host that a site answers for: a name, an address, or a wildcard such as `*.example.com`.
///
/// A wildcard stands for every name that ends so, at any depth, but not for the name behind its `*.` itself.
///
/// # Examples
///
/// ```
/// use timebudget::Host;
///
/// assert_eq!(Host::parse("München.Example.")?.as_str(), "xn--mnchen-3ya.example");
/// assert_eq!(Host::parse("*.preview.example")?.as_str(), "*.preview.example");
/// assert_eq!(Host::parse("0:0:0:0:0:0:0:1")?.as_str(), "[::1]");
/// assert_eq!(Host::parse("dev:8010").unwrap_err().to_string(), "not a name that a Host can be; did you mean \"dev\"?");
/// # Ok::<(), timebudget::HostFault>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(String);

/// Why a text is no [`Host`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostFault {
    /// No request can ask for it. Where it has a port, a scheme or a path, the host without them may be meant.
    #[error("not a name that a Host can be; {}", meant_or_expected(.0.as_ref()))]
    NotAHost(Option<Host>),
    /// A `*` that is not the whole first label.
    #[error("a * that is no whole first label; expected a wildcard such as \"*.example.com\"")]
    NotAWildcard,
    /// `*` alone: every host there is.
    #[error("every host there is; expected default_site in the common file")]
    Everything,
}

impl Host {
    /// The host that a text names, in either form of an international name and in any case.
    ///
    /// # Errors
    ///
    /// A [`HostFault`] where no request can ask for it.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Host, HostFault};
    /// assert_eq!(Host::parse("Shop.Example.")?.to_string(), "shop.example");
    /// assert_eq!(Host::parse("*"), Err(HostFault::Everything));
    /// assert_eq!(Host::parse("a.*.example"), Err(HostFault::NotAWildcard));
    /// # Ok::<(), HostFault>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, HostFault> {
        if text == "*" {
            return Err(HostFault::Everything);
        }
        let (wildcard, name) = text.strip_prefix(WILDCARD).map_or(("", text), |name| (WILDCARD, name));
        if name.contains('*') {
            return Err(HostFault::NotAWildcard);
        }
        if let Some(address) = address(name).filter(|_| wildcard.is_empty()) {
            return Ok(Self(address));
        }
        match self::name(name) {
            Some(name) => Ok(Self(format!("{wildcard}{name}"))),
            None => Err(HostFault::NotAHost(without_the_rest(text))),
        }
    }

    /// The host in its one form: ASCII, in lower case, without a port and without a final dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is this name or wildcard, or a wildcard that stands for it, too.
    pub(crate) fn covers(&self, name: &str) -> bool {
        let is_below =
            |below: &str| name.strip_suffix(below).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'));
        self.0 == name || self.below().is_some_and(is_below)
    }

    /// What a wildcard stands before: `example.com` of `*.example.com`; `None` of another host.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::Host;
    /// assert_eq!(Host::parse("*.example.com")?.below(), Some("example.com"));
    /// assert_eq!(Host::parse("www.example.com")?.below(), None);
    /// # Ok::<(), timebudget::HostFault>(())
    /// ```
    pub fn below(&self) -> Option<&str> {
        self.0.strip_prefix(WILDCARD)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn meant_or_expected(meant: Option<&Host>) -> String {
    meant.map_or_else(
        || "expected one such as \"www.example.com\"".to_owned(),
        |meant| format!("did you mean \"{meant}\"?"),
    )
}

/// The name in a `Host` field: without its port, and without the dot of a fully qualified name.
pub(crate) fn bare(host: &[u8]) -> &[u8] {
    let colon = host.iter().rposition(|byte| *byte == b':').filter(|at| *at > 0);
    let name = match colon {
        Some(at) if !host[at..].contains(&b']') => &host[..at],
        _ => host,
    };
    name.strip_suffix(b".").unwrap_or(name)
}

/// What a bare name is in the one form; `None` if no host has that form.
///
/// Whoever sends it may have made it long to cost time, or wrong to cause an error: neither does harm.
pub(crate) fn normal(bare: &[u8]) -> Option<String> {
    let text = str::from_utf8(bare).ok().filter(|text| text.len() <= LONGEST_ASKED)?;
    address(text).or_else(|| name(text))
}

/// What follows the first label of a name, what follows the second, and so on: where wildcards are looked for, the most
/// specific first.
pub(crate) fn parents(name: &str) -> impl Iterator<Item = &str> {
    let dots = name.bytes().enumerate().filter(|(at, byte)| *byte == b'.' && *at > 0);
    dots.map(|(at, _)| &name[at + 1..])
}

/// An address of IPv6, with or without its brackets; those of IPv4 look like names.
fn address(text: &str) -> Option<String> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address: Ipv6Addr = bare.parse().ok()?;
    Some(format!("[{address}]"))
}

fn name(text: &str) -> Option<String> {
    let text = text.strip_suffix('.').unwrap_or(text);
    if text.is_ascii() {
        // As it is, even where its Punycode is none: a client can ask for it, and no two names become one.
        return is_name(text).then(|| text.to_ascii_lowercase());
    }
    let ascii = Uts46::new().to_ascii(
        text.as_bytes(),
        AsciiDenyList::URL,
        Hyphens::Allow,
        DnsLength::VerifyAllowRootDot,
    );
    // Letters that stand for a dot or a star are mapped to it.
    let ascii = ascii.ok()?.into_owned();
    let ascii = ascii.strip_suffix('.').unwrap_or(&ascii);
    is_name(ascii).then(|| ascii.to_owned())
}

fn is_name(text: &str) -> bool {
    let is_label = |label: &str| (1..=LONGEST_LABEL).contains(&label.len()) && label.bytes().all(is_of_names);
    text.len() <= LONGEST && text.split('.').all(is_label)
}

/// The letters of registered names (RFC 3986, section 3.2.2) but for the percent sign, which nobody decodes, and the star.
const fn is_of_names(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~')
        || matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'+' | b',' | b';' | b'=')
}

/// The host in what looks like a URL, or like a host with a port.
fn without_the_rest(text: &str) -> Option<Host> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    (host != text).then(|| Host::parse(host).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Option<String> {
        Host::parse(text).ok().map(|host| host.to_string())
    }

    fn asked(host: impl AsRef<[u8]>) -> Option<String> {
        normal(bare(host.as_ref()))
    }

    #[test]
    fn a_port_and_a_final_dot_are_no_part_of_the_name() {
        for (host, name) in [
            ("a.example", "a.example"),
            ("a.example:8080", "a.example"),
            ("a.example.", "a.example"),
            ("a.example.:80", "a.example"),
            ("[::1]:8080", "[::1]"),
            ("[::1]", "[::1]"),
            ("", ""),
            (":80", ":80"),
        ] {
            assert_eq!(bare(host.as_bytes()), name.as_bytes(), "{host}");
        }
    }

    #[test]
    fn both_forms_of_an_international_name_are_one_host() {
        let ascii = Some("xn--mnchen-3ya.example".to_owned());
        for text in
            ["münchen.example", "MÜNCHEN.Example", "xn--mnchen-3ya.example", "XN--MNCHEN-3YA.example."]
        {
            assert_eq!((parsed(text), asked(text)), (ascii.clone(), ascii.clone()), "{text}");
        }
        assert_eq!(asked("münchen.example:8080"), ascii);
        assert_eq!(asked("mu\u{308}nchen\u{3002}example"), ascii, "in two code points, with a Chinese dot");
        assert_eq!(asked(b"m\xfcnchen.example"), None, "Latin-1");
        assert_eq!(parsed("*.münchen.example").as_deref(), Some("*.xn--mnchen-3ya.example"));
        assert_eq!(parsed("faß.example").as_deref(), Some("xn--fa-hia.example"));
    }

    #[test]
    fn addresses_are_hosts_in_their_canonical_form() {
        for text in ["::1", "[::1]", "0:0:0:0:0:0:0:1", "[0::0001]"] {
            assert_eq!(parsed(text).as_deref(), Some("[::1]"), "{text}");
        }
        assert_eq!(asked("[0:0::1]:8080").as_deref(), Some("[::1]"));
        assert_eq!(parsed("127.0.0.1").as_deref(), Some("127.0.0.1"));
    }

    #[test]
    fn names_of_machines_and_test_benches_are_hosts() {
        for text in ["localhost", "site1.local", "my_site", "r3---sn.example", "a", "xn--", "xn--a.example"] {
            assert_eq!(parsed(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_no_request_can_ask_for_is_no_host() {
        let (long, label) = (["a"; 128].join("."), "a".repeat(64));
        let texts = ["", ".", "..", ".a", "a..b", "a b", "a\\b", "a@b", "a%62", "[::1", "::1]", "\u{fffd}"];
        for text in texts.into_iter().chain(["a\0", "\u{ff0a}.example", "ü..example", &long, &label]) {
            assert_eq!(Host::parse(text), Err(HostFault::NotAHost(None)), "{text:?}");
        }
    }

    #[test]
    fn a_port_or_a_scheme_too_much_is_told_apart_from_nonsense() {
        for (text, meant) in
            [("dev:8010", "dev"), ("a/b", "a"), ("https://A.example/x", "a.example"), ("[::1]:80", "[::1]")]
        {
            let Err(HostFault::NotAHost(Some(host))) = Host::parse(text) else { panic!("{text}") };
            assert_eq!(host.as_str(), meant);
        }
    }

    #[test]
    fn a_wildcard_is_a_whole_first_label_before_a_name() {
        assert_eq!(Host::parse("*"), Err(HostFault::Everything));
        for text in ["a*.example", "*a.example", "a.*", "a.*.example", "*.*.example", "**.example", "**"] {
            assert_eq!(Host::parse(text), Err(HostFault::NotAWildcard), "{text}");
        }
        for text in ["*.", "*..example", "*.[::1]", "*.::1"] {
            assert_eq!(Host::parse(text), Err(HostFault::NotAHost(None)), "{text}");
        }
    }

    #[test]
    fn the_parents_of_a_name_come_the_nearest_first() {
        assert_eq!(parents("a.b.c.example").collect::<Vec<_>>(), ["b.c.example", "c.example", "example"]);
        assert_eq!(parents("a").count() + parents("").count() + parents("[::1]").count(), 0);
        assert_eq!(parents(".example").count(), 0, "nothing stands before it");
    }

    proptest! {
        #[test]
        fn a_host_is_found_by_itself_however_it_is_written(text in "(\\*\\.)?[a-zA-ZäÖßñ日_-]{1,9}(\\.[a-zA-Zß本-]{1,9}){0,3}\\.?") {
            if let Ok(host) = Host::parse(&text) {
                prop_assert_eq!(Host::parse(host.as_str()), Ok(host.clone()));
                if host.below().is_none() {
                    prop_assert_eq!(asked(&text), Some(host.to_string()));
                    prop_assert_eq!(asked(format!("{}:8080", host.as_str().to_uppercase())), Some(host.to_string()));
                }
            }
        }

        #[test]
        fn no_bytes_of_a_client_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..80), text in ".{0,40}") {
            for host in [asked(&bytes), asked(&text)].into_iter().flatten() {
                prop_assert!(host.is_ascii() && !host.contains('*'));
                prop_assert_eq!(asked(&host), Some(host.clone()));
            }
        }
    }
}
