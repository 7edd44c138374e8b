//! What a row of the table asks of whoever sends a request.

use crate::api::caller::Caller;
use crate::api::problem::Problem;
use crate::thing::Role;

/// Who may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Everybody, without a token.
    Nobody,
    /// Members of this role, and of those above it.
    Role(Role),
}

pub(crate) const NOBODY: Needs = Needs::Nobody;
pub(crate) const VIEWER: Needs = Needs::Role(Role::Viewer);
pub(crate) const OPERATOR: Needs = Needs::Role(Role::Operator);
pub(crate) const OWNER: Needs = Needs::Role(Role::Owner);

impl Needs {
    /// # Errors
    ///
    /// The caller's role is below.
    pub(crate) fn check(self, caller: &Caller) -> Result<(), Problem> {
        match self {
            Self::Role(role) if caller.role < role => {
                let (has, needs) = (caller.role.name(), role.name());
                Err(Problem::forbidden(format!("this needs the role {needs}, and {} has {has}", caller.name)))
            }
            Self::Nobody | Self::Role(_) => Ok(()),
        }
    }
}
