//! The snapshot of a memory store: what its accounts have spent, over a restart.
//!
//! The file is read whole when a store is opened with it, and replaced at one stroke: it is written beside itself, synced and renamed,
//! so a process that is killed meanwhile leaves the one before. A file that is no snapshot is moved aside with a line
//! in the log, and the store begins empty, rather than not at all.
//!
//! What was read is handed to the shards unclaimed, because which calendars there are is known only when the rules are. A section is
//! claimed by the calendar of its zone and period, and by nobody once its window has ended.
//!
//! | what happens | what is there afterwards |
//! |---|---|
//! | the process is killed while it writes | the file before; `.new` beside it is removed at the next start |
//! | the disk is full | the file before; the half of a new one is removed, and the error is logged |
//! | the file is damaged, foreign, or of a version that is not read | `.refused` beside it; the store begins empty |
//! | every window in the file has ended | the same, but what requests cost is taken from it |
//! | another store has it, of this process or another | an error after five seconds; see `lock.rs` |
//! | the power fails after a rename | the new file, since it was synced before, and its directory after |

mod format;
mod lock;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{fmt, io};

use parking_lot::Mutex;

pub(crate) use self::format::{Account, Section};
use self::lock::lock;
use crate::model::{Learned, Now};
use crate::store::memory::snapshot::format::{Contents, Encoder, Unreadable, decode};

/// Where a store's accounts are written, and what was found there.
///
/// The secret is in it, so it has a `Debug` of its own. `found` is emptied by the first question for it: what was read lies in memory
/// once, and only until the shards have it.
pub(crate) struct Snapshot {
    path: PathBuf,
    /// What was read, until a clock says what of it lasts.
    found: Mutex<Option<Contents>>,
    secret: OnceLock<[u8; 16]>,
    /// What was read of what requests cost, until it is taken.
    learned: Mutex<Vec<Learned>>,
    /// Held while the file is replaced: two threads would write into each other's.
    replacing: Mutex<()>,
    /// Keeps others from it.
    _lock: File,
}

impl Snapshot {
    /// Reads what is at a path, if it can be trusted; what cannot is moved aside, and nothing is taken from it.
    ///
    /// # Errors
    ///
    /// The file cannot be read, replaced or moved aside, or another store has it; the text names it.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        // Before anything is touched that another one may be writing.
        let _lock = lock(&beside(&path, ".lock"), &path).map_err(|error| unlocked(&path, &error))?;
        try_replacing(&path).map_err(|error| told(&path, "cannot be written", &error))?;
        let bytes = read(&path).map_err(|error| told(&path, "cannot be read", &error))?;
        let found = match bytes.as_deref().map(decode).transpose() {
            Ok(found) => found,
            Err(unfit) => {
                refuse(&path, unfit)?;
                None
            }
        };
        Ok(Self {
            path,
            found: Mutex::new(found),
            secret: OnceLock::new(),
            learned: Mutex::default(),
            replacing: Mutex::default(),
            _lock,
        })
    }

    /// What was found of windows that last, the first time that it is asked.
    ///
    /// A snapshot that says something, but of no such window, is old, and moved aside: only what requests cost is taken
    /// from it.
    pub(crate) fn take_in_force(&self, now: Now) -> Vec<Section> {
        let Some(found) = self.found.lock().take() else { return Vec::new() };
        let Contents { secret, mut sections, learned } = found;
        *self.learned.lock() = learned;
        let was_empty = sections.is_empty();
        sections.retain(|section| section.window.contains(now.wall()));
        if sections.is_empty() && !was_empty {
            // No account is taken from it, wherever it lies.
            refuse(&self.path, Unreadable::Old).unwrap_or_else(|error| log::error!("{error}"));
        } else {
            self.secret.get_or_init(|| secret);
        }
        sections
    }

    /// What the keys of the accounts in force are hashed with.
    pub(crate) fn secret(&self) -> Option<[u8; 16]> {
        self.secret.get().copied()
    }

    /// What was learned of what requests cost, the first time that it is asked.
    pub(crate) fn take_learned(&self) -> Vec<Learned> {
        std::mem::take(&mut *self.learned.lock())
    }

    /// Replaces the file by one of what was learned and these sections.
    ///
    /// # Errors
    ///
    /// The file is as it was; the text names it.
    pub(crate) fn write(
        &self,
        secret: &[u8; 16],
        learned: &[Learned],
        sections: impl Iterator<Item = Section>,
    ) -> io::Result<()> {
        let _alone = self.replacing.lock();
        let written = replace(&self.path, |file| {
            let mut encoder = Encoder::begin(file, secret)?;
            for learned in learned {
                encoder.learned(learned)?;
            }
            for section in sections {
                encoder.section(section)?;
            }
            encoder.end()
        });
        written.map_err(|error| told(&self.path, "cannot be written", &error))
    }
}

impl fmt::Debug for Snapshot {
    /// Does not show the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The one that was refused before is lost, so that a process which starts again and again does not fill the disk.
fn refuse(path: &Path, unfit: Unreadable) -> io::Result<()> {
    let aside = move_aside(path).map_err(|error| told(path, "cannot be moved aside", &error))?;
    let (path, aside) = (path.display(), aside.display());
    log::warn!("{path}: {unfit}; moved to {aside}, and all accounts begin with nothing spent");
    Ok(())
}

/// The error with the file's name before it, of the same kind: an operator has to see which file it is.
fn told(path: &Path, what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {what}: {error}", path.display()))
}

/// Why it is not this store's alone: mostly because there, nothing can be written at all.
fn unlocked(path: &Path, error: &io::Error) -> io::Error {
    let what = if error.kind() == io::ErrorKind::ResourceBusy { "is in use" } else { "cannot be written" };
    told(path, what, error)
}

/// The file's bytes; `None` if there is none.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// Finds out whether the file could be replaced, by beginning and giving up.
pub(crate) fn try_replacing(path: &Path) -> io::Result<()> {
    let new = beside(path, ".new");
    create(&new)?;
    fs::remove_file(new)
}

/// Replaces the file by what `write` writes, so that whoever reads it, also after a crash, finds the old or the new one.
pub(crate) fn replace(path: &Path, write: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    let new = beside(path, ".new");
    let file = create(&new)?;
    let replaced = write(&file).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&new, path));
    if replaced.is_err() {
        // On a full disk, half a snapshot would only take room. The first error is the one to tell.
        let _ = fs::remove_file(&new);
    }
    replaced.and_then(|()| sync_directory(path))
}

/// Moves the file out of the way and returns its new place, where the one that was moved there before is lost.
pub(crate) fn move_aside(path: &Path) -> io::Result<PathBuf> {
    let aside = beside(path, ".refused");
    fs::rename(path, &aside)?;
    Ok(aside)
}

/// In the same directory, so that a rename stays in one file system.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// A new file that nobody else may read, for it will hold a secret. What a crash has left in its place is removed.
fn create(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes the rename outlive a power cut.
#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

/// Other systems open no directories.
#[cfg(not(unix))]
fn sync_directory(_path: &Path) -> io::Result<()> {
    Ok(())
}
