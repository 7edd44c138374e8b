//! What has been found while files were read, and the zones that they named.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::mem;
use std::sync::Arc;

use crate::config::problem::{Errors, Problem};
use crate::model::Zone;
use crate::tzdata::{self, UnknownZone};

/// Errors and warnings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    pub(crate) errors: Vec<Problem>,
    pub(crate) warnings: Vec<Problem>,
}

/// What has been found while files were read. Whoever reads holds it by a shared reference, and adds to it.
#[derive(Default)]
pub(crate) struct Report {
    found: RefCell<Findings>,
    /// A thousand sites of one country share one list of its clock changes.
    zones: RefCell<HashMap<String, Arc<Zone>>>,
}

impl Report {
    /// A report that begins with what was found before.
    pub(crate) fn beginning(found: Findings) -> Self {
        Self { found: RefCell::new(found), ..Self::default() }
    }

    /// What is found in this file goes to the report.
    pub(crate) fn page(&self, file: impl Into<Arc<str>>) -> Page<'_> {
        Page { report: self, file: file.into() }
    }

    /// What is found in a part of the work, apart from what was found before it.
    pub(crate) fn apart<T>(&self, work: impl FnOnce() -> T) -> (T, Findings) {
        let before = self.found.take();
        let done = work();
        (done, self.found.replace(before))
    }

    /// Adds what was found apart.
    pub(crate) fn add(&self, found: Findings) {
        let mut all = self.found.borrow_mut();
        all.errors.extend(found.errors);
        all.warnings.extend(found.warnings);
    }

    /// Adds warnings that were found apart, each once however many sites it concerns.
    pub(crate) fn warn(&self, warnings: &[Problem]) {
        let mut all = self.found.borrow_mut();
        for warning in warnings {
            if !all.warnings.contains(warning) {
                all.warnings.push(warning.clone());
            }
        }
    }

    /// Adds errors before those that came after the first `at`.
    pub(crate) fn insert_errors(&self, at: usize, errors: Vec<Problem>) {
        self.found.borrow_mut().errors.splice(at..at, errors);
    }

    /// The zone of that name, the same one whenever it is asked for.
    pub(crate) fn zone(&self, name: &str) -> Result<Arc<Zone>, UnknownZone> {
        if let Some(zone) = self.zones.borrow().get(name) {
            return Ok(Arc::clone(zone));
        }
        let zone = Arc::new(tzdata::zone(name)?);
        self.zones.borrow_mut().insert(name.to_owned(), Arc::clone(&zone));
        Ok(zone)
    }

    /// How many errors there have been.
    pub(crate) fn errors(&self) -> usize {
        self.found.borrow().errors.len()
    }

    /// All errors and all warnings.
    pub(crate) fn take(&self) -> Findings {
        mem::take(&mut self.found.borrow_mut())
    }

    /// The warnings, if there was no error.
    pub(crate) fn close(self) -> Result<Vec<Problem>, Errors> {
        let Findings { errors, warnings } = self.take();
        if errors.is_empty() { Ok(warnings) } else { Err(Errors(errors)) }
    }
}

/// A file of which a report tells.
#[derive(Clone)]
pub(crate) struct Page<'a> {
    pub(crate) report: &'a Report,
    /// The file, as messages name it.
    pub(crate) file: Arc<str>,
}

impl Page<'_> {
    /// Reports an error of the whole file.
    pub(crate) fn wrong_file(&self, fault: impl fmt::Display) {
        self.wrong("", None, fault);
    }

    /// Reports an error at a place in the file.
    pub(crate) fn wrong(&self, place: &str, found: Option<String>, fault: impl fmt::Display) {
        let problem = self.problem(place, found, fault);
        self.report.found.borrow_mut().errors.push(problem);
    }

    /// Reports an error at a place in the file once, however many sites it concerns.
    pub(crate) fn wrong_once(&self, place: &str, found: Option<String>, fault: impl fmt::Display) {
        let problem = self.problem(place, found, fault);
        let mut all = self.report.found.borrow_mut();
        if !all.errors.contains(&problem) {
            all.errors.push(problem);
        }
    }

    /// Reports something that can be read but may not be meant.
    pub(crate) fn suspect(&self, place: &str, found: Option<String>, fault: impl fmt::Display) {
        let problem = self.problem(place, found, fault);
        self.report.found.borrow_mut().warnings.push(problem);
    }

    /// A problem at a place in the file, which is not reported yet.
    pub(crate) fn problem(&self, place: &str, found: Option<String>, fault: impl fmt::Display) -> Problem {
        Problem::new(&self.file, place, found, fault)
    }
}
