//! Reloading: new rules for a running server, or the old ones if the new are wrong.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use timebudget::Sites;
use timebudget::config::{Configuration, Errors, Files, Loaded, WrongSite};
use timebudget::store::StoreUri;

use crate::source::Source;
use crate::watch::Watch;

/// How long the files must have been left alone before they are read: several writes make one change.
const QUIET: Duration = Duration::from_millis(100);

/// How long to wait for that, where something else in a directory is written all the time.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why the rules are to be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Somebody asked for it, and wants an answer in any case.
    Asked,
    /// Something happened in a directory of theirs, which may have been nothing to them.
    Changed,
}

/// What keeps a running server's rules like those of its source.
pub(crate) struct Reloader {
    source: Source,
    /// Under the environment of the start, which stays as it was.
    files: Files,
    sites: Arc<Sites>,
    /// Where accounts are kept until the process ends.
    store: StoreUri,
    /// What the source said last, so that a change elsewhere in its directories is no news.
    last: Result<Configuration, Errors>,
    /// The sites that are known to be wrong, so that each mistake is told once.
    wrong: Vec<WrongSite>,
    /// `None` where there is nothing to watch or no way to.
    watch: Option<Watch>,
}

impl Reloader {
    /// Begins to watch the source on a thread of its own; what is sent to the other end of the channel reloads, too.
    ///
    /// # Errors
    ///
    /// The system has no thread to give.
    pub(crate) fn start(
        source: Source,
        files: Files,
        sites: Arc<Sites>,
        read: Configuration,
    ) -> io::Result<Sender<Cause>> {
        let (asking, causes) = mpsc::channel();
        // What was changed between the first reading and the first watch is noticed by reading once more.
        let _ = asking.send(Cause::Changed);
        let (store, watch) = (read.store.clone(), watch(asking.clone()));
        let wrong = read.loaded.wrong.clone();
        let mut reloader = Self { source, files, sites, store, last: Ok(read), wrong, watch };
        reloader.follow();
        thread::Builder::new().name("reload".to_owned()).spawn(move || reloader.run(&causes))?;
        Ok(asking)
    }

    fn run(mut self, causes: &Receiver<Cause>) {
        while let Ok(cause) = causes.recv() {
            let cause = if cause == Cause::Changed { settled(causes) } else { cause };
            // First watched, then read: what happens in between is read again.
            self.follow();
            self.reload(cause);
        }
    }

    fn follow(&mut self) {
        if let Some(watch) = &mut self.watch {
            watch.follow(self.source.directories());
        }
    }

    fn reload(&mut self, cause: Cause) {
        let read = self.files.read();
        if cause == Cause::Asked || read != self.last {
            match &read {
                Ok(read) => self.put_in_force(read, cause),
                Err(errors) => self.refuse(errors),
            }
        }
        self.last = read;
    }

    fn put_in_force(&mut self, read: &Configuration, cause: Cause) {
        // Who asks is told everything once more.
        tell(read, Some(&self.wrong).filter(|_| cause == Cause::Changed));
        self.tell_of_healed(&read.loaded);
        self.wrong.clone_from(&read.loaded.wrong);
        if read.store != self.store {
            log::warn!(
                "rate_limit_store: another store; accounts stay in {} until the next start",
                self.store.discreet()
            );
        }
        self.sites.replace(read.loaded.clone());
        log::info!("{}: reloaded", self.source);
    }

    fn tell_of_healed(&self, loaded: &Loaded) {
        let is_right = |name: &str| {
            let is_there = loaded.sites.iter().any(|(other, _)| other == name);
            is_there && loaded.wrong.iter().all(|wrong| wrong.site != name)
        };
        for healed in self.wrong.iter().filter(|wrong| is_right(&wrong.site)) {
            log::info!("{}: right again; its rules are in force", healed.site);
        }
    }

    fn refuse(&self, errors: &Errors) {
        for problem in errors.problems() {
            log::error!("{problem}");
        }
        log::error!("{}: not reloaded; the rules in force stay", self.source);
    }
}

/// Logs what may not be meant, and what is wrong with single sites, unless that is known.
pub(crate) fn tell(read: &Configuration, known: Option<&Vec<WrongSite>>) {
    for warning in &read.loaded.warnings {
        log::warn!("{warning}");
    }
    for wrong in &read.loaded.wrong {
        if known.is_none_or(|known| !known.contains(wrong)) {
            wrong.errors.problems().iter().for_each(|problem| log::error!("{problem}"));
            log::error!("{}: its file is wrong; {}", wrong.site, wrong.meanwhile);
        }
    }
    for unmet in &read.unmet {
        log::error!("{unmet}");
    }
}

fn watch(asking: Sender<Cause>) -> Option<Watch> {
    let watch = Watch::new(move || {
        // Where nobody receives any more, the server has ended.
        let _ = asking.send(Cause::Changed);
    });
    watch.inspect_err(|error| log::warn!("files cannot be watched; SIGHUP reloads: {error}")).ok()
}

/// Waits until the files have been left alone for a while, or somebody asks.
fn settled(causes: &Receiver<Cause>) -> Cause {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        match causes.recv_timeout(QUIET) {
            Ok(Cause::Changed) => {}
            Ok(Cause::Asked) => return Cause::Asked,
            Err(_) => break,
        }
    }
    Cause::Changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_changes_at_once_are_one() {
        let (asking, causes) = mpsc::channel();
        for _ in 0..1_000 {
            asking.send(Cause::Changed).ok();
        }
        assert_eq!(settled(&causes), Cause::Changed);
        assert!(causes.try_recv().is_err());
    }

    #[test]
    fn who_asks_does_not_wait_until_the_files_are_left_alone() {
        let (asking, causes) = mpsc::channel();
        for cause in [Cause::Changed, Cause::Asked, Cause::Changed] {
            asking.send(cause).ok();
        }
        assert_eq!(settled(&causes), Cause::Asked);
        assert_eq!(causes.try_recv(), Ok(Cause::Changed));
    }
}
