//! What must hold before a change is made, and who makes it.

use crate::follow::Outcome;
use crate::thing::{Change, Held, Thing, digest_of};

/// Who makes a change, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The member's name.
    pub member: String,
    /// The address, as the audit shows it.
    pub address: Option<String>,
}

impl Actor {
    /// A member at an address.
    pub fn new(member: impl Into<String>, address: Option<String>) -> Self {
        Self { member: member.into(), address }
    }
}

/// What must hold before a change is made; by default nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expect {
    /// Of what is there.
    pub if_match: IfMatch,
    /// Of whether it was made before.
    pub idempotency: Option<Idempotency>,
}

/// What must be there. Whatever it says, what is deleted must be there: [`Missing`](crate::ChangeError::Missing).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IfMatch {
    /// Nothing, or something.
    #[default]
    Anything,
    /// Something: `If-Match: *`.
    Something,
    /// What was put at this revision: `If-Match: "7"`.
    Revision(u64),
    /// Nothing: `If-None-Match: *`.
    Nothing,
}

impl IfMatch {
    pub(crate) fn check(self, before: Option<&Held<Thing>>, change: &Change) -> Result<(), Outcome> {
        match (self, before) {
            (Self::Nothing, Some(_)) => Err(Outcome::Exists),
            (Self::Revision(wanted), Some(held)) if held.revision != wanted => {
                Err(Outcome::Stale(held.revision))
            }
            (Self::Something | Self::Revision(_), None) => Err(Outcome::Missing),
            (_, None) if change.after().is_none() => Err(Outcome::Missing),
            _ => Ok(()),
        }
    }
}

/// A key under which a change is made once, however often it is asked for; it is remembered for a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    pub(crate) key: String,
    pub(crate) body: String,
}

impl Idempotency {
    /// The key that a member sent, with the body that came with it. Only digests of them are kept.
    pub fn new(member: &str, key: &str, body: &str) -> Self {
        Self { key: digest_of(&format!("{}:{member}{key}", member.len())), body: digest_of(body) }
    }
}

impl From<IfMatch> for Expect {
    fn from(if_match: IfMatch) -> Self {
        Self { if_match, idempotency: None }
    }
}
