//! The command line.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::access::AccessArgs;
use crate::gateway::GatewayArgs;
use crate::listen::ListenArgs;
use crate::remote::RemoteCommand;
use crate::replay::ReplayArgs;

/// The whole command line; without a subcommand it is that of `serve`.
#[derive(Debug, Parser)]
#[command(name = "timebudget", version, about, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
}

/// What the binary can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve an application behind the time budgets of site files, or a demonstration app (the default)
    Serve(Box<ServeArgs>),
    /// Check site files, and directories of sites: exit status 0, or 2 with every error
    Check {
        /// Site files, or directories with common_site_config.json and HOST/site_config.json
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Print the effective configuration: every key of each site, and who says its value
    Config(ConfigArgs),
    /// Print the rules of each site as a table
    Limits(SourceArgs),
    /// Explain a request: which rules match, which not and why, whose account they use, and what is answered
    Explain(ExplainArgs),
    /// Print a time zone: the data in force, its next transitions, and the windows around now
    Zone {
        /// An IANA name such as Europe/Paris
        name: String,
    },
    /// Replay access logs: what the rules would have refused of their traffic
    Replay(ReplayArgs),
    #[command(flatten)]
    Remote(RemoteCommand),
}

/// Where the rules come from.
#[derive(Debug, clap::Args)]
pub(crate) struct SourceArgs {
    /// A site file, whose rules hold for every host [default: the rules of site_config.example.json]
    #[arg(long, value_name = "FILE", conflicts_with = "sites")]
    pub(crate) site: Option<PathBuf>,
    /// A directory of sites: common_site_config.json and HOST/site_config.json
    #[arg(long, value_name = "DIR")]
    pub(crate) sites: Option<PathBuf>,
}

/// Where accounts are kept.
#[derive(Debug, clap::Args)]
pub(crate) struct StoreArgs {
    /// Where accounts are kept: memory://, memory://?snapshot=FILE, redis://…, rediss://…, redis+unix://…,
    /// redis+sentinel://… or redis+cluster://…, each with ?max_accounts=N
    /// [default: RATELIMIT_STORAGE_URI, or rate_limit_store, or memory://]
    // A plain string, since clap would repeat a wrong URI in full, and a URI can hold a password.
    #[arg(long, value_name = "URI")]
    pub(crate) store: Option<String>,
}

/// What to print the configuration of.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// The request to explain, and the rules to explain it by.
#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// The request's method
    #[arg(value_name = "METHOD")]
    pub(crate) method: String,
    /// The request's target: a path, with a query if it has one
    #[arg(value_name = "TARGET")]
    pub(crate) target: String,
    /// A header of the request, 'Name: value'; several times for several
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    pub(crate) headers: Vec<String>,
    /// The address of the peer that sends it [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) ip: Option<IpAddr>,
    /// The host that it is for, which chooses the site [default: localhost]
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<String>,
    /// The pattern of the route that it reaches, such as /users/{id} [default: no route]
    #[arg(long, value_name = "PATTERN")]
    pub(crate) route: Option<String>,
}

/// How to serve.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    /// Threads that serve [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) workers: Option<u16>,
    #[command(flatten)]
    pub(crate) gateway: GatewayArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

/// Run-time control: what people see and change while it serves.
#[derive(Debug, clap::Args)]
pub(crate) struct AdminArgs {
    /// Where to serve /live, /ready and /metrics, and the API and the pages of run-time control; port 0 takes a free one
    /// [default: nowhere]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) admin: Option<String>,
    /// The database of what people decide: sqlite://FILE, postgres://USER:PASSWORD@HOST/NAME where several nodes share it, or
    /// none for no run-time control [default with --admin: sqlite://timebudget.db beside the site files]
    // A plain string, since clap would repeat a wrong URI in full, and a URI can hold a password.
    #[arg(long, value_name = "URI")]
    pub(crate) database: Option<String>,
    /// The path that the pages are under, with the API below it
    #[arg(long, value_name = "PATH", default_value = "/", requires = "admin", value_parser = page_path)]
    pub(crate) page_path: String,
    /// Peers that are believed about whom they speak for, as rate_limit_trusted_proxies has them: addresses and networks
    /// such as 10.0.0.0/8, and unix; apart by commas. The audit shows whom they name, and wrong tokens are counted by it
    /// [default: nobody]
    #[arg(long, value_name = "LIST", value_delimiter = ',', requires = "admin")]
    pub(crate) admin_trusted_proxies: Vec<String>,
    /// The header in which they say so, as rate_limit_forwarded_header has it [default: X-Forwarded-For]
    #[arg(long, value_name = "NAME", requires = "admin_trusted_proxies")]
    pub(crate) admin_forwarded_header: Option<String>,
    /// Browsers reach the pages over HTTPS, through a proxy that ends it: cookies travel over nothing else
    #[arg(long, requires = "admin")]
    pub(crate) admin_https: bool,
    /// Whoever reaches the admin listener may read /ready and /metrics; otherwise this machine may, and members by their
    /// tokens
    #[arg(long, requires = "admin")]
    pub(crate) admin_open_metrics: bool,
    /// Keep the requests of the last hour, so that drafts of rules can be replayed on them, in so many megabytes of memory: about
    /// ten thousand requests each [default: none are kept]
    #[arg(long, value_name = "MB", requires = "admin")]
    pub(crate) recent_requests: Option<NonZeroU16>,
}

/// An address to listen on, as it is written; whether there is a host of the name is found out later.
fn address(text: &str) -> Result<String, &'static str> {
    let is_host = |host: &str| {
        !host.is_empty() && host.chars().all(|letter| letter.is_alphanumeric() || "-._".contains(letter))
    };
    let is_named = |text: &str| {
        text.rsplit_once(':').is_some_and(|(host, port)| is_host(host) && port.parse::<u16>().is_ok())
    };
    match text.parse::<SocketAddr>().is_ok() || is_named(text) {
        true => Ok(text.to_owned()),
        false => Err("expected an address and a port, such as 127.0.0.1:8081"),
    }
}

/// A path that stands for itself alone: the router would take braces and stars for patterns.
fn page_path(text: &str) -> Result<String, &'static str> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/-._~".contains(letter);
    match text.starts_with('/') && text.chars().all(is_plain) {
        true => Ok(text.to_owned()),
        false => Err("expected a path of letters, digits and -._~ such as /limits"),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn without_arguments_it_serves_the_example() {
        let args = Args::parse_from(["timebudget"]);
        assert!(args.command.is_none());
        assert!(args.serve.listen.listen.is_empty());
        assert_eq!((args.serve.source.site, args.serve.source.sites), (None, None));
    }

    #[test]
    fn one_site_and_a_directory_of_sites_exclude_each_other() {
        let args = ["timebudget", "serve", "--site", "a.json", "--sites", "sites"];
        assert!(Args::try_parse_from(args).is_err());
    }

    #[test]
    fn the_proxy_protocol_is_refused_with_what_to_do_instead() {
        for args in [&["timebudget", "--proxy-protocol"][..], &["timebudget", "--proxy-protocol", "v2"]] {
            let told = Args::try_parse_from(args).unwrap_err().to_string();
            assert!(told.contains("X-Forwarded-For"), "{told}");
        }
    }

    #[test]
    fn a_certificate_needs_its_key() {
        assert!(Args::try_parse_from(["timebudget", "--tls-cert", "a.pem"]).is_err());
        assert!(Args::try_parse_from(["timebudget", "--tls-key", "a.pem"]).is_err());
    }

    #[test]
    fn nobody_asks_for_no_worker_at_all() {
        assert!(Args::try_parse_from(["timebudget", "serve", "--workers", "0"]).is_err());
    }
}
