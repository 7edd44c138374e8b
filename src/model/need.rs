//! Needs: what somebody has to tell of clients before a rule can be applied.

use crate::model::condition::Condition;
use crate::model::cost::Cost;
use crate::model::key_spec::{Component, Missing};
use crate::model::rule::Rule;
use crate::model::site::Site;

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
    /// In which region they are.
    Region,
}

impl Rule {
    /// What the rule's conditions and key need to know of clients.
    pub fn needs(&self) -> Vec<Need> {
        let components = self.components().filter_map(Component::need);
        self.conditions().flat_map(Condition::needs).chain(components).collect()
    }

    /// Whether code computes something for the rule: it may ask whatever it likes, who the client is too.
    pub fn is_computed(&self) -> bool {
        self.limits_by.is_some()
            || matches!(self.cost, Cost::Computed(_))
            || self.conditions().any(Condition::is_computed)
            || self.components().any(|component| matches!(component, Component::Computed(_)))
    }

    fn conditions(&self) -> impl Iterator<Item = &Condition> {
        [Some(&self.when), self.exempt_when.as_ref()].into_iter().flatten()
    }

    fn components(&self) -> impl Iterator<Item = &Component> {
        let stand_in = match &self.missing {
            Missing::Use(component) => Some(component),
            Missing::Skip => None,
        };
        let fair = self.fair.iter().flat_map(|fair| &fair.0);
        self.key.0.iter().chain(fair).chain(stand_in)
    }
}

impl Site {
    /// Whether code computes something for one of the rules, or for an exemption.
    pub(crate) fn is_computed(&self) -> bool {
        self.exempt.as_ref().is_some_and(Condition::is_computed) || self.rules.iter().any(Rule::is_computed)
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
            Self::Region(_) => vec![Need::Region],
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::needs).collect(),
            Self::Not(part) => part.needs(),
            _ => Vec::new(),
        }
    }

    /// Whether code decides whether a request fulfils the condition.
    pub fn is_computed(&self) -> bool {
        match self {
            Self::Computed(_) => true,
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::is_computed),
            Self::Not(part) => part.is_computed(),
            _ => false,
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
            Self::Region => Some(Need::Region),
            _ => None,
        }
    }
}
