//! `timebudget replay`: what a configuration would have refused of the traffic in access logs.
//!
//! Each request goes through the real limiter, on a clock that is moved through the log's time: logs ([`input`], [`logs`]) are read by
//! their formats ([`mod@format`]) into requests ([`request`]), which are put into the order in which they began ([`order`]) and let arrive in
//! worlds ([`world`]); what becomes of them is counted ([`tally`], [`windows`], [`suggest`]), and printed ([`report`], [`page`]).

mod args;
mod bounded;
mod decisions;
mod format;
mod input;
mod logs;
mod order;
mod page;
mod report;
mod request;
mod routes;
mod seen;
mod suggest;
mod tally;
mod windows;
mod world;

use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use timebudget::config::{Configuration, Environment, Loaded};
use timebudget::tzdata;

pub(crate) use self::args::ReplayArgs;
use self::decisions::Decisions;
use self::format::Wanted;
use self::logs::Logs;
use self::order::{Order, Place};
use self::report::Report;
use self::suggest::Suggestions;
use self::tally::{Said, Tally, Who};
use self::world::World;
use crate::limits;
use crate::output::{self, Failure};
use crate::source::Source;

/// Replays logs and prints what became of their requests.
///
/// # Errors
///
/// All that is wrong with the configurations; a log that cannot be read, or whose format nobody knows; a page that cannot be written.
pub(crate) fn run(args: &ReplayArgs) -> Result<(), Failure> {
    let source = Source::of(&args.source);
    let mut configurations = vec![(source.to_string(), read(&source)?)];
    if let Some(path) = &args.against {
        let against = Source::at(path);
        configurations.push((against.to_string(), read(&against)?));
    }
    let zone = args.zone.as_deref().map(tzdata::zone).transpose();
    let zone =
        zone.map(|zone| zone.map(Arc::new)).map_err(|error| Failure::wrong(format!("--zone: {error}")))?;
    let wanted = Wanted::new(args.format.as_deref(), zone.as_ref()).map_err(Failure::wrong)?;
    let progress = progress(&args.logs);
    let mut logs = Logs::open(&args.logs, &wanted, &progress)?;
    let (names, loaded) = configurations.into_iter().unzip();
    let decisions = args.requests.as_deref().map(Decisions::create).transpose();
    let decisions = decisions.map_err(|error| cannot_write(args.requests.as_deref(), &error))?;
    let mut replay = Replay::new(args, loaded, decisions);
    replay.go(&mut logs)?;
    replay.finish_decisions().map_err(|error| cannot_write(args.requests.as_deref(), &error))?;
    progress.finish_and_clear();
    let report = Report::new(args, names, &logs, &replay);
    output::to_stdout(&report.to_string());
    match &args.html {
        None => Ok(()),
        Some(file) => fs::write(file, page::page(&report)).map_err(|error| cannot_write(Some(file), &error)),
    }
}

fn cannot_write(file: Option<&Path>, error: &io::Error) -> Failure {
    Failure::system(format!("{}: cannot be written: {error}", file.unwrap_or(Path::new("")).display()))
}

fn read(source: &Source) -> Result<Loaded, Failure> {
    let read: Configuration = source.read(&Environment::from_process()).map_err(Failure::wrong)?;
    limits::tell(&read);
    Ok(read.loaded)
}

/// A bar on standard error if that is a terminal; of standard input nobody knows how much there is.
fn progress(logs: &[PathBuf]) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let sizes: Option<u64> = logs.iter().map(|log| fs::metadata(log).ok().map(|known| known.len())).sum();
    let (bar, template) = match sizes {
        Some(bytes) => {
            (ProgressBar::new(bytes), "{bytes} of {total_bytes} {wide_bar} {bytes_per_sec}, {eta} left")
        }
        None => (ProgressBar::new_spinner(), "{spinner} {bytes} {bytes_per_sec}"),
    };
    bar.enable_steady_tick(Duration::from_millis(200));
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// A replay on its way: the worlds, and what became of all so far.
pub(crate) struct Replay {
    host: String,
    /// The configurations, until the first request says when the worlds begin.
    loaded: Vec<Loaded>,
    pub(crate) worlds: Vec<World>,
    pub(crate) order: Order,
    pub(crate) tally: Tally,
    pub(crate) suggestions: Option<Suggestions>,
    /// What the worlds have said of the request at hand.
    said: Vec<Said>,
    decisions: Option<Decisions>,
    /// Whether they could not be written.
    unwritten: Option<io::Error>,
    /// Of which log the requests in their places are.
    logs_of: Vec<u16>,
}

impl Replay {
    fn new(args: &ReplayArgs, loaded: Vec<Loaded>, decisions: Option<Decisions>) -> Self {
        Self {
            host: args.host.clone().unwrap_or_default(),
            loaded,
            worlds: Vec::new(),
            order: Order::new(args.charge),
            tally: Tally::default(),
            suggestions: args.suggest.then(Suggestions::default),
            said: Vec::new(),
            decisions,
            unwritten: None,
            logs_of: Vec::new(),
        }
    }

    fn go(&mut self, logs: &mut Logs) -> Result<(), Failure> {
        loop {
            let place = self.order.vacate();
            let Some(log) = logs.read(self.order.at(place))? else { break };
            self.belongs(place, log);
            self.order.push(place);
            while let Some(next) = self.order.next() {
                self.pass(logs, next);
            }
        }
        self.order.finish();
        while let Some(next) = self.order.rest() {
            self.pass(logs, next);
        }
        self.worlds.iter_mut().for_each(World::finish);
        Ok(())
    }

    fn finish_decisions(&mut self) -> io::Result<()> {
        let finished = self.decisions.take().map_or(Ok(()), Decisions::finish);
        self.unwritten.take().map_or(finished, Err)
    }

    fn belongs(&mut self, place: Place, log: usize) {
        let place = place as usize;
        if self.logs_of.len() <= place {
            self.logs_of.resize(place + 1, 0);
        }
        self.logs_of[place] = log as u16;
    }

    /// Lets a request pass through all worlds.
    fn pass(&mut self, logs: &Logs, place: Place) {
        let request = self.order.at(place);
        let log = usize::from(self.logs_of[place as usize]);
        let format = logs.format(log);
        if self.worlds.is_empty() {
            let start = request.start;
            self.worlds = self.loaded.drain(..).map(|loaded| World::new(loaded, start)).collect();
        }
        let expected = self.tally.meet(request);
        let runs = if request.was_refused { expected } else { request.runs };
        let cost = runs + request.extra;
        let host = if request.host().is_empty() { &self.host[..] } else { request.host() };
        self.said.clear();
        for world in &mut self.worlds {
            let arrived = world.arrive(request, format, host, runs);
            self.said.push(arrived.map_or(Said::Undecided, Said::Decided));
        }
        if let Some((site, who)) = self.worlds.first().and_then(World::met) {
            self.tally.add(request, cost, site.name(), who, &self.said);
            if let Some(suggestions) = &mut self.suggestions {
                suggestions.add(site, request, who, cost);
            }
            if let Some(decisions) = &mut self.decisions {
                let client = who.map(|_| name_of(&who));
                let written = decisions.write(logs.given(log), request, client, &self.said);
                self.unwritten = self.unwritten.take().or(written.err());
            }
        }
        self.order.free(place);
    }
}

/// A client in words.
pub(crate) fn name_of(who: &Who) -> String {
    match who {
        None => "without an address".to_owned(),
        Some((ip, 32 | 128)) => ip.to_string(),
        Some((ip, length)) => format!("{ip}/{length}"),
    }
}
