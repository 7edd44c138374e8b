//! Who asks: by what an application knows, by a token, or by a cookie.

use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpMessage as _, HttpRequest};

use crate::api::address;
use crate::api::caller::{By, Caller, Visitor};
use crate::api::problem::Problem;
use crate::api::session::COOKIE;
use crate::control::{Actor, Control};
use crate::thing::{Member, Secret};

/// Whoever sent a request.
///
/// # Errors
///
/// Nobody did who is known, or the database cannot be asked.
pub(crate) async fn caller(control: &Control, request: &HttpRequest) -> Result<Caller, Problem> {
    let address = address::of(request, control.addresses()).map(|address| address.to_string());
    if let Some(visitor) = request.extensions().get::<Visitor>() {
        return Ok(Caller::of_visitor(visitor, address));
    }
    if let Some(token) = bearer(request) {
        let Member { name, role, .. } = member(control, request, token).await?;
        return Ok(Caller { name, role, by: By::Token, expires: None, address });
    }
    let Some(cookie) = request.cookie(COOKIE) else {
        return Err(Problem::unauthorized("expected Authorization: Bearer TOKEN, or a session's cookie"));
    };
    match control.find_session(cookie.value()).await? {
        Some(session) => Ok(Caller {
            name: session.member,
            role: session.role,
            by: By::Cookie,
            expires: Some(session.expires),
            address,
        }),
        None => Err(Problem::unauthorized("the session has ended; log in again")),
    }
}

/// By what somebody was let in who goes on listening, so that it can be looked at again.
pub(crate) enum Proof {
    /// An application's own login, which only the application can look at.
    Application,
    /// A token.
    Token(String),
    /// A session's cookie.
    Session(String),
}

impl Proof {
    /// What the [`caller`] of a request was let in by.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        if request.extensions().get::<Visitor>().is_some() {
            return Self::Application;
        }
        match (bearer(request), request.cookie(COOKIE)) {
            (None, Some(cookie)) => Self::Session(cookie.value().to_owned()),
            (token, _) => Self::Token(token.unwrap_or_default().to_owned()),
        }
    }

    /// Whether it would let somebody in now. While the database cannot be asked, what was known before holds.
    pub(crate) async fn holds(&self, control: &Control) -> bool {
        match self {
            Self::Application => true,
            Self::Token(token) => control.decided().member_of_token(token).is_some(),
            Self::Session(cookie) => control.find_session(cookie).await.map_or(true, |found| found.is_some()),
        }
    }
}

/// The member who has a token. One that is nobody's is a guess: they are counted, and written down.
///
/// Whoever sends too many from an address is not told any more whether the next is right, unless it is a token that this
/// program made: nobody has guessed 256 random bits, and others at the address shall not be locked out.
///
/// # Errors
///
/// It is nobody's, or there were too many guesses.
pub(crate) async fn member(control: &Control, request: &HttpRequest, token: &str) -> Result<Member, Problem> {
    let known = control.decided().member_of_token(token).map(|held| held.thing.clone());
    if let Some(member) = &known
        && Secret::is_token(token)
    {
        return Ok(member.clone());
    }
    let address = address::of(request, control.addresses());
    let guess = control.guesses().take(address).map_err(Problem::guessing)?;
    let Some(member) = known else {
        let actor = Actor::new("nobody", address.map(|address| address.to_string()));
        // Whether or not it is written down, it is nobody's.
        if control.guesses().is_told()
            && let Err(error) = control.record(actor, "session", "login_failed", (None, None), None).await
        {
            log::warn!("control: a login failed, and the audit does not tell it: {error}");
        }
        return Err(Problem::unauthorized("the token is nobody's"));
    };
    guess.was_right();
    Ok(member)
}

fn bearer(request: &HttpRequest) -> Option<&str> {
    let (scheme, token) = request.headers().get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
