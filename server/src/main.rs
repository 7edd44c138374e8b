//! The `timebudget` binary: serves a demonstration app behind a time budget, checks, shows and explains its rules, prints
//! time zones.

mod access;
mod admin;
mod args;
mod asked;
mod check;
mod config;
mod demo;
mod discreet;
mod explain;
mod gateway;
mod histogram;
mod last;
mod limits;
mod listen;
mod metrics;
mod output;
mod reload;
mod remote;
mod replay;
mod request_id;
mod serve;
mod signals;
mod source;
mod traces;
mod zone;

use std::process::ExitCode;

use env_logger::Env;

use crate::args::{Args, Command};
use crate::output::Failure;

/// Everything at `info`, but for actix's account of how it starts, which `listening on` says in one line.
const LOG_LEVELS: &str = "info,actix_server=warn,actix_http::h1::dispatcher=off";

fn main() -> ExitCode {
    env_logger::Builder::from_env(Env::default().default_filter_or(LOG_LEVELS)).init();
    match run(&discreet::parsed::<Args>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        None => serve::run(&args.serve),
        Some(Command::Serve(serve)) => serve::run(serve),
        Some(Command::Check { files }) => check::run(files),
        Some(Command::Config(args)) => config::run(args),
        Some(Command::Limits(args)) => limits::run(args),
        Some(Command::Explain(args)) => explain::run(args),
        Some(Command::Zone { name }) => zone::run(name),
        Some(Command::Replay(args)) => replay::run(args),
        Some(Command::Remote(command)) => remote::run(command),
    }
}
