//! `keys`: API keys, shown once.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::web::{Path, ThinData};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::answer::{self, Answer};
use crate::api::body::Body;
use crate::api::paging::List;
use crate::api::parameters::Parameters;
use crate::api::problem::Problem;
use crate::api::write::Write;
use crate::control::{Control, Idempotency, Receipt};
use crate::thing::{Change, Held, Key, Secret, ShownKey, Thing, Time, grace_of_body};

/// An API key, without its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = KeyShown)]
pub(crate) struct Shown<'a> {
    #[serde(flatten)]
    key: ShownKey<'a>,
    /// When it was used last, to the minute.
    #[schema(value_type = Option<DateTime>)]
    last_used: Option<Time>,
    /// The revision that put it there, for `If-Match`.
    revision: u64,
}

/// An API key that was just made.
#[derive(Serialize, ToSchema)]
#[schema(as = KeyMade)]
pub(crate) struct Made<'a> {
    #[serde(flatten)]
    shown: Shown<'a>,
    /// The key itself, now and never again. Asked for again under its `Idempotency-Key` it is shown again for ten minutes, by
    /// the node that has made it; then, or on another node, it is `null`: rotate the key.
    #[serde(rename = "key")]
    #[schema(example = "tbk_…")]
    secret: Option<String>,
}

/// What an API key is made of.
#[derive(ToSchema)]
#[schema(example = json!({ "name": "Acme", "user": "acme", "expires": "2027-01-01T00:00:00Z" }))]
#[expect(dead_code, reason = "the description of a body that `thing` reads")]
pub(crate) struct KeyBody {
    /// What to call it; accounts that are keyed by `api_key` know it by this.
    name: String,
    /// The tier of whoever sends it.
    tier: Option<String>,
    /// The user who sends it.
    user: Option<String>,
    /// The first instant at which it is not known any more; never if it is absent.
    #[schema(value_type = Option<DateTime>)]
    expires: Option<Time>,
}

/// How a key is rotated.
#[derive(ToSchema)]
#[schema(example = json!({ "grace_seconds": 3600 }))]
#[expect(dead_code, reason = "the description of a body that `thing` reads")]
pub(crate) struct Rotation {
    /// For how long the old one works beside the new one.
    #[schema(minimum = 0, maximum = 31_536_000)]
    grace_seconds: u64,
}

/// The API keys, those that were revoked included.
#[utoipa::path(get, path = "/keys", responses((status = 200, body = List<Shown<'static>>)))]
pub(crate) async fn list(control: ThinData<Control>, mut parameters: Parameters) -> Answer {
    let paging = parameters.paging();
    parameters.finish()?;
    let uses = control.uses_of_keys().await?;
    let decided = control.decided();
    let page = paging.of_map(decided.keys(), decided.revision(), |held| Shown::of(held, &uses));
    Ok(answer::json(&page))
}

/// An API key.
#[utoipa::path(get, path = "/keys/{id}", responses((status = 200, body = Shown<'static>)))]
pub(crate) async fn get(control: ThinData<Control>, id: Path<String>) -> Answer {
    let (uses, held) = (control.uses_of_keys().await?, find(&control, &id)?);
    Ok(answer::revised(StatusCode::OK, held.revision, &Shown::of(&held, &uses)))
}

/// Makes an API key, and shows it this once.
#[utoipa::path(post, path = "/keys", request_body = KeyBody, responses((status = 201, body = Made<'static>)))]
pub(crate) async fn post(control: ThinData<Control>, body: Body, write: Write) -> Answer {
    let (key, secret) = Key::parse(&body, control.now())?;
    let once = write.idempotency(&body);
    let receipt = write.create(key, &body).await?;
    made(&control, &receipt, (once, secret), StatusCode::CREATED).await
}

/// Changes a key's name, tier, user or end; it works as before.
#[utoipa::path(put, path = "/keys/{id}", request_body = KeyBody, responses((status = 200, body = Shown<'static>)))]
pub(crate) async fn put(control: ThinData<Control>, id: Path<String>, body: Body, write: Write) -> Answer {
    let held = find_valid(&control, &id)?;
    let thing = held.thing.parse_anew(&body, control.now())?;
    let receipt = write.upon(held.revision).put(thing.clone()).await?;
    let held = Held { thing, revision: receipt.revision };
    let uses = control.uses_of_keys().await?;
    Ok(answer::written(&receipt, &Shown::of(&held, &uses)))
}

/// Makes another secret for a key, and shows it this once; the old one works until the grace time ends.
#[utoipa::path(post, path = "/keys/{id}/rotate", request_body = Rotation, responses((status = 200, body = Made<'static>)))]
pub(crate) async fn rotate(control: ThinData<Control>, id: Path<String>, body: Body, write: Write) -> Answer {
    let grace = grace_of_body(&body)?;
    let held = find_valid(&control, &id)?;
    let (key, secret) = held.thing.rotated(grace, control.now());
    let once = write.idempotency(&body);
    let receipt =
        write.upon(held.revision).change(Change::put(key.into()).called("rotate"), Some(&body)).await?;
    made(&control, &receipt, (once, secret), StatusCode::OK).await
}

/// Revokes a key: whoever sends it is nobody from now on.
#[utoipa::path(delete, path = "/keys/{id}", responses((status = 204)))]
pub(crate) async fn delete(control: ThinData<Control>, id: Path<String>, write: Write) -> Answer {
    let held = find(&control, &id)?;
    if held.thing.revoked.is_none() {
        let revoked = held.thing.revoked(control.now());
        write.upon(held.revision).change(Change::put(revoked.into()).called("revoke"), None).await?;
    }
    Ok(answer::nothing())
}

async fn made(
    control: &Control,
    receipt: &Receipt,
    (once, secret): (Option<Idempotency>, Secret),
    status: StatusCode,
) -> Answer {
    let Some(Thing::Key(thing)) = &receipt.after else { return Err(Problem::gone()) };
    let held = Held { thing: thing.clone(), revision: receipt.revision };
    let uses = control.uses_of_keys().await?;
    let is_its = |secret: &Secret| {
        let (decided, digest) = (control.decided(), secret.digest());
        decided
            .keys()
            .get(&held.thing.id)
            .is_some_and(|now| now.thing.digests(control.now()).any(|own| own == digest))
    };
    let secret = shown(control, receipt, once, secret, is_its);
    Ok(answer::revised(status, receipt.revision, &Made { shown: Shown::of(&held, &uses), secret }))
}

/// The secret that was just made; or the one that was made under the same idempotency key not long ago, if it is one yet.
///
/// A digest is all that is kept for longer.
pub(crate) fn shown(
    control: &Control,
    receipt: &Receipt,
    once: Option<Idempotency>,
    secret: Secret,
    is_its: impl FnOnce(&Secret) -> bool,
) -> Option<String> {
    if receipt.is_repeated {
        return control.shown().again(&once?, control.now(), is_its);
    }
    let text = secret.reveal().to_owned();
    if let Some(once) = once {
        control.shown().keep(&once, secret, control.now());
    }
    Some(text)
}

fn find(control: &Control, id: &str) -> Result<Held<Key>, Problem> {
    let held = control.decided().keys().get(id).cloned();
    held.ok_or_else(|| Problem::not_found("there is no such key"))
}

fn find_valid(control: &Control, id: &str) -> Result<Held<Key>, Problem> {
    let held = find(control, id)?;
    match held.thing.revoked {
        None => Ok(held),
        Some(_) => Err(Problem::conflict("the key is revoked; make another one")),
    }
}

impl<'a> Shown<'a> {
    fn of(held: &'a Held<Key>, uses: &HashMap<String, Time>) -> Self {
        let last_used = uses.get(&held.thing.id).copied();
        Self { key: held.thing.shown(), last_used, revision: held.revision }
    }
}
