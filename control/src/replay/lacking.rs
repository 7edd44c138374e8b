//! What rules ask for that nobody knows of requests of the past.

use std::cell::RefCell;
use std::collections::BTreeSet;

/// What rules have asked for that the record of requests does not have, in words; so many at most.
#[derive(Debug, Default)]
pub struct Lacking(RefCell<BTreeSet<String>>);

const MOST: usize = 32;

impl Lacking {
    /// All of it, sorted: `header x-plan`, `user`.
    pub fn all(&self) -> Vec<String> {
        self.0.borrow().iter().cloned().collect()
    }

    /// Notes what a rule has asked for, and its name if it has one.
    ///
    /// Rules ask for the same again with each request, so what is known already costs a look.
    pub fn note(&self, what: &str, name: &str) {
        let is_it = |known: &String| match known.strip_prefix(what) {
            Some("") => name.is_empty(),
            Some(rest) => rest.strip_prefix(' ') == Some(name),
            None => false,
        };
        let mut all = self.0.borrow_mut();
        if all.len() < MOST && !all.iter().any(is_it) {
            all.insert(if name.is_empty() { what.to_owned() } else { format!("{what} {name}") });
        }
    }
}
