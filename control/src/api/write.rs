//! Writes: what their headers and their query say, and the change itself.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use crate::api::caller::Caller;
use crate::api::parameters::Parameters;
use crate::api::problem::Problem;
use crate::api::{guard, tag};
use crate::control::{ChangeError, Control, Expect, Idempotency, IfMatch, Receipt};
use crate::thing::{Change, Kind, Thing, Wrong};

/// A write that somebody wants made.
pub(crate) struct Write {
    pub(crate) control: Control,
    pub(crate) caller: Caller,
    if_match: IfMatch,
    /// The path, so that one key may be used for several.
    path: String,
    once: Option<String>,
    reason: Option<String>,
}

const IDEMPOTENCY: &str = "idempotency-key";

impl FromRequest for Write {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = Caller::from_request(request, payload).into_inner();
        let parameters = Parameters::from_request(request, payload).into_inner();
        let read = || {
            let mut parameters = parameters?;
            let reason = parameters.text("reason");
            parameters.finish()?;
            Ok(Self {
                control: guard::control(request),
                caller: caller?,
                if_match: tag::expected(request)?,
                path: request.path().to_owned(),
                once: once(request)?,
                reason,
            })
        };
        ready(read())
    }
}

impl Write {
    /// Under what it is done once, with the body that came with it.
    pub(crate) fn idempotency(&self, body: &str) -> Option<Idempotency> {
        let key = self.once.as_ref()?;
        Some(Idempotency::new(&self.caller.name, key, &format!("{}\n{body}", self.path)))
    }

    /// The same with a reason of the body's.
    pub(crate) fn because(self, reason: &str) -> Self {
        Self { reason: Some(reason.to_owned()), ..self }
    }

    /// The same of what was at this revision when it was read, unless the caller expects something else.
    pub(crate) fn upon(self, revision: u64) -> Self {
        match self.if_match {
            IfMatch::Anything | IfMatch::Something => Self { if_match: IfMatch::Revision(revision), ..self },
            IfMatch::Revision(_) | IfMatch::Nothing => self,
        }
    }

    /// Puts a thing in the place of the one of its name, or beside the others.
    ///
    /// # Errors
    ///
    /// Why it was not.
    pub(crate) async fn put(self, thing: impl Into<Thing>) -> Result<Receipt, Problem> {
        self.change(Change::put(thing.into()), None).await
    }

    /// Puts a thing where none of its name may be; asked again under the same idempotency key, it is not put again.
    ///
    /// # Errors
    ///
    /// Why it was not.
    pub(crate) async fn create(self, thing: impl Into<Thing>, body: &str) -> Result<Receipt, Problem> {
        let change = Change::put(thing.into());
        match self.if_match {
            IfMatch::Anything => {
                let new = Self { if_match: IfMatch::Nothing, ..self };
                // Nobody has said that none may be there: it is no condition that failed.
                new.make(change, Some(body)).await.map_err(|(error, _)| error.into())
            }
            _ => self.change(change, Some(body)).await,
        }
    }

    /// Deletes a thing.
    ///
    /// # Errors
    ///
    /// Why it was not.
    pub(crate) async fn delete(self, kind: Kind, name: &str) -> Result<Receipt, Problem> {
        self.change(Change::delete(kind, name), None).await
    }

    /// Makes a change, once for each idempotency key if there is a body.
    ///
    /// # Errors
    ///
    /// Why it was not made.
    pub(crate) async fn change(self, change: Change, body: Option<&str>) -> Result<Receipt, Problem> {
        let (if_match, kind, name) = (self.if_match, change.kind(), change.name().to_owned());
        self.make(change, body).await.map_err(|(error, control)| match (&error, if_match) {
            (ChangeError::Exists, IfMatch::Nothing) => {
                let revision = control.decided().thing(kind, &name).map_or(0, |held| held.revision);
                Problem::stale(revision)
            }
            (ChangeError::Missing, IfMatch::Something | IfMatch::Revision(_)) => Problem::stale(0),
            _ => error.into(),
        })
    }

    async fn make(self, change: Change, body: Option<&str>) -> Result<Receipt, (ChangeError, Control)> {
        let idempotency = body.and_then(|body| self.idempotency(body));
        let Self { control, caller, if_match, reason, .. } = self;
        let made = control.change(caller.actor(), change, reason, Expect { if_match, idempotency }).await;
        made.map_err(|error| (error, control))
    }
}

pub(crate) fn once(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let Some(key) = request.headers().get(IDEMPOTENCY) else { return Ok(None) };
    match key.to_str() {
        Ok(key) if (1..=255).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => {
            let message = "expected 1 to 255 letters of ASCII";
            Err(Problem::parameters(vec![Wrong::new("Idempotency-Key", message)]))
        }
    }
}
