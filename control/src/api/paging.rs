//! Lists in pages.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::parameters::Parameters;
use crate::thing::{Held, Things};

/// Which page of a list is wanted.
#[derive(Debug)]
pub(crate) struct Paging {
    pub(crate) limit: usize,
    /// What stood at the end of the page before.
    pub(crate) after: Option<String>,
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct List<T> {
    /// What is listed.
    pub(crate) items: Vec<T>,
    /// For `after`, to get the next page; `null` where this is the last.
    pub(crate) next: Option<String>,
    /// The revision of all that has been decided.
    pub(crate) revision: u64,
}

/// So many items are on a page if nobody says otherwise, and at most.
const USUAL: usize = 50;
pub(crate) const MOST: usize = 500;

impl Parameters {
    /// `limit` and `after`.
    pub(crate) fn paging(&mut self) -> Paging {
        let limit = self.number("limit", 1, MOST).unwrap_or(USUAL);
        let after = self.text("after").map(|after| uncursor(&after));
        if let Some(None) = after {
            self.wrong("after", "expected what `next` of the page before says");
        }
        Paging { limit, after: after.flatten() }
    }
}

impl Paging {
    /// A page of what lies in a map by name.
    pub(crate) fn of_map<'a, V, T>(
        &self,
        map: &'a Things<V>,
        revision: u64,
        show: impl Fn(&'a Held<V>) -> T,
    ) -> List<T> {
        self.of(self.rest(map).map(|(name, value)| (name, show(value))), revision)
    }

    /// What lies in a map behind the page before.
    pub(crate) fn rest<'a, V>(
        &self,
        map: &'a Things<V>,
    ) -> impl Iterator<Item = (&'a str, &'a Held<V>)> + use<'a, V> {
        map.behind(self.after.as_deref()).map(|(name, value)| (name.as_str(), value))
    }

    /// A page of what has no names, in its order: a cursor is how many came before.
    pub(crate) fn of_all<T>(&self, all: Vec<T>, revision: u64) -> List<T> {
        let before = self.after.as_deref().and_then(|after| after.parse().ok()).unwrap_or(0);
        let numbered = all.into_iter().enumerate().skip(before);
        self.of(numbered.map(|(at, item)| ((at + 1).to_string(), item)), revision)
    }

    /// A page of what comes behind `after`, each with what a cursor is made of.
    pub(crate) fn of<T>(&self, rest: impl Iterator<Item = (impl AsRef<str>, T)>, revision: u64) -> List<T> {
        let mut rest = rest.peekable();
        let (mut items, mut last) = (Vec::new(), None);
        while items.len() < self.limit
            && let Some((name, item)) = rest.next()
        {
            items.push(item);
            last = Some(name);
        }
        let next = last.filter(|_| rest.peek().is_some()).map(|last| cursor(last.as_ref()));
        List { items, next, revision }
    }
}

/// Opaque, so that nobody takes it for a name.
pub(crate) fn cursor(name: &str) -> String {
    URL_SAFE_NO_PAD.encode(name)
}

fn uncursor(text: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}
