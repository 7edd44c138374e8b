//! Which format a log is in: the one that reads most of its first lines.

use std::sync::Arc;

use timebudget::Zone;

use crate::replay::format::Format;
use crate::replay::format::known::{self, Known, NAMES, Whole};
use crate::replay::request::Request;

/// How many lines of a log are looked at.
pub(crate) const LOOKED_AT: usize = 64;

/// Which formats come into question.
#[derive(Debug)]
pub(crate) struct Wanted(Vec<Known>);

impl Wanted {
    /// Those that were asked for, by name or written out; all, where nobody has.
    ///
    /// # Errors
    ///
    /// No format has this name, or what is written out lacks something.
    pub(crate) fn new(asked: Option<&str>, zone: Option<&Arc<Zone>>) -> Result<Self, String> {
        let Some(asked) = asked else { return Ok(Self(known::all(zone))) };
        if asked.contains(['$', '%']) {
            let format = known::written(asked).map_err(|lack| format!("--format: {lack}"))?;
            return Ok(Self(vec![Known { names: &[], format, whole: None }]));
        }
        let named: Vec<_> =
            known::all(zone).into_iter().filter(|known| known.names.contains(&asked)).collect();
        if named.is_empty() {
            return Err(format!(
                "--format: \"{asked}\": no such format; expected {NAMES}, or a format with $ or %"
            ));
        }
        Ok(Self(named))
    }

    /// The format of a log that begins with these lines: the first of those that read most of them.
    ///
    /// Of whole numbers nobody knows whether they are seconds or microseconds. Requests take longer than 30 µs, and hardly
    /// ever half a minute: so the middle one decides. `None` if no format reads a single line.
    pub(crate) fn detect<'a>(&self, lines: &(impl Iterator<Item = &'a [u8]> + Clone)) -> Option<Format> {
        let scored = self.0.iter().map(|known| (score(&known.format, lines.clone()), known));
        // `max_by_key` takes the last of equals.
        let (score, known) = scored.rev().max_by_key(|(score, _)| score.read)?;
        (score.read > 0).then(|| self.in_its_unit(&score, known))
    }

    fn in_its_unit(&self, score: &Score, known: &Known) -> Format {
        let is_seconds = known.whole == Some(Whole::Micros) && score.middle < 30;
        let twin = || {
            let at = self.0.iter().position(|other| std::ptr::eq(other, known))?;
            self.0.get(at + 1).filter(|next| next.whole == Some(Whole::Seconds))
        };
        let twin = if is_seconds { twin() } else { None };
        twin.unwrap_or(known).format.clone()
    }
}

struct Score {
    read: usize,
    /// The middle one of the durations, in microseconds.
    middle: u64,
}

fn score<'a>(format: &Format, lines: impl Iterator<Item = &'a [u8]>) -> Score {
    let mut request = Request::default();
    let mut spans = Vec::new();
    let mut read = 0;
    for line in lines {
        request.clear();
        if format.read(line, &mut request).is_ok() {
            read += 1;
            spans.extend(request.elapsed);
        }
    }
    spans.sort_unstable();
    Score { read, middle: spans.get(spans.len() / 2).copied().unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(asked: Option<&str>, lines: &[&str]) -> String {
        let lines = lines.iter().map(|line| line.as_bytes());
        let found = Wanted::new(asked, None).unwrap().detect(&lines);
        found.map_or_else(|| "unknown".to_owned(), |format| format.name)
    }

    const COMBINED: &str =
        r#"192.0.2.7 - ann [10/Oct/2000:13:55:36 -0700] "GET /x HTTP/1.1" 200 17 "-" "curl/8 \"x\"""#;

    #[test]
    fn a_log_is_known_by_its_first_lines() {
        let cases = [
            ("", "nginx, combined, without a duration"),
            (" 0.012", "nginx, combined and $request_time"),
            (" 0.012 0.010", "nginx, combined, $request_time and $upstream_response_time"),
            (" 0.012 -", "nginx, combined, $request_time and $upstream_response_time"),
            (" \"-\"", "nginx, main, without a duration"),
            (" \"192.0.2.9\" 0.012", "nginx, main and $request_time"),
            (
                " rt=0.012 uct=\"0.000\" uht=\"0.010\" urt=\"0.010, 0.200\"",
                "nginx, combined with upstream times",
            ),
            (
                " 422 0.012 [default-web-80] [] 10.0.0.2:80, 10.0.0.3:80 0, 612 0.001, 0.011 502, 200 6d5e",
                "nginx, ingress-nginx",
            ),
            (" 12345", "Apache, combined and %D"),
            (" 0", "Apache, combined and %T"),
            (" 0/12345", "Apache, combined and %T/%D"),
            (" 7 \"web@docker\" \"http://10.0.0.2:80\" 12ms", "Traefik, common"),
        ];
        for (behind, name) in cases {
            let line = format!("{COMBINED}{behind}");
            assert_eq!(found(None, &[&line, "garbage", &line]), name, "{behind}");
        }
        assert_eq!(
            found(None, &[&format!("a.example:443 {COMBINED} 0.1")]),
            "nginx, $host, combined and $request_time"
        );
        assert_eq!(
            found(None, &[&format!("a.example:443 {COMBINED} 41234")]),
            "Apache, vhost_combined and %D"
        );
        assert_eq!(found(None, &["garbage", "", "\u{0}"]), "unknown");
        assert_eq!(found(None, &[]), "unknown");
    }

    #[test]
    fn who_asks_for_a_format_is_given_no_other() {
        let line = format!("{COMBINED} 12345");
        assert_eq!(found(Some("apache-s"), &[&line]), "Apache, combined and %T");
        assert_eq!(found(Some("caddy"), &[&line]), "unknown");
        assert_eq!(
            found(Some(r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %D"#), &[&line]),
            "Apache, as written"
        );
        assert!(Wanted::new(Some("nginy"), None).unwrap_err().contains("no such format"));
        assert!(Wanted::new(Some("$status"), None).unwrap_err().contains("no time"));
    }
}
