//! What a loader cannot see in the files.

use crate::config::environment::Environment;
use crate::config::report::Report;

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

    /// A report that begins with what was found in the environment.
    pub(super) fn report(&self) -> Report {
        let Environment { errors, warnings, .. } = &self.environment;
        Report::beginning(errors.clone(), warnings.clone(), self.identity_in_code)
    }
}
