//! The policy: which rulesets hold for all sites, present and future.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::thing::fields::{Fields, Wrong};

/// Which rulesets hold for all sites that have none of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Policy {
    /// That of published hosts.
    pub published: Option<String>,
    /// That of unpublished hosts, such as previews.
    pub unpublished: Option<String>,
}

impl Policy {
    /// Reads a body of `published` and `unpublished`, each the name of a ruleset or `null`.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn parse(body: &str) -> Result<Self, Vec<Wrong>> {
        const EXPECTED: &str = "the name of a ruleset, or null";
        Fields::read(body, |fields| {
            let mut named = |field| match fields.raw_or_null(field) {
                None => fields.wrong(field, format!("missing; expected {EXPECTED}")),
                Some(_) => fields.optional_name(field, EXPECTED),
            };
            let (published, unpublished) = (named("published"), named("unpublished"));
            Some(Self { published: published?, unpublished: unpublished? })
        })
    }
}
