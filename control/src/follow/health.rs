//! Whether the database answers.

use crate::thing::Time;

/// Whether the database answers; the rules in force stay in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answers, and this node follows it.
    Up,
    /// It does not answer; this node asks again every half second.
    Down {
        /// The first time that it did not.
        since: Time,
        /// Why, without its password.
        why: String,
    },
    /// It answers, but what was decided there is not taken by this version of the program. What was taken last stays in
    /// force, and nothing is changed, until it fits: it was changed elsewhere, or a newer version was started here.
    Unfit {
        /// When that was found.
        since: Time,
        /// What does not fit.
        why: String,
    },
    /// It answers, but what it holds does not continue what is in force: it was emptied, or another one stands in its
    /// place, or its audit lacks rows that were there. Nothing is changed until it has again what is in force, or an operator decides.
    Lost {
        /// When that was found.
        since: Time,
        /// What was found, and what to do.
        why: String,
    },
}

impl Health {
    /// Whether changes can be made.
    pub const fn is_up(&self) -> bool {
        matches!(self, Self::Up)
    }

    /// Why changes cannot be made.
    pub(crate) fn why(&self) -> Option<&str> {
        match self {
            Self::Up => None,
            Self::Down { why, .. } | Self::Unfit { why, .. } | Self::Lost { why, .. } => Some(why),
        }
    }
}

/// Health, and the log lines that its changes make: one each time that it turns.
#[derive(Debug)]
pub(crate) struct Standing(Health);

impl Default for Standing {
    fn default() -> Self {
        Self(Health::Up)
    }
}

impl Standing {
    pub(crate) fn health(&self) -> &Health {
        &self.0
    }

    /// The database has answered, and what it holds is in force.
    pub(crate) fn up(&mut self) {
        if !self.0.is_up() {
            log::info!(
                "control: the database answers again, and what it holds is in force; changes can be made"
            );
            self.0 = Health::Up;
        }
    }

    /// It has not, or with something else than is taken. Since when stays, while it is the same.
    pub(crate) fn turn(&mut self, to: Health) {
        use Health::{Down, Lost, Unfit};
        match (&mut self.0, to) {
            (Down { why: last, .. }, Down { why, .. })
            | (Unfit { why: last, .. }, Unfit { why, .. })
            | (Lost { why: last, .. }, Lost { why, .. }) => *last = why,
            (health, to) => {
                let why = to.why().unwrap_or_default();
                log::error!("control: {why}; the rules in force stay, and nothing can be changed meanwhile");
                *health = to;
            }
        }
    }
}
