//! Anchors: what a request must have to fulfil a condition, as far as it can be looked up.

use std::collections::HashMap;

use crate::model::condition::Condition;
use crate::model::network::Network;
use crate::model::text::Text;

/// One fact that can be looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Anchor {
    /// The path is this one, but for a slash at its end, which this one has not.
    Path(String),
    /// A value is this one.
    Value(Source, String),
    /// The path is this one, without a slash at its end, or lies below it.
    Folder(String),
    /// The address lies in this network.
    Ip(Network),
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Source {
    /// The host that answers.
    Host,
    /// The user who asks.
    User,
    /// A header, in lower case.
    Header(String),
    /// A cookie.
    Cookie(String),
    /// A parameter of the query.
    Query(String),
}

/// How many conditions of a site name each anchor: what fewer name tells more.
#[derive(Debug, Default)]
pub(super) struct Mentions(HashMap<Anchor, usize>);

impl Mentions {
    /// Counts what a condition names.
    pub(super) fn count(&mut self, condition: &Condition) {
        match condition {
            Condition::All(parts) | Condition::Any(parts) => parts.iter().for_each(|part| self.count(part)),
            leaf => of_leaf(leaf).into_iter().flatten().for_each(|anchor| {
                *self.0.entry(anchor).or_default() += 1;
            }),
        }
    }

    /// Anchors of which every request has one that fulfils the condition; `None` if none are known.
    ///
    /// No anchors at all: no request fulfils it.
    pub(super) fn anchors(&self, condition: &Condition) -> Option<Vec<Anchor>> {
        match condition {
            Condition::All(parts) => self.most_telling(parts.iter().filter_map(|part| self.anchors(part))),
            Condition::Any(parts) => each(parts, |part| self.anchors(part)),
            leaf => of_leaf(leaf),
        }
    }

    /// The list whose least telling anchor tells the most.
    fn most_telling(&self, lists: impl Iterator<Item = Vec<Anchor>>) -> Option<Vec<Anchor>> {
        let mentions = |anchor: &Anchor| self.0.get(anchor).copied().unwrap_or_default();
        lists.min_by_key(|list| list.iter().map(|anchor| (mentions(anchor), anchor.rank())).max())
    }
}

impl Anchor {
    const fn rank(&self) -> u8 {
        match self {
            Self::Path(_) => 0,
            Self::Value(..) => 1,
            Self::Folder(_) => 2,
            Self::Ip(_) => 3,
        }
    }
}

fn of_leaf(condition: &Condition) -> Option<Vec<Anchor>> {
    match condition {
        Condition::Path(text) => of_path(text),
        Condition::Host(text) => of_text(&Source::Host, text),
        Condition::User(text) => of_text(&Source::User, text),
        Condition::Ip(networks) => Some(networks.iter().copied().map(Anchor::Ip).collect()),
        Condition::Header(name, text) => of_value(&Source::Header(name.to_ascii_lowercase()), text.as_ref()),
        Condition::Cookie(name, text) => of_value(&Source::Cookie(name.clone()), text.as_ref()),
        Condition::Query(name, text) => of_value(&Source::Query(name.clone()), text.as_ref()),
        _ => None,
    }
}

/// The anchors of all parts, if all have some.
fn each<T>(parts: &[T], anchors: impl Fn(&T) -> Option<Vec<Anchor>>) -> Option<Vec<Anchor>> {
    let lists: Option<Vec<_>> = parts.iter().map(anchors).collect();
    lists.map(|lists| lists.concat())
}

fn of_path(text: &Text) -> Option<Vec<Anchor>> {
    match text {
        Text::Equal(path) => Some(vec![Anchor::Path(without_slash(path).to_owned())]),
        // With a slash at its end it is that folder without its name, which is looked up as the folder.
        Text::Below(path) => folder(without_slash(path)),
        Text::Prefix(begin) => around(begin),
        Text::Glob(glob) => around(&glob.literal_prefix()),
        Text::Regex(pattern) => around(&pattern.literal_prefix()),
        Text::AnyOf(texts) => each(texts, of_path),
    }
}

/// A path without the slash at its end, if it has one: with it and without it, a path is looked up as one.
pub(super) fn without_slash(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

/// The folder that all texts with this beginning lie in.
fn around(begin: &str) -> Option<Vec<Anchor>> {
    folder(begin.rsplit_once('/')?.0)
}

/// Everything lies below the root, so that says nothing.
fn folder(path: &str) -> Option<Vec<Anchor>> {
    (!path.is_empty()).then(|| vec![Anchor::Folder(path.to_owned())])
}

/// A header that only has to be there is as soon asked for as looked up.
fn of_value(source: &Source, text: Option<&Text>) -> Option<Vec<Anchor>> {
    of_text(source, text?)
}

/// Only whole values are looked up.
fn of_text(source: &Source, text: &Text) -> Option<Vec<Anchor>> {
    match text {
        Text::Equal(value) => Some(vec![Anchor::Value(source.clone(), value.clone())]),
        Text::AnyOf(texts) => each(texts, |text| of_text(source, text)),
        _ => None,
    }
}
