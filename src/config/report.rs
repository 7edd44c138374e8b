//! What is wrong with a configuration, said so that somebody can mend it, and what gathers it while files are read.
//!
//! An [`Inspection`] is of one reading, and goes through all of it by a shared reference: a reader that has reported a mistake
//! answers `None`, and the next one goes on. So nobody has to hand errors upwards, and none can be lost on the way. Each file is a
//! [`Page`] of it, which knows what messages call the file.
//!
//! Problems are kept in the order in which they were found, file by file and key by key, for that is how somebody mends them.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::mem;
use std::sync::Arc;

use crate::model::Zone;
use crate::tzdata::{self, UnknownZone};

/// Errors and warnings.
///
/// Errors keep a configuration, or a site of it, from being put in force. Warnings do not: what they are about can be read, and may
/// even be meant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    pub(crate) errors: Vec<Problem>,
    pub(crate) warnings: Vec<Problem>,
}

/// What has been found while files were read. Whoever reads holds it by a shared reference, and adds to it.
#[derive(Default)]
pub(crate) struct Inspection {
    found: RefCell<Findings>,
    /// A thousand sites of one country share one list of its clock changes.
    zones: RefCell<HashMap<String, Arc<Zone>>>,
}

impl Inspection {
    /// A report that begins with what was found before.
    pub(crate) fn beginning(found: Findings) -> Self {
        Self { found: RefCell::new(found), ..Self::default() }
    }

    /// What is found in this file goes to the report.
    pub(crate) fn page(&self, file: impl Into<Arc<str>>) -> Page<'_> {
        Page { inspection: self, file: file.into() }
    }

    /// What is found in a part of the work, apart from what was found before it.
    ///
    /// It has no part in what was found before, so the caller can say whose it is: what is wrong with one site's file is kept with that
    /// site, and is no error of the others. [`Inspection::add`] puts it back among the rest.
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

    /// Adds errors, each once.
    pub(crate) fn add_errors_once(&self, errors: &[Problem]) {
        let mut all = self.found.borrow_mut();
        for error in errors {
            if !all.errors.contains(error) {
                all.errors.push(error.clone());
            }
        }
    }

    /// Adds warnings that were found apart.
    pub(crate) fn warn(&self, warnings: &[Problem]) {
        self.found.borrow_mut().warnings.extend_from_slice(warnings);
    }

    /// Adds errors before those that came after the first `at`.
    ///
    /// So an error that explains others can be said before them although it was found later, as a misspelt name is.
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
    ///
    /// # Errors
    ///
    /// All errors; the warnings are then left out, for whoever mends the errors will see them the next time.
    pub(crate) fn close(self) -> Result<Vec<Problem>, Errors> {
        let Findings { errors, warnings } = self.take();
        if errors.is_empty() { Ok(warnings) } else { Err(Errors(errors)) }
    }
}

/// A file of which a report tells.
#[derive(Clone)]
pub(crate) struct Page<'a> {
    pub(crate) inspection: &'a Inspection,
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
        self.inspection.found.borrow_mut().errors.push(problem);
    }

    /// Reports an error at a place in the file once, however many sites it concerns.
    pub(crate) fn wrong_once(&self, place: &str, found: Option<String>, fault: impl fmt::Display) {
        let problem = self.problem(place, found, fault);
        let mut all = self.inspection.found.borrow_mut();
        if !all.errors.contains(&problem) {
            all.errors.push(problem);
        }
    }

    /// Reports something that can be read but may not be meant.
    pub(crate) fn suspect(&self, place: &str, found: Option<String>, fault: impl fmt::Display) {
        let problem = self.problem(place, found, fault);
        self.inspection.found.borrow_mut().warnings.push(problem);
    }

    /// A problem at a place in the file, which is not reported yet.
    pub(crate) fn problem(&self, place: &str, found: Option<String>, fault: impl fmt::Display) -> Problem {
        Problem::new(&self.file, place, found, fault)
    }
}

/// One thing that is wrong, or suspect, in a file of the configuration.
///
/// Displays as one line of file, JSON path, value found, fault and expectation, as far as each applies:
/// `site_config.json: rate_limit.limit: -1: below zero; expected …`.
///
/// # Examples
///
/// ```
/// use timebudget::config;
///
/// let errors = config::parse_site("shop", r#"{ "rate_limit": { "limit": 600, "windw": 3600 } }"#).unwrap_err();
/// let [problem, missing] = errors.problems() else { panic!("{errors}") };
/// assert_eq!((problem.file(), problem.place()), ("site_config.json", "rate_limit.windw"));
/// assert_eq!(problem.message(), "3600: no such field; did you mean window?");
/// assert_eq!(missing.place(), "rate_limit.window");
/// ```
///
/// What may be a credential is never quoted: then `message` says of what kind the value is, and no more.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    file: String,
    place: String,
    found: Option<String>,
    fault: String,
}

impl Problem {
    /// A problem with what stands, or should stand, at a place in a file; the empty place is the whole file.
    pub(crate) fn new(file: &str, place: &str, found: Option<String>, fault: impl fmt::Display) -> Self {
        Self { file: file.to_owned(), place: place.to_owned(), found, fault: fault.to_string() }
    }

    /// The file, or what stands in its place, such as a [layer](crate::config::Layer)'s name.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The JSON path in it, `rate_limit_rules[2].limits`; empty for all of it.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What was found there, if a value is to blame, what is wrong with it, and what was expected; without the place.
    pub fn message(&self) -> String {
        match &self.found {
            Some(found) => format!("{found}: {}", self.fault),
            None => self.fault.clone(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file)?;
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        if let Some(found) = &self.found {
            write!(f, "{found}: ")?;
        }
        f.write_str(&self.fault)
    }
}

/// Those problems, each once however many sites it concerns.
///
/// The first of those that are alike counts, so the order stays.
pub(crate) fn distinct<'a>(problems: impl Iterator<Item = &'a Problem>) -> Vec<Problem> {
    let mut seen = HashSet::new();
    problems.filter(|problem| seen.insert(*problem)).cloned().collect()
}

/// Everything that is wrong with a configuration, at least one problem.
///
/// Displays as one line for each problem.
///
/// # Examples
///
/// ```
/// use timebudget::config;
///
/// let text = r#"{ "time_zone": "Europe/Pariss", "rate_limit": "10 per fortnight" }"#;
/// let errors = config::parse_site("shop", text).unwrap_err();
/// let places: Vec<_> = errors.problems().iter().map(config::Problem::place).collect();
/// assert_eq!(places, ["time_zone", "rate_limit"]);
/// assert_eq!(errors.to_string().lines().count(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors(pub(crate) Vec<Problem>);

impl Errors {
    /// Those problems, each once.
    pub(crate) fn distinct<'a>(problems: impl Iterator<Item = &'a Problem>) -> Self {
        Self(distinct(problems))
    }

    /// The problems, file by file and key by key.
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            let newline = if i == 0 { "" } else { "\n" };
            write!(f, "{newline}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

/// A site whose own file is wrong.
///
/// It is that site's trouble alone: the other sites of the directory have the rules that their files say now. See
/// [`Files`](crate::config::Files), whose example has one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct WrongSite {
    /// The site's name.
    pub site: String,
    /// What becomes of its requests until it is right.
    pub meanwhile: Meanwhile,
    /// All that is wrong with it.
    pub errors: Errors,
}

/// What becomes of the requests of a site while its own file is wrong.
///
/// # Examples
///
/// ```
/// assert_eq!(timebudget::config::Meanwhile::LastRules.to_string(), "its last rules stay");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Meanwhile {
    /// They fall under the rules that were in force when it was last right.
    LastRules,
    /// They are answered with 503, for nobody knows its rules.
    Refused,
    /// They are not limited, as `"rate_limit_on_error": "open"` wants it.
    Open,
}

impl fmt::Display for Meanwhile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LastRules => "its last rules stay",
            Self::Refused => "its requests are refused",
            Self::Open => "its requests are not limited",
        })
    }
}
