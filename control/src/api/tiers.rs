//! `tiers`: classes of clients who may spend more or less.

use actix_web::HttpRequest;
use actix_web::web::{Path, ThinData};

use crate::api::answer::{self, Answer, Revised};
use crate::api::body::Body;
use crate::api::paging::List;
use crate::api::parameters::Parameters;
use crate::api::problem::Problem;
use crate::api::write::Write;
use crate::control::Control;
use crate::thing::{Kind, Tier};

/// The tiers, by name.
#[utoipa::path(get, path = "/tiers", responses((status = 200, body = List<Revised<Tier>>)))]
pub(crate) async fn list(control: ThinData<Control>, mut parameters: Parameters) -> Answer {
    let paging = parameters.paging();
    parameters.finish()?;
    let decided = control.decided();
    Ok(answer::json(&paging.of_map(decided.tiers(), decided.revision(), Revised::of)))
}

/// A tier.
#[utoipa::path(get, path = "/tiers/{name}", responses((status = 200, body = Revised<Tier>)))]
pub(crate) async fn get(request: HttpRequest, control: ThinData<Control>, name: Path<String>) -> Answer {
    let decided = control.decided();
    let held = decided.tiers().get(&name).ok_or_else(|| Problem::not_found("there is no such tier"))?;
    Ok(answer::one(&request, held.revision, &Revised::of(held)))
}

/// Puts a tier in the place of the one of its name, or beside the others.
#[utoipa::path(put, path = "/tiers/{name}", request_body = Tier, responses((status = 200, body = Revised<Tier>), (status = 201, body = Revised<Tier>)))]
pub(crate) async fn put(name: Path<String>, body: Body, write: Write) -> Answer {
    let thing = Tier::parse(&name, &body)?;
    let receipt = write.put(thing.clone()).await?;
    Ok(answer::written(&receipt, &Revised { thing, revision: receipt.revision }))
}

/// Deletes a tier that nobody has.
#[utoipa::path(delete, path = "/tiers/{name}", responses((status = 204)))]
pub(crate) async fn delete(name: Path<String>, write: Write) -> Answer {
    write.delete(Kind::Tier, &name).await?;
    Ok(answer::nothing())
}
