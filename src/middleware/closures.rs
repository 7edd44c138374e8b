//! Closures over actix requests and answers, as rules take them.

use std::any::Any;

use actix_web::dev::{ResourceDef, ResponseHead, ServiceRequest};

use crate::model::{Answer, Computed, Condition, Judge};

/// What a closure says of an actix request: the key of a rule, its limits, its cost, or whether a condition is fulfilled.
///
/// For requests of another framework, which the closure cannot see, it is the type's default: no key, no limits of its
/// own, not fulfilled.
///
/// # Examples
///
/// ```
/// use timebudget::middleware::{of_request, route_parameter};
/// use timebudget::Condition;
/// use timebudget::{Component, KeySpec};
///
/// let team = of_request(|request| route_parameter(request, "team"));
/// let key = KeySpec::from([Component::Computed(team), Component::Method]);
/// let signed_in = Condition::Computed(of_request(|request| request.headers().contains_key("authorization")));
/// assert!(!key.is_constant() && !signed_in.is_always());
/// ```
pub fn of_request<T: Default + 'static>(
    compute: impl Fn(&ServiceRequest) -> T + Send + Sync + 'static,
) -> Computed<T> {
    Computed::of_request(T::default, compute)
}

/// What a closure says a request costs; 1 for requests of another framework.
pub(super) fn cost_of_request(
    compute: impl Fn(&ServiceRequest) -> u64 + Send + Sync + 'static,
) -> Computed<u64> {
    Computed::of_request(|| 1, compute)
}

/// Requests that a scope of this pattern takes; plainly all, where it takes all.
pub(super) fn under_scope(pattern: &str) -> Condition {
    let scope = ResourceDef::root_prefix(pattern.trim_end_matches('/'));
    if ["/", "/a.path/that/no/scope/would/name"].into_iter().all(|path| scope.is_match(path)) {
        return Condition::ALWAYS;
    }
    // As the router sees it, and no other spelling: what the scope does not take is not left alone.
    Condition::Computed(of_request(move |request| scope.is_match(request.match_info().as_str())))
}

/// Charges the answers of which a closure says so; all of another framework.
pub(super) fn judge(is_charged: impl Fn(&ResponseHead) -> bool + Send + Sync + 'static) -> Judge {
    Judge::new(move |answer| answer.head().and_then(|head| head.downcast_ref()).is_none_or(&is_charged))
}

/// The head of an actix response as rules see it.
pub(super) struct HeadAnswer<'a>(pub(super) &'a ResponseHead);

impl Answer for HeadAnswer<'_> {
    fn status(&self) -> u16 {
        self.0.status.as_u16()
    }

    fn head(&self) -> Option<&dyn Any> {
        Some(self.0)
    }
}
