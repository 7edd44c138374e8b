//! Who asks.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};

use crate::api::problem::Problem;
use crate::control::Actor;
use crate::thing::{Role, Time};

/// Somebody whom an application has logged in by a login of its own.
///
/// Put into the [extensions](actix_web::HttpMessage::extensions_mut) of a request by what wraps
/// [`Control::scope`](crate::Control::scope), it takes the place of a token: its name stands in the audit, and its role
/// says what it may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor {
    name: String,
    role: Role,
}

impl Visitor {
    /// Somebody of this name, who may do what the role says.
    pub fn new(name: impl Into<String>, role: Role) -> Self {
        Self { name: name.into(), role }
    }
}

/// By what somebody is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// A token in the header, which no page can send by accident.
    Token,
    /// A cookie, which browsers send along whatever page asks for it; so do most logins of applications.
    Cookie,
}

/// Whoever asks, once it is known.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) by: By,
    /// The end of the session, if there is one.
    pub(crate) expires: Option<Time>,
    pub(crate) address: Option<String>,
}

impl Caller {
    pub(crate) fn of_visitor(visitor: &Visitor, address: Option<String>) -> Self {
        let Visitor { name, role } = visitor.clone();
        Self { name, role, by: By::Cookie, expires: None, address }
    }

    /// The same as the audit has it.
    pub(crate) fn actor(&self) -> Actor {
        Actor::new(self.name.clone(), self.address.clone())
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // The guard has put it there, or has not let the request through.
        let caller = request.extensions().get::<Self>().cloned();
        ready(caller.ok_or_else(|| Problem::unauthorized("nobody is logged in")))
    }
}
