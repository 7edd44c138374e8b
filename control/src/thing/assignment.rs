//! Assignments: a site's own rulesets in the place of the policy's.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::thing::fields::{Fields, Wrong};

/// What a site has in the place of the [policy](crate::thing::Policy).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The site's name; `*` are hosts that have no site.
    pub site: String,
    /// For its published hosts.
    pub published: Own,
    /// For its unpublished hosts.
    pub unpublished: Own,
}

/// A ruleset of a site's own; as JSON `"inherit"`, `null` or a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Own {
    /// The policy holds.
    #[default]
    Inherit,
    /// No ruleset, whatever the policy says.
    None,
    /// The ruleset of this name.
    Ruleset(String),
}

const INHERIT: &str = "inherit";

impl Assignment {
    /// Reads a body of `published` and `unpublished`.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn parse(site: &str, body: &str) -> Result<Self, Vec<Wrong>> {
        const EXPECTED: &str = "the name of a ruleset, \"inherit\", or null";
        Fields::read(body, |fields| {
            let site = fields.same_name("site", site);
            let mut own = |field| match fields.raw_or_null(field) {
                None => fields.wrong(field, format!("missing; expected {EXPECTED}")),
                Some(_) => Some(Own::from(fields.optional_name(field, EXPECTED)?)),
            };
            let (published, unpublished) = (own("published"), own("unpublished"));
            Some(Self { site: site?, published: published?, unpublished: unpublished? })
        })
    }
}

impl Own {
    /// The ruleset that is named.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Ruleset(name) => Some(name),
            Self::Inherit | Self::None => None,
        }
    }

    /// Whether a name would be read as something else.
    pub(crate) fn is_word(name: &str) -> bool {
        name == INHERIT
    }
}

impl From<Option<String>> for Own {
    fn from(said: Option<String>) -> Self {
        match said {
            None => Self::None,
            Some(word) if Self::is_word(&word) => Self::Inherit,
            Some(name) => Self::Ruleset(name),
        }
    }
}

impl Serialize for Own {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Inherit => Some(INHERIT),
            Self::None => None,
            Self::Ruleset(name) => Some(name.as_str()),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Own {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.into())
    }
}
