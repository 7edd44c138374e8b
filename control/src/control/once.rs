//! What is done once under an idempotency key, and is no thing's change: grants and resets; and secrets that are shown again.

use std::collections::HashMap;

use chrono::TimeDelta;
use parking_lot::Mutex;

use crate::audit::Draft;
use crate::control::change::cleaned;
use crate::control::{Actor, ChangeError, Control, Idempotency, Unavailable};
use crate::follow::Recorded;
use crate::thing::{Secret, Time, Written};

/// Secrets that were shown lately, by the digests of the idempotency keys under which they were made: for whoever has not
/// heard the answer, and asks again. They are in this node's memory alone.
#[derive(Debug, Default)]
pub(crate) struct Shown(Mutex<HashMap<String, (Secret, Time)>>);

impl Shown {
    /// For how long a secret is shown again.
    const LASTS: TimeDelta = TimeDelta::minutes(10);
    /// How many are kept; of more the oldest are forgotten.
    const MOST: usize = 1_000;

    /// Keeps a secret that is shown now.
    pub(crate) fn keep(&self, once: &Idempotency, secret: Secret, now: Time) {
        let mut shown = self.0.lock();
        shown.retain(|_, (_, until)| *until > now);
        if shown.len() >= Self::MOST {
            let oldest = shown.iter().min_by_key(|(_, (_, until))| *until).map(|(key, _)| key.clone());
            oldest.and_then(|oldest| shown.remove(&oldest));
        }
        shown.insert(once.key.clone(), (secret, now + Self::LASTS));
    }

    /// The secret that was shown under a key, for a while, if it is `wanted` yet.
    pub(crate) fn again(
        &self,
        once: &Idempotency,
        now: Time,
        wanted: impl FnOnce(&Secret) -> bool,
    ) -> Option<String> {
        let mut shown = self.0.lock();
        shown.retain(|_, (_, until)| *until > now);
        let (secret, _) = shown.get(&once.key)?;
        wanted(secret).then(|| secret.reveal().to_owned())
    }
}

impl Control {
    /// The same as [`record`](Self::record) of something that is to be done now, once for each idempotency key, on all nodes
    /// together: [`Recorded::News`] says that it is to be done, and [`finish`](Self::finish) that it is.
    ///
    /// # Errors
    ///
    /// What is wrong with the reason, or the database cannot be asked.
    pub(crate) async fn record_once(
        &self,
        actor: Actor,
        what: &str,
        action: &str,
        (before, after): (Option<Written>, Option<Written>),
        reason: Option<String>,
        once: Option<&Idempotency>,
    ) -> Result<Recorded, ChangeError> {
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
        let once = once.map(|once| (once.key.clone(), once.body.clone()));
        let node = self.node();
        Ok(self.on_own_threads(async move { node.record_once(draft, once).await }).await?)
    }

    /// Notes what has become of what was to be done once: it is done, or it is not and may be asked for again.
    ///
    /// # Errors
    ///
    /// The database cannot be asked. Whoever asks again is told that it is not known.
    pub(crate) async fn finish(&self, once: &Idempotency, is_done: bool) -> Result<(), Unavailable> {
        let key = once.key.clone();
        self.ask(move |database| async move { database.finish_once(&key, is_done).await }).await
    }
}
