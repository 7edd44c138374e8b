//! All that people have decided, at one revision.

use std::collections::HashMap;

use rpds::{HashTrieMapSync, RedBlackTreeSetSync};

use crate::thing::{
    Assignment, Group, Key, Kind, Member, Override, Policy, Ruleset, Thing, Things, Tier, Time, User,
    digest_of,
};

/// All that people have decided, at one revision; in memory. A clone costs nothing, and stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Decided {
    revision: u64,
    rulesets: Things<Ruleset>,
    policy: Held<Policy>,
    assignments: Things<Assignment>,
    tiers: Things<Tier>,
    groups: Things<Group>,
    users: Things<User>,
    overrides: Things<Override>,
    keys: Things<Key>,
    members: Things<Member>,
    /// The ids of overrides by user.
    overrides_of: HashTrieMapSync<String, RedBlackTreeSetSync<String>>,
    /// The names of members by the digests of their tokens.
    tokens: HashMap<String, String>,
}

/// A thing, and the revision that put it there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held<T> {
    /// The thing.
    pub thing: T,
    /// The revision at which it was put.
    pub revision: u64,
}

impl Decided {
    /// The revision: how many changes have been made.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// The rulesets by name.
    pub const fn rulesets(&self) -> &Things<Ruleset> {
        &self.rulesets
    }

    /// What holds for all sites; nothing at revision 0 until somebody says so.
    pub const fn policy(&self) -> &Held<Policy> {
        &self.policy
    }

    /// What sites have in the place of the policy, by the site's name.
    pub const fn assignments(&self) -> &Things<Assignment> {
        &self.assignments
    }

    /// The tiers by name.
    pub const fn tiers(&self) -> &Things<Tier> {
        &self.tiers
    }

    /// The groups by name.
    pub const fn groups(&self) -> &Things<Group> {
        &self.groups
    }

    /// The users by name.
    pub const fn users(&self) -> &Things<User> {
        &self.users
    }

    /// The overrides by id.
    pub const fn overrides(&self) -> &Things<Override> {
        &self.overrides
    }

    /// The API keys by id.
    pub const fn keys(&self) -> &Things<Key> {
        &self.keys
    }

    /// The members by name.
    pub const fn members(&self) -> &Things<Member> {
        &self.members
    }

    /// The overrides of a user, those that have ended included.
    pub fn overrides_of(&self, user: &str) -> impl Iterator<Item = &Held<Override>> {
        let ids = self.overrides_of.get(user).into_iter().flat_map(RedBlackTreeSetSync::iter);
        ids.filter_map(|id| self.overrides.get(id))
    }

    /// The member who has a token.
    pub fn member_of_token(&self, token: &str) -> Option<&Held<Member>> {
        // A digest is looked up, so how long it takes tells nothing of tokens.
        self.members.get(self.tokens.get(&digest_of(token))?)
    }

    /// A thing of any kind.
    pub fn thing(&self, kind: Kind, name: &str) -> Option<Held<Thing>> {
        fn held<T: Clone + Into<Thing>>(held: Option<&Held<T>>) -> Option<Held<Thing>> {
            held.map(|held| Held { thing: held.thing.clone().into(), revision: held.revision })
        }
        match kind {
            Kind::Ruleset => held(self.rulesets.get(name)),
            Kind::Policy => held(Some(&self.policy).filter(|policy| policy.revision > 0)),
            Kind::Assignment => held(self.assignments.get(name)),
            Kind::Tier => held(self.tiers.get(name)),
            Kind::Group => held(self.groups.get(name)),
            Kind::User => held(self.users.get(name)),
            Kind::Override => held(self.overrides.get(name)),
            Kind::Key => held(self.keys.get(name)),
            Kind::Member => held(self.members.get(name)),
        }
    }

    /// Who uses a ruleset: `policy published`, `site shop.example`, …
    pub fn users_of_ruleset(&self, name: &str) -> Vec<String> {
        let Policy { published, unpublished } = &self.policy.thing;
        let is_it = |said: Option<&str>| said == Some(name);
        let mut users = Vec::new();
        users.extend(is_it(published.as_deref()).then(|| "policy published".to_owned()));
        users.extend(is_it(unpublished.as_deref()).then(|| "policy unpublished".to_owned()));
        let of_sites = self.assignments.values().map(|held| &held.thing);
        let of_sites = of_sites.filter(|own| is_it(own.published.name()) || is_it(own.unpublished.name()));
        users.extend(of_sites.map(|own| format!("site {}", own.site)));
        users
    }

    /// Who uses a tier: `group vips`, `user alice`, `key key_1`, …
    pub fn users_of_tier(&self, name: &str) -> Vec<String> {
        let groups = self.groups.values().filter(|held| held.thing.tier == name);
        let users = self.users.values().filter(|held| held.thing.tier == name);
        let keys = self.keys.values().map(|held| &held.thing);
        let keys = keys.filter(|key| key.tier.as_deref() == Some(name) && key.revoked.is_none());
        groups
            .map(|held| format!("group {}", held.thing.name))
            .chain(users.map(|held| format!("user {}", held.thing.user)))
            .chain(keys.map(|key| format!("key {}", key.name)))
            .collect()
    }

    /// The next instant at which an API key is not known any more.
    pub(crate) fn next_end_of_key(&self, at: Time) -> Option<Time> {
        self.keys.values().filter_map(|held| held.thing.next_end(at)).min()
    }

    /// Puts a thing, or takes it away, at a revision.
    pub(crate) fn apply(&mut self, kind: Kind, name: &str, after: Option<Thing>, revision: u64) {
        self.reach(revision);
        match kind {
            Kind::Override => self.forget_override(name),
            Kind::Member => self.forget_token(name),
            _ => {}
        }
        let Some(thing) = after else { return self.remove(kind, name) };
        match thing {
            Thing::Ruleset(thing) => put(&mut self.rulesets, name, thing, revision),
            Thing::Policy(thing) => self.policy = Held { thing, revision },
            Thing::Assignment(thing) => put(&mut self.assignments, name, thing, revision),
            Thing::Tier(thing) => put(&mut self.tiers, name, thing, revision),
            Thing::Group(thing) => put(&mut self.groups, name, thing, revision),
            Thing::User(thing) => put(&mut self.users, name, thing, revision),
            Thing::Override(thing) => {
                let mut ids = self.ids_of(&thing.user);
                ids.insert_mut(name.to_owned());
                self.overrides_of.insert_mut(thing.user.clone(), ids);
                put(&mut self.overrides, name, thing, revision);
            }
            Thing::Key(thing) => put(&mut self.keys, name, thing, revision),
            Thing::Member(thing) => {
                self.tokens.insert(thing.digest.clone(), name.to_owned());
                put(&mut self.members, name, thing, revision);
            }
        }
    }

    /// Notes the revision, also where what made it is not there any more.
    pub(crate) fn reach(&mut self, revision: u64) {
        self.revision = self.revision.max(revision);
    }

    /// All things, for a copy of them.
    pub(crate) fn things(&self) -> Vec<Held<Thing>> {
        let all =
            Kind::ALL.into_iter().flat_map(|kind| self.names(kind).into_iter().map(move |name| (kind, name)));
        all.filter_map(|(kind, name)| self.thing(kind, name)).collect()
    }

    fn names(&self, kind: Kind) -> Vec<&str> {
        fn keys<T>(map: &Things<T>) -> Vec<&str> {
            map.keys().map(String::as_str).collect()
        }
        match kind {
            Kind::Ruleset => keys(&self.rulesets),
            Kind::Policy => vec![""],
            Kind::Assignment => keys(&self.assignments),
            Kind::Tier => keys(&self.tiers),
            Kind::Group => keys(&self.groups),
            Kind::User => keys(&self.users),
            Kind::Override => keys(&self.overrides),
            Kind::Key => keys(&self.keys),
            Kind::Member => keys(&self.members),
        }
    }

    fn remove(&mut self, kind: Kind, name: &str) {
        match kind {
            Kind::Ruleset => self.rulesets.remove(name),
            Kind::Policy => self.policy = Held::default(),
            Kind::Assignment => self.assignments.remove(name),
            Kind::Tier => self.tiers.remove(name),
            Kind::Group => self.groups.remove(name),
            Kind::User => self.users.remove(name),
            Kind::Override => self.overrides.remove(name),
            Kind::Key => self.keys.remove(name),
            Kind::Member => self.members.remove(name),
        }
    }

    fn forget_override(&mut self, id: &str) {
        let Some(held) = self.overrides.get(id) else { return };
        let (user, mut ids) = (held.thing.user.clone(), self.ids_of(&held.thing.user));
        ids.remove_mut(id);
        match ids.is_empty() {
            true => drop(self.overrides_of.remove_mut(&user)),
            false => self.overrides_of.insert_mut(user, ids),
        }
    }

    fn ids_of(&self, user: &str) -> RedBlackTreeSetSync<String> {
        self.overrides_of.get(user).cloned().unwrap_or_else(RedBlackTreeSetSync::new_sync)
    }

    fn forget_token(&mut self, name: &str) {
        if let Some(held) = self.members.get(name) {
            self.tokens.remove(&held.thing.digest);
        }
    }
}

fn put<T: Clone>(map: &mut Things<T>, name: &str, thing: T, revision: u64) {
    map.insert(name.to_owned(), Held { thing, revision });
}
