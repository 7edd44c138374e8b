//! What only code can say of a request: closures over its facts.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::model::facts::Facts;

/// A value that a closure computes for each request.
///
/// Two are equal if they are clones of one: nobody can tell what closures have in common. A closure that panics takes its
/// request with it, as a handler that panics does; nothing has been charged by then.
///
/// # Examples
///
/// ```
/// use timebudget::Computed;
/// use timebudget::{Component, Cost, KeyValue, Rule};
/// use timebudget::parse_rates;
///
/// let tenant = Computed::new(|facts| facts.path().split('/').nth(1).map(KeyValue::from));
/// let by_size = Computed::new(|facts| {
///     let items = facts.header("x-items").and_then(|items| str::from_utf8(items).ok()?.parse().ok());
///     items.unwrap_or(1)
/// });
/// let rule = Rule {
///     cost: Cost::Computed(by_size),
///     ..Rule::new("items", Component::Computed(tenant), parse_rates("1000 per hour")?)
/// };
/// assert_eq!(rule.clone(), rule);
/// # Ok::<(), timebudget::RateError>(())
/// ```
pub struct Computed<T>(Arc<Closure<T>>);

type Closure<T> = dyn Fn(&dyn Facts) -> T + Send + Sync;

impl<T> Computed<T> {
    /// What the closure returns.
    pub fn new(compute: impl Fn(&dyn Facts) -> T + Send + Sync + 'static) -> Self {
        Self(Arc::new(compute))
    }

    /// What a closure over a framework's own request returns; `absent` where the facts are not of such a request.
    pub fn of_request<R: Any>(
        absent: impl Fn() -> T + Send + Sync + 'static,
        compute: impl Fn(&R) -> T + Send + Sync + 'static,
    ) -> Self {
        Self::new(move |facts| match facts.request().and_then(|request| request.downcast_ref()) {
            Some(request) => compute(request),
            None => absent(),
        })
    }

    /// The value for a request.
    pub fn of(&self, facts: &dyn Facts) -> T {
        (self.0)(facts)
    }

    fn address(&self) -> *const () {
        Arc::as_ptr(&self.0).cast()
    }
}

impl<T> Clone for Computed<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> PartialEq for Computed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.address() == other.address()
    }
}

impl<T> Eq for Computed<T> {}

impl<T> Hash for Computed<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address().hash(state);
    }
}

impl<T> fmt::Debug for Computed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Computed(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_computed_equals_its_clones_only() {
        // Of closures that hold nothing all would lie at one address.
        let of = |value: u64| Computed::new(move |_| value);
        let one = of(1);
        assert!(one == one.clone() && one != of(1));
    }
}
