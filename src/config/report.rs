//! What has been found while files were read, and the zones that they named.

use std::collections::HashMap;
use std::fmt;
use std::mem;
use std::sync::Arc;

use crate::config::problem::{Errors, Problem};
use crate::model::Zone;
use crate::tzdata::{self, UnknownZone};

/// Errors and warnings.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    pub(super) errors: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
}

/// What has been found while files were read: errors, warnings, and the zones that they named.
#[derive(Default)]
pub(super) struct Report {
    /// Whether the application's own code tells who clients are.
    pub(super) identity_in_code: bool,
    /// The rules that it describes.
    pub(super) rules_in_code: Vec<String>,
    /// The file that is being read, as messages name it.
    file: String,
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
    /// A thousand sites of one country share one list of its clock changes.
    zones: HashMap<String, Arc<Zone>>,
}

impl Report {
    /// A report that begins with what was found before, for files of an application whose code may tell who clients are.
    pub(super) fn beginning(errors: Vec<Problem>, warnings: Vec<Problem>, identity_in_code: bool) -> Self {
        Self { identity_in_code, errors, warnings, ..Self::default() }
    }

    /// What is found in a part of the work, apart from what was found before it.
    pub(super) fn apart<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> (T, Findings) {
        let before =
            Findings { errors: mem::take(&mut self.errors), warnings: mem::take(&mut self.warnings) };
        let done = work(self);
        let found = Findings {
            errors: mem::replace(&mut self.errors, before.errors),
            warnings: mem::replace(&mut self.warnings, before.warnings),
        };
        (done, found)
    }

    /// Adds warnings that were found apart.
    pub(super) fn warn(&mut self, warnings: &[Problem]) {
        self.warnings.extend_from_slice(warnings);
    }

    /// Adds what was found apart.
    pub(super) fn add(&mut self, found: Findings) {
        self.errors.extend(found.errors);
        self.warnings.extend(found.warnings);
    }

    /// Begins a file; what is reported from now on is about it.
    pub(super) fn begin(&mut self, file: &str) {
        file.clone_into(&mut self.file);
    }

    /// The file that is being read.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// Reports an error of the whole file.
    pub(super) fn wrong_file(&mut self, fault: impl fmt::Display) {
        self.errors.push(Problem::of_file(&self.file, fault));
    }

    /// Reports an error at a place in the file.
    pub(super) fn wrong(&mut self, place: &str, found: Option<String>, fault: impl fmt::Display) {
        self.errors.push(Problem::at(&self.file, place, found, fault));
    }

    /// Reports an error at a place in another file, once however many sites it concerns.
    pub(super) fn wrong_in(
        &mut self,
        file: &str,
        place: &str,
        found: Option<String>,
        fault: impl fmt::Display,
    ) {
        let problem = Problem::at(file, place, found, fault);
        if !self.errors.contains(&problem) {
            self.errors.push(problem);
        }
    }

    /// Reports something that can be read but may not be meant.
    pub(super) fn suspect(&mut self, place: &str, found: Option<String>, fault: impl fmt::Display) {
        self.warnings.push(Problem::at(&self.file, place, found, fault));
    }

    /// The zone of that name, the same one whenever it is asked for.
    pub(super) fn zone(&mut self, name: &str) -> Result<Arc<Zone>, UnknownZone> {
        if let Some(zone) = self.zones.get(name) {
            return Ok(Arc::clone(zone));
        }
        let zone = Arc::new(tzdata::zone(name)?);
        self.zones.insert(name.to_owned(), Arc::clone(&zone));
        Ok(zone)
    }

    /// Whether there has been an error.
    pub(super) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// How many errors there have been.
    pub(super) fn errors(&self) -> usize {
        self.errors.len()
    }

    /// All errors and all warnings.
    pub(super) fn into_problems(self) -> (Vec<Problem>, Vec<Problem>) {
        (self.errors, self.warnings)
    }

    /// The warnings, if there was no error.
    pub(super) fn close(self) -> Result<Vec<Problem>, Errors> {
        match self.errors.is_empty() {
            true => Ok(self.warnings),
            false => Err(Errors(self.errors)),
        }
    }
}
