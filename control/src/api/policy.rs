//! `policy`: which rulesets hold for all sites, present and future.

use actix_web::HttpRequest;
use actix_web::web::ThinData;

use crate::api::answer::{self, Answer, Revised};
use crate::api::body::Body;
use crate::api::write::Write;
use crate::control::Control;
use crate::thing::Policy;

/// The policy; at revision 0 until somebody has put one.
#[utoipa::path(get, path = "/policy", responses((status = 200, body = Revised<Policy>)))]
pub(crate) async fn get(request: HttpRequest, control: ThinData<Control>) -> Answer {
    let decided = control.decided();
    let held = decided.policy();
    Ok(answer::one(&request, held.revision, &Revised::of(held)))
}

/// Puts a policy in the place of the one there is: it holds for all sites that have no rulesets of their own.
#[utoipa::path(put, path = "/policy", request_body = Policy, responses((status = 200, body = Revised<Policy>), (status = 201, body = Revised<Policy>)))]
pub(crate) async fn put(body: Body, write: Write) -> Answer {
    let thing = Policy::parse(&body)?;
    let receipt = write.put(thing.clone()).await?;
    Ok(answer::written(&receipt, &Revised { thing, revision: receipt.revision }))
}
