//! What `timebudget replay` is told.

use std::path::PathBuf;

use crate::args::SourceArgs;

/// Which log to replay, and the rules to replay it by.
#[derive(Debug, clap::Args)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// Access logs, as they come or compressed by gzip; `-` is standard input. Several are joined by their times
    #[arg(required = true, value_name = "LOG")]
    pub(crate) logs: Vec<PathBuf>,
    /// Another site file, or directory of sites, to compare with
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,
    /// The format of the logs: nginx, apache, apache-us, apache-s, caddy, traefik, traefik-json, haproxy or timebudget; or a
    /// log_format of nginx, '$remote_addr … $request_time', or a LogFormat of Apache, '%h … %D' [default: found in each log]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
    /// Which time a request is charged: the upstream's, where a log has both, or the whole request's
    #[arg(long, value_enum, value_name = "TIME", default_value = "upstream")]
    pub(crate) charge: Charged,
    /// The host that requests were for whose line does not say it
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<String>,
    /// The time zone of instants that are written without one, as HAProxy does [default: UTC]
    #[arg(long, value_name = "NAME")]
    pub(crate) zone: Option<String>,
    /// Suggest budgets for each client: those that would have refused the top 0.1, 1 and 5 % of clients, or of their time
    #[arg(long)]
    pub(crate) suggest: bool,
    /// Write the result as a page, too, which needs no network
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write what became of each request, a line of JSON each, in the order in which they began
    #[arg(long, value_name = "FILE")]
    pub(crate) requests: Option<PathBuf>,
    /// How many rows a table has at most
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) rows: usize,
}

/// Which time of a line a request is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Charged {
    /// The upstream's, where the line has it.
    Upstream,
    /// The whole request's, with the time in which its client sent and read.
    Request,
}
