//! What was read of files: one that has not changed is not read again.

use std::collections::HashMap;
use std::mem;
use std::path::{Path, PathBuf};

use crate::config::directory::unreadable;
use crate::config::disk::{self, Stamp};
use crate::config::layer::{Layer, Scope};
use crate::config::report::{Findings, Report};

/// The layers that files were when they were last read.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// Those of the round before that have not been asked for in this one.
    before: HashMap<PathBuf, Read>,
    /// Those of this round.
    now: HashMap<PathBuf, Read>,
    /// How many files have been read.
    pub(super) reads: u64,
}

/// A file as it was read.
#[derive(Debug)]
struct Read {
    stamp: Stamp,
    layer: Layer,
    findings: Findings,
}

impl Remembered {
    /// Begins to look at all files anew. What is not asked for until the next round is forgotten.
    pub(super) fn begin_round(&mut self) {
        self.before = mem::take(&mut self.now);
    }

    /// What a file says, which is read if it may have changed; the report has what is wrong with it. `None` if there is no
    /// such file.
    pub(super) fn layer(&mut self, path: &Path, scope: Scope, report: &mut Report) -> Option<Layer> {
        report.begin(&path.display().to_string());
        let stamp = match disk::stamp_if_any(path) {
            Ok(stamp) => stamp?,
            Err(error) => {
                report.wrong_file(unreadable(&error));
                return Some(Layer::flawed());
            }
        };
        let same = self.before.remove(path).filter(|read| read.stamp == stamp && read.holds(report));
        let read = match same {
            Some(read) => read,
            None => self.read(path, stamp, scope, report)?,
        };
        report.add(read.findings.clone());
        let layer = read.layer.clone();
        self.now.insert(path.to_owned(), read);
        Some(layer)
    }

    fn read(&mut self, path: &Path, stamp: Stamp, scope: Scope, report: &mut Report) -> Option<Read> {
        self.reads += 1;
        let (layer, findings) = report.apart(|report| match disk::text(path) {
            Ok(text) => Some(Layer::read(&text, scope, report)),
            // It was there a moment ago.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                report.wrong_file(unreadable(&error));
                Some(Layer::flawed())
            }
        });
        Some(Read { stamp, layer: layer?, findings })
    }
}

impl Read {
    /// Whether the file would say the same if it were read again.
    ///
    /// What was wrong may be right by now, as a time zone that the machine has learned. What lies in other files, such as
    /// the changes of a zone's clock or a database of countries, may be newer.
    fn holds(&self, report: &mut Report) -> bool {
        let is_settled =
            !self.stamp.is_fresh && self.findings.errors.is_empty() && !self.layer.reads_others();
        is_settled
            && self.layer.zone().is_none_or(|zone| report.zone(zone.name()).is_ok_and(|now| now == *zone))
    }
}
