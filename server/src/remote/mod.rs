//! What the command line asks of a limiter that runs: the same as its pages, through the same API.

pub(crate) mod args;
mod http;
mod run;
mod show;
mod top;

pub(crate) use self::run::{RemoteCommand, run};
