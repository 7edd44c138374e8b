//! What became of each request, as lines of JSON, for those who ask further.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use chrono::{DateTime, SecondsFormat};
use serde::Serialize;
use timebudget_control::replay::Said;

use crate::replay::request::Request;

/// A file with a line for each request, in the order in which they began.
pub(crate) struct Decisions(BufWriter<File>);

/// What is told of one. No query, which may be a secret.
#[derive(Serialize)]
struct Line<'a> {
    /// The log's position among those that were given, from 1.
    log: u16,
    line: u64,
    time: String,
    client: Option<String>,
    method: &'a str,
    path: &'a str,
    /// The rule that refuses it.
    rule: Option<&'a str>,
    /// The rule of the other configuration that does, where two are compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<Option<&'a str>>,
}

impl Decisions {
    /// # Errors
    ///
    /// The file cannot be made.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self(BufWriter::new(File::create(path)?)))
    }

    /// # Errors
    ///
    /// The file cannot be written.
    pub(crate) fn write(
        &mut self,
        log: u16,
        request: &Request,
        client: Option<String>,
        said: &[Said],
    ) -> io::Result<()> {
        let time = DateTime::from_timestamp_micros(request.times.start).unwrap_or_default();
        let line = Line {
            log: log + 1,
            line: request.line,
            time: time.to_rfc3339_opts(SecondsFormat::Micros, true),
            client,
            method: request.method(),
            path: request.path(),
            rule: said.first().and_then(rule),
            against: said.get(1).map(rule),
        };
        serde_json::to_writer(&mut self.0, &line)?;
        self.0.write_all(b"\n")
    }

    /// Writes what is left.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn rule(said: &Said) -> Option<&str> {
    said.refusal().map(|refusal| &*refusal.rule)
}
