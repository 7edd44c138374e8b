//! `groups`: the tier of those who are in one.

use actix_web::HttpRequest;
use actix_web::web::{Path, ThinData};

use crate::api::answer::{self, Answer, Revised};
use crate::api::body::Body;
use crate::api::paging::List;
use crate::api::parameters::Parameters;
use crate::api::problem::Problem;
use crate::api::write::Write;
use crate::control::Control;
use crate::thing::{Group, Kind};

/// The groups, by name.
#[utoipa::path(get, path = "/groups", responses((status = 200, body = List<Revised<Group>>)))]
pub(crate) async fn list(control: ThinData<Control>, mut parameters: Parameters) -> Answer {
    let paging = parameters.paging();
    parameters.finish()?;
    let decided = control.decided();
    Ok(answer::json(&paging.of_map(decided.groups(), decided.revision(), Revised::of)))
}

/// A group.
#[utoipa::path(get, path = "/groups/{name}", responses((status = 200, body = Revised<Group>)))]
pub(crate) async fn get(request: HttpRequest, control: ThinData<Control>, name: Path<String>) -> Answer {
    let decided = control.decided();
    let held = decided.groups().get(&name).ok_or_else(|| Problem::not_found("there is no such group"))?;
    Ok(answer::one(&request, held.revision, &Revised::of(held)))
}

/// Puts a group in the place of the one of its name, or beside the others.
#[utoipa::path(put, path = "/groups/{name}", request_body = Group, responses((status = 200, body = Revised<Group>), (status = 201, body = Revised<Group>)))]
pub(crate) async fn put(name: Path<String>, body: Body, write: Write) -> Answer {
    let thing = Group::parse(&name, &body)?;
    let receipt = write.put(thing.clone()).await?;
    Ok(answer::written(&receipt, &Revised { thing, revision: receipt.revision }))
}

/// Deletes a group: its members have its tier no longer.
#[utoipa::path(delete, path = "/groups/{name}", responses((status = 204)))]
pub(crate) async fn delete(name: Path<String>, write: Write) -> Answer {
    write.delete(Kind::Group, &name).await?;
    Ok(answer::nothing())
}
