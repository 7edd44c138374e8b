//! What an application's own code tells of requests, and does when they are refused.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;

use crate::limiter::Refusal;
use crate::model::{Condition, Facts, Identity};

type Identify = Arc<dyn Fn(&ServiceRequest) -> Option<Identity> + Send + Sync>;
type Told = Arc<dyn Fn(&ServiceRequest, &Refusal) + Send + Sync>;
type Message = Arc<dyn Fn(&ServiceRequest, &Refusal) -> String + Send + Sync>;
type Respond = Arc<dyn Fn(&ServiceRequest, &Refusal) -> HttpResponse + Send + Sync>;

/// The closures of a budget.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    /// Who the client is.
    pub(crate) identity: Option<Identify>,
    /// For the refusals of every rule.
    pub(crate) of_all: OnRefusal,
    /// For those of the rule of this name; these come first.
    pub(crate) of_rule: HashMap<String, OnRefusal>,
    /// Requests of scopes inside that the budget leaves alone.
    pub(crate) except: Vec<Condition>,
    /// The path at which clients are told where they stand.
    pub(crate) told_at: Option<Box<str>>,
}

/// What is done when a request is refused.
#[derive(Clone, Default)]
pub(crate) struct OnRefusal {
    pub(crate) told: Option<Told>,
    pub(crate) message: Option<Message>,
    pub(crate) respond: Option<Respond>,
}

impl Hooks {
    pub(crate) fn is_none(&self) -> bool {
        let Self { identity, of_all, of_rule, except, told_at } = self;
        identity.is_none() && of_all.is_none() && of_rule.is_empty() && except.is_empty() && told_at.is_none()
    }

    /// The same, but nobody is told of refusals.
    pub(crate) fn silent(&self) -> Self {
        let mut silent = self.clone();
        for hooks in silent.of_rule.values_mut().chain([&mut silent.of_all]) {
            hooks.told = None;
        }
        silent
    }

    /// The scope inside for which the budget leaves a request alone, if it does.
    #[inline]
    pub(crate) fn excepted(&self, facts: &dyn Facts) -> Option<&Condition> {
        self.except.iter().find(|scope| scope.matches(facts))
    }

    /// Tells those who want to know that a request is refused.
    pub(crate) fn tell(&self, request: &ServiceRequest, refusal: &Refusal) {
        for told in self.of(refusal).filter_map(|hooks| hooks.told.as_ref()) {
            told(request, refusal);
        }
    }

    /// The message for a refused client, where a closure writes it.
    pub(crate) fn message(&self, request: &ServiceRequest, refusal: &Refusal) -> Option<String> {
        let message = self.of(refusal).find_map(|hooks| hooks.message.as_ref())?;
        Some(message(request, refusal))
    }

    /// The answer to a refused request, where a closure makes it.
    pub(crate) fn response(&self, request: &ServiceRequest, refusal: &Refusal) -> Option<HttpResponse> {
        let respond = self.of(refusal).find_map(|hooks| hooks.respond.as_ref())?;
        Some(respond(request, refusal))
    }

    fn of(&self, refusal: &Refusal) -> impl Iterator<Item = &OnRefusal> {
        self.of_rule.get(&*refusal.rule).into_iter().chain([&self.of_all])
    }
}

impl OnRefusal {
    pub(crate) const fn is_none(&self) -> bool {
        self.told.is_none() && self.message.is_none() && self.respond.is_none()
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { identity, of_all, of_rule, except, told_at } = self;
        f.debug_struct("Hooks")
            .field("identity", &identity.is_some())
            .field("of_all", of_all)
            .field("of_rule", of_rule)
            .field("except", except)
            .field("told_at", told_at)
            .finish()
    }
}

impl fmt::Debug for OnRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { told, message, respond } = self;
        f.debug_struct("OnRefusal")
            .field("told", &told.is_some())
            .field("message", &message.is_some())
            .field("respond", &respond.is_some())
            .finish()
    }
}
