//! `timebudget replay`: what a configuration would have refused of the traffic in access logs.
//!
//! Logs ([`input`], [`logs`]) are read by their formats ([`mod@format`]) into requests ([`request`]), which are put into the order in which
//! they began ([`order`]) and pass a [trial](timebudget_control::replay), which lets each go through the real limiter; what has become of
//! them is printed ([`report`], [`page`], [`decisions`]), with budgets that would fit ([`suggest`]).

mod args;
mod decisions;
mod format;
mod input;
mod logs;
mod order;
mod page;
mod report;
mod request;
mod seen;
mod suggest;
mod waiting;

use std::fs::{self, Metadata};
use std::io::{self, IsTerminal as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use timebudget::config::{Configuration, Environment, Loaded};
use timebudget::tzdata;
use timebudget_control::replay::{Trial, name_of};

pub(crate) use self::args::ReplayArgs;
use self::decisions::Decisions;
use self::format::Wanted;
use self::logs::Logs;
use self::order::{Order, Place};
use self::report::Report;
use self::seen::OfLog;
use self::suggest::Suggestions;
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
    spares_inputs(args)?;
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

/// Refuses to write over what is read, by whatever names.
fn spares_inputs(args: &ReplayArgs) -> Result<(), Failure> {
    let known =
        |path: &Path| fs::metadata(path).ok().filter(Metadata::is_file).map(|of| (of.dev(), of.ino()));
    let of_log =
        |log: &PathBuf| if log.as_os_str() == "-" { PathBuf::from("/dev/stdin") } else { log.clone() };
    let files = [&args.source.site, &args.against].into_iter().flatten().cloned();
    let inputs: Vec<_> = args.logs.iter().map(of_log).chain(files).collect();
    for (option, output) in [("--html", &args.html), ("--requests", &args.requests)] {
        let Some(output) = output else { continue };
        let Some(file) = known(output) else { continue };
        if let Some(input) = inputs.iter().find(|input| known(input) == Some(file)) {
            let (output, input) = (output.display(), input.display());
            return Err(Failure::wrong(format!(
                "{option} {output}: is what is read, {input}; expected another file"
            )));
        }
    }
    Ok(())
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

/// A replay on its way, and what became of all so far.
pub(crate) struct Replay {
    host: String,
    pub(crate) trial: Trial,
    pub(crate) order: Order,
    pub(crate) suggestions: Option<Suggestions>,
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
            trial: Trial::new(loaded),
            order: Order::new(args.charge),
            suggestions: args.suggest.then(Suggestions::default),
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
        self.trial.finish();
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
        let past = OfLog { request, format: logs.format(log) };
        let host = if request.host().is_empty() { &self.host[..] } else { request.host() };
        if let Some(passed) = self.trial.pass(&past, host) {
            if let Some(suggestions) = &mut self.suggestions {
                suggestions.add(passed.site, request, passed.who, passed.cost);
            }
            if let Some(decisions) = &mut self.decisions {
                let client = passed.who.map(|_| name_of(&passed.who));
                let written = decisions.write(logs.given(log), request, client, passed.said);
                self.unwritten = self.unwritten.take().or(written.err());
            }
        }
        self.order.free(place);
    }
}
