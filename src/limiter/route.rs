//! Routes of the application, numbered, and the names of their numbers.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use parking_lot::RwLock;

/// A route of the application, by method and pattern: a number, so that it costs little to count by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Route(pub(crate) u32);

impl Route {
    /// The number: the same for a method and pattern in all processes.
    #[inline]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The method and the pattern, `GET /users/{id}`; the method alone of requests that reach no pattern, with `?` for methods
    /// that HTTP does not know, and nothing where nobody knows.
    pub fn name(self) -> Option<Arc<str>> {
        names().read().get(&self.0).cloned()
    }
}

/// The names of routes, which an application has as many of as it has patterns.
fn names() -> &'static RwLock<HashMap<u32, Arc<str>>> {
    static NAMES: OnceLock<RwLock<HashMap<u32, Arc<str>>>> = OnceLock::new();
    NAMES.get_or_init(RwLock::default)
}

/// Gives a route its name.
pub(crate) fn name_route(number: u32, name: impl FnOnce() -> String) {
    if !names().read().contains_key(&number) {
        names().write().entry(number).or_insert_with(|| name().into());
    }
}
