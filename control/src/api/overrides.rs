//! `overrides`: limits of a single user for a time.

use std::cmp::Reverse;

use actix_web::HttpRequest;
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
use crate::control::Control;
use crate::thing::{Held, Kind, Override, Thing, Time};

/// An override, and whether it holds now.
#[derive(Serialize, ToSchema)]
#[schema(as = OverrideShown)]
pub(crate) struct Shown {
    #[serde(flatten)]
    over: Override,
    /// Whether it holds now.
    active: bool,
    /// The revision that put it there, for `If-Match`.
    revision: u64,
}

/// What an override is made of.
#[derive(ToSchema)]
#[schema(example = json!({ "user": "bob", "rule": "export", "limits": "900s per hour", "seconds": 7200, "reason": "month end" }))]
#[expect(dead_code, reason = "the description of a body that `thing` reads")]
pub(crate) struct OverrideBody {
    /// Whose limits.
    user: String,
    /// Of which rule; of all that have no override of their own if it is absent.
    rule: Option<String>,
    /// A rate string, or a list as in `rate_limit_rules`.
    #[schema(value_type = serde_json::Value)]
    limits: (),
    /// The first instant after it.
    #[schema(value_type = Option<DateTime>)]
    until: Option<Time>,
    /// In its place, for how many seconds; without both an hour.
    #[schema(minimum = 1)]
    seconds: Option<u64>,
    /// Why, for people to read.
    reason: String,
}

/// The overrides, the newest first; those that have ended included.
#[utoipa::path(get, path = "/overrides", params(("user" = Option<String>, Query, description = "whose")), responses((status = 200, body = List<Shown>)))]
pub(crate) async fn list(control: ThinData<Control>, mut parameters: Parameters) -> Answer {
    let (limit, after) = parameters.paging_by::<(Reverse<i64>, String)>();
    let user = parameters.text("user");
    parameters.finish()?;
    let (decided, now) = (control.decided(), control.now());
    let all: Vec<_> = match &user {
        Some(user) => decided.overrides_of(user).collect(),
        None => decided.overrides().values().collect(),
    };
    let place = |over: &Override| (Reverse(over.made_at.timestamp_micros()), over.id.clone());
    let placed = all.into_iter().map(|held| (place(&held.thing), held)).collect();
    let page = List::of_moving(placed, (limit, after), decided.revision());
    Ok(answer::json(&page.map(|held| Shown::of(held, now))))
}

/// An override.
#[utoipa::path(get, path = "/overrides/{id}", responses((status = 200, body = Shown)))]
pub(crate) async fn get(request: HttpRequest, control: ThinData<Control>, id: Path<String>) -> Answer {
    let held = find(&control, &id)?;
    Ok(answer::one(&request, held.revision, &Shown::of(&held, control.now())))
}

/// Gives a user other limits for a time, with a reason.
#[utoipa::path(post, path = "/overrides", request_body = OverrideBody, responses((status = 201, body = Shown)))]
pub(crate) async fn post(control: ThinData<Control>, body: Body, write: Write) -> Answer {
    let over = Override::parse(&body, &write.caller.name, control.now())?;
    let receipt = write.because(&over.reason).create(over, &body).await?;
    let Some(Thing::Override(thing)) = &receipt.after else { return Err(Problem::gone()) };
    let held = Held { thing: thing.clone(), revision: receipt.revision };
    Ok(answer::revised(StatusCode::CREATED, held.revision, &Shown::of(&held, control.now())))
}

/// Changes an override.
#[utoipa::path(put, path = "/overrides/{id}", request_body = OverrideBody, responses((status = 200, body = Shown)))]
pub(crate) async fn put(control: ThinData<Control>, id: Path<String>, body: Body, write: Write) -> Answer {
    let held = find(&control, &id)?;
    let thing = held.thing.parse_anew(&body, control.now())?;
    let reason = thing.reason.clone();
    let receipt = write.upon(held.revision).because(&reason).put(thing.clone()).await?;
    let held = Held { thing, revision: receipt.revision };
    Ok(answer::written(&receipt, &Shown::of(&held, control.now())))
}

/// Ends an override.
#[utoipa::path(delete, path = "/overrides/{id}", responses((status = 204)))]
pub(crate) async fn delete(id: Path<String>, write: Write) -> Answer {
    write.delete(Kind::Override, &id).await?;
    Ok(answer::nothing())
}

fn find(control: &Control, id: &str) -> Result<Held<Override>, Problem> {
    let held = control.decided().overrides().get(id).cloned();
    held.ok_or_else(|| Problem::not_found("there is no such override"))
}

impl Shown {
    pub(crate) fn of(held: &Held<Override>, now: Time) -> Self {
        Self { over: held.thing.clone(), active: held.thing.is_active(now), revision: held.revision }
    }
}
