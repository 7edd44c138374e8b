//! Accounts, grants and resets, usage and events: what was spent, and by whom.

use std::io::{BufRead, BufReader};

use clap::Args;
use serde_json::{Value, json};
use timebudget::Unit;
use ureq::http::Method;

use crate::output::{self, Failure};
use crate::remote::answer::{list_by, print};
use crate::remote::args::{Place, Span, Where};
use crate::remote::http::{Ask, Remote};
use crate::remote::show::{Cell, Column, table};

/// Which accounts.
#[derive(Debug, Args)]
pub(crate) struct AccountsArgs {
    #[command(flatten)]
    pub(crate) at: Where,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Only this client's: an address, a user, or what else the rule is keyed by
    #[arg(long)]
    pub(crate) client: Option<String>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) most: usize,
}

/// Whose account, and why it is changed.
#[derive(Debug, Args)]
pub(crate) struct OfAccount {
    #[command(flatten)]
    pub(crate) at: Where,
    pub(crate) site: String,
    pub(crate) rule: String,
    /// An address, a user, or what else the rule is keyed by [default: the one account of the site]
    pub(crate) client: Option<String>,
    /// The account's id, as `accounts` prints it, instead of a client
    #[arg(long, conflicts_with = "client")]
    pub(crate) id: Option<String>,
    /// Why, for the audit
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct GrantArgs {
    #[command(flatten)]
    pub(crate) of: OfAccount,
    /// How much: a time as 60s or 1500ms, or a number of requests
    #[arg(long)]
    pub(crate) amount: String,
}

#[derive(Debug, Args)]
pub(crate) struct UsageArgs {
    #[command(flatten)]
    pub(crate) at: Where,
    #[command(flatten)]
    pub(crate) place: Place,
    /// By what it is told: time, route, method, outcome, rule, site, client or tier
    #[arg(long, default_value = "route")]
    pub(crate) by: String,
    #[command(flatten)]
    pub(crate) span: Span,
}

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    #[command(flatten)]
    pub(crate) at: Where,
}

/// What a table of accounts shows.
pub(crate) const ACCOUNTS: [Column; 8] = [
    ("site", Cell::Text("site")),
    ("rule", Cell::Text("rule")),
    ("limit", Cell::Text("limit")),
    ("client", Cell::Text("client")),
    ("spent", Cell::Amount("spent")),
    ("remaining", Cell::Amount("remaining")),
    ("reset", Cell::Text("reset")),
    ("id", Cell::Text("id")),
];

/// What a table of usage shows.
pub(crate) const SPENDERS: [Column; 7] = [
    ("who or what", Cell::Text("key")),
    ("share", Cell::Share("share")),
    ("spent", Cell::Micros("micros")),
    ("requests", Cell::Text("requests")),
    ("mean", Cell::Micros("mean_micros")),
    ("p95", Cell::Micros("p95_micros")),
    ("refused", Cell::Text("refused")),
];

pub(crate) fn accounts(args: &AccountsArgs) -> Result<(), Failure> {
    let ask = args.place.of(Ask::get(&["accounts"]));
    let found = Remote::new(&args.at)?
        .json(&ask.with("client", args.client.as_ref()).with("limit", Some(args.most)))?;
    print(&args.at, &found["items"], |items| table(items, ACCOUNTS));
    Ok(())
}

pub(crate) fn grant(args: &GrantArgs) -> Result<(), Failure> {
    let (amount, unit) = amount(&args.amount)?;
    let mut body = of_account(&args.of);
    body["amount"] = amount.into();
    body["unit"] = unit.into();
    after(&args.of, &Ask::new(Method::POST, &["accounts", "grant"]).body(body))
}

pub(crate) fn reset(args: &OfAccount) -> Result<(), Failure> {
    after(args, &Ask::new(Method::POST, &["accounts", "reset"]).body(of_account(args)))
}

fn of_account(args: &OfAccount) -> Value {
    let OfAccount { site, rule, client, id, reason, .. } = args;
    let mut body = json!({ "site": site, "rule": rule, "reason": reason });
    match id {
        Some(id) => body["id"] = id.as_str().into(),
        None => body["client"] = client.as_deref().into(),
    }
    body
}

/// Prints where the accounts stand after a change.
fn after(args: &OfAccount, ask: &Ask) -> Result<(), Failure> {
    let found = Remote::new(&args.at)?.json(ask)?;
    print(&args.at, &found["accounts"], |items| table(items, ACCOUNTS));
    Ok(())
}

/// An amount as a rate string has it, and its unit.
fn amount(text: &str) -> Result<(u64, &'static str), Failure> {
    let wrong = || {
        Failure::wrong(format!(
            "--amount {text:?}: expected a time, as 60s or 1500ms, or a number of requests"
        ))
    };
    let limits = timebudget::parse_rates(&format!("{text} per day")).map_err(|_| wrong())?;
    let [limit] = &limits[..] else { return Err(wrong()) };
    match limit.unit() {
        Unit::Time => Ok((limit.quota(), "microseconds")),
        _ => Ok((limit.quota(), "requests")),
    }
}

pub(crate) fn usage(args: &UsageArgs) -> Result<(), Failure> {
    let ask = args.span.of(args.place.of(Ask::get(&["usage"])).with("by", Some(&args.by)));
    let by_time = args.by == "time";
    list_by(&args.at, ask, |items| {
        let mut columns = SPENDERS;
        if by_time {
            columns[0] = ("at", Cell::Text("at"));
        }
        table(items, columns)
    })
}

/// Prints events as they come, a line each.
pub(crate) fn events(args: &EventsArgs) -> Result<(), Failure> {
    let ask = Ask { accept: Some("text/event-stream"), ..Ask::get(&["events"]) };
    let mut kind = String::new();
    for line in BufReader::new(Remote::new(&args.at)?.stream(&ask)?).lines() {
        let line = line.map_err(|error| Failure::system(format!("the events broke off: {error}")))?;
        if let Some(name) = line.strip_prefix("event:") {
            name.trim().clone_into(&mut kind);
        } else if let Some(data) = line.strip_prefix("data:") {
            let data: Value = serde_json::from_str(data).unwrap_or_else(|_| data.trim().into());
            output::to_stdout(&format!("{}\n", json!({ "event": kind, "data": data })));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::amount;

    #[test]
    fn an_amount_is_time_or_requests() {
        assert_eq!(amount("60s").unwrap(), (60_000_000, "microseconds"));
        assert_eq!(amount("1500ms").unwrap(), (1_500_000, "microseconds"));
        assert_eq!(amount("12").unwrap(), (12, "requests"));
        for wrong in ["", "-1", "5 per hour; 6", "lots", "60 s s"] {
            assert!(amount(wrong).is_err(), "{wrong}");
        }
    }
}
