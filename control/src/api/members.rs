//! `members`: who may see and change what.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::{Path, ThinData};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::answer::{self, Answer};
use crate::api::body::Body;
use crate::api::keys::shown;
use crate::api::paging::List;
use crate::api::parameters::Parameters;
use crate::api::problem::Problem;
use crate::api::write::Write;
use crate::control::{Control, Idempotency, Receipt};
use crate::thing::{Change, Held, Kind, Member, Role, Secret, Thing};

/// A member, without the token.
#[derive(Serialize, ToSchema)]
#[schema(as = MemberShown)]
pub(crate) struct Shown {
    /// The name, which stands in the audit.
    name: String,
    role: Role,
    /// The revision that put the member there, for `If-Match`.
    revision: u64,
}

/// A member whose token was just made.
#[derive(Serialize, ToSchema)]
#[schema(as = MemberMade)]
pub(crate) struct Made {
    #[serde(flatten)]
    member: Shown,
    /// The token, now and never again. Asked for again under its `Idempotency-Key` it is shown again for ten minutes, by the
    /// node that has made it; then, or on another node, it is `null`: ask for another one.
    #[schema(example = "tbm_…")]
    token: Option<String>,
}

/// What a member is made of.
#[derive(ToSchema)]
#[schema(example = json!({ "name": "ann", "role": "operator" }))]
#[expect(dead_code, reason = "the description of a body that `thing` reads")]
pub(crate) struct MemberBody {
    /// The name, unless the path has it.
    name: Option<String>,
    role: Role,
}

/// The members, by name.
#[utoipa::path(get, path = "/members", responses((status = 200, body = List<Shown>)))]
pub(crate) async fn list(control: ThinData<Control>, mut parameters: Parameters) -> Answer {
    let paging = parameters.paging();
    parameters.finish()?;
    let decided = control.decided();
    Ok(answer::json(&paging.of_map(decided.members(), decided.revision(), Shown::of)))
}

/// A member.
#[utoipa::path(get, path = "/members/{name}", responses((status = 200, body = Shown)))]
pub(crate) async fn get(request: HttpRequest, control: ThinData<Control>, name: Path<String>) -> Answer {
    let held = find(&control, &name)?;
    Ok(answer::one(&request, held.revision, &Shown::of(&held)))
}

/// Makes a member, and shows the token this once.
#[utoipa::path(post, path = "/members", request_body = MemberBody, responses((status = 201, body = Made)))]
pub(crate) async fn post(control: ThinData<Control>, body: Body, write: Write) -> Answer {
    let (member, token) = Member::parse(&body)?;
    let once = write.idempotency(&body);
    let receipt = write.create(member, &body).await?;
    made(&control, &receipt, (once, token), StatusCode::CREATED)
}

/// Gives a member another role, from the next request on.
#[utoipa::path(put, path = "/members/{name}", request_body = MemberBody, responses((status = 200, body = Shown)))]
pub(crate) async fn put(control: ThinData<Control>, name: Path<String>, body: Body, write: Write) -> Answer {
    let held = find(&control, &name)?;
    let thing = held.thing.parse_anew(&body)?;
    let receipt = write.upon(held.revision).put(thing.clone()).await?;
    let held = Held { thing, revision: receipt.revision };
    Ok(answer::written(&receipt, &Shown::of(&held)))
}

/// Removes a member, whose token and sessions end at once.
#[utoipa::path(delete, path = "/members/{name}", responses((status = 204)))]
pub(crate) async fn delete(name: Path<String>, write: Write) -> Answer {
    write.delete(Kind::Member, &name).await?;
    Ok(answer::nothing())
}

/// Makes another token for a member, and shows it this once; the old one and all sessions end at once.
#[utoipa::path(post, path = "/members/{name}/token", responses((status = 200, body = Made)))]
pub(crate) async fn token(control: ThinData<Control>, name: Path<String>, write: Write) -> Answer {
    let held = find(&control, &name)?;
    let (member, token) = held.thing.with_new_token();
    let change = Change::put(member.into()).called("token");
    let once = write.idempotency("");
    let receipt = write.upon(held.revision).change(change, Some("")).await?;
    made(&control, &receipt, (once, token), StatusCode::OK)
}

fn made(
    control: &Control,
    receipt: &Receipt,
    (once, token): (Option<Idempotency>, Secret),
    status: StatusCode,
) -> Answer {
    let Some(Thing::Member(thing)) = &receipt.after else { return Err(Problem::gone()) };
    let held = Held { thing: thing.clone(), revision: receipt.revision };
    let is_its = |token: &Secret| {
        let decided = control.decided();
        decided.member_of_token(token.reveal()).is_some_and(|now| now.thing.name == held.thing.name)
    };
    let token = shown(control, receipt, once, token, is_its);
    Ok(answer::revised(status, receipt.revision, &Made { member: Shown::of(&held), token }))
}

fn find(control: &Control, name: &str) -> Result<Held<Member>, Problem> {
    let held = control.decided().members().get(name).cloned();
    held.ok_or_else(|| Problem::not_found("there is no such member"))
}

impl Shown {
    fn of(held: &Held<Member>) -> Self {
        Self { name: held.thing.name.clone(), role: held.thing.role, revision: held.revision }
    }
}
