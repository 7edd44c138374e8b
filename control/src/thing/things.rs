//! Things of one kind by name, which are cheap to clone and to change while their clones live.

use std::fmt;
use std::ops::{Bound, Index};

use rpds::RedBlackTreeMapSync;

use crate::thing::Held;

/// Things of one kind by name, in the order of the names. A clone costs nothing, and a change little, however many there are.
#[derive(Clone, PartialEq)]
pub struct Things<T>(RedBlackTreeMapSync<String, Held<T>>);

impl<T> Things<T> {
    /// The thing of a name.
    pub fn get(&self, name: &str) -> Option<&Held<T>> {
        self.0.get(name)
    }

    /// Whether there is a thing of that name.
    pub fn contains_key(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The things with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Held<T>)> {
        self.0.iter()
    }

    /// The names.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    /// The things.
    pub fn values(&self) -> impl Iterator<Item = &Held<T>> {
        self.0.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.size()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those whose names come behind one; all without one.
    pub(crate) fn behind<'a>(
        &'a self,
        name: Option<&str>,
    ) -> impl Iterator<Item = (&'a String, &'a Held<T>)> + use<'a, T> {
        let from = name.map_or(Bound::Unbounded, |name| Bound::Excluded(name.to_owned()));
        self.0.range((from, Bound::Unbounded))
    }
}

impl<T: Clone> Things<T> {
    pub(crate) fn insert(&mut self, name: String, held: Held<T>) {
        self.0.insert_mut(name, held);
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.remove_mut(name);
    }
}

impl<T> Default for Things<T> {
    fn default() -> Self {
        Self(RedBlackTreeMapSync::new_sync())
    }
}

impl<T> Index<&str> for Things<T> {
    type Output = Held<T>;

    fn index(&self, name: &str) -> &Held<T> {
        self.get(name).expect("there is a thing of this name")
    }
}

impl<T: fmt::Debug> fmt::Debug for Things<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
