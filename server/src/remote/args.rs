//! Arguments that several commands for a limiter that runs have.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Where the limiter answers, and who asks.
#[derive(Debug, Args)]
pub(crate) struct Where {
    /// Where its admin listener is
    #[arg(
        long,
        value_name = "URL",
        env = "TIMEBUDGET_ADMIN",
        hide_env_values = true,
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

/// A thing by its name, and why it is changed.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// Its name, or its id where `list` prints one
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) why: Why,
}

/// Of which site and rule.
#[derive(Debug, Args)]
pub(crate) struct Place {
    #[arg(long)]
    pub(crate) site: Option<String>,
    #[arg(long)]
    pub(crate) rule: Option<String>,
}

/// From when until when, as 2027-01-01T00:00:00Z.
#[derive(Debug, Args)]
pub(crate) struct Span {
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
}
