//! Whether the database answers.

use crate::thing::Time;

/// Whether the database answers; the rules in force stay in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answers, and this node follows it.
    Up,
    /// It does not answer; this node asks again each second.
    Down {
        /// The first time that it did not.
        since: Time,
        /// Why, without its password.
        why: String,
    },
    /// It answers, but what it holds does not continue what is in force: it was emptied, or another one stands in its
    /// place. Nothing is changed until it has again what is in force, or an operator decides.
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

    /// The database has answered.
    pub(crate) fn up(&mut self) {
        if !self.0.is_up() {
            log::info!("control: the database answers again; changes can be made");
            self.0 = Health::Up;
        }
    }

    /// It has not.
    pub(crate) fn down(&mut self, now: Time, why: &str) {
        match &mut self.0 {
            Health::Down { why: last, .. } => why.clone_into(last),
            Health::Up | Health::Lost { .. } => {
                log::error!("control: {why}; the rules in force stay, and nothing can be changed meanwhile");
                self.0 = Health::Down { since: now, why: why.to_owned() };
            }
        }
    }

    /// It has answered with something else than was known of it.
    pub(crate) fn lost(&mut self, now: Time, why: &str) {
        match &mut self.0 {
            Health::Lost { why: last, .. } => why.clone_into(last),
            Health::Up | Health::Down { .. } => {
                log::error!("control: {why}; the rules in force stay, and nothing can be changed meanwhile");
                self.0 = Health::Lost { since: now, why: why.to_owned() };
            }
        }
    }
}
