//! Maps that are cheap to clone, and cheap to change while their clones live.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::ops::Index;

use rpds::HashTrieMapSync;

/// A map of which a clone costs nothing, and a change little, however many entries there are: but for a few nodes, the
/// changed map and its clones stay one.
///
/// # Examples
///
/// ```
/// use timebudget::SharedMap;
/// let before: SharedMap<_, _> = (0..100_000).map(|at| (format!("user{at}"), at)).collect();
/// let mut after = before.clone();
/// after.insert("user7".to_owned(), 8);
/// after.remove("user9");
/// assert_eq!((before["user7"], before.len()), (7, 100_000));
/// assert_eq!((after["user7"], after.len()), (8, 99_999));
/// ```
#[derive(Clone)]
pub struct SharedMap<K: Eq + Hash, V>(HashTrieMapSync<K, V>);

impl<K: Eq + Hash, V> SharedMap<K, V> {
    /// The value of a key; `None` if there is no such key.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::SharedMap;
    /// let tiers = SharedMap::from([("alice".to_owned(), "gold")]);
    /// assert_eq!((tiers.get("alice"), tiers.get("bob")), (Some(&"gold"), None));
    /// ```
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.0.get(key)
    }

    /// The same with the key as it stands in the map.
    pub fn get_key_value<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        self.0.get_key_value(key)
    }

    /// Whether there is such a key.
    pub fn contains_key<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(key)
    }

    /// The entries, in no order: that of two maps with the same entries may differ.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::SharedMap;
    /// let tiers = SharedMap::from([("alice", "gold"), ("bob", "iron")]);
    /// let mut names: Vec<_> = tiers.iter().map(|(name, tier)| format!("{name}: {tier}")).collect();
    /// names.sort_unstable();
    /// assert_eq!(names, ["alice: gold", "bob: iron"]);
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter()
    }

    /// The keys, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.keys()
    }

    /// The values, in no order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.values()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.size()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Eq + Hash + Clone, V: Clone> SharedMap<K, V> {
    /// Puts an entry, in the place of the one of its key if there is one. Clones keep what they have.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::SharedMap;
    /// let mut tiers = SharedMap::from([("alice", "gold")]);
    /// let before = tiers.clone();
    /// tiers.insert("alice", "iron");
    /// assert_eq!((tiers["alice"], before["alice"]), ("iron", "gold"));
    /// ```
    pub fn insert(&mut self, key: K, value: V) {
        self.0.insert_mut(key, value);
    }

    /// Takes an entry away; says whether there was one.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::SharedMap;
    /// let mut tiers = SharedMap::from([("alice", "gold")]);
    /// assert!(tiers.remove("alice") && !tiers.remove("alice"));
    /// assert!(tiers.is_empty());
    /// ```
    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.remove_mut(key)
    }

    /// Puts an entry, or takes it away.
    pub(crate) fn set(&mut self, key: K, value: Option<V>) {
        match value {
            Some(value) => self.insert(key, value),
            None => drop(self.remove(&key)),
        }
    }
}

impl<K: Eq + Hash, V> Default for SharedMap<K, V> {
    fn default() -> Self {
        Self(HashTrieMapSync::new_sync())
    }
}

impl<K: Eq + Hash + Clone, V: Clone> FromIterator<(K, V)> for SharedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::default();
        map.extend(entries);
        map
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Extend<(K, V)> for SharedMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        entries.into_iter().for_each(|(key, value)| self.insert(key, value));
    }
}

impl<K: Eq + Hash + Clone, V: Clone> From<HashMap<K, V>> for SharedMap<K, V> {
    fn from(entries: HashMap<K, V>) -> Self {
        entries.into_iter().collect()
    }
}

impl<K: Eq + Hash + Clone, V: Clone, const N: usize> From<[(K, V); N]> for SharedMap<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<K: Eq + Hash + Borrow<Q>, Q: Eq + Hash + ?Sized, V> Index<&Q> for SharedMap<K, V> {
    type Output = V;

    /// # Panics
    ///
    /// If there is no such key.
    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("there is an entry of this key")
    }
}

impl<K: Eq + Hash, V: PartialEq> PartialEq for SharedMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K: Eq + Hash, V: Eq> Eq for SharedMap<K, V> {}

impl<K: Eq + Hash + fmt::Debug, V: fmt::Debug> fmt::Debug for SharedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
