//! Users: which tier somebody is assigned, and for how long.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::thing::Time;
use crate::thing::fields::{Fields, Wrong};

/// The tier that a user is assigned, whatever the user's groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// The user's name.
    pub user: String,
    /// The tier's name.
    pub tier: String,
    /// The first instant after it; for ever if there is none.
    #[schema(value_type = Option<DateTime>)]
    pub until: Option<Time>,
}

impl User {
    /// Reads a body of `tier` and `until`.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn parse(user: &str, body: &str, now: Time) -> Result<Self, Vec<Wrong>> {
        Fields::read(body, |fields| {
            let user = fields.same_name("user", user);
            let tier = fields.name("tier", "the name of a tier");
            let until = fields.time("until", now);
            Some(Self { user: user?, tier: tier?, until: until? })
        })
    }
}
