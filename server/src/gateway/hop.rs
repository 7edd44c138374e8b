//! Header fields that are about one connection and not about the message: they go no further (RFC 9110, section 7.6.1).

/// Whether a field is about the connection, by its name in lower case.
pub(crate) fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// The names that values of `Connection` list, as they are written.
pub(crate) fn named<'a>(connection: impl Iterator<Item = &'a [u8]>) -> impl Iterator<Item = &'a [u8]> {
    connection
        .flat_map(|value| value.split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|name| !name.is_empty())
}

/// Whether what `Connection` names is no field, but what becomes of the connection; that is left out as it is.
pub(crate) fn is_about_the_connection_alone(named: &[u8]) -> bool {
    named.eq_ignore_ascii_case(b"keep-alive") || named.eq_ignore_ascii_case(b"close")
}

/// Whether a list of names of `Connection` takes this field away: those that say to whom and how long a message is, no list can.
pub(crate) fn takes_away(listed: &[u8], name: &str) -> bool {
    const KEPT: [&str; 3] = ["host", "content-length", "x-request-id"];
    listed.eq_ignore_ascii_case(name.as_bytes()) && !KEPT.contains(&name) && !is_ours(name)
}

/// Whether a field is the gateway's own to say.
pub(crate) fn is_ours(name: &str) -> bool {
    matches!(
        name,
        "forwarded" | "x-forwarded-for" | "x-forwarded-host" | "x-forwarded-proto" | "x-ratelimit-time-left"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_connection_lists_is_read_with_any_spaces() {
        let lines = [&b"close, X-One"[..], b" ,x-two ,", b""];
        let names: Vec<_> = named(lines.into_iter()).collect();
        assert_eq!(names, [&b"close"[..], b"X-One", b"x-two"]);
    }

    #[test]
    fn connection_cannot_take_away_who_is_asked_or_who_asks() {
        assert!(takes_away(b"X-One", "x-one"));
        for name in ["host", "content-length", "x-forwarded-for", "forwarded"] {
            assert!(!takes_away(name.as_bytes(), name), "{name}");
        }
    }
}
