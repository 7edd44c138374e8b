//! What a loader cannot see in the files.

use std::path::Path;

use crate::config::configuration::Configuration;
use crate::config::environment::Environment;
use crate::config::layer::{Layer, Scope};
use crate::config::problem::{Errors, Problem};
use crate::config::report::Report;
use crate::config::{Loaded, SITE_FILE};
use crate::model::site::Site;

/// What a loader cannot see in the files; by default there is nothing more.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// Whether the application's own code [tells](crate::middleware::TimeBudget::identify) who clients are.
    ///
    /// Else a rule that asks for users, while no key of the files says who tells them, is an error.
    pub identity_in_code: bool,
    /// What the environment says.
    pub environment: Environment,
}

impl From<Environment> for Options {
    fn from(environment: Environment) -> Self {
        Self { environment, ..Self::default() }
    }
}

impl Options {
    /// The same for an application whose own code tells who clients are.
    #[must_use]
    pub fn with_identity_in_code(self) -> Self {
        Self { identity_in_code: true, ..self }
    }

    /// Reads a single site file, as [`load_file`](crate::config::load_file) does.
    ///
    /// # Errors
    ///
    /// All that is wrong with the file or the environment, or that it cannot be read.
    pub fn load_file(&self, path: impl AsRef<Path>) -> Result<Loaded, Errors> {
        Ok(Configuration::of_file(path, self)?.loaded)
    }

    /// Reads a directory in bench's layout, as [`load_dir`](crate::config::load_dir) does.
    ///
    /// # Errors
    ///
    /// All that is wrong with the files or the environment, or that one cannot be read.
    pub fn load_dir(&self, dir: impl AsRef<Path>) -> Result<Loaded, Errors> {
        Ok(Configuration::of_dir(dir, self)?.loaded)
    }

    /// Reads the text of a site file, as [`parse_site`](crate::config::parse_site) does.
    ///
    /// # Errors
    ///
    /// All that is wrong with the text or the environment.
    pub fn parse_site(&self, name: &str, text: &str) -> Result<(Site, Vec<Problem>), Errors> {
        let mut report = Report::of(self);
        report.begin(SITE_FILE);
        let layer = Layer::read(text, Scope::Site, &mut report);
        let site = self.environment.layer.clone().or(layer).site(name, &Layer::default(), &mut report);
        Ok((site, report.close()?))
    }
}
