//! Tiers: classes of clients who may spend more or less.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::thing::Written;
use crate::thing::fields::{Fields, Wrong};

/// A class of clients, such as those who pay for a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Tier {
    /// Its name.
    pub name: String,
    /// A factor of each quota, with at most six decimals.
    pub multiplier: f64,
    /// Of the tiers of a user's groups the one with the highest counts.
    pub priority: u64,
    /// Limits by rule, as written, in the place of the rule's own.
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    pub limits: BTreeMap<String, Written>,
}

impl Tier {
    /// Reads a body of `multiplier`, `priority` and `limits`, each of which may be left out.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, in the words of the site file's loader.
    pub fn parse(name: &str, body: &str) -> Result<Self, Vec<Wrong>> {
        Fields::read(body, |fields| {
            let name = fields.same_name("name", name);
            let said = ["multiplier", "priority", "limits"].map(|field| (field, fields.raw(field)));
            let said: Vec<_> = said
                .iter()
                .filter_map(|(field, raw)| Some(format!("\"{field}\":{}", raw.as_ref()?.text())))
                .collect();
            fields.of_layer(&format!(r#"{{"tiers":{{"x":{{{}}}}}}}"#, said.join(",")), "tiers.x")?;
            let multiplier = fields.optional("multiplier", "a number such as 1.5, not a text");
            let priority = fields.optional("priority", "a whole number, not a text");
            let limits = fields.optional("limits", "an object of rules by name, each with limits");
            Some(Self {
                name: name?,
                multiplier: multiplier?.unwrap_or(1.0),
                priority: priority?.unwrap_or(0),
                limits: limits?.unwrap_or_default(),
            })
        })
    }
}
