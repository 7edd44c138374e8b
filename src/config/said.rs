//! What layers say, to be shown: keys with their values and origins.

use crate::config::discreet::shown;
use crate::config::json::Json;
use crate::config::origin::{Entry, Origin};

/// The keys that a layer has, and their values as they may be shown; of a key that comes twice, the first counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Said(Vec<Entry>);

impl Said {
    /// Notes what is said of a key.
    pub(super) fn push(&mut self, key: &str, json: &Json<'_>, origin: Origin) {
        let value = match shown(key, json) {
            Json::List(items) if items.iter().any(|item| matches!(item, Json::Object(_))) => {
                one_by_one(&items)
            }
            json => json.to_string(),
        };
        self.0.push(Entry::new(key, value, origin));
    }

    /// What this layer and the one below it say together.
    pub(super) fn or(mut self, below: Self) -> Self {
        self.0.extend(below.0);
        self
    }

    /// What is said of a key.
    pub(super) fn of(&self, key: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.key == key)
    }
}

/// A list with each item on a line of its own.
fn one_by_one(items: &[Json<'_>]) -> String {
    let items: Vec<_> = items.iter().map(|item| format!("  {item}")).collect();
    format!("[\n{}\n]", items.join(",\n"))
}
