//! The index of a site's rules: which of them a request can fulfil at all, by what it must have to fulfil them.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use crate::model::client::Network;
use crate::model::condition::condition::Condition;
use crate::model::condition::facts::Facts;
use crate::model::condition::text::Text;

/// Positions of rules, ascending, each once.
pub(crate) type Candidates = SmallVec<[u16; 32]>;

/// The index of a site's conditions: a request pays for those that it can fulfil, not for all that there are.
///
/// A condition is found by a path, a folder, a network or a value that every request has that fulfils it; of several, by
/// the one that the fewest conditions name. Conditions without such a thing (a method, a regular expression without a fixed
/// beginning, anything under `not`) are candidates for every request.
#[derive(Clone, Debug, Default)]
pub struct RuleIndex {
    /// What every request may fulfil.
    everywhere: Vec<u16>,
    /// By the path without the slash at its end, if it has one.
    paths: Postings<String>,
    folders: Postings<String>,
    /// How long the longest folder is: no longer part of a path is looked up, however long the path.
    longest_folder: usize,
    values: Vec<(Field, Postings<Vec<u8>>)>,
    networks: Postings<Network>,
    /// The lengths of the networks' prefixes, with an address of their kind.
    prefixes: Vec<Network>,
}

/// The rules that a thing leads to. Its keys are the configuration's, so no client can make them collide.
type Postings<K> = HashMap<K, Vec<u16>, FixedState>;

impl RuleIndex {
    /// The index of these conditions, in their order.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::RuleIndex;
    /// use timebudget::{Condition, Text};
    /// # use timebudget::Facts;
    /// # struct Get(&'static str);
    /// # impl Facts for Get {
    /// #     fn method(&self) -> &str { "GET" }
    /// #     fn path(&self) -> &str { self.0 }
    /// #     fn ip(&self) -> Option<std::net::IpAddr> { None }
    /// # }
    /// let path = |path: &str| Condition::Path(Text::Equal(path.into()));
    /// let index = RuleIndex::new([&path("/a"), &path("/b"), &Condition::ALWAYS]);
    /// assert_eq!(index.candidates(&Get("/b")).as_slice(), [1, 2]);
    /// ```
    pub fn new<'a>(conditions: impl IntoIterator<Item = &'a Condition> + Clone) -> Self {
        let mut mentions = Mentions::default();
        conditions.clone().into_iter().for_each(|condition| mentions.count(condition));
        let mut index = Self::default();
        for (rule, condition) in (0..=u16::MAX).zip(conditions) {
            match mentions.anchors(condition) {
                Some(anchors) => anchors.into_iter().for_each(|anchor| index.post(anchor, rule)),
                None => index.everywhere.push(rule),
            }
        }
        index
    }

    /// The rules that a request may fulfil; it fulfils no other.
    pub fn candidates(&self, facts: &dyn Facts) -> Candidates {
        let mut found = Candidates::from_slice(&self.everywhere);
        if !self.paths.is_empty() || !self.folders.is_empty() {
            self.look_up_path(facts.path(), &mut found);
        }
        for (source, postings) in &self.values {
            source.for_each_value(facts, |value| found.extend_from_slice(at(postings, value)));
        }
        if let Some(ip) = facts.ip().filter(|_| !self.prefixes.is_empty()) {
            self.look_up_ip(ip, &mut found);
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    fn look_up_path(&self, path: &str, found: &mut Candidates) {
        if !self.paths.is_empty() {
            found.extend_from_slice(at(&self.paths, without_slash(path)));
        }
        let reach = &path.as_bytes()[..path.len().min(self.longest_folder + 1)];
        let ends = (1..reach.len()).filter(|end| reach[*end] == b'/');
        for end in ends.chain((path.len() <= self.longest_folder).then_some(path.len())) {
            found.extend_from_slice(at(&self.folders, &path[..end]));
        }
    }

    fn look_up_ip(&self, ip: IpAddr, found: &mut Candidates) {
        for network in self.prefixes.iter().filter_map(|prefix| prefix.around(ip)) {
            found.extend(self.networks.get(&network).into_iter().flatten().copied());
        }
    }

    fn post(&mut self, anchor: Anchor, rule: u16) {
        match anchor {
            Anchor::Path(path) => post(&mut self.paths, path, rule),
            Anchor::Folder(folder) => {
                self.longest_folder = self.longest_folder.max(folder.len());
                post(&mut self.folders, folder, rule);
            }
            Anchor::Value(source, value) => post(self.values_of(source), value.into_bytes(), rule),
            Anchor::Ip(network) => {
                if !self.prefixes.iter().any(|other| other.is_as_long_as(&network)) {
                    self.prefixes.push(network);
                }
                post(&mut self.networks, network, rule);
            }
        }
    }

    fn values_of(&mut self, source: Field) -> &mut Postings<Vec<u8>> {
        let known = self.values.iter().position(|(other, _)| *other == source);
        let at = known.unwrap_or_else(|| {
            self.values.push((source, Postings::default()));
            self.values.len() - 1
        });
        &mut self.values[at].1
    }
}

impl Field {
    fn for_each_value(&self, facts: &dyn Facts, mut look_up: impl FnMut(&[u8])) {
        let mut and_the_next = |value: &[u8]| {
            look_up(value);
            false
        };
        match self {
            Self::Host => facts.host().is_some_and(|host| and_the_next(host.as_bytes())),
            Self::User => facts.user().is_some_and(|user| and_the_next(user.as_bytes())),
            Self::Header(name) => facts.any_header(name, &mut and_the_next),
            Self::Cookie(name) => facts.any_cookie(name, &mut and_the_next),
            Self::Query(name) => facts.any_query(name, &mut and_the_next),
        };
    }
}

fn post<K: Hash + Eq>(postings: &mut Postings<K>, key: K, rule: u16) {
    postings.entry(key).or_default().push(rule);
}

fn at<'a, K: Borrow<Q> + Hash + Eq, Q: Hash + Eq + ?Sized>(postings: &'a Postings<K>, key: &Q) -> &'a [u16] {
    postings.get(key).map_or(&[], Vec::as_slice)
}

/// One fact that can be looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Anchor {
    /// The path is this one, but for a slash at its end, which this one has not.
    Path(String),
    /// A value is this one.
    Value(Field, String),
    /// The path is this one, without a slash at its end, or lies below it.
    Folder(String),
    /// The address lies in this network.
    Ip(Network),
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Field {
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
struct Mentions(HashMap<Anchor, usize>);

impl Mentions {
    /// Counts what a condition names.
    fn count(&mut self, condition: &Condition) {
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
    fn anchors(&self, condition: &Condition) -> Option<Vec<Anchor>> {
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
        Condition::Host(text) => of_text(&Field::Host, text),
        Condition::User(text) => of_text(&Field::User, text),
        Condition::Ip(networks) => Some(networks.iter().copied().map(Anchor::Ip).collect()),
        Condition::Header(name, text) => of_value(&Field::Header(name.to_ascii_lowercase()), text.as_ref()),
        Condition::Cookie(name, text) => of_value(&Field::Cookie(name.clone()), text.as_ref()),
        Condition::Query(name, text) => of_value(&Field::Query(name.clone()), text.as_ref()),
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
fn without_slash(path: &str) -> &str {
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
fn of_value(source: &Field, text: Option<&Text>) -> Option<Vec<Anchor>> {
    of_text(source, text?)
}

/// Only whole values are looked up.
fn of_text(source: &Field, text: &Text) -> Option<Vec<Anchor>> {
    match text {
        Text::Equal(value) => Some(vec![Anchor::Value(source.clone(), value.clone())]),
        Text::AnyOf(texts) => each(texts, |text| of_text(source, text)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::condition::decoded::Paths;
    use crate::model::condition::facts::Method;
    use crate::model::condition::pattern::pattern_tests::pattern;
    use crate::model::condition::pattern::{Glob, Pattern};

    #[derive(Clone, Debug)]
    struct Request {
        path: &'static str,
        paths: Paths,
        value: &'static str,
        other_value: &'static str,
        ip: IpAddr,
    }

    impl Facts for Request {
        fn method(&self) -> &str {
            "GET"
        }

        fn path(&self) -> &str {
            self.path
        }

        fn ip(&self) -> Option<IpAddr> {
            Some(self.ip)
        }

        fn host(&self) -> Option<&str> {
            Some(self.value)
        }

        fn paths(&self) -> Paths {
            self.paths
        }

        fn header(&self, name: &str) -> Option<&[u8]> {
            name.eq_ignore_ascii_case("x-plan").then_some(self.value.as_bytes())
        }

        fn any_query(&self, name: &str, is_wanted: &mut dyn FnMut(&[u8]) -> bool) -> bool {
            name == "plan" && [self.other_value, self.value].iter().any(|value| is_wanted(value.as_bytes()))
        }
    }

    const PATHS: [&str; 9] = ["", "/", "/a", "/a/", "/a/b", "/a/b/c", "/ab", "/a//b", "/aéb/b"];
    const VALUES: [&str; 3] = ["", "gold", "a.example"];
    const NETWORKS: [&str; 4] = ["10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32", "0.0.0.0/0"];

    fn request() -> impl Strategy<Value = Request> {
        let ip = prop::sample::select(vec!["10.1.2.3", "10.9.9.9", "::ffff:10.1.2.3", "2001:db8::7"]);
        let paths = prop::sample::select(vec![Paths::Normal, Paths::Exact, Paths::AnyCase]);
        let value = || prop::sample::select(&VALUES[..]);
        let parts = (prop::sample::select(&PATHS[..]), paths, value(), value(), ip);
        parts.prop_map(|(path, paths, value, other_value, ip)| {
            let ip = ip.parse().unwrap();
            Request { path, paths, value, other_value, ip }
        })
    }

    fn text(values: &'static [&'static str]) -> impl Strategy<Value = Text> {
        let one = (prop::sample::select(values), 0..5).prop_map(|(value, kind)| match kind {
            0 | 1 => Text::Equal(value.into()),
            2 => Text::Prefix(value.into()),
            3 => Text::Glob(Glob::new(&format!("{value}*")).unwrap()),
            _ => Text::Regex(Pattern::new(&format!("^{value}/?(b|c)?")).unwrap()),
        });
        let below = prop::sample::select(values).prop_map(|value| Text::Below(value.into()));
        prop_oneof![one.clone(), below, prop::collection::vec(one, 0..3).prop_map(Text::AnyOf)]
    }

    fn condition() -> impl Strategy<Value = Condition> {
        let network = prop::sample::select(&NETWORKS[..]).prop_map(|text| text.parse().unwrap());
        let wanted = || prop::option::of(text(&VALUES));
        let leaf = prop_oneof![
            3 => text(&PATHS).prop_map(Condition::Path),
            1 => text(&VALUES).prop_map(Condition::Host),
            1 => prop::collection::vec(network, 0..3).prop_map(Condition::Ip),
            1 => wanted().prop_map(|text| Condition::Header("X-Plan".into(), text)),
            1 => wanted().prop_map(|text| Condition::Query("plan".into(), text)),
            1 => Just(Condition::Method(Method::new("GET").into_iter().collect())),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            let parts = || prop::collection::vec(inner.clone(), 0..3);
            prop_oneof![
                parts().prop_map(Condition::All),
                parts().prop_map(Condition::Any),
                inner.prop_map(|part| Condition::Not(Box::new(part))),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        /// A pattern in any case was looked for only where its own letters are.
        #[test]
        fn every_pattern_that_is_found_in_a_path_is_a_candidate(
            pattern in pattern(),
            path in "(/|/a/|/A/|a|b|/B/|k|\u{212a}){0,6}",
            paths in prop::sample::select(vec![Paths::Normal, Paths::Exact, Paths::AnyCase]),
        ) {
            let condition = [Condition::Path(Text::Regex(pattern))];
            let request = Request { path: path.leak(), paths, ..get("") };
            let found = RuleIndex::new(&condition).candidates(&request);
            prop_assert!(!condition[0].matches(&request) || found.as_slice() == [0]);
        }

        #[test]
        fn every_condition_that_a_request_fulfils_is_a_candidate(
            conditions in prop::collection::vec(condition(), 0..12),
            request in request(),
        ) {
            let found = RuleIndex::new(&conditions).candidates(&request);
            for (at, condition) in conditions.iter().enumerate() {
                prop_assert!(!condition.matches(&request) || found.contains(&(at as u16)), "{condition:?}");
            }
            prop_assert!(found.is_sorted_by(|one, other| one < other));
        }
    }

    fn get(path: &'static str) -> Request {
        let ip = IpAddr::from([10, 1, 2, 3]);
        Request { path, paths: Paths::Normal, value: "", other_value: "", ip }
    }

    #[test]
    fn a_thousand_paths_leave_one_candidate() {
        let paths: Vec<_> = (0..1_000).map(|i| Condition::Path(Text::Equal(format!("/p{i}")))).collect();
        assert_eq!(RuleIndex::new(&paths).candidates(&get("/p7")).as_slice(), [7]);
    }

    #[test]
    fn of_several_facts_the_one_that_fewest_conditions_name_is_looked_up() {
        let host = || Condition::Host(Text::Equal("a.example".into()));
        let folder = |at| Condition::Path(Text::Below(format!("/{at}")));
        let both: Vec<_> = (0..9).map(|at| Condition::All(vec![host(), folder(at)])).collect();
        let request = Request { value: "a.example", ..get("/3/x") };
        assert_eq!(RuleIndex::new(&both).candidates(&request).as_slice(), [3]);
    }
}
