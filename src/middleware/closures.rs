//! Closures of the application: how they see a request, and what they do when a rule refuses one.
//!
//! A rule knows nothing of actix. What code says by closures over a `ServiceRequest` is kept as values of the model that find the
//! request among the facts, and falls back to what the rule says by itself where there is none, as in a block of code that is charged.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::dev::{ResourceDef, ResponseHead, ServiceRequest};

use crate::limiter::Refusal;
use crate::model::{
    Answer, Component, Computed, Condition, EscapedSlash, Facts, Identity, Judge, KeyValue, Paths, Text,
};

/// A part of a key that a closure over actix's requests gives; `None` and an empty text are none.
///
/// # Examples
///
/// ```
/// use timebudget::{Component, TimeBudget, component_by, route_parameter};
///
/// let team = component_by(|request| route_parameter(request, "team"));
/// let budget = TimeBudget::rule("exports", "10 per hour").key([team, Component::Method]).build()?;
/// # let _ = budget;
/// # Ok::<(), timebudget::RuleError>(())
/// ```
pub fn component_by<K: Into<KeyValue>>(
    value: impl Fn(&ServiceRequest) -> Option<K> + Send + Sync + 'static,
) -> Component {
    Component::Computed(of_request(move |request| value(request).map(Into::into)))
}

/// A condition that a closure over actix's requests decides.
///
/// # Examples
///
/// ```
/// use timebudget::{Condition, TimeBudget, condition_by};
///
/// let signed_in = condition_by(|request| request.headers().contains_key("authorization"));
/// let guests = TimeBudget::rule("guests", "20 per minute").when(Condition::Not(Box::new(signed_in))).build()?;
/// # let _ = guests;
/// # Ok::<(), timebudget::RuleError>(())
/// ```
pub fn condition_by(is_fulfilled: impl Fn(&ServiceRequest) -> bool + Send + Sync + 'static) -> Condition {
    Condition::Computed(of_request(is_fulfilled))
}

/// Requests of this path, however the client spells it; see [`RuleBuilder::path`](crate::RuleBuilder::path).
///
/// # Examples
///
/// ```
/// use timebudget::{Condition, TimeBudget, path, prefix};
///
/// let alone = Condition::Any(vec![path("/health"), prefix("/static")]);
/// let budget = TimeBudget::builder().exempt(alone).rule(TimeBudget::rule("site", "600s per hour")).build()?;
/// # let _ = budget;
/// # Ok::<(), timebudget::RuleError>(())
/// ```
pub fn path(path: &str) -> Condition {
    Condition::Path(Text::Equal(decoded(path)))
}

/// Requests of this path and of those below it: of `/api` and `/api/x`, not of `/apiary`.
pub fn prefix(path: &str) -> Condition {
    Condition::Path(Text::Below(decoded(path)))
}

/// A path as rules see it.
pub(crate) fn decoded(path: &str) -> String {
    Paths::Exact.form(path, EscapedSlash::Stays).into_owned()
}

/// What a closure says of an actix request: the limits of a rule, its cost, or what [`component_by`] and [`condition_by`]
/// are made of.
///
/// For requests of another framework, which the closure cannot see, it is the type's default: no key, no limits of its
/// own, not fulfilled.
///
/// # Examples
///
/// ```
/// use timebudget::{Component, Cost, Rule, of_request, parse_rates};
///
/// let cost = Cost::Computed(of_request(|request| request.query_string().len() as u64));
/// let rule = Rule { cost, ..Rule::new("searches", Component::Ip, parse_rates("1000 per hour")?) };
/// # let _ = rule;
/// # Ok::<(), timebudget::RateError>(())
/// ```
pub fn of_request<T: Default + 'static>(
    compute: impl Fn(&ServiceRequest) -> T + Send + Sync + 'static,
) -> Computed<T> {
    Computed::from_request(T::default, compute)
}

/// What a closure says a request costs; 1 for requests of another framework.
pub(crate) fn cost_of_request(
    compute: impl Fn(&ServiceRequest) -> u64 + Send + Sync + 'static,
) -> Computed<u64> {
    Computed::from_request(|| 1, compute)
}

/// Requests that a scope of this pattern takes; plainly all, where it takes all.
pub(crate) fn under_scope(pattern: &str) -> Condition {
    let scope = ResourceDef::root_prefix(pattern.trim_end_matches('/'));
    if ["/", "/a.path/that/no/scope/would/name"].into_iter().all(|path| scope.is_match(path)) {
        return Condition::ALWAYS;
    }
    // As the router sees it, and no other spelling: what the scope does not take is not left alone.
    Condition::Computed(of_request(move |request| scope.is_match(request.match_info().as_str())))
}

/// Charges the answers of which a closure says so; all of another framework.
pub(crate) fn judge(is_charged: impl Fn(&ResponseHead) -> bool + Send + Sync + 'static) -> Judge {
    Judge::new(move |answer| answer.head().and_then(|head| head.downcast_ref()).is_none_or(&is_charged))
}

/// The head of an actix response as rules see it.
pub(crate) struct HeadAnswer<'a>(pub(crate) &'a ResponseHead);

impl Answer for HeadAnswer<'_> {
    fn status(&self) -> u16 {
        self.0.status.as_u16()
    }

    fn head(&self) -> Option<&dyn Any> {
        Some(self.0)
    }
}

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
