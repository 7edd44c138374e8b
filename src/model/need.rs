//! Needs: what somebody has to tell of clients before a rule can be applied.

use crate::model::condition::Condition;
use crate::model::key_spec::{Component, Missing};
use crate::model::rule::Rule;

/// What somebody has to tell of clients before a rule can be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Who they are.
    User,
    /// Which groups they are in.
    Groups,
    /// Which API keys there are.
    ApiKeys,
    /// Which tiers there are, and who they are.
    Tier,
    /// Where they are.
    Country,
}

impl Rule {
    /// What the rule's condition and key need to know of clients.
    pub fn needs(&self) -> Vec<Need> {
        let stand_in = match &self.missing {
            Missing::Use(component) => Some(component),
            Missing::Skip => None,
        };
        let fair = self.fair.iter().flat_map(|fair| &fair.0);
        let components = self.key.0.iter().chain(fair).chain(stand_in).filter_map(Component::need);
        let mut needs = self.when.needs();
        needs.extend(components);
        needs
    }
}

impl Condition {
    /// What the condition needs to know of clients.
    pub fn needs(&self) -> Vec<Need> {
        match self {
            Self::User(_) | Self::Authenticated(_) => vec![Need::User],
            Self::Group(_) => vec![Need::Groups],
            Self::Tier(_) => vec![Need::Tier],
            Self::Country(_) => vec![Need::Country],
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::needs).collect(),
            Self::Not(part) => part.needs(),
            _ => Vec::new(),
        }
    }
}

impl Component {
    /// What the component needs to know of clients.
    pub const fn need(&self) -> Option<Need> {
        match self {
            Self::User => Some(Need::User),
            Self::ApiKey => Some(Need::ApiKeys),
            Self::Tier => Some(Need::Tier),
            Self::Groups => Some(Need::Groups),
            Self::Country => Some(Need::Country),
            _ => None,
        }
    }
}
