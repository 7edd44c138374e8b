//! `session`: who I am, logging in and out.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::web::ThinData;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::answer::{self, Answer};
use crate::api::body::Body;
use crate::api::caller::{By, Caller};
use crate::api::{auth, csrf, forwarded};
use crate::control::Control;
use crate::thing::{Role, Time, token_of_body};

/// The cookie's name.
pub(crate) const COOKIE: &str = "timebudget_session";

/// Who asks.
#[derive(Serialize, ToSchema)]
pub(crate) struct Session {
    /// The member's name.
    #[schema(example = "ann")]
    member: String,
    role: Role,
    /// When the session ends; `null` without one.
    #[schema(value_type = Option<DateTime>)]
    expires: Option<Time>,
}

/// What logs in.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the description of a body that `thing` reads")]
pub(crate) struct Login {
    /// A member's token.
    #[schema(example = "tbm_…")]
    token: String,
}

impl From<Caller> for Session {
    fn from(Caller { name, role, expires, .. }: Caller) -> Self {
        Self { member: name, role, expires }
    }
}

/// Who I am, and my role.
#[utoipa::path(get, path = "/session", responses((status = 200, body = Session)))]
pub(crate) async fn get(caller: Caller) -> HttpResponse {
    answer::json(&Session::from(caller))
}

/// Logs in: a token becomes a cookie.
#[utoipa::path(post, path = "/session", request_body = Login, responses((status = 200, body = Session)))]
pub(crate) async fn post(request: HttpRequest, control: ThinData<Control>, body: Body) -> Answer {
    control.must_be_up()?;
    csrf::check_origin(&request, control.addresses())?;
    if forwarded::said(&request, control.addresses(), forwarded::PROTO) == Some("https") {
        control.warn_of_https();
    }
    let token = token_of_body(&body)?;
    let member = auth::member(&control, &request, &token).await?;
    let (secret, session) = control.make_session(&member).await?;
    let lasts = (session.expires - control.now()).num_seconds();
    let cookie = cookie(&request, &control, secret.reveal().to_owned()).max_age(Duration::seconds(lasts));
    let shown = Session { member: session.member, role: session.role, expires: Some(session.expires) };
    let mut response = answer::json(&shown);
    // It has no letters that a header cannot hold.
    let _ = response.add_cookie(&cookie.finish());
    Ok(response)
}

/// Logs out: the session ends.
#[utoipa::path(delete, path = "/session", responses((status = 204)))]
pub(crate) async fn delete(request: HttpRequest, control: ThinData<Control>, caller: Caller) -> Answer {
    let mut response = answer::nothing();
    if let (By::Cookie, Some(sent)) = (caller.by, request.cookie(COOKIE)) {
        control.end_session(sent.value()).await?;
        let cookie = cookie(&request, &control, String::new()).max_age(Duration::ZERO);
        let _ = response.add_cookie(&cookie.finish());
    }
    Ok(response)
}

/// A cookie for the API alone, wherever an application has mounted it.
fn cookie(
    request: &HttpRequest,
    control: &Control,
    value: String,
) -> actix_web::cookie::CookieBuilder<'static> {
    let path = request.path().strip_suffix("/session").unwrap_or("/").to_owned();
    let cookie = Cookie::build(COOKIE, value).path(path).http_only(true).same_site(SameSite::Strict);
    cookie.secure(control.is_https())
}
