//! API keys: shown once, then a digest.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::thing::Time;
use crate::thing::fields::{Fields, Wrong};
use crate::thing::secret::{Secret, id};

/// An API key, of which a digest is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// `key_…`.
    pub id: String,
    /// What accounts that are keyed by `api_key` know it by.
    pub name: String,
    /// The tier of whoever sends it.
    pub tier: Option<String>,
    /// The user who sends it.
    pub user: Option<String>,
    /// The first instant at which it is not known any more.
    pub expires: Option<Time>,
    /// Its first letters.
    pub prefix: String,
    /// Its last four.
    pub last_four: String,
    /// When it was made.
    pub made_at: Time,
    /// When it was revoked.
    pub revoked: Option<Time>,
    pub(crate) digest: String,
    /// The key before a rotation, while it still works.
    pub(crate) retiring: Option<Retiring>,
}

/// A key that was replaced, and works a while longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retiring {
    pub(crate) digest: String,
    /// Its first letters.
    pub prefix: String,
    /// Its last four.
    pub last_four: String,
    /// The first instant at which it is not known any more.
    pub until: Time,
}

/// A key as it may be shown.
#[derive(Serialize, ToSchema)]
pub(crate) struct Shown<'a> {
    /// `key_…`.
    id: &'a str,
    /// What accounts that are keyed by `api_key` know it by.
    name: &'a str,
    /// The tier of whoever sends it.
    tier: Option<&'a str>,
    /// The user who sends it.
    user: Option<&'a str>,
    /// The first instant at which it is not known any more.
    #[schema(value_type = Option<DateTime>)]
    expires: Option<Time>,
    /// Its first letters.
    prefix: &'a str,
    /// Its last four.
    last_four: &'a str,
    /// When it was made.
    #[schema(value_type = DateTime)]
    made_at: Time,
    /// When it was revoked.
    #[schema(value_type = Option<DateTime>)]
    revoked: Option<Time>,
    /// The key before a rotation, while it still works.
    #[serde(skip_serializing_if = "Option::is_none")]
    retiring: Option<ShownRetiring<'a>>,
}

/// A key that was replaced, and works a while longer.
#[derive(Serialize, ToSchema)]
pub(crate) struct ShownRetiring<'a> {
    /// Its first letters.
    prefix: &'a str,
    /// Its last four.
    last_four: &'a str,
    /// The first instant at which it is not known any more.
    #[schema(value_type = DateTime)]
    until: Time,
}

/// The longest grace time: a year.
const MOST_GRACE: i64 = 365 * 86_400;

/// Reads a body of `grace_seconds`.
///
/// # Errors
///
/// All that is wrong with it.
pub(crate) fn grace_of_body(body: &str) -> Result<TimeDelta, Vec<Wrong>> {
    Fields::read(body, |fields| {
        let seconds: i64 = fields.required("grace_seconds", "a whole number of seconds")?;
        match (0..=MOST_GRACE).contains(&seconds) {
            true => Some(TimeDelta::seconds(seconds)),
            false => fields.wrong("grace_seconds", format!("{seconds}: expected 0 to {MOST_GRACE}")),
        }
    })
}

impl Key {
    /// Reads a body of `name`, `tier`, `user` and `expires`, and makes a key of it, whose secret is to be shown now.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn parse(body: &str, now: Time) -> Result<(Self, Secret), Vec<Wrong>> {
        let secret = Secret::key();
        let key = Self {
            id: id("key_"),
            name: String::new(),
            tier: None,
            user: None,
            expires: None,
            prefix: secret.prefix().to_owned(),
            last_four: secret.last_four().to_owned(),
            made_at: now,
            revoked: None,
            digest: secret.digest(),
            retiring: None,
        };
        Ok((Fields::read(body, |fields| key.with(fields, now))?, secret))
    }

    /// Reads a body in the place of a key, which keeps its secret and its dates.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn parse_anew(&self, body: &str, now: Time) -> Result<Self, Vec<Wrong>> {
        Fields::read(body, |fields| {
            let _ = fields.same_name("id", &self.id)?;
            self.with(fields, now)
        })
    }

    /// The key with another secret, to be shown now; the old one works until the grace time ends.
    ///
    /// A key that was retiring before is not known any more.
    pub fn rotated(&self, grace: TimeDelta, now: Time) -> (Self, Secret) {
        let secret = Secret::key();
        let retiring = Retiring {
            digest: self.digest.clone(),
            prefix: self.prefix.clone(),
            last_four: self.last_four.clone(),
            until: now + grace,
        };
        let rotated = Self {
            prefix: secret.prefix().to_owned(),
            last_four: secret.last_four().to_owned(),
            digest: secret.digest(),
            retiring: (grace > TimeDelta::zero()).then_some(retiring),
            ..self.clone()
        };
        (rotated, secret)
    }

    /// The key, revoked: no secret of it works any more.
    #[must_use]
    pub fn revoked(&self, now: Time) -> Self {
        Self { revoked: Some(self.revoked.unwrap_or(now)), retiring: None, ..self.clone() }
    }

    /// The key that was replaced and works a while longer.
    pub fn retiring(&self) -> Option<&Retiring> {
        self.retiring.as_ref()
    }

    /// The digests that are known at an instant.
    pub(crate) fn digests(&self, at: Time) -> impl Iterator<Item = &str> {
        let is_known = self.revoked.is_none() && self.expires.is_none_or(|expires| at < expires);
        let own = is_known.then_some(self.digest.as_str());
        let old = self.retiring.as_ref().filter(|old| is_known && at < old.until);
        own.into_iter().chain(old.map(|old| old.digest.as_str()))
    }

    /// All digests, known or not.
    pub(crate) fn all_digests(&self) -> impl Iterator<Item = &str> {
        [self.digest.as_str()].into_iter().chain(self.retiring.as_ref().map(|old| old.digest.as_str()))
    }

    /// The next instant after `at` at which a secret of it is not known any more.
    pub(crate) fn next_end(&self, at: Time) -> Option<Time> {
        let ends = [self.expires, self.retiring.as_ref().map(|old| old.until)];
        ends.into_iter().flatten().filter(|end| self.revoked.is_none() && *end > at).min()
    }

    /// The key as it may be shown.
    pub(crate) fn shown(&self) -> Shown<'_> {
        Shown {
            id: &self.id,
            name: &self.name,
            tier: self.tier.as_deref(),
            user: self.user.as_deref(),
            expires: self.expires,
            prefix: &self.prefix,
            last_four: &self.last_four,
            made_at: self.made_at,
            revoked: self.revoked,
            retiring: self.retiring.as_ref().map(|old| ShownRetiring {
                prefix: &old.prefix,
                last_four: &old.last_four,
                until: old.until,
            }),
        }
    }

    fn with(&self, fields: &mut Fields, now: Time) -> Option<Self> {
        let name = fields.name("name", "what to call the key");
        let tier = fields.optional_name("tier", "the name of a tier");
        let user = fields.optional_name("user", "the name of a user");
        let expires = fields.time("expires", now);
        Some(Self { name: name?, tier: tier?, user: user?, expires: expires?, ..self.clone() })
    }
}
