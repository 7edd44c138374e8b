//! Changes, and what else the audit tells of.

use std::sync::Arc;

use crate::audit::{Draft, Entry};
use crate::control::{Actor, ChangeError, Control, Expect};
use crate::follow::{Order, Outcome, Recorded};
use crate::thing::{Change, Thing, Written, Wrong};

/// What a change has done.
#[derive(Clone, Debug, PartialEq)]
pub struct Receipt {
    /// The revision that it made, which the thing has now.
    pub revision: u64,
    /// What there was.
    pub before: Option<Thing>,
    /// What there is.
    pub after: Option<Thing>,
    /// Whether it was made before, under the same idempotency key; `before` is not known then.
    pub is_repeated: bool,
}

impl Control {
    /// Makes a change: it is checked against the whole configuration, stored together with its row of the audit, and in
    /// force on this node when this returns. It goes on even if nobody waits for it any more.
    ///
    /// # Errors
    ///
    /// Why it was not made.
    pub async fn change(
        &self,
        actor: Actor,
        change: Change,
        reason: Option<String>,
        expect: Expect,
    ) -> Result<Receipt, ChangeError> {
        let order = Order {
            change,
            actor: actor.member,
            address: actor.address,
            reason: cleaned(reason.as_deref())?,
            condition: expect.if_match,
            idempotency: expect.idempotency.map(|once| (once.key, once.body)),
        };
        let node = Arc::clone(&self.0.node);
        match self.on_own_threads(async move { node.change(order).await }).await? {
            Outcome::Made(made) => Ok(Receipt {
                revision: made.entry.revision.unwrap_or_default(),
                before: made.before,
                after: made.after,
                is_repeated: false,
            }),
            Outcome::Repeated(answered) => Ok(Receipt {
                revision: answered.revision,
                before: None,
                after: answered.after,
                is_repeated: true,
            }),
            Outcome::OtherBody => Err(ChangeError::OtherBody),
            Outcome::Refused(refused) => Err(refused.into()),
            Outcome::Stale(revision) => Err(ChangeError::Stale { revision }),
            Outcome::Missing => Err(ChangeError::Missing),
            Outcome::Exists => Err(ChangeError::Exists),
        }
    }

    /// Checks a change as [`change`](Self::change) does, and makes none.
    ///
    /// # Errors
    ///
    /// Why it would not be made.
    pub async fn check(&self, change: Change) -> Result<(), ChangeError> {
        let node = Arc::clone(&self.0.node);
        let checked = self
            .on_own_threads(async move { Ok(node.apart(move |node| node.fits(&change).map(drop)).await) });
        Ok(checked.await??)
    }

    /// Writes a row of the audit of something that changes no thing: a grant, a reset, a login that failed.
    ///
    /// `before` and `after` are JSON.
    ///
    /// # Errors
    ///
    /// What is wrong with the reason, or the database cannot be asked.
    pub async fn record(
        &self,
        actor: Actor,
        what: &str,
        action: &str,
        (before, after): (Option<Written>, Option<Written>),
        reason: Option<String>,
    ) -> Result<Entry, ChangeError> {
        let draft = Draft {
            at: self.now(),
            actor: actor.member,
            address: actor.address,
            what: what.to_owned(),
            action: action.to_owned(),
            before,
            after,
            reason: cleaned(reason.as_deref())?,
            revision: None,
        };
        let node = self.node();
        match self.on_own_threads(async move { node.record_once(draft, None).await }).await? {
            Recorded::News(entry) => Ok(*entry),
            // Without a key nothing was asked before.
            Recorded::Done | Recorded::Unknown | Recorded::OtherBody => Err(ChangeError::OtherBody),
        }
    }
}

/// A reason without spaces around it; an empty one is none.
pub(crate) fn cleaned(reason: Option<&str>) -> Result<Option<String>, ChangeError> {
    const MOST: usize = 2_000;
    let Some(reason) = reason.map(str::trim).filter(|reason| !reason.is_empty()) else {
        return Ok(None);
    };
    let is_odd = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t');
    let fault = match reason {
        _ if reason.chars().count() > MOST => "too long; expected at most 2000 characters",
        _ if reason.chars().any(is_odd) => "has control characters; expected a text without them",
        _ => return Ok(Some(reason.to_owned())),
    };
    Err(ChangeError::Wrong(vec![Wrong::new("reason", fault)]))
}
