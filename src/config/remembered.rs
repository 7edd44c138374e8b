//! What was read of files: one that has not changed is not read again.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::disk::{self, Stamp, unreadable};
use crate::config::layer::{Layer, Scope};
use crate::config::report::{Findings, Report};
use crate::model::Zone;

/// The layers that files were when they were last read.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// Those of the round before that have not been asked for in this one.
    before: HashMap<PathBuf, (Stamp, Arc<Reading>)>,
    /// Those of this round.
    now: HashMap<PathBuf, (Stamp, Arc<Reading>)>,
    /// How many files have been read.
    pub(super) reads: u64,
}

/// A file as it was read. As long as it is the same one, the file has not changed.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) layer: Layer,
    pub(super) findings: Findings,
}

impl Remembered {
    /// Begins to look at all files anew. What is not asked for until the next round is forgotten.
    pub(super) fn begin_round(&mut self) {
        self.before = mem::take(&mut self.now);
    }

    /// What a file says, which is read if it may have changed. `None` if there is no such file.
    pub(super) fn reading(&mut self, path: &Path, scope: Scope, report: &mut Report) -> Option<Arc<Reading>> {
        report.begin(&path.display().to_string());
        let stamp = match disk::stamp_if_any(path) {
            Ok(stamp) => stamp?,
            Err(error) => return Some(Arc::new(Reading::failed(&error, report))),
        };
        let known = self.before.remove(path).filter(|(before, _)| *before == stamp);
        let same = known.map(|(_, reading)| reading).filter(|reading| reading.holds(&stamp, report));
        let reading = match same {
            Some(reading) => reading,
            None => Arc::new(self.read(path, scope, report)?),
        };
        self.now.insert(path.to_owned(), (stamp, Arc::clone(&reading)));
        Some(reading)
    }

    fn read(&mut self, path: &Path, scope: Scope, report: &mut Report) -> Option<Reading> {
        self.reads += 1;
        match disk::text(path) {
            Ok(text) => {
                let (layer, findings) = report.apart(|report| Layer::read(&text, scope, report));
                Some(Reading { layer, findings })
            }
            // It was there a moment ago.
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => Some(Reading::failed(&error, report)),
        }
    }
}

impl Reading {
    /// What is left of a file that is there and cannot be read.
    fn failed(error: &io::Error, report: &mut Report) -> Self {
        let ((), findings) = report.apart(|report| report.wrong_file(unreadable(error)));
        Self { layer: Layer::flawed(), findings }
    }

    /// Whether the file would say the same if it were read again, since it has the same stamp.
    ///
    /// What was wrong may be right by now, as a time zone that the machine has learned. What lies in other files, such as
    /// the changes of a zone's clock or a database of countries, may be newer.
    fn holds(&self, stamp: &Stamp, report: &mut Report) -> bool {
        let is_settled = !stamp.is_fresh && self.findings.errors.is_empty() && !self.layer.reads_others();
        let is_in_zone = |zone: &Arc<Zone>| report.zone(zone.name()).is_ok_and(|now| now == *zone);
        is_settled && self.layer.zone().is_none_or(is_in_zone)
    }
}
