//! One key in the layers of a configuration.

use crate::config::json::Json;
use crate::config::node::Node;
use crate::config::report::Report;

/// What one layer says about one key.
#[derive(Clone, Debug, Default)]
pub(super) enum Setting<T> {
    /// Nothing: the layer below counts.
    #[default]
    Unsaid,
    /// `null`: the default counts, whatever the layers below say.
    Null,
    /// A value: it counts.
    Is(T),
}

impl<T> Setting<T> {
    /// What this layer and the one below it say together.
    pub(super) fn or(self, below: Self) -> Self {
        match self {
            Self::Unsaid => below,
            said => said,
        }
    }

    /// The value, to look at; none if the default counts.
    pub(super) fn get(&self) -> Option<&T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Unsaid | Self::Null => None,
        }
    }

    /// The value, unless the default counts.
    pub(super) fn value(self) -> Option<T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Unsaid | Self::Null => None,
        }
    }
}

/// What a layer says about the key that a value stands at.
pub(super) fn setting<T>(
    node: &Node<'_>,
    read: impl FnOnce(&Node<'_>, &mut Report) -> Option<T>,
    report: &mut Report,
) -> Setting<T> {
    match node.json() {
        Json::Null => Setting::Null,
        _ => read(node, report).map_or(Setting::Unsaid, Setting::Is),
    }
}
