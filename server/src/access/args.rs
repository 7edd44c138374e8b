//! What the command line says of logs.

use std::path::PathBuf;

/// What is logged of requests.
#[derive(Debug, clap::Args)]
pub(crate) struct AccessArgs {
    /// Where to write a line of JSON for each request; - is standard output. SIGHUP opens the file anew [default: nowhere]
    #[arg(long, value_name = "FILE")]
    pub(crate) access_log: Option<PathBuf>,
    /// Write the queries of paths, too, though they may hold secrets
    #[arg(long, requires = "access_log")]
    pub(crate) access_log_query: bool,
    /// The most lines a second on standard error about refusals and budgets of which four fifths are spent; 0 for none
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) log_refusals: u16,
}
