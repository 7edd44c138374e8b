//! Overrides: limits of a single user for a time.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::thing::fields::{Fields, Wrong};
use crate::thing::secret::id;
use crate::thing::{Time, Written};

/// Limits of a single user for a time, in the place of all others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Override {
    /// `ov_…`.
    pub id: String,
    /// Whose limits.
    pub user: String,
    /// Of which rule; of all that have no override of their own if it is absent.
    pub rule: Option<String>,
    /// The limits, as written.
    #[schema(value_type = serde_json::Value)]
    pub limits: Written,
    /// The first instant after it.
    #[schema(value_type = DateTime)]
    pub until: Time,
    /// Why.
    pub reason: String,
    /// The member who made it.
    pub made_by: String,
    /// When.
    #[schema(value_type = DateTime)]
    pub made_at: Time,
}

/// How long an override holds that says no end.
const SECONDS: i64 = 3600;

/// The longest that `seconds` can say: ten years.
const MOST_SECONDS: i64 = 10 * 366 * 86_400;

impl Override {
    /// Reads a body of `user`, `rule`, `limits`, `until` or `seconds`, and `reason`, and makes an override of a new id.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn parse(body: &str, made_by: &str, now: Time) -> Result<Self, Vec<Wrong>> {
        Fields::read(body, |fields| read(fields, id("ov_"), made_by, now))
    }

    /// Reads a body in the place of an override, which keeps its id and who made it.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn parse_anew(&self, body: &str, now: Time) -> Result<Self, Vec<Wrong>> {
        Fields::read(body, |fields| {
            let id = fields.same_name("id", &self.id);
            let read = read(fields, id?, &self.made_by, now)?;
            Some(Self { made_at: self.made_at, ..read })
        })
    }

    /// Whether it holds at an instant.
    pub fn is_active(&self, at: Time) -> bool {
        self.made_at <= at && at < self.until
    }

    /// Whether both would hold for one user and rule at one time.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        let is_same = (&self.user, &self.rule) == (&other.user, &other.rule);
        is_same && self.made_at.max(other.made_at) < self.until.min(other.until)
    }
}

fn read(fields: &mut Fields, id: String, made_by: &str, now: Time) -> Option<Override> {
    let user = fields.name("user", "the name of a user");
    let rule = fields.optional_name("rule", "the name of a rule");
    let limits = match fields.raw("limits") {
        Some(limits) => {
            let layer = format!(r#"{{"overrides":[{{"user":"x","limits":{}}}]}}"#, limits.text());
            fields.of_layer(&layer, "overrides[0]").map(|()| limits)
        }
        None => fields.wrong("limits", "missing; expected a rate string such as \"10 per hour\""),
    };
    let until = until(fields, now);
    let reason: Option<String> = fields.required("reason", "why, for people to read");
    let reason = reason.and_then(|reason| match reason.trim() {
        "" => fields.wrong("reason", "empty; expected why, for people to read"),
        reason => Some(reason.to_owned()),
    });
    Some(Override {
        id,
        user: user?,
        rule: rule?,
        limits: limits?,
        until: until?,
        reason: reason?,
        made_by: made_by.to_owned(),
        made_at: now,
    })
}

fn until(fields: &mut Fields, now: Time) -> Option<Time> {
    let seconds = fields.optional::<i64>("seconds", "a whole number of seconds");
    let until = fields.time("until", now);
    match (until?, seconds?) {
        (Some(_), Some(_)) => fields.wrong("seconds", "stands beside until; expected one of them"),
        (Some(until), None) => Some(until),
        (None, Some(seconds)) if !(1..=MOST_SECONDS).contains(&seconds) => {
            fields.wrong("seconds", format!("{seconds}: expected 1 to {MOST_SECONDS}"))
        }
        (None, seconds) => Some(now + TimeDelta::seconds(seconds.unwrap_or(SECONDS))),
    }
}
