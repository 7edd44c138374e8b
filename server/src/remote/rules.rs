//! Rulesets, the policy, and sites: which rules hold where.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use ureq::http::Method;

use crate::output::{self, Failure};
use crate::remote::answer::{change, list, list_by, put, show};
use crate::remote::args::{Named, To, Where, Why};
use crate::remote::http::{Ask, Remote};
use crate::remote::show::{Cell, table};

#[derive(Debug, Subcommand)]
pub(crate) enum Rulesets {
    /// Print their names, what they are for, and what uses them
    List,
    /// Print one as JSON
    Get { name: String },
    /// Make one, or replace it, by the rules of a file: a list as in rate_limit_rules, or a whole ruleset
    Put {
        name: String,
        /// The file; - is standard input
        file: PathBuf,
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        #[command(flatten)]
        why: Why,
    },
    /// Say what is wrong with the rules of a file, and change nothing
    Check { file: PathBuf },
    /// Remove one that nothing uses
    Delete(Named),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Print which rulesets hold for all sites
    Get,
    /// Say which ruleset holds for all sites, those to come included
    Set {
        #[command(flatten)]
        hosts: Hosts,
        #[command(flatten)]
        why: Why,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Sites {
    /// Print the sites with their rules in force, and where each comes from
    List,
    /// Give a site a ruleset of its own
    Assign {
        site: String,
        #[command(flatten)]
        hosts: Hosts,
        #[command(flatten)]
        why: Why,
    },
}

/// Rulesets for the two kinds of hosts.
#[derive(Debug, Args)]
pub(crate) struct Hosts {
    /// For published hosts: a ruleset, or none; of one site also inherit
    #[arg(long, value_name = "RULESET")]
    pub(crate) published: Option<String>,
    /// For unpublished hosts: the same
    #[arg(long, value_name = "RULESET")]
    pub(crate) unpublished: Option<String>,
}

pub(crate) fn rulesets(to: &To<Rulesets>) -> Result<(), Failure> {
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
        Rulesets::Delete(named) => change(&to.at, &named.delete("rulesets")),
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

pub(crate) fn policy(to: &To<Policy>) -> Result<(), Failure> {
    match &to.what {
        Policy::Get => show(&to.at, &Ask::get(&["policy"])),
        Policy::Set { hosts, why } => set_hosts(&to.at, &["policy"], hosts, why),
    }
}

pub(crate) fn sites(to: &To<Sites>) -> Result<(), Failure> {
    match &to.what {
        Sites::List => list_by(&to.at, Ask::get(&["sites"]), of_sites),
        Sites::Assign { site, hosts, why } => set_hosts(&to.at, &["sites", site, "rulesets"], hosts, why),
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
fn set_hosts(at: &Where, path: &[&str], hosts: &Hosts, why: &Why) -> Result<(), Failure> {
    let hosts = [hosts.published.as_deref(), hosts.unpublished.as_deref()];
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
