//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

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
    /// Serve a demonstration app behind the time budgets of site files (the default)
    Serve(ServeArgs),
    /// Check site files, and directories of sites: exit status 0, or 2 with every error
    Check {
        /// Site files, or directories with common_site_config.json and HOST/site_config.json
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Print a time zone: the data in force, its next transitions, and the windows around now
    Zone {
        /// An IANA name such as Europe/Paris
        name: String,
    },
}

/// How to serve.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// A site file, whose rules hold for every host [default: the rules of site_config.example.json]
    #[arg(long, value_name = "FILE", conflicts_with = "sites")]
    pub(crate) site: Option<PathBuf>,
    /// A directory of sites: common_site_config.json and HOST/site_config.json
    #[arg(long, value_name = "DIR")]
    pub(crate) sites: Option<PathBuf>,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: String,
    /// Threads that serve [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) workers: Option<u16>,
    /// Where accounts are kept: memory://, memory://?snapshot=FILE, redis://…, rediss://…, redis+sentinel://… or redis+cluster://…
    // A plain string, since clap would repeat a wrong URI in full, and a URI can hold a password.
    #[arg(long, value_name = "URI", default_value = "memory://")]
    pub(crate) store: String,
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
    fn without_arguments_it_serves_on_the_local_port_8080() {
        let args = Args::parse_from(["timebudget"]);
        assert!(args.command.is_none());
        assert_eq!(args.serve.listen, "127.0.0.1:8080");
        assert_eq!((args.serve.site, args.serve.sites), (None, None));
    }

    #[test]
    fn one_site_and_a_directory_of_sites_exclude_each_other() {
        let args = ["timebudget", "serve", "--site", "a.json", "--sites", "sites"];
        assert!(Args::try_parse_from(args).is_err());
    }

    #[test]
    fn nobody_asks_for_no_worker_at_all() {
        assert!(Args::try_parse_from(["timebudget", "serve", "--workers", "0"]).is_err());
    }
}
