//! Reloading: the watch over the directories in which somebody may change the rules, joined with what reads the files.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use timebudget::{Reloader, Watcher};

use crate::admin;

/// Reads the files whenever something happens in a directory of theirs, until the program ends.
///
/// # Errors
///
/// The system has no thread to give.
pub(crate) fn start(reloader: &Arc<Reloader>) -> io::Result<Watcher> {
    let told = Arc::new(OnceLock::new());
    let mut watch = watch(Arc::clone(&told));
    let read = Arc::clone(reloader);
    // First watched, then read: what happens in between is read again.
    let watcher = reloader.watch(None, move || {
        if let Some(watch) = &mut watch {
            watch.follow(read.directories());
        }
    })?;
    // What was changed between the first reading and the first watch is noticed by reading once more.
    told.get_or_init(|| watcher.clone()).look();
    Ok(watcher)
}

/// `None` where there is no way to watch.
fn watch(told: Arc<OnceLock<Watcher>>) -> Option<Watch> {
    let watch = Watch::new(move || {
        if let Some(watcher) = told.get() {
            watcher.look();
        }
    });
    watch.inspect_err(|error| log::warn!("files cannot be watched; SIGHUP reloads: {error}")).ok()
}

/// The directories that are watched.
pub(crate) struct Watch {
    watcher: RecommendedWatcher,
    watched: BTreeSet<PathBuf>,
    /// Those of which it has been said that they cannot be watched.
    refused: BTreeSet<PathBuf>,
}

impl Watch {
    /// A watch over nothing yet, that tells of changes.
    ///
    /// `tell` is called on a thread of the watch's own, several times for most changes.
    ///
    /// # Errors
    ///
    /// The system has no watch left to give.
    pub(crate) fn new(tell: impl Fn() + Send + 'static) -> notify::Result<Self> {
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // An error can stand for events that were lost.
            if event.map_or(true, |event| is_change(event.kind) && !is_own(&event.paths)) {
                tell();
            }
        })?;
        Ok(Self { watcher, watched: BTreeSet::new(), refused: BTreeSet::new() })
    }

    /// Watches these directories and no others; a warning names one that cannot be watched, once.
    pub(crate) fn follow(&mut self, directories: BTreeSet<PathBuf>) {
        for gone in self.watched.difference(&directories) {
            // A directory that was removed has taken its watch along.
            let _ = self.watcher.unwatch(gone);
        }
        self.refused.retain(|directory| directories.contains(directory));
        for directory in &directories {
            self.watch(directory);
        }
        self.watched = directories;
    }

    /// Watches a directory, also one that is watched already: another one may bear its name by now.
    fn watch(&mut self, directory: &Path) {
        match self.watcher.watch(directory, RecursiveMode::NonRecursive) {
            Ok(()) => {
                self.refused.remove(directory);
            }
            Err(error) if self.refused.insert(directory.to_owned()) => {
                log::warn!("{}: cannot be watched; SIGHUP reloads: {error}", directory.display());
            }
            Err(_) => {}
        }
    }
}

/// Whether nothing but files of run-time control was changed, which lie beside the site files and are written all the time.
fn is_own(paths: &[PathBuf]) -> bool {
    !paths.is_empty() && paths.iter().all(|path| admin::is_own(path))
}

/// Whether an event can change what a file says; to read the files is an event, too, and must not cause another.
fn is_change(kind: EventKind) -> bool {
    !kind.is_access() || kind == EventKind::Access(AccessKind::Close(AccessMode::Write))
}
