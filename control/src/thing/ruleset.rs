//! Rulesets: rules under a name, for policies and assignments to choose.

use serde::{Deserialize, Serialize};
use timebudget::config;

use crate::thing::fields::{Fields, Wrong};
use crate::thing::{Own, Written};

/// Rules under a name, in the format of `rate_limit_rules`.
///
/// The rules are kept as people wrote them. Each is right by itself; whether they fit the sites is asked before a change
/// is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Ruleset {
    /// Its name.
    pub name: String,
    /// For people to read; may be empty.
    pub description: String,
    /// The list of rules, as written.
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
