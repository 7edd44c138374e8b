//! Rulesets: rules under a name, for policies and assignments to choose.

use serde::{Deserialize, Serialize};
use timebudget::config;
use utoipa::ToSchema;

use crate::thing::fields::{Fields, Wrong};
use crate::thing::{Own, Written};

/// Rules under a name, in the format of `rate_limit_rules`.
///
/// The rules are kept as people wrote them. Each is right by itself; whether they fit the sites is asked before a change
/// is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "Stored")]
pub struct Ruleset {
    /// Its name.
    pub name: String,
    /// For people to read; may be empty.
    pub description: String,
    /// The list of rules, as written.
    #[schema(value_type = Vec<Object>)]
    pub rules: Written,
    #[serde(skip)]
    parsed: config::Ruleset,
}

/// So many rules may be in one ruleset.
const MOST: usize = 100;

impl Ruleset {
    /// Reads a body of `name` (if it stands there), `description` and `rules`, for the name of the path.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn parse(name: &str, body: &str) -> Result<Self, Vec<Wrong>> {
        Fields::read(body, |fields| {
            let name = fields.same_name("name", name);
            let name = name.and_then(|name| match Own::is_word(&name) {
                true => {
                    fields.wrong("name", "\"inherit\": means no ruleset of its own; expected another name")
                }
                false => Some(name),
            });
            let description = fields.optional("description", "a text");
            let rules = fields.raw("rules");
            let parsed = match &rules {
                Some(rules) => checked(fields, name.as_deref().unwrap_or_default(), rules),
                None => fields.wrong("rules", "missing; expected a list of rules"),
            };
            let description: Option<String> = description?;
            Some(Self {
                name: name?,
                description: description.unwrap_or_default(),
                rules: rules?,
                parsed: parsed?,
            })
        })
    }

    /// The same where the name stands in the body alone.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn parse_named(body: &str) -> Result<Self, Vec<Wrong>> {
        if let Some(name) = Fields::peek(body, "name") {
            return Self::parse(&name, body);
        }
        let mut wrong = Self::parse("ruleset", body).err().unwrap_or_default();
        if !wrong.iter().any(|wrong| ["", "name"].contains(&wrong.path.as_str())) {
            wrong.insert(0, Wrong::new("name", "missing; expected a name"));
        }
        Err(wrong)
    }

    /// The same where there may be no name yet.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn parse_draft(body: &str) -> Result<Self, Vec<Wrong>> {
        Self::parse(Fields::peek(body, "name").as_deref().unwrap_or("draft"), body)
    }

    /// The rules, parsed; messages call them `ruleset NAME`.
    pub fn rules(&self) -> &config::Ruleset {
        &self.parsed
    }
}

fn checked(fields: &mut Fields, name: &str, rules: &Written) -> Option<config::Ruleset> {
    match config::Ruleset::parse(&format!("ruleset {name}"), rules.text()) {
        Ok(parsed) if parsed.rules().len() > MOST => {
            let many = parsed.rules().len();
            fields.wrong("rules", format!("{many} rules; expected at most {MOST}"))
        }
        Ok(parsed) => Some(parsed),
        Err(errors) => {
            for wrong in Wrong::of_errors(&errors, "") {
                fields.wrong::<()>(&wrong.path, wrong.message);
            }
            None
        }
    }
}

#[derive(Deserialize)]
struct Stored {
    name: String,
    description: String,
    rules: Written,
}

impl TryFrom<Stored> for Ruleset {
    type Error = config::Errors;

    fn try_from(Stored { name, description, rules }: Stored) -> Result<Self, config::Errors> {
        let parsed = config::Ruleset::parse(&format!("ruleset {name}"), rules.text())?;
        Ok(Self { name, description, rules, parsed })
    }
}
