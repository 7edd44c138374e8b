//! Sites in force, as those see them who look after them.

use std::fmt;

use crate::config::{Origin, Shadowed};
use crate::model::Site;
use crate::sites::Wrong;

/// A site in force, as those see it who look after it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SiteInForce {
    /// The site, its name, zone, hosts and rules, and all that code says of it.
    pub site: Site,
    /// Where each of its rules comes from, in their order.
    pub origins: Vec<RuleOrigin>,
    /// What a layer says of it and code or a file says, too, so that the layer's is without effect.
    pub shadowed: Vec<Shadowed>,
    /// That its own file is wrong, since when, and what becomes of its requests.
    pub wrong: Option<Wrong>,
}

/// Where a rule in force comes from.
///
/// Displays as the file, the ruleset, or `code`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleOrigin {
    /// The rule's name.
    pub rule: String,
    /// Who said it: a file, the environment, a ruleset of a layer by its name, or code.
    pub origin: Origin,
    /// The key that it stands in, where that is one: `rate_limit_rules`, or `rate_limit`.
    pub key: Option<&'static str>,
}

impl fmt::Display for RuleOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.origin.fmt(f)
    }
}
