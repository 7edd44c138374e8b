//! Tiers, groups, users, overrides and API keys: who may spend how much.

use clap::Subcommand;
use serde_json::{Map, Value, json};
use ureq::http::Method;

use crate::output::Failure;
use crate::remote::answer::{because, change, list, put, said, show, tell};
use crate::remote::args::{Named, To, Why};
use crate::remote::http::Ask;
use crate::remote::show::Cell;

#[derive(Debug, Subcommand)]
pub(crate) enum Tiers {
    /// Print them
    List,
    /// Make one, or replace it
    Put {
        name: String,
        /// By what the limits of rules are multiplied
        #[arg(long)]
        multiplier: Option<String>,
        /// Which of the tiers of a user's groups holds: the highest
        #[arg(long)]
        priority: Option<i64>,
        /// Its own limits for a rule; several times for several
        #[arg(long = "limit", value_name = "RULE=RATE")]
        limits: Vec<String>,
        #[command(flatten)]
        why: Why,
    },
    /// Remove one
    Delete(Named),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Groups {
    /// Print them
    List,
    /// Put the members of a group in a tier
    Put {
        name: String,
        #[arg(long)]
        tier: String,
        #[command(flatten)]
        why: Why,
    },
    /// Remove one
    Delete(Named),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Users {
    /// Print them
    List {
        /// Only those whose names hold this
        #[arg(long, value_name = "TEXT")]
        query: Option<String>,
    },
    /// Print a user's tier, overrides and standing
    Get { user: String },
    /// Put a user in a tier
    Put {
        user: String,
        #[arg(long)]
        tier: String,
        /// Until when, as 2027-01-01T00:00:00Z [default: for good]
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        #[command(flatten)]
        why: Why,
    },
    /// Take a user's tier away
    Delete(Named),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Overrides {
    /// Print them
    List {
        #[arg(long)]
        user: Option<String>,
    },
    /// Give a user other limits for a while
    Add {
        #[arg(long)]
        user: String,
        /// For which rule [default: for all]
        #[arg(long)]
        rule: Option<String>,
        /// The limits instead, as "900s per hour"
        #[arg(long, value_name = "RATE")]
        limits: String,
        /// Until when, as 2027-01-01T00:00:00Z [default: for an hour]
        #[arg(long, value_name = "TIME", conflicts_with = "seconds")]
        until: Option<String>,
        /// For how many seconds
        #[arg(long, value_name = "N")]
        seconds: Option<u64>,
        /// Why, for the audit
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Remove one before its time
    Delete(Named),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Print what is known of them, which is not the keys
    List,
    /// Make one, and print it: this once
    Make {
        name: String,
        #[arg(long)]
        tier: Option<String>,
        #[arg(long)]
        user: Option<String>,
        /// Until when it holds, as 2027-01-01T00:00:00Z [default: for good]
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Make another in its place, and print that: this once
    Rotate {
        id: String,
        /// For how many seconds the old one works beside it
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        grace: u64,
        #[command(flatten)]
        why: Why,
    },
    /// End one
    Revoke(Named),
}

pub(crate) fn tiers(to: &To<Tiers>) -> Result<(), Failure> {
    match &to.what {
        Tiers::List => list(
            &to.at,
            Ask::get(&["tiers"]),
            [
                ("name", Cell::Text("name")),
                ("multiplier", Cell::Text("multiplier")),
                ("priority", Cell::Text("priority")),
                ("limits", Cell::Text("limits")),
            ],
        ),
        Tiers::Put { name, multiplier, priority, limits, why } => {
            let mut body = Map::new();
            if let Some(text) = multiplier {
                let number = serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into());
                body.insert("multiplier".to_owned(), number);
            }
            body.extend(priority.map(|priority| ("priority".to_owned(), priority.into())));
            if !limits.is_empty() {
                body.insert("limits".to_owned(), own_limits(limits)?.into());
            }
            change(&to.at, &put(&["tiers", name], why).body(body.into()))
        }
        Tiers::Delete(named) => change(&to.at, &named.delete("tiers")),
    }
}

fn own_limits(limits: &[String]) -> Result<Map<String, Value>, Failure> {
    let pair = |text: &String| {
        let wrong =
            || Failure::wrong(format!("--limit {text:?}: expected RULE=RATE, as export=\"300s per hour\""));
        let (rule, rate) = text.split_once('=').ok_or_else(wrong)?;
        Ok((rule.to_owned(), rate.into()))
    };
    limits.iter().map(pair).collect()
}

pub(crate) fn groups(to: &To<Groups>) -> Result<(), Failure> {
    match &to.what {
        Groups::List => {
            list(&to.at, Ask::get(&["groups"]), [("name", Cell::Text("name")), ("tier", Cell::Text("tier"))])
        }
        Groups::Put { name, tier, why } => {
            change(&to.at, &put(&["groups", name], why).body(json!({ "tier": tier })))
        }
        Groups::Delete(named) => change(&to.at, &named.delete("groups")),
    }
}

pub(crate) fn users(to: &To<Users>) -> Result<(), Failure> {
    match &to.what {
        Users::List { query } => list(
            &to.at,
            Ask::get(&["users"]).with("q", query.as_ref()),
            [("user", Cell::Text("user")), ("tier", Cell::Text("tier")), ("until", Cell::Text("until"))],
        ),
        Users::Get { user } => show(&to.at, &Ask::get(&["users", user])),
        Users::Put { user, tier, until, why } => {
            change(&to.at, &put(&["users", user], why).body(said(json!({ "tier": tier, "until": until }))))
        }
        Users::Delete(named) => change(&to.at, &named.delete("users")),
    }
}

pub(crate) fn overrides(to: &To<Overrides>) -> Result<(), Failure> {
    match &to.what {
        Overrides::List { user } => list(
            &to.at,
            Ask::get(&["overrides"]).with("user", user.as_ref()),
            [
                ("id", Cell::Text("id")),
                ("user", Cell::Text("user")),
                ("rule", Cell::Text("rule")),
                ("limits", Cell::Text("limits")),
                ("until", Cell::Text("until")),
                ("by", Cell::Text("made_by")),
                ("reason", Cell::Text("reason")),
            ],
        ),
        Overrides::Add { user, rule, limits, until, seconds, reason } => {
            let body = said(json!({
                "user": user, "rule": rule, "limits": limits, "until": until, "seconds": seconds, "reason": reason,
            }));
            tell(&to.at, &Ask::new(Method::POST, &["overrides"]).body(body), "id")
        }
        Overrides::Delete(named) => change(&to.at, &named.delete("overrides")),
    }
}

pub(crate) fn keys(to: &To<Keys>) -> Result<(), Failure> {
    match &to.what {
        Keys::List => list(
            &to.at,
            Ask::get(&["keys"]),
            [
                ("id", Cell::Text("id")),
                ("name", Cell::Text("name")),
                ("begins", Cell::Text("prefix")),
                ("ends", Cell::Text("last_four")),
                ("tier", Cell::Text("tier")),
                ("user", Cell::Text("user")),
                ("expires", Cell::Text("expires")),
                ("last used", Cell::Text("last_used")),
                ("revoked", Cell::Text("revoked")),
            ],
        ),
        Keys::Make { name, tier, user, expires, reason } => {
            let body = said(json!({ "name": name, "tier": tier, "user": user, "expires": expires }));
            let ask = Ask::new(Method::POST, &["keys"]).with("reason", reason.as_ref()).body(body);
            tell(&to.at, &ask, "key")
        }
        Keys::Rotate { id, grace, why } => {
            let ask = because(Ask::new(Method::POST, &["keys", id, "rotate"]), why);
            tell(&to.at, &ask.body(json!({ "grace_seconds": grace })), "key")
        }
        Keys::Revoke(named) => change(&to.at, &named.delete("keys")),
    }
}
