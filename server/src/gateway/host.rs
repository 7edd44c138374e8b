//! Whom a request asks for, by the letter of RFC 3986: what is no host is no site's, and two servers could read it in two ways.

/// Whether this is a host with or without a port, as `Host` and targets have it.
pub(crate) fn is_host(text: &[u8]) -> bool {
    let (host, port) = match text.strip_prefix(b"[") {
        Some(rest) => {
            let Some(end) = rest.iter().position(|byte| *byte == b']') else { return false };
            let (address, rest) = rest.split_at(end);
            if !str::from_utf8(address).is_ok_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok()) {
                return false;
            }
            match &rest[1..] {
                [] => return true,
                [b':', port @ ..] => (&b"v6"[..], port),
                _ => return false,
            }
        }
        None => match text.iter().position(|byte| *byte == b':') {
            Some(colon) => (&text[..colon], &text[colon + 1..]),
            None => (text, &[][..]),
        },
    };
    !host.is_empty() && host.iter().all(|byte| is_of_name(*byte)) && port.iter().all(u8::is_ascii_digit)
}

/// Whether names may have it. A comma might be the end of one of several.
const fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'%'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b';'
                | b'='
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_hosts_with_and_without_a_port() {
        for host in [
            "a",
            "shop.example:8443",
            "a:",
            "127.0.0.1:80",
            "[::1]",
            "[2001:db8::7]:443",
            "xn--bcher-kva.example",
            "a_b",
        ] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_none() {
        for text in [
            "", ":80", "a b", "a,b", "a/b", "a?b", "a#b", "me@a", "a:b", "a:80:b", "a:+1", "::1", "[::1",
            "[::1]x", "[a]", "a\\b", "ä",
        ] {
            assert!(!is_host(text.as_bytes()), "{text}");
        }
    }
}
