//! Members: who may see and change what.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::thing::fields::{Fields, Wrong};
use crate::thing::secret::Secret;

/// Somebody who looks after the limiter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The name, which stands in the audit.
    pub name: String,
    /// What the member may do.
    pub role: Role,
    pub(crate) digest: String,
}

/// What a member may do; each may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Overrides, grants, resets, keys and users.
    Operator,
    /// Everything.
    Owner,
}

/// A member as it may be shown.
#[derive(Serialize)]
pub(crate) struct Shown<'a> {
    name: &'a str,
    role: Role,
}

const ROLE: &str = "\"viewer\", \"operator\" or \"owner\"";

impl Member {
    /// A member with a token, which is to be shown now.
    pub fn new(name: &str, role: Role) -> (Self, Secret) {
        let token = Secret::token();
        (Self::with_token(name, role, &token.digest()), token)
    }

    /// A member whose token has this digest.
    pub fn with_token(name: &str, role: Role, digest: &str) -> Self {
        Self { name: name.to_owned(), role, digest: digest.to_owned() }
    }

    /// Reads a body of `name` and `role`, and makes a member whose token is to be shown now.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn parse(body: &str) -> Result<(Self, Secret), Vec<Wrong>> {
        Fields::read(body, |fields| {
            let name = fields.name("name", "the member's name");
            let role = fields.required("role", ROLE);
            Some(Self::new(&name?, role?))
        })
    }

    /// Reads a body of `role` in the place of a member, who keeps the token.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn parse_anew(&self, body: &str) -> Result<Self, Vec<Wrong>> {
        Fields::read(body, |fields| {
            let name = fields.same_name("name", &self.name);
            let role = fields.required("role", ROLE);
            Some(Self { name: name?, role: role?, digest: self.digest.clone() })
        })
    }

    /// The member with another token, which is to be shown now; the old one is not known any more.
    pub fn with_new_token(&self) -> (Self, Secret) {
        Self::new(&self.name, self.role)
    }

    /// The member as it may be shown.
    pub(crate) fn shown(&self) -> Shown<'_> {
        Shown { name: &self.name, role: self.role }
    }
}

/// Reads a body of `token`.
///
/// # Errors
///
/// All that is wrong with it.
pub(crate) fn token_of_body(body: &str) -> Result<String, Vec<Wrong>> {
    // What it is instead is not repeated.
    Fields::read(body, |fields| match fields.raw("token").map(|raw| serde_json::from_str(raw.text())) {
        Some(Ok(token)) => Some(token),
        Some(Err(_)) | None => fields.wrong("token", "missing; expected a member's token"),
    })
}

impl Role {
    /// `viewer`, `operator` or `owner`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Owner => "owner",
        }
    }
}
