//! The logs of a replay as one: each in its format, all in the order of their times.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;

use crate::output::Failure;
use crate::replay::format::{Format, LOOKED_AT, Unread, Wanted};
use crate::replay::input::{Found, Input};
use crate::replay::request::Request;

/// How many lines at most, and how many bytes of them, are looked at until one can be read: checks of a load balancer may fill the
/// log of a night with connections that ask for nothing.
const LOOKED_THROUGH: (usize, usize) = (65_536, 8 << 20);

/// How many lines that cannot be read are shown.
const SHOWN: usize = 5;

/// How much is shown of one, in characters.
const EXCERPT: usize = 100;

/// All logs of a replay.
pub(crate) struct Logs {
    logs: Vec<Log>,
    pub(crate) unread: UnreadLines,
}

/// One log, and the request that comes next in it.
struct Log {
    /// Its position among those that were given.
    given: u16,
    path: PathBuf,
    input: Input,
    format: Format,
    /// Lines by which the format was found, that are still to be read.
    ahead: VecDeque<Ahead>,
    next: Request,
    has_next: bool,
}

/// A line that was read ahead.
struct Ahead {
    line: Vec<u8>,
    /// Whether it goes on.
    is_cut: bool,
}

/// Why a line is no request that goes on behind what was read of it.
const TOO_LONG: Unread = "longer than 64 kB";

/// The lines that are no requests.
#[derive(Debug, Default)]
pub(crate) struct UnreadLines {
    pub(crate) count: u64,
    /// The first few, with where they are and why they are none.
    pub(crate) shown: Vec<String>,
}

impl Logs {
    /// Opens logs and finds out their formats. One without a line is left out.
    ///
    /// # Errors
    ///
    /// A log cannot be read, or no format reads its first lines.
    pub(crate) fn open(paths: &[PathBuf], wanted: &Wanted, progress: &ProgressBar) -> Result<Self, Failure> {
        let mut logs = Vec::new();
        for (given, path) in (0..).zip(paths) {
            let failed = |error| Failure::system(cannot_read(path, &error));
            let input = Input::open(path, progress).map_err(failed)?;
            logs.extend(Log::new(given, path, input, wanted).map_err(failed)??);
        }
        let mut logs = Self { logs, unread: UnreadLines::default() };
        if logs.logs.len() > 1 {
            (0..logs.logs.len()).try_for_each(|at| logs.advance(at))?;
        }
        Ok(logs)
    }

    /// The formats, each with the log that it was found in.
    pub(crate) fn formats(&self) -> impl Iterator<Item = (&Path, &Format)> {
        self.logs.iter().map(|log| (&*log.path, &log.format))
    }

    /// What is to be known of logs that could not be read to their end.
    pub(crate) fn damaged(&self) -> impl Iterator<Item = String> {
        let damaged = self.logs.iter().filter_map(|log| Some((log, log.input.damage.as_ref()?)));
        damaged.map(|(log, damage)| {
            let (path, line) = (log.path.display(), log.input.number);
            format!(
                "{path}: what is compressed is damaged behind line {line}, and was read up to there: {damage}"
            )
        })
    }

    /// The format of a log.
    pub(crate) fn format(&self, log: usize) -> &Format {
        &self.logs[log].format
    }

    /// The position of a log among those that were given.
    pub(crate) fn given(&self, log: usize) -> u16 {
        self.logs[log].given
    }

    /// Reads the next request of all logs into a place, and says of which log it is; `None` at the end of all.
    ///
    /// # Errors
    ///
    /// A log cannot be read on.
    pub(crate) fn read(&mut self, request: &mut Request) -> Result<Option<usize>, Failure> {
        if let [log] = &mut self.logs[..] {
            let is_one = log.read(request, &mut self.unread);
            return Ok(is_one.map_err(|error| Failure::system(cannot_read(&log.path, &error)))?.then_some(0));
        }
        let heads = self.logs.iter().enumerate().filter(|(_, log)| log.has_next);
        let Some(first) = heads.min_by_key(|(_, log)| log.next.written()).map(|(at, _)| at) else {
            return Ok(None);
        };
        std::mem::swap(request, &mut self.logs[first].next);
        self.advance(first)?;
        Ok(Some(first))
    }

    fn advance(&mut self, at: usize) -> Result<(), Failure> {
        let log = &mut self.logs[at];
        let mut next = std::mem::take(&mut log.next);
        let read = log.read(&mut next, &mut self.unread);
        log.has_next = read.map_err(|error| Failure::system(cannot_read(&log.path, &error)))?;
        log.next = next;
        Ok(())
    }
}

fn cannot_read(path: &Path, error: &io::Error) -> String {
    format!("{}: cannot be read: {error}", path.display())
}

impl Log {
    fn new(
        given: u16,
        path: &Path,
        mut input: Input,
        wanted: &Wanted,
    ) -> io::Result<Result<Option<Self>, Failure>> {
        let mut ahead = VecDeque::new();
        let format = look_ahead(&mut input, &mut ahead, wanted)?;
        input.number = 0;
        let Some(first) = ahead.iter().find(|ahead| !ahead.line.is_empty()) else { return Ok(Ok(None)) };
        let Some(format) = format else {
            return Ok(Err(Failure::wrong(format!(
                "{}: no known format reads any of its first {} lines; tell it by --format: {}",
                path.display(),
                ahead.len(),
                excerpt(&first.line)
            ))));
        };
        let path = path.to_owned();
        Ok(Ok(Some(Self { given, path, input, format, ahead, next: Request::default(), has_next: false })))
    }

    /// Reads lines until one is a request; `false` at the end.
    fn read(&mut self, request: &mut Request, unread: &mut UnreadLines) -> io::Result<bool> {
        loop {
            request.clear();
            if let Some(Ahead { line, is_cut }) = self.ahead.pop_front() {
                self.input.number += 1;
                let read = if is_cut { Err(TOO_LONG) } else { self.format.read(&line, request) };
                match read {
                    Ok(()) => return Ok(self.is_line(request)),
                    Err(why) => unread.add(&self.path, self.input.number, why, &line),
                }
                continue;
            }
            let number = self.input.number + 1;
            match self.input.read()? {
                Found::End => return Ok(false),
                Found::TooLong(line) => unread.add(&self.path, number, TOO_LONG, line),
                Found::Line(line) => match self.format.read(line, request) {
                    Ok(()) => return Ok(self.is_line(request)),
                    Err(why) => unread.add(&self.path, number, why, line),
                },
            }
        }
    }

    /// Notes on which line a request is.
    const fn is_line(&self, request: &mut Request) -> bool {
        request.line = self.input.number;
        true
    }
}

/// Reads the lines by which the format is found, if one is: the first few, or those that follow where none of them is a request.
fn look_ahead(input: &mut Input, ahead: &mut VecDeque<Ahead>, wanted: &Wanted) -> io::Result<Option<Format>> {
    let (most, most_bytes) = LOOKED_THROUGH;
    let mut bytes = 0;
    while ahead.len() < most && bytes < most_bytes {
        let known = ahead.len();
        while ahead.len() < known + LOOKED_AT {
            let (line, is_cut) = match input.read()? {
                Found::End => break,
                Found::Line(line) => (line, false),
                Found::TooLong(line) => (line, true),
            };
            bytes += line.len();
            ahead.push_back(Ahead { line: line.to_vec(), is_cut });
        }
        let whole = ahead.range(known..).filter(|ahead| !ahead.is_cut).map(|ahead| &ahead.line[..]);
        let format = wanted.detect(&whole);
        if format.is_some() || ahead.len() < known + LOOKED_AT {
            return Ok(format);
        }
    }
    Ok(None)
}

impl UnreadLines {
    #[cold]
    fn add(&mut self, path: &Path, number: u64, why: Unread, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        self.count += 1;
        if self.shown.len() < SHOWN {
            self.shown.push(format!("{}:{number}: {why}: {}", path.display(), excerpt(line)));
        }
    }
}

/// How a line begins, without what a terminal would obey and without what may be secret: queries, and what stands in quotation
/// marks. Shown of that are the first text of a line that is no JSON, mostly the request, and the names within JSON.
pub(crate) fn excerpt(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(&line[..line.len().min(LOOKED_UP)]);
    let is_json = text.trim_start().starts_with('{');
    let (mut shown, mut rest, mut is_first) = (String::new(), &text[..], true);
    while let Some((before, quoted)) = rest.split_once('"') {
        shown.push_str(&without_queries(before));
        let end = end_of_quoted(quoted);
        let (inside, after) = quoted.split_at(end.unwrap_or(quoted.len()));
        let is_shown = if is_json { after.starts_with("\":") } else { is_first };
        shown.push('"');
        shown.push_str(&if is_shown { without_queries(inside) } else { "…".to_owned() });
        shown.push_str(&after[..after.len().min(1)]);
        (rest, is_first) = (after.get(1..).unwrap_or_default(), false);
    }
    shown.push_str(&without_queries(rest));
    match shown.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    }
}

/// Where a text in quotation marks ends, behind the first of them.
fn end_of_quoted(quoted: &str) -> Option<usize> {
    let mut is_escaped = false;
    quoted.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })
}

/// A text in which each query is `?…`, and whatever a terminal would obey is spelled out.
fn without_queries(text: &str) -> String {
    let (mut shown, mut is_query) = (String::new(), false);
    for letter in text.chars() {
        is_query &= letter != ' ';
        match letter {
            _ if is_query => {}
            '?' => {
                is_query = true;
                shown.push_str("?…");
            }
            letter if is_command(letter) => shown.extend(letter.escape_default()),
            letter => shown.push(letter),
        }
    }
    shown
}

/// Whether a terminal or a page would obey a letter instead of showing it: control characters, ends of lines, and what turns text
/// round, by which a name can look like another.
pub(crate) fn is_command(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// How many bytes an excerpt is made of.
const LOOKED_UP: usize = 4 * EXCERPT + 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_tells_no_query_and_moves_no_cursor() {
        let line = br#"192.0.2.7 "GET /a?token=s3cret HTTP/1.1" 200 /b?t=s3cret "Bearer s3cret" z"#;
        assert_eq!(excerpt(line), "192.0.2.7 \"GET /a?… HTTP/1.1\" 200 /b?… \"…\" z");
        assert_eq!(excerpt(b"\x1b[2J\xff\n"), "\\u{1b}[2J\u{fffd}\\n");
        assert_eq!(excerpt("/a\u{202e}b\u{200f}".as_bytes()), "/a\\u{202e}b\\u{200f}");
        assert_eq!(excerpt(&[b'a'; 10_000]).chars().count(), EXCERPT + 1);
        assert_eq!(excerpt(b"?"), "?…");
        for odd in ["\"", "\"\"", "\"\\", "{\"", "é\"é", "\"a\\\"b"] {
            assert!(excerpt(odd.as_bytes()).contains('"'), "{odd}");
        }
    }

    #[test]
    fn an_excerpt_of_json_tells_names_and_no_texts() {
        let line = r#"{"status":"x","request":{"headers":{"Authorization":["Bearer s3\"cret"],"n":7}}}"#;
        let told = r#"{"status":"…","request":{"headers":{"Authorization":["…"],"n":7}}}"#;
        assert_eq!(excerpt(line.as_bytes()), told);
        assert!(!excerpt(&line.as_bytes()[..60]).contains("s3"));
    }
}
