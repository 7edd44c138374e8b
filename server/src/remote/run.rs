//! Each command: what it asks, and how the answer is shown.

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use clap::Subcommand;
use serde_json::{Map, Value, json};
use timebudget::Unit;
use ureq::http::Method;

use crate::output::{self, Failure};
use crate::remote::args::{
    AccountsArgs, Audit, AuditFilter, EventsArgs, Format, GrantArgs, Groups, Keys, Members, OfAccount,
    Overrides, Policy, Rulesets, Sites, Tiers, To, TopArgs, UsageArgs, Users, Where, Why,
};
use crate::remote::http::{Ask, Remote};
use crate::remote::show::{Cell, Column, table};
use crate::remote::top;

/// The commands for a limiter that runs with `--admin` and `--database`.
#[derive(Debug, Subcommand)]
pub(crate) enum RemoteCommand {
    /// Rulesets: rules that hold for many sites
    Rulesets(To<Rulesets>),
    /// Which rulesets hold for all sites
    Policy(To<Policy>),
    /// Sites, their rules in force, and rulesets of their own
    Sites(To<Sites>),
    /// Tiers: who may spend more or less
    Tiers(To<Tiers>),
    /// Groups of users, and their tiers
    Groups(To<Groups>),
    /// Users, and their tiers
    Users(To<Users>),
    /// Overrides: other limits for a user, for a while
    Overrides(To<Overrides>),
    /// API keys
    Keys(To<Keys>),
    /// Who may see and change all this
    Members(To<Members>),
    /// Who has changed what
    Audit(To<Audit>),
    /// Where accounts stand, the largest spenders first
    Accounts(AccountsArgs),
    /// Give an account more, until its window ends
    Grant(GrantArgs),
    /// Forget what an account has spent
    Reset(OfAccount),
    /// What was spent: by route, method, outcome, client or tier
    Usage(UsageArgs),
    /// Refusals, near-limits and changes as they happen, a line of JSON each
    Events(EventsArgs),
    /// A live view: budgets, and who spends them
    Top(TopArgs),
}

/// Asks, and shows the answer.
///
/// # Errors
///
/// Nobody answers, or the answer says what is wrong.
pub(crate) fn run(command: &RemoteCommand) -> Result<(), Failure> {
    match command {
        RemoteCommand::Rulesets(to) => rulesets(to),
        RemoteCommand::Policy(to) => policy(to),
        RemoteCommand::Sites(to) => sites(to),
        RemoteCommand::Tiers(to) => tiers(to),
        RemoteCommand::Groups(to) => groups(to),
        RemoteCommand::Users(to) => users(to),
        RemoteCommand::Overrides(to) => overrides(to),
        RemoteCommand::Keys(to) => keys(to),
        RemoteCommand::Members(to) => members(to),
        RemoteCommand::Audit(to) => audit(to),
        RemoteCommand::Accounts(args) => accounts(args),
        RemoteCommand::Grant(args) => grant(args),
        RemoteCommand::Reset(args) => reset(args),
        RemoteCommand::Usage(args) => usage(args),
        RemoteCommand::Events(args) => events(args),
        RemoteCommand::Top(args) => top::run(args),
    }
}

fn rulesets(to: &To<Rulesets>) -> Result<(), Failure> {
    match &to.what {
        Rulesets::List => list(
            &to.at,
            Ask::get(&["rulesets"]),
            [
                ("name", Cell::Text("name")),
                ("revision", Cell::Text("revision")),
                ("used by", Cell::Text("used_by")),
                ("description", Cell::Text("description")),
            ],
        ),
        Rulesets::Get { name } => show(&to.at, &Ask::get(&["rulesets", name])),
        Rulesets::Put { name, file, description, why } => {
            let mut ruleset = ruleset(file)?;
            if let Some(text) = description {
                ruleset.insert("description".to_owned(), text.as_str().into());
            }
            // What `get` printed can be put back under another name.
            ruleset.retain(|field, _| !["name", "revision", "used_by"].contains(&field.as_str()));
            change(&to.at, &put(&["rulesets", name], why).body(ruleset.into()))
        }
        Rulesets::Check { file } => check(&to.at, ruleset(file)?),
        Rulesets::Delete { name, why } => change(&to.at, &delete(&["rulesets", name], why)),
    }
}

/// Prints what is suspect, and fails by what is wrong.
fn check(at: &Where, ruleset: Map<String, Value>) -> Result<(), Failure> {
    let ask = Ask::new(Method::POST, &["rulesets", "check"]).body(ruleset.into());
    let found = Remote::new(at)?.json(&ask)?;
    if at.json {
        output::to_stdout(&format!("{found:#}\n"));
    } else {
        lines(&found["warnings"]).iter().for_each(|line| output::to_stderr(&format!("warning: {line}\n")));
    }
    match lines(&found["errors"]) {
        errors if errors.is_empty() => Ok(()),
        errors => Err(Failure::wrong(errors.join("\n"))),
    }
}

fn lines(problems: &Value) -> Vec<String> {
    let line = |problem: &Value| {
        let said = |key: &str| problem[key].as_str().unwrap_or_default().to_owned();
        [said("path"), said("message")]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join(": ")
    };
    problems.as_array().into_iter().flatten().map(line).collect()
}

fn policy(to: &To<Policy>) -> Result<(), Failure> {
    match &to.what {
        Policy::Get => show(&to.at, &Ask::get(&["policy"])),
        Policy::Set { published, unpublished, why } => {
            set_hosts(&to.at, &["policy"], [published.as_deref(), unpublished.as_deref()], why)
        }
    }
}

fn sites(to: &To<Sites>) -> Result<(), Failure> {
    match &to.what {
        Sites::List => list_by(&to.at, Ask::get(&["sites"]), of_sites),
        Sites::Assign { site, published, unpublished, why } => {
            let hosts = [published.as_deref(), unpublished.as_deref()];
            set_hosts(&to.at, &["sites", site, "rulesets"], hosts, why)
        }
    }
}

/// A row for each rule of each site.
fn of_sites(sites: &[Value]) -> String {
    let rows = sites.iter().flat_map(|site| {
        let rules = site["rules"].as_array().cloned().unwrap_or_default();
        let rules = if rules.is_empty() { vec![json!({ "from": site["error"] })] } else { rules };
        rules.into_iter().map(move |mut rule| {
            rule["site"] = site["site"].clone();
            rule
        })
    });
    let columns = [
        ("site", Cell::Text("site")),
        ("rule", Cell::Text("name")),
        ("limits", Cell::Text("limits")),
        ("key", Cell::Text("key")),
        ("from", Cell::Text("from")),
    ];
    table(&rows.collect::<Vec<_>>(), columns)
}

/// Sets rulesets for published and unpublished hosts; what is not said stays.
fn set_hosts(at: &Where, path: &[&str], hosts: [Option<&str>; 2], why: &Why) -> Result<(), Failure> {
    if hosts == [None, None] {
        return Err(Failure::wrong("nothing to set; expected --published, --unpublished, or both"));
    }
    let mut said = Remote::new(at)?.json(&Ask::get(path))?;
    let revision = said["revision"].as_u64();
    for (name, ruleset) in ["published", "unpublished"].into_iter().zip(hosts) {
        match ruleset {
            Some("none") => said[name] = Value::Null,
            Some(ruleset) => said[name] = ruleset.into(),
            None => {}
        }
    }
    let body = json!({ "published": said["published"], "unpublished": said["unpublished"] });
    let mut ask = put(path, why).body(body);
    // What stays is what was read: nobody else's change in between is undone.
    ask.if_match = ask.if_match.or(revision);
    change(at, &ask)
}

fn tiers(to: &To<Tiers>) -> Result<(), Failure> {
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
        Tiers::Delete { name, why } => change(&to.at, &delete(&["tiers", name], why)),
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

fn groups(to: &To<Groups>) -> Result<(), Failure> {
    match &to.what {
        Groups::List => {
            list(&to.at, Ask::get(&["groups"]), [("name", Cell::Text("name")), ("tier", Cell::Text("tier"))])
        }
        Groups::Put { name, tier, why } => {
            change(&to.at, &put(&["groups", name], why).body(json!({ "tier": tier })))
        }
        Groups::Delete { name, why } => change(&to.at, &delete(&["groups", name], why)),
    }
}

fn users(to: &To<Users>) -> Result<(), Failure> {
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
        Users::Delete { user, why } => change(&to.at, &delete(&["users", user], why)),
    }
}

fn overrides(to: &To<Overrides>) -> Result<(), Failure> {
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
        Overrides::Delete { id, why } => change(&to.at, &delete(&["overrides", id], why)),
    }
}

fn keys(to: &To<Keys>) -> Result<(), Failure> {
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
        Keys::Revoke { id, why } => change(&to.at, &delete(&["keys", id], why)),
    }
}

fn members(to: &To<Members>) -> Result<(), Failure> {
    match &to.what {
        Members::List => {
            list(&to.at, Ask::get(&["members"]), [("name", Cell::Text("name")), ("role", Cell::Text("role"))])
        }
        Members::Add { name, role, reason } => {
            let body = json!({ "name": name, "role": role.name() });
            let ask = Ask::new(Method::POST, &["members"]).with("reason", reason.as_ref()).body(body);
            tell(&to.at, &ask, "token")
        }
        Members::Set { name, role, why } => {
            change(&to.at, &put(&["members", name], why).body(json!({ "role": role.name() })))
        }
        Members::Token { name } => {
            tell(&to.at, &Ask::new(Method::POST, &["members", name, "token"]), "token")
        }
        Members::Remove { name, why } => change(&to.at, &delete(&["members", name], why)),
    }
}

fn audit(to: &To<Audit>) -> Result<(), Failure> {
    match &to.what {
        Audit::List(filter) => list(
            &to.at,
            of_audit(filter),
            [
                ("number", Cell::Text("number")),
                ("at", Cell::Text("at")),
                ("actor", Cell::Text("actor")),
                ("from", Cell::Text("address")),
                ("action", Cell::Text("action")),
                ("what", Cell::Text("what")),
                ("reason", Cell::Text("reason")),
            ],
        ),
        Audit::Export { format, filter } => {
            let accept = match format {
                Format::Jsonl => "application/jsonl",
                Format::Csv => "text/csv",
            };
            let ask = Ask { accept: Some(accept), ..of_audit(filter) };
            let mut answer = Remote::new(&to.at)?.stream(&ask)?;
            // Somebody who has read enough is no failure.
            let _ = io::copy(&mut answer, &mut io::stdout().lock());
            Ok(())
        }
        Audit::Verify => {
            let found = Remote::new(&to.at)?.json(&Ask::get(&["audit", "verify"]))?;
            if to.at.json {
                output::to_stdout(&format!("{found:#}\n"));
            }
            match (found["whole"].as_bool(), &found["broken_at"]) {
                (Some(true), _) if to.at.json => Ok(()),
                (Some(true), _) => {
                    output::to_stdout(&format!("whole: {} rows\n", found["rows"]));
                    Ok(())
                }
                (_, row) => {
                    Err(Failure::wrong(format!("the audit was changed: row {row} is not what was written")))
                }
            }
        }
    }
}

fn of_audit(filter: &AuditFilter) -> Ask {
    let AuditFilter { actor, what, from, to } = filter;
    let ask = Ask::get(&["audit"]).with("actor", actor.as_ref()).with("what", what.as_ref());
    ask.with("from", from.as_ref()).with("to", to.as_ref())
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

fn accounts(args: &AccountsArgs) -> Result<(), Failure> {
    let ask = Ask::get(&["accounts"]).with("site", args.site.as_ref()).with("rule", args.rule.as_ref());
    let found = Remote::new(&args.at)?
        .json(&ask.with("client", args.client.as_ref()).with("limit", Some(args.most)))?;
    print(&args.at, &found["items"], |items| table(items, ACCOUNTS));
    Ok(())
}

fn grant(args: &GrantArgs) -> Result<(), Failure> {
    let (amount, unit) = amount(&args.amount)?;
    let mut body = of_account(&args.of);
    body["amount"] = amount.into();
    body["unit"] = unit.into();
    after(&args.of, &Ask::new(Method::POST, &["accounts", "grant"]).body(body))
}

fn reset(args: &OfAccount) -> Result<(), Failure> {
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

fn usage(args: &UsageArgs) -> Result<(), Failure> {
    let ask = Ask::get(&["usage"]).with("site", args.site.as_ref()).with("rule", args.rule.as_ref());
    let ask = ask.with("by", Some(&args.by)).with("from", args.from.as_ref()).with("to", args.to.as_ref());
    let by_time = args.by == "time";
    list_by(&args.at, ask, |items| {
        let mut columns = SPENDERS;
        if by_time {
            columns[0] = ("at", Cell::Text("at"));
        }
        table(items, columns)
    })
}

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

/// Prints events as they come, a line each.
fn events(args: &EventsArgs) -> Result<(), Failure> {
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

/// A ruleset of a file: a list of rules, or an object with one.
fn ruleset(file: &Path) -> Result<Map<String, Value>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::wrong(format!("{}: {error}", file.display()));
    let text = if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(file)
    };
    match serde_json::from_str(&text.map_err(|error| failed(&error))?).map_err(|error| failed(&error))? {
        Value::Object(ruleset) => Ok(ruleset),
        rules => Ok(Map::from_iter([("rules".to_owned(), rules)])),
    }
}

/// An object without what nobody has said.
fn said(mut body: Value) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    body
}

fn put(segments: &[&str], why: &Why) -> Ask {
    because(Ask::new(Method::PUT, segments), why)
}

fn delete(segments: &[&str], why: &Why) -> Ask {
    because(Ask::new(Method::DELETE, segments), why)
}

fn because(ask: Ask, why: &Why) -> Ask {
    Ask { if_match: why.if_match, ..ask.with("reason", why.reason.as_ref()) }
}

fn list<const N: usize>(at: &Where, ask: Ask, columns: [Column; N]) -> Result<(), Failure> {
    list_by(at, ask, |items| table(items, columns))
}

fn list_by(at: &Where, ask: Ask, shown: impl FnOnce(&[Value]) -> String) -> Result<(), Failure> {
    let items = Remote::new(at)?.list(ask)?;
    print(at, &items.into(), shown);
    Ok(())
}

fn print(at: &Where, items: &Value, shown: impl FnOnce(&[Value]) -> String) {
    let text = match items.as_array() {
        Some(items) if !at.json => shown(items),
        _ => format!("{items:#}\n"),
    };
    output::to_stdout(&text);
}

/// One thing, which is JSON for people as well.
fn show(at: &Where, ask: &Ask) -> Result<(), Failure> {
    output::to_stdout(&format!("{:#}\n", Remote::new(at)?.json(ask)?));
    Ok(())
}

/// A change, of which people see that it is done.
fn change(at: &Where, ask: &Ask) -> Result<(), Failure> {
    let answer = Remote::new(at)?.json(ask)?;
    let text = match &answer["revision"] {
        _ if at.json && !answer.is_null() => format!("{answer:#}\n"),
        Value::Null => "done\n".to_owned(),
        revision => format!("done: revision {revision}\n"),
    };
    output::to_stdout(&text);
    Ok(())
}

/// Something new, of which people see one field: what they have to keep.
fn tell(at: &Where, ask: &Ask, field: &str) -> Result<(), Failure> {
    let answer = Remote::new(at)?.json(ask)?;
    let text = match answer[field].as_str() {
        Some(text) if !at.json => format!("{text}\n"),
        _ => format!("{answer:#}\n"),
    };
    output::to_stdout(&text);
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
