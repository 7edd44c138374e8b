//! Sources: where the rules come from.

use std::fmt;
use std::path::{Path, PathBuf};

use timebudget::config::{Configuration, Environment, Errors, Files};
use timebudget::store::StoreUri;
use timebudget::{BudgetBuilder, TimeBudget};

use crate::args::{SourceArgs, StoreArgs};
use crate::output::Failure;

/// The rules that a server without a site file has, built in so that it runs from anywhere.
const EXAMPLE: &str = include_str!("../../site_config.example.json");

/// Where the rules come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The example that is built in.
    Example,
    /// One site file, for every host.
    File(PathBuf),
    /// A directory of sites.
    Directory(PathBuf),
}

impl Source {
    /// The source that the arguments name.
    pub(crate) fn of(args: &SourceArgs) -> Self {
        match (&args.site, &args.sites) {
            (Some(file), _) => Self::File(file.clone()),
            (None, Some(directory)) => Self::Directory(directory.clone()),
            (None, None) => Self::Example,
        }
    }

    /// The source that a path of `check` names: a directory of sites, or else a file.
    pub(crate) fn at(path: &Path) -> Self {
        match path.is_dir() {
            true => Self::Directory(path.to_owned()),
            false => Self::File(path.to_owned()),
        }
    }

    /// The files of the configuration, under an environment.
    pub(crate) fn files(&self, environment: &Environment) -> Files {
        let options = environment.clone().into();
        match self {
            Self::Example => Files::from_text(EXAMPLE, &options),
            Self::File(file) => Files::from_file(file, &options),
            Self::Directory(directory) => Files::from_dir(directory, &options),
        }
    }

    /// The configuration as it is now, under an environment.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, unless it is a mistake of single sites.
    pub(crate) fn read(&self, environment: &Environment) -> Result<Configuration, Errors> {
        self.files(environment).read()
    }

    /// The budget of the configuration, under an environment.
    pub(crate) fn budget(&self, environment: Environment) -> BudgetBuilder {
        let builder = TimeBudget::builder().environment(environment);
        match self {
            Self::Example => builder.site_text(EXAMPLE),
            Self::File(file) => builder.site_file(file),
            Self::Directory(directory) => builder.sites(directory),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Example => f.write_str("site_config.example.json"),
            Self::File(path) | Self::Directory(path) => path.display().fmt(f),
        }
    }
}

/// The environment of this process, and above it what the command line says of the store.
///
/// # Errors
///
/// The store's URI is wrong.
pub(crate) fn environment(args: &StoreArgs) -> Result<Environment, Failure> {
    let environment = Environment::from_process();
    let Some(text) = &args.store else { return Ok(environment) };
    let uri = StoreUri::parse(text).map_err(|error| Failure::wrong(format!("--store: {error}")))?;
    Ok(environment.with_store(uri, "--store"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_example_has_no_errors() {
        let read = Source::Example.read(&Environment::default());
        let loaded = read.map(|configuration| configuration.loaded);
        assert!(loaded.is_ok_and(|loaded| !loaded.fallback.rules.is_empty() && loaded.warnings.is_empty()));
    }
}
