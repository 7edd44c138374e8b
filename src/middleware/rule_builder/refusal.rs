//! What happens to a request that the rule refuses.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::StatusCode;

use crate::limiter::Refusal;
use crate::middleware::rule_builder::RuleBuilder;
use crate::model::{Action, ChargeWhen};

impl RuleBuilder {
    /// The status of a refusal, by default 429: a `StatusCode`, or its number.
    pub fn status(mut self, status: impl IntoStatus) -> Self {
        self.block.status = Some(status.into_status());
        self
    }

    /// What a refusal says, in the form that the client asks for.
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.block.message = Some(message.into());
        self
    }

    /// What a refusal says, by a closure.
    pub fn message_by(
        mut self,
        message: impl Fn(&ServiceRequest, &Refusal) -> String + Send + Sync + 'static,
    ) -> Self {
        self.hooks.message = Some(Arc::new(message));
        self
    }

    /// Serves refused requests the page of another path of the application, under a wrap around the `App`.
    pub fn rewrite(mut self, path: &str) -> Self {
        self.rule.action = Action::Rewrite(path.to_owned());
        self
    }

    /// Answers refused requests, by a closure.
    ///
    /// `Retry-After`, `Cache-Control: no-store` and where the client stands are added, unless the response says them.
    pub fn respond_with(
        mut self,
        respond: impl Fn(&ServiceRequest, &Refusal) -> HttpResponse + Send + Sync + 'static,
    ) -> Self {
        self.hooks.respond = Some(Arc::new(respond));
        self
    }

    /// Tells of each refusal by this rule, before it is answered.
    pub fn on_refusal(mut self, told: impl Fn(&ServiceRequest, &Refusal) + Send + Sync + 'static) -> Self {
        self.hooks.told = Some(Arc::new(told));
        self
    }
}

/// What is a status: a `StatusCode`, or its number.
pub trait IntoStatus {
    /// Its number.
    fn into_status(self) -> u16;
}

impl IntoStatus for u16 {
    fn into_status(self) -> u16 {
        self
    }
}

impl IntoStatus for StatusCode {
    fn into_status(self) -> u16 {
        self.as_u16()
    }
}

impl<const N: usize> From<[StatusCode; N]> for ChargeWhen {
    fn from(statuses: [StatusCode; N]) -> Self {
        statuses.map(|status| status.as_u16()).into()
    }
}
