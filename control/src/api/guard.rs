//! The guard of each route: who asks, whether they may, and whether it was they who asked.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::web::ThinData;
use actix_web::{Error, HttpMessage as _, HttpRequest, ResponseError as _};
use percent_encoding::percent_decode_str;

use crate::api::caller::By;
use crate::api::problem::Problem;
use crate::api::roles::Needs;
use crate::api::{auth, csrf};
use crate::control::Control;
use crate::thing::Role;

/// Hands a request on, with its [`Caller`](crate::api::caller::Caller), or answers it.
pub(crate) async fn guard(
    needs: Needs,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    match pass(needs, request.request()).await {
        Ok(()) => next.call(request).await,
        Err(problem) => Ok(request.into_response(problem.error_response())),
    }
}

async fn pass(needs: Needs, request: &HttpRequest) -> Result<(), Problem> {
    if percent_decode_str(request.uri().path()).decode_utf8().is_err() {
        return Err(Problem::unreadable("the path is no UTF-8"));
    }
    if needs == Needs::Nobody {
        return Ok(());
    }
    let control = control(request);
    control.must_be_up()?;
    let caller = auth::caller(&control, request).await?;
    needs.check(&caller)?;
    if caller.by == By::Cookie && !matches!(*request.method(), Method::GET | Method::HEAD) {
        csrf::check(request, control.addresses())?;
    }
    request.extensions_mut().insert(caller);
    Ok(())
}

impl Control {
    /// Lets a request through that a member of this role, or of one above it, has sent by a token, for what an application
    /// serves beside [`scope`](Self::scope). It holds as well while the database does not answer.
    ///
    /// # Errors
    ///
    /// What is to be answered instead: nobody did who is known, or may.
    pub async fn must_be(&self, request: &HttpRequest, role: Role) -> Result<(), Error> {
        let caller = auth::caller(self, request).await?;
        Ok(Needs::Role(role).check(&caller)?)
    }
}

/// The handle that the scope was made from.
pub(crate) fn control(request: &HttpRequest) -> Control {
    let ThinData(control) = request.app_data().expect("the scope has put it there");
    Control::clone(control)
}
