//! Members and the audit: who may, and who did.

use std::io;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use ureq::http::Method;

use crate::output::{self, Failure};
use crate::remote::answer::{change, list, put, tell};
use crate::remote::args::{Named, Span, To, Why};
use crate::remote::http::{Ask, Remote};
use crate::remote::show::Cell;

#[derive(Debug, Subcommand)]
pub(crate) enum Members {
    /// Print them
    List,
    /// Let somebody in, and print the token: this once
    Add {
        name: String,
        #[arg(long, value_enum)]
        role: Role,
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Give somebody another role
    Set {
        name: String,
        #[arg(long, value_enum)]
        role: Role,
        #[command(flatten)]
        why: Why,
    },
    /// Make somebody another token, and print it: this once
    Token { name: String },
    /// Take somebody's token away
    Remove(Named),
}

/// What a member may do.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Role {
    /// Everything
    Owner,
    /// Overrides, grants, resets, keys and users
    Operator,
    /// Read
    Viewer,
}

impl Role {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Operator => "operator",
            Self::Viewer => "viewer",
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Print who changed what, the newest first
    List(AuditFilter),
    /// Say whether every row is as it was written, and which is the newest
    Verify {
        /// A row that must be there, NUMBER:DIGEST, as it was said of the newest before and was kept elsewhere since
        #[arg(long, value_name = "NUMBER:DIGEST")]
        from: Option<String>,
    },
    /// Print all of it
    Export {
        #[arg(long, value_enum, default_value_t = Format::Jsonl)]
        format: Format,
        #[command(flatten)]
        filter: AuditFilter,
    },
}

/// Which rows of the audit.
#[derive(Debug, Args)]
pub(crate) struct AuditFilter {
    /// Who changed something
    #[arg(long, value_name = "MEMBER")]
    pub(crate) actor: Option<String>,
    /// What was changed, as overrides or users/alice
    #[arg(long)]
    pub(crate) what: Option<String>,
    #[command(flatten)]
    pub(crate) span: Span,
}

/// How the audit is exported.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    Jsonl,
    Csv,
}

pub(crate) fn members(to: &To<Members>) -> Result<(), Failure> {
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
        Members::Remove(named) => change(&to.at, &named.delete("members")),
    }
}

pub(crate) fn audit(to: &To<Audit>) -> Result<(), Failure> {
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
        Audit::Verify { from } => {
            let ask = Ask::get(&["audit", "verify"]).with("from", from.as_ref());
            let found = Remote::new(&to.at)?.json(&ask)?;
            if to.at.json {
                output::to_stdout(&format!("{found:#}\n"));
            }
            match (found["whole"].as_bool(), &found["broken_at"]) {
                (Some(true), _) if to.at.json => Ok(()),
                (Some(true), _) => {
                    let newest = found["newest"].as_str().unwrap_or("none");
                    output::to_stdout(&format!("whole: {} rows\nnewest: {newest}\n", found["rows"]));
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
    let AuditFilter { actor, what, span } = filter;
    span.of(Ask::get(&["audit"]).with("actor", actor.as_ref()).with("what", what.as_ref()))
}
