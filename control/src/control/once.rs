//! What is done once under an idempotency key, and is no thing's change: grants and resets; and secrets that are shown again.

use std::collections::HashMap;
use std::fmt::Display;

use chrono::TimeDelta;
use parking_lot::Mutex;

use crate::audit::Draft;
use crate::control::change::cleaned;
use crate::control::{Actor, ChangeError, Control, Idempotency};
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

/// What is to be done and is no thing's change, as the audit tells it.
#[derive(Debug)]
pub(crate) struct Deed {
    pub(crate) actor: Actor,
    pub(crate) what: String,
    pub(crate) action: &'static str,
    pub(crate) before: Written,
    pub(crate) after: Written,
    pub(crate) reason: String,
    pub(crate) once: Option<Idempotency>,
}

/// What has become of a deed.
#[derive(Debug)]
pub(crate) enum Done<T> {
    /// It was tried now, with this outcome.
    Now(T),
    /// It was done before, under the same idempotency key.
    Before,
    /// It was begun under the key, and nobody has said what has become of it: it goes on, or its node has ended.
    Unknown,
    /// The key was used with another body.
    OtherBody,
}

impl Control {
    /// Writes down what is meant, and then does it, once for each idempotency key, on all nodes together: what could not be
    /// written down is not done. It goes on to its end even if nobody waits for it any more. Work that fails leaves a second
    /// row, which says so, and may be asked for again.
    ///
    /// # Errors
    ///
    /// What is wrong with the reason, or the database cannot be asked.
    pub(crate) async fn carry_out<T, E>(
        &self,
        deed: Deed,
        work: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<Done<Result<T, E>>, ChangeError>
    where
        T: Send + 'static,
        E: Display + Send + 'static,
    {
        let (draft, once, node) = (deed.draft(self.now())?, deed.once, self.node());
        let done = self.on_own_threads(async move {
            let key = once.as_ref().map(|once| once.key.clone());
            match node.record_once(draft.clone(), once.map(|once| (once.key, once.body))).await? {
                Recorded::News(_) => {}
                Recorded::Done => return Ok(Done::Before),
                Recorded::Unknown => return Ok(Done::Unknown),
                Recorded::OtherBody => return Ok(Done::OtherBody),
            }
            let done = work.await;
            if let Some(key) = key
                && let Err(trouble) = node.database.finish_once(&key, done.is_ok()).await
            {
                let action = &draft.action;
                log::warn!(
                    "control: whoever asks again for a {action} is told that it is not known: {trouble}"
                );
            }
            if let Err(error) = &done {
                node.record_once(draft.of_failure(node.now(), error), None).await?;
            }
            Ok(Done::Now(done))
        });
        Ok(done.await?)
    }
}

impl Deed {
    /// # Errors
    ///
    /// What is wrong with the reason.
    fn draft(&self, at: Time) -> Result<Draft, ChangeError> {
        let Self { actor, what, action, before, after, reason, .. } = self;
        Ok(Draft {
            at,
            actor: actor.member.clone(),
            address: actor.address.clone(),
            what: what.clone(),
            action: (*action).to_owned(),
            before: Some(before.clone()),
            after: Some(after.clone()),
            reason: cleaned(Some(reason))?,
            revision: None,
        })
    }
}

impl Draft {
    /// The row that says that it was not done.
    fn of_failure(self, at: Time, error: &impl Display) -> Self {
        let failed = serde_json::json!({ "failed": error.to_string() });
        let (action, after) =
            (format!("{}_failed", self.action), Some(Written::of_text(&failed.to_string())));
        Self { at, action, before: None, after, ..self }
    }
}
