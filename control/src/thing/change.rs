//! One write: a thing that is put, or one that is deleted.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::thing::{Assignment, Group, Key, Member, Override, Policy, Ruleset, Tier, User};

/// What sorts of things there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// [`Ruleset`]
    Ruleset,
    /// [`Policy`]; there is one, and its name is empty.
    Policy,
    /// [`Assignment`], by the site's name.
    Assignment,
    /// [`Tier`]
    Tier,
    /// [`Group`]
    Group,
    /// [`User`]
    User,
    /// [`Override`], by its id.
    Override,
    /// [`Key`], by its id.
    Key,
    /// [`Member`]
    Member,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Ruleset,
        Self::Policy,
        Self::Assignment,
        Self::Tier,
        Self::Group,
        Self::User,
        Self::Override,
        Self::Key,
        Self::Member,
    ];

    /// What the API and the audit call them: `rulesets`, `policy`, `sites`, …
    pub const fn path(self) -> &'static str {
        match self {
            Self::Ruleset => "rulesets",
            Self::Policy => "policy",
            Self::Assignment => "sites",
            Self::Tier => "tiers",
            Self::Group => "groups",
            Self::User => "users",
            Self::Override => "overrides",
            Self::Key => "keys",
            Self::Member => "members",
        }
    }

    /// The kind of a [path](Self::path).
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.path() == path)
    }

    /// What the audit calls a thing: `overrides/ov_1`.
    pub fn what(self, name: &str) -> String {
        match self {
            Self::Policy => self.path().to_owned(),
            _ => format!("{}/{name}", self.path()),
        }
    }
}

/// A thing of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Thing {
    /// Rules under a name.
    Ruleset(Ruleset),
    /// What holds for all sites.
    Policy(Policy),
    /// What a site has instead.
    Assignment(Assignment),
    /// A class of clients.
    Tier(Tier),
    /// The tier of a group.
    Group(Group),
    /// The tier of a user.
    User(User),
    /// Limits of a user.
    Override(Override),
    /// An API key.
    Key(Key),
    /// Somebody who looks after the limiter.
    Member(Member),
}

impl Thing {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Ruleset(_) => Kind::Ruleset,
            Self::Policy(_) => Kind::Policy,
            Self::Assignment(_) => Kind::Assignment,
            Self::Tier(_) => Kind::Tier,
            Self::Group(_) => Kind::Group,
            Self::User(_) => Kind::User,
            Self::Override(_) => Kind::Override,
            Self::Key(_) => Kind::Key,
            Self::Member(_) => Kind::Member,
        }
    }

    /// Its name among those of its kind.
    pub fn name(&self) -> &str {
        match self {
            Self::Policy(_) => "",
            Self::Ruleset(Ruleset { name, .. })
            | Self::Assignment(Assignment { site: name, .. })
            | Self::Tier(Tier { name, .. })
            | Self::Group(Group { name, .. })
            | Self::User(User { user: name, .. })
            | Self::Override(Override { id: name, .. })
            | Self::Key(Key { id: name, .. })
            | Self::Member(Member { name, .. }) => name,
        }
    }

    /// Its JSON as it may be shown, and as the audit keeps it: without digests.
    pub fn shown(&self) -> String {
        match self {
            Self::Key(key) => json(&key.shown()),
            Self::Member(member) => json(&member.shown()),
            other => other.stored(),
        }
    }

    /// Its JSON as the database keeps it.
    pub(crate) fn stored(&self) -> String {
        match self {
            Self::Ruleset(thing) => json(thing),
            Self::Policy(thing) => json(thing),
            Self::Assignment(thing) => json(thing),
            Self::Tier(thing) => json(thing),
            Self::Group(thing) => json(thing),
            Self::User(thing) => json(thing),
            Self::Override(thing) => json(thing),
            Self::Key(thing) => json(thing),
            Self::Member(thing) => json(thing),
        }
    }

    /// What was [stored](Self::stored).
    ///
    /// # Errors
    ///
    /// The text is none that this program would write.
    pub(crate) fn from_stored(kind: Kind, body: &str) -> Result<Self, serde_json::Error> {
        Ok(match kind {
            Kind::Ruleset => Self::Ruleset(read(body)?),
            Kind::Policy => Self::Policy(read(body)?),
            Kind::Assignment => Self::Assignment(read(body)?),
            Kind::Tier => Self::Tier(read(body)?),
            Kind::Group => Self::Group(read(body)?),
            Kind::User => Self::User(read(body)?),
            Kind::Override => Self::Override(read(body)?),
            Kind::Key => Self::Key(read(body)?),
            Kind::Member => Self::Member(read(body)?),
        })
    }
}

fn read<T: DeserializeOwned>(body: &str) -> Result<T, serde_json::Error> {
    serde_json::from_str(body)
}

fn json(thing: &impl Serialize) -> String {
    serde_json::to_string(thing).expect("things have texts for keys, and no other trouble")
}

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    /// What there is afterwards.
    pub(crate) after: Option<Thing>,
    /// What the audit calls it, where that is neither create, change nor delete.
    pub(crate) action: Option<&'static str>,
}

impl Change {
    /// Puts a thing in the place of the one of its name, or beside the others.
    pub fn put(thing: Thing) -> Self {
        Self { kind: thing.kind(), name: thing.name().to_owned(), after: Some(thing), action: None }
    }

    /// Deletes a thing.
    pub fn delete(kind: Kind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into(), after: None, action: None }
    }

    /// The same under another word in the audit, such as `rotate` or `revoke`.
    #[must_use]
    pub fn called(self, action: &'static str) -> Self {
        Self { action: Some(action), ..self }
    }

    /// The kind of the thing.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The name of the thing.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What there is afterwards; nothing where it deletes.
    pub const fn after(&self) -> Option<&Thing> {
        self.after.as_ref()
    }

    /// The word for it in the audit.
    pub(crate) fn action(&self, had_one: bool) -> &'static str {
        match (self.action, &self.after, had_one) {
            (Some(action), ..) => action,
            (None, None, _) => "delete",
            (None, Some(_), true) => "change",
            (None, Some(_), false) => "create",
        }
    }
}

impl fmt::Display for Change {
    /// Writes what the audit calls the thing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind.what(&self.name))
    }
}

macro_rules! from_things {
    ($($kind:ident),*) => {
        $(impl From<$kind> for Thing {
            fn from(thing: $kind) -> Self {
                Self::$kind(thing)
            }
        })*
    };
}

from_things!(Ruleset, Policy, Assignment, Tier, Group, User, Override, Key, Member);
