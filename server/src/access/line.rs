//! A line of the access log, as it is written and read. docs/access-log.md has the same table.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use serde_json::Serializer;
use serde_json::ser::Formatter;

/// What is told of one request.
///
/// Fields are only ever added. Whoever reads a line ignores those that it does not know.
///
/// # Examples
///
/// ```json
/// {"time":"2026-11-27T16:31:55.123456Z","client":"203.0.113.7","site":"shop.example","method":"GET","path":"/report",
///  "status":200,"charged_us":250113,"elapsed_us":250561,"request_id":"0d9c7f0ce1a34d0b9a5b0f0e6f4b7c11"}
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line<'a> {
    /// When the request's head had come, in microseconds since 1970-01-01T00:00:00Z; written as UTC by RFC 3339, with six digits
    /// after the second.
    #[serde(with = "rfc3339")]
    pub(crate) time: u64,
    /// The client's address, as the site's rules see it; nothing where it has none, as on a Unix socket.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) client: Option<Cow<'a, str>>,
    /// The client's name, as its site knows clients; nothing where nobody knows it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<Cow<'a, str>>,
    /// The name of the API key that the client has sent; nothing without one that is known.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) api_key: Option<Cow<'a, str>>,
    /// The name of the site that answered.
    #[serde(borrow)]
    pub(crate) site: Cow<'a, str>,
    /// The site's host or wildcard that was asked for, where that is not its name.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) method: Cow<'a, str>,
    /// As the client has sent it; without its query unless `--access-log-query` asks for it.
    #[serde(borrow)]
    pub(crate) path: Cow<'a, str>,
    /// 499 where the client had gone before there was any.
    pub(crate) status: u16,
    /// The most that a limit of time was charged, in microseconds; 0 where none was.
    pub(crate) charged_us: u64,
    /// Whether it was made free: then no limit was charged, also none that counts requests. Left out where it was not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) waived: bool,
    /// From the request's head to the last chunk of the response's body, in microseconds of wall time.
    pub(crate) elapsed_us: u64,
    /// How long the upstream took to the head of its answer, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upstream_us: Option<u64>,
    /// The rule that refused the request, or ended it amid its work, for which it was charged.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) rule: Option<Cow<'a, str>>,
    /// `X-Request-Id` of the request, or the one that it was given.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<Cow<'a, str>>,
}

impl Line<'_> {
    /// Writes the line and its end.
    ///
    /// # Errors
    ///
    /// Those of `to`.
    pub(crate) fn write(&self, mut to: impl Write) -> io::Result<()> {
        self.serialize(&mut Serializer::with_formatter(&mut to, OneLine))?;
        to.write_all(b"\n")
    }
}

/// JSON in which nothing is raw that some reader takes for the end of a line, or a terminal for a command: the control characters
/// beyond ASCII, and the two separators of Unicode.
struct OneLine;

impl Formatter for OneLine {
    fn write_string_fragment<W: Write + ?Sized>(&mut self, to: &mut W, fragment: &str) -> io::Result<()> {
        if fragment.is_ascii() && !fragment.contains('\u{7f}') {
            return to.write_all(fragment.as_bytes());
        }
        for letter in fragment.chars() {
            match letter {
                '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' => write!(to, "\\u{:04x}", u32::from(letter)),
                letter => to.write_all(letter.encode_utf8(&mut [0; 4]).as_bytes()),
            }?;
        }
        Ok(())
    }
}

/// Times by RFC 3339.
mod rfc3339 {
    use std::borrow::Cow;

    use chrono::{DateTime, SecondsFormat};
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(time: &u64, to: S) -> Result<S::Ok, S::Error> {
        let time = i64::try_from(*time).ok().and_then(DateTime::from_timestamp_micros);
        to.serialize_str(&time.unwrap_or_default().to_rfc3339_opts(SecondsFormat::Micros, true))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let text: Cow<'de, str> = Cow::deserialize(from)?;
        let time = DateTime::parse_from_rfc3339(&text).map_err(D::Error::custom)?;
        u64::try_from(time.timestamp_micros()).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line<'static> {
        Line {
            time: 1_795_797_115_000_012,
            client: Some("203.0.113.7".into()),
            user: None,
            api_key: None,
            site: "shop.example".into(),
            host: None,
            method: "GET".into(),
            path: "/a\"b".into(),
            status: 429,
            charged_us: 0,
            waived: false,
            elapsed_us: 17,
            upstream_us: None,
            rule: Some("site".into()),
            request_id: Some("x1".into()),
        }
    }

    fn written(line: &Line<'_>) -> String {
        let mut written = Vec::new();
        line.write(&mut written).unwrap();
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn a_line_has_what_is_known_and_no_more() {
        let text = written(&line());
        assert_eq!(
            text,
            r#"{"time":"2026-11-27T16:31:55.000012Z","client":"203.0.113.7","site":"shop.example","method":"GET","path":"/a\"b","status":429,"charged_us":0,"elapsed_us":17,"rule":"site","request_id":"x1"}
"#
        );
    }

    #[test]
    fn whatever_a_client_is_called_its_line_is_one_line_and_has_no_command_for_a_terminal() {
        let user = "a\nb\r\0\u{7f}\u{85}\u{9b}31m\u{2028}\u{2029}\"\\{}é\u{202e}";
        let line = Line { user: Some(user.into()), ..line() };
        let text = written(&line);
        assert_eq!(text.chars().filter(|letter| letter.is_control()).collect::<String>(), "\n");
        assert!(text.ends_with("}\n") && !text.contains(['\u{2028}', '\u{2029}']), "{text}");
        assert_eq!(serde_json::from_str::<Line<'_>>(&text).unwrap(), line);
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        let text = written(&line());
        assert_eq!(serde_json::from_str::<Line<'_>>(&text).unwrap(), line());
    }

    #[test]
    fn a_field_that_a_later_version_adds_is_no_mistake() {
        let text = written(&line()).replace("{\"time\"", "{\"later\":[1],\"time\"");
        assert_eq!(serde_json::from_str::<Line<'_>>(&text).unwrap(), line());
    }
}
