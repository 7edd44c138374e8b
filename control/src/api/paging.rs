//! Lists in pages.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
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

const NO_CURSOR: &str = "expected what `next` of the page before says";

impl Parameters {
    /// `limit` and `after`.
    pub(crate) fn paging(&mut self) -> Paging {
        let limit = self.number("limit", 1, MOST).unwrap_or(USUAL);
        let after = self.text("after").map(|after| uncursor(&after));
        if let Some(None) = after {
            self.wrong("after", NO_CURSOR);
        }
        Paging { limit, after: after.flatten() }
    }

    /// The same of a list whose cursors are places in its order.
    pub(crate) fn paging_by<P: DeserializeOwned>(&mut self) -> (usize, Option<P>) {
        let Paging { limit, after } = self.paging();
        let place = after.map(|after| serde_json::from_str(&after).ok());
        if let Some(None) = place {
            self.wrong("after", NO_CURSOR);
        }
        (limit, place.flatten())
    }
}

impl<T> List<T> {
    /// A page of what moves while it is read: behind the place that a cursor tells, whatever stands before it now.
    pub(crate) fn of_moving<P: Ord + Serialize>(
        mut all: Vec<(P, T)>,
        (limit, after): (usize, Option<P>),
        revision: u64,
    ) -> Self {
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        let begin = after.map_or(0, |after| all.partition_point(|(place, _)| *place <= after));
        let written =
            |place: &P| serde_json::to_string(place).expect("a place is a list of texts and numbers");
        let end = all.len().min(begin + limit);
        let next =
            all[begin..end].last().filter(|_| end < all.len()).map(|(place, _)| cursor(&written(place)));
        let items = all.drain(begin..end).map(|(_, item)| item).collect();
        Self { items, next, revision }
    }

    /// The same of what its items are shown as.
    pub(crate) fn map<U>(self, show: impl FnMut(T) -> U) -> List<U> {
        let Self { items, next, revision } = self;
        List { items: items.into_iter().map(show).collect(), next, revision }
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
