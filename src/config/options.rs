//! What a loader cannot see in the files.

use std::path::Path;

use crate::config::problem::{Errors, Problem};
use crate::config::report::Report;
use crate::config::{Loaded, dir_into, file_into, site_into};
use crate::model::site::Site;

/// What a loader cannot see in the files; by default it is not so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Whether the application's own code [tells](crate::middleware::TimeBudget::identify) who clients are.
    ///
    /// Else a rule that asks for users, while no key of the files says who tells them, is an error.
    pub identity_in_code: bool,
}

impl Options {
    /// The options of an application whose own code tells who clients are.
    pub const fn with_identity_in_code() -> Self {
        Self { identity_in_code: true }
    }

    /// Reads a single site file, as [`load_file`](crate::config::load_file) does.
    ///
    /// # Errors
    ///
    /// All that is wrong with the file, or that it cannot be read.
    pub fn load_file(self, path: impl AsRef<Path>) -> Result<Loaded, Errors> {
        file_into(path.as_ref(), Report::new(self))
    }

    /// Reads a directory in bench's layout, as [`load_dir`](crate::config::load_dir) does.
    ///
    /// # Errors
    ///
    /// All that is wrong with the files, or that one cannot be read.
    pub fn load_dir(self, dir: impl AsRef<Path>) -> Result<Loaded, Errors> {
        dir_into(dir.as_ref(), Report::new(self))
    }

    /// Reads the text of a site file, as [`parse_site`](crate::config::parse_site) does.
    ///
    /// # Errors
    ///
    /// All that is wrong with the text.
    pub fn parse_site(self, name: &str, text: &str) -> Result<(Site, Vec<Problem>), Errors> {
        site_into(name, text, Report::new(self))
    }
}
