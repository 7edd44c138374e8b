//! Whether a change fits what has been decided.

use crate::thing::fields::no_such;
use crate::thing::{Change, Decided, Kind, Member, Override, Role, Ruleset, Thing, Things, Wrong};

/// Why a change does not fit what has been decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// What it names is not there.
    Wrong(Vec<Wrong>),
    /// Somebody uses what it deletes.
    InUse(Vec<String>),
    /// It cannot stand beside what is there.
    Conflict(String),
}

impl Decided {
    /// Whether a change fits. That tiers and rules exist, which may stand in files, is asked of the whole configuration.
    ///
    /// # Errors
    ///
    /// Why it does not.
    pub fn check(&self, change: &Change) -> Result<(), Refused> {
        match &change.after {
            Some(thing) => self.check_put(thing),
            None => self.check_delete(change.kind, &change.name),
        }
    }

    fn check_put(&self, thing: &Thing) -> Result<(), Refused> {
        let known = [("published", None), ("unpublished", None)];
        let [published, unpublished] = match thing {
            Thing::Policy(policy) => [policy.published.as_deref(), policy.unpublished.as_deref()],
            Thing::Assignment(own) => [own.published.name(), own.unpublished.name()],
            Thing::Override(over) => return self.check_override(over),
            Thing::Member(member) => return self.check_owner(&member.name, Some(member)),
            _ => known.map(|(_, none)| none),
        };
        let named = [("published", published), ("unpublished", unpublished)];
        let wrong: Vec<_> =
            named.into_iter().filter_map(|(path, name)| unknown(self.rulesets(), path, name?)).collect();
        if wrong.is_empty() { Ok(()) } else { Err(Refused::Wrong(wrong)) }
    }

    fn check_override(&self, over: &Override) -> Result<(), Refused> {
        let others = self.overrides_of(&over.user).map(|held| &held.thing);
        match others.filter(|other| other.id != over.id).find(|other| other.meets(over)) {
            None => Ok(()),
            Some(other) => Err(Refused::Conflict(format!(
                "{} holds for this user and rule until {}; change that one, or end it before",
                other.id,
                other.until.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
            ))),
        }
    }

    fn check_delete(&self, kind: Kind, name: &str) -> Result<(), Refused> {
        let users = match kind {
            Kind::Ruleset => self.users_of_ruleset(name),
            Kind::Tier => self.users_of_tier(name),
            Kind::Member => return self.check_owner(name, None),
            _ => Vec::new(),
        };
        if users.is_empty() { Ok(()) } else { Err(Refused::InUse(users)) }
    }

    /// Somebody must be left who may do everything.
    fn check_owner(&self, name: &str, after: Option<&Member>) -> Result<(), Refused> {
        let is_owner = |member: &Member| member.role == Role::Owner;
        let mut others = self.members().values().filter(|held| held.thing.name != name);
        let is_left = after.is_some_and(is_owner) || others.any(|held| is_owner(&held.thing));
        match is_left {
            true => Ok(()),
            false => Err(Refused::Conflict(format!("{name} is the last owner; expected another one beside"))),
        }
    }
}

fn unknown(rulesets: &Things<Ruleset>, path: &str, name: &str) -> Option<Wrong> {
    (!rulesets.contains_key(name)).then(|| {
        let known: Vec<_> = rulesets.keys().map(String::as_str).collect();
        Wrong::new(path, no_such("ruleset", name, known))
    })
}
