//! Lines that are a template: texts between variables, as `log_format` and `LogFormat` describe them.

use std::cell::Cell;

use crate::replay::format::time::{self, SECOND};
use crate::replay::format::{NO_REQUEST, NO_SPAN, NO_STATUS, NO_TIME, OTHER, Tells, Unread};
use crate::replay::request::Request;

/// A template of lines.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    /// What lines begin with.
    begin: Vec<u8>,
    steps: Vec<Step>,
    /// Whether what is absent may stand without the quotation marks that it has elsewhere, as Traefik writes it.
    has_bare_dashes: bool,
    /// The instant that was read last, which many lines have in common.
    last: Cell<([u8; COMMON], i64)>,
}

/// A variable, and the text behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    variable: Variable,
    until: Vec<u8>,
}

/// What a place of a line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variable {
    Nothing,
    /// What an nginx writes of each of its upstreams, with commas between.
    NothingListed,
    Peer,
    User,
    Host,
    /// `10/Oct/2000:13:55:36 -0700`.
    Common {
        is_start: bool,
    },
    Rfc3339 {
        is_start: bool,
    },
    /// Seconds since 1970, with a fraction.
    Unix,
    Line,
    Method,
    Target,
    Query,
    Status,
    /// Seconds, to the millisecond.
    Seconds,
    /// A whole number of units of so many microseconds.
    Whole(u64),
    /// The seconds of all upstreams.
    Upstreams,
    Field(u16),
}

/// How long an instant is in Apache's and nginx's own form.
const COMMON: usize = "10/Oct/2000:13:55:36 -0700".len();

/// What the version of a request line begins with.
const VERSION: &[u8] = b" HTTP/";

impl Template {
    /// A template of texts and variables that follow each other.
    ///
    /// # Errors
    ///
    /// What it lacks, in words.
    pub(crate) fn new(parts: Vec<Part>) -> Result<Self, &'static str> {
        let (mut begin, mut steps) = (Vec::new(), Vec::<Step>::new());
        let mut is_behind_variable = false;
        for part in parts {
            match (part, steps.last_mut()) {
                (Part::Text(text), None) => begin.extend(text),
                (Part::Text(text), Some(step)) => step.until.extend(text),
                (Part::Variable(_), _) if is_behind_variable => {
                    return Err(
                        "two variables with nothing between them, so that nobody can tell where one ends",
                    );
                }
                (Part::Variable(variable), _) => {
                    steps.push(Step { variable, until: Vec::new() });
                    is_behind_variable = true;
                    continue;
                }
            }
            is_behind_variable = steps.last().is_some_and(|step| step.until.is_empty());
        }
        let template = Self { begin, steps, has_bare_dashes: false, last: Cell::new(([0; COMMON], 0)) };
        template.lacks().map_or(Ok(template), Err)
    }

    /// The same of a server that writes what is absent without quotation marks.
    pub(crate) const fn with_bare_dashes(mut self) -> Self {
        self.has_bare_dashes = true;
        self
    }

    fn lacks(&self) -> Option<&'static str> {
        let has = |is: fn(&Variable) -> bool| self.steps.iter().any(|step| is(&step.variable));
        let is_time = |variable: &Variable| {
            matches!(variable, Variable::Common { .. } | Variable::Rfc3339 { .. } | Variable::Unix)
        };
        if !has(is_time) {
            return Some("no time; expected $time_local, $time_iso8601 or $msec, or %t");
        }
        let is_target = |variable: &Variable| matches!(variable, Variable::Line | Variable::Target);
        (!has(is_target)).then_some("no request; expected $request, $request_uri or $uri, or %r or %U")
    }

    /// What it tells.
    pub(crate) fn tells(&self) -> Tells {
        let has = |is: fn(&Variable) -> bool| self.steps.iter().any(|step| is(&step.variable));
        Tells {
            spans: has(|it| matches!(it, Variable::Seconds | Variable::Whole(_) | Variable::Upstreams)),
            upstreams: has(|it| matches!(it, Variable::Upstreams)),
            hosts: has(|it| matches!(it, Variable::Host)),
            users: has(|it| matches!(it, Variable::User)),
            fine: has(|it| matches!(it, Variable::Unix)),
        }
    }

    /// Reads a line into a request that is clear.
    ///
    /// # Errors
    ///
    /// Why it is none.
    pub(crate) fn read(&self, line: &[u8], request: &mut Request) -> Result<(), Unread> {
        match self.read_as_it_is(line, request) {
            Err(OTHER) if self.has_bare_dashes => {
                request.clear();
                self.read_as_it_is(&with_quoted_dashes(line), request)
            }
            read => read,
        }
    }

    fn read_as_it_is(&self, line: &[u8], request: &mut Request) -> Result<(), Unread> {
        let mut rest = line.strip_prefix(&self.begin[..]).ok_or(OTHER)?;
        for step in &self.steps {
            let end = step.end(rest).ok_or(OTHER)?;
            match step.variable {
                Variable::Common { is_start } => {
                    request.time = self.instant(&rest[..end]).ok_or(NO_TIME)?;
                    (request.is_start, request.is_coarse) = (is_start, true);
                }
                variable => variable.take(&rest[..end], request)?,
            }
            rest = &rest[end + step.until.len()..];
        }
        if !rest.is_empty() {
            return Err(OTHER);
        }
        if request.method().is_empty() {
            request.set_method(b"GET");
        }
        Ok(())
    }
}

impl Template {
    #[inline]
    fn instant(&self, text: &[u8]) -> Option<i64> {
        let text: &[u8; COMMON] = text.try_into().ok()?;
        let (last, micros) = self.last.get();
        if *text == last {
            return Some(micros);
        }
        let micros = time::common(text)?;
        self.last.set((*text, micros));
        Some(micros)
    }
}

/// A line in which each dash that stands alone behind the request has quotation marks.
fn with_quoted_dashes(line: &[u8]) -> Vec<u8> {
    let begin = memchr::memchr(b'"', line).unwrap_or(line.len());
    let mut quoted = line[..begin].to_vec();
    for (at, word) in line[begin..].split(|byte| *byte == b' ').enumerate() {
        quoted.extend_from_slice(if at == 0 { b"" } else { b" " });
        quoted.extend_from_slice(if word == b"-" { b"\"-\"" } else { word });
    }
    quoted
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Text(Vec<u8>),
    Variable(Variable),
}

impl Step {
    /// Where the variable ends.
    #[inline]
    fn end(&self, rest: &[u8]) -> Option<usize> {
        if let Variable::Common { .. } = self.variable {
            return rest.get(COMMON..)?.starts_with(&self.until).then_some(COMMON);
        }
        let Some(first) = self.until.first() else { return self.takes_rest(rest).then_some(rest.len()) };
        // A request line that stands without quotation marks has spaces in it: what ends it is behind its version.
        let is_bare_line = self.variable == Variable::Line && *first == b' ';
        let mut from = if is_bare_line { memchr::memmem::find(rest, VERSION)? + VERSION.len() } else { 0 };
        loop {
            let at = from + memchr::memchr(*first, &rest[from..])?;
            if rest[at..].starts_with(&self.until) && !self.is_inside(rest, at) {
                return Some(at);
            }
            from = at + 1;
        }
    }

    /// Whether the rest of a line is one value: with a space in it, it is mostly two, of another format.
    fn takes_rest(&self, rest: &[u8]) -> bool {
        let may_have_spaces = matches!(
            self.variable,
            Variable::Upstreams | Variable::NothingListed | Variable::Field(_) | Variable::Line
        );
        may_have_spaces || memchr::memchr(b' ', rest).is_none()
    }

    /// Whether what looks like the end is within the value: a quotation mark that is escaped, or a space between two upstreams.
    #[inline]
    fn is_inside(&self, rest: &[u8], at: usize) -> bool {
        match self.until[0] {
            b'"' => rest[..at].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1,
            b' ' if matches!(self.variable, Variable::Upstreams | Variable::NothingListed) => {
                matches!(rest[..at].last(), Some(b',' | b':')) || rest[at..].starts_with(b" : ")
            }
            // Addresses that proxies have told, each of the one before it.
            b' ' if matches!(self.variable, Variable::Field(_)) => rest[..at].last() == Some(&b','),
            _ => false,
        }
    }
}

impl Variable {
    #[inline]
    fn take(self, value: &[u8], request: &mut Request) -> Result<(), Unread> {
        match self {
            // The template remembers instants itself.
            Self::Nothing | Self::NothingListed | Self::Common { .. } => {}
            // A line with something before the address is in another format.
            Self::Peer if value.contains(&b' ') => return Err(OTHER),
            Self::Peer => request.set_peer(value),
            Self::User if value.starts_with(b"- ") => return Err(OTHER),
            Self::User => request.set_user(value),
            Self::Host => request.set_host(value),
            Self::Rfc3339 { is_start } => {
                request.time = time::rfc3339(value).ok_or(NO_TIME)?;
                (request.is_start, request.is_coarse) = (is_start, request.time % SECOND == 0);
            }
            Self::Unix => request.time = time::since_1970(value).ok_or(NO_TIME)?,
            Self::Line => return request.set_line(value).then_some(()).ok_or(NO_REQUEST),
            Self::Method => request.set_method(value),
            Self::Target => request.set_target(value),
            Self::Query => request.set_query(value),
            Self::Status => request.status = status(value).ok_or(NO_STATUS)?,
            Self::Seconds => request.elapsed = Some(seconds(value).ok_or(NO_SPAN)?),
            Self::Whole(unit) => request.elapsed = Some(whole(value, unit).ok_or(NO_SPAN)?),
            Self::Upstreams => request.upstream = time::upstreams(value),
            Self::Field(number) => request.add_field(number, value),
        }
        Ok(())
    }
}

/// A status; 0 where nothing was answered.
fn status(value: &[u8]) -> Option<u16> {
    if value == b"-" {
        Some(0)
    } else {
        str::from_utf8(value).ok()?.parse().ok().filter(|status| *status < 1_000)
    }
}

/// Seconds as nginx writes them, always with a fraction: by that they are told from Apache's.
fn seconds(value: &[u8]) -> Option<u64> {
    if value.contains(&b'.') { time::span(value, SECOND as u64) } else { None }
}

fn whole(value: &[u8], unit: u64) -> Option<u64> {
    if value.contains(&b'.') { None } else { time::span(value, unit) }
}
