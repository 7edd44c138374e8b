//! What the command line asks of a limiter that runs: the same as its pages, through the same API.

mod answer;
mod args;
mod clients;
mod http;
mod people;
mod rules;
mod run;
mod show;
mod spent;
mod top;

pub(crate) use self::run::{RemoteCommand, run};
