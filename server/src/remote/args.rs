//! The commands for a limiter that runs.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Where the limiter answers, and who asks.
#[derive(Debug, Args)]
pub(crate) struct Where {
    /// Where its admin listener is
    #[arg(
        long,
        value_name = "URL",
        env = "TIMEBUDGET_ADMIN",
        default_value = "http://127.0.0.1:8081",
        global = true
    )]
    pub(crate) admin: String,
    /// A file with the token [default: the token in TIMEBUDGET_TOKEN]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) token_file: Option<PathBuf>,
    // No argument: other users of the machine see those.
    #[arg(skip = std::env::var("TIMEBUDGET_TOKEN").ok())]
    pub(crate) token: Option<String>,
    /// Print JSON, as the API answers
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// One of these commands, and where it goes.
#[derive(Debug, Args)]
pub(crate) struct To<C: Subcommand> {
    #[command(flatten)]
    pub(crate) at: Where,
    #[command(subcommand)]
    pub(crate) what: C,
}

/// Why something is changed: it stands in the audit.
#[derive(Debug, Args)]
pub(crate) struct Why {
    /// Why, for the audit
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Only if this is still the revision
    #[arg(long, value_name = "REVISION")]
    pub(crate) if_match: Option<u64>,
}

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
    Delete {
        name: String,
        #[command(flatten)]
        why: Why,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Print which rulesets hold for all sites
    Get,
    /// Say which ruleset holds for all sites, those to come included
    Set {
        /// For published hosts: a ruleset, or none
        #[arg(long, value_name = "RULESET")]
        published: Option<String>,
        /// For unpublished hosts: a ruleset, or none
        #[arg(long, value_name = "RULESET")]
        unpublished: Option<String>,
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
        /// For published hosts: a ruleset, none, or inherit
        #[arg(long, value_name = "RULESET")]
        published: Option<String>,
        /// For unpublished hosts: a ruleset, none, or inherit
        #[arg(long, value_name = "RULESET")]
        unpublished: Option<String>,
        #[command(flatten)]
        why: Why,
    },
}

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
    Delete {
        name: String,
        #[command(flatten)]
        why: Why,
    },
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
    Delete {
        name: String,
        #[command(flatten)]
        why: Why,
    },
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
    Delete {
        user: String,
        #[command(flatten)]
        why: Why,
    },
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
    Delete {
        id: String,
        #[command(flatten)]
        why: Why,
    },
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
    Revoke {
        id: String,
        #[command(flatten)]
        why: Why,
    },
}

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
    Remove {
        name: String,
        #[command(flatten)]
        why: Why,
    },
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
    /// Say whether every row is as it was written
    Verify,
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
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
}

/// How the audit is exported.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    Jsonl,
    Csv,
}

/// Which accounts.
#[derive(Debug, Args)]
pub(crate) struct AccountsArgs {
    #[command(flatten)]
    pub(crate) at: Where,
    #[arg(long)]
    pub(crate) site: Option<String>,
    #[arg(long)]
    pub(crate) rule: Option<String>,
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
    #[arg(long)]
    pub(crate) site: Option<String>,
    #[arg(long)]
    pub(crate) rule: Option<String>,
    /// By what it is told: time, route, method, outcome, rule, site, client or tier
    #[arg(long, default_value = "route")]
    pub(crate) by: String,
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    #[command(flatten)]
    pub(crate) at: Where,
}

#[derive(Debug, Args)]
pub(crate) struct TopArgs {
    #[command(flatten)]
    pub(crate) at: Where,
    #[arg(long)]
    pub(crate) site: Option<String>,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) every: u64,
    /// Look once, and end
    #[arg(long)]
    pub(crate) once: bool,
}
