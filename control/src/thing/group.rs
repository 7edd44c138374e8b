//! Groups: which tier those who are in one have.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::thing::fields::{Fields, Wrong};

/// The tier of those who are in a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Group {
    /// The group's name.
    pub name: String,
    /// The tier's name.
    pub tier: String,
}

impl Group {
    /// Reads a body of `tier`.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn parse(name: &str, body: &str) -> Result<Self, Vec<Wrong>> {
        Fields::read(body, |fields| {
            let name = fields.same_name("name", name);
            let tier = fields.name("tier", "the name of a tier");
            Some(Self { name: name?, tier: tier? })
        })
    }
}
