//! `users`: the tiers that users are assigned, and a page for everyone.

use actix_web::http::StatusCode;
use actix_web::web::{Path, ThinData};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::accounts::Account;
use crate::api::answer::{self, Answer, Revised};
use crate::api::body::Body;
use crate::api::overrides::Shown as Override;
use crate::api::paging::List;
use crate::api::parameters::Parameters;
use crate::api::problem::Problem;
use crate::api::write::Write;
use crate::control::Control;
use crate::thing::{Kind, Time, User};

/// What a user is assigned.
#[derive(ToSchema)]
#[schema(example = json!({ "tier": "gold", "until": "2027-01-01T00:00:00Z" }))]
#[expect(dead_code, reason = "the description of a body that `thing` reads")]
pub(crate) struct UserBody {
    /// The tier's name.
    tier: String,
    /// The first instant after it; for good if it is absent.
    #[schema(value_type = Option<DateTime>)]
    until: Option<Time>,
}

/// All that is known of a user.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserInFull {
    /// The user's name.
    user: String,
    /// The tier that the user is assigned; `null` if none is.
    tier: Option<String>,
    /// The first instant after it.
    #[schema(value_type = Option<DateTime>)]
    until: Option<Time>,
    /// The tier that counts now, as far as it can be told without a request.
    effective_tier: Option<String>,
    /// Why it is this one.
    why: String,
    /// The user's overrides, those that have ended included.
    overrides: Vec<Override>,
    /// Where the user's accounts stand, with each rule that is keyed by `user` alone; with the limits that hold for the user,
    /// as far as they can be told without a request.
    standing: Vec<Account>,
    /// The revision of the assignment; 0 without one.
    revision: u64,
}

/// The users who are assigned a tier, by name; `q` finds those whose names contain it.
#[utoipa::path(get, path = "/users", params(("q" = Option<String>, Query, description = "a part of the name")), responses((status = 200, body = List<Revised<User>>)))]
pub(crate) async fn list(control: ThinData<Control>, mut parameters: Parameters) -> Answer {
    let paging = parameters.paging();
    let wanted = parameters.text("q").map(|text| text.to_lowercase());
    parameters.finish()?;
    let decided = control.decided();
    let is_wanted = |name: &str| wanted.as_ref().is_none_or(|part| name.to_lowercase().contains(part));
    let users = paging.rest(decided.users()).filter(|(name, _)| is_wanted(name));
    Ok(answer::json(&paging.of(users.map(|(name, held)| (name, Revised::of(held))), decided.revision())))
}

/// A user: everyone has a page, also those whom nobody has named.
#[utoipa::path(get, path = "/users/{user}", responses((status = 200, body = UserInFull)))]
pub(crate) async fn get(control: ThinData<Control>, user: Path<String>) -> Answer {
    // Read before what is decided is looked at, which nobody may hold for long.
    let standing = standing(&control, &user).await?;
    let (decided, now) = (control.decided(), control.now());
    let held = decided.users().get(&user);
    let effective = decided.effective_tier(&user, &[], now);
    let shown = UserInFull {
        tier: held.map(|held| held.thing.tier.clone()),
        until: held.and_then(|held| held.thing.until),
        effective_tier: effective.tier,
        why: effective.why,
        overrides: decided.overrides_of(&user).map(|held| Override::of(held, now)).collect(),
        standing,
        revision: held.map_or(0, |held| held.revision),
        user: user.into_inner(),
    };
    Ok(answer::revised(StatusCode::OK, shown.revision, &shown))
}

async fn standing(control: &Control, user: &str) -> Result<Vec<Account>, Problem> {
    let mut all = Vec::new();
    for accounts in control.accounts_of_user(user) {
        all.extend(accounts.read().await?.into_iter().map(Account::from));
    }
    Ok(all)
}

/// Assigns a user a tier, whatever the user's groups.
#[utoipa::path(put, path = "/users/{user}", request_body = UserBody, responses((status = 200, body = Revised<User>), (status = 201, body = Revised<User>)))]
pub(crate) async fn put(user: Path<String>, body: Body, write: Write) -> Answer {
    let thing = User::parse(&user, &body, write.control.now())?;
    let receipt = write.put(thing.clone()).await?;
    Ok(answer::written(&receipt, &Revised { thing, revision: receipt.revision }))
}

/// Takes the tier away: the user's groups decide again.
#[utoipa::path(delete, path = "/users/{user}", responses((status = 204)))]
pub(crate) async fn delete(user: Path<String>, write: Write) -> Answer {
    write.delete(Kind::User, &user).await?;
    Ok(answer::nothing())
}
