//! Reloading: the watch over the directories, joined with what reads the files.

use std::io;
use std::sync::{Arc, OnceLock};

use timebudget::{Reloader, Watcher};

use crate::watch::Watch;

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
