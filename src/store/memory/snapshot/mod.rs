//! The snapshot: a file that accounts outlive their process in, so that a restart refunds no day's budget.
//!
//! `encoder.rs` has the file's bytes. It is replaced at one stroke: written beside itself, synchronized, renamed. While it
//! is written one shard is locked at a time, so accounts are not all of one instant; each by itself is.
//!
//! What is not in it: places of running requests, which end with their process.

mod decoder;
mod encoder;
mod file;
mod section;
#[cfg(test)]
mod tests;
mod varint;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use parking_lot::Mutex;

use self::decoder::{Contents, Unreadable, decode};
use self::encoder::Encoder;
pub(crate) use self::section::{Account, Section};
use crate::model::{Learned, Now};

/// Where a store's accounts are written, and what was found there.
pub(crate) struct Snapshot {
    path: PathBuf,
    /// What was read, until a clock says what of it lasts.
    found: Mutex<Option<Contents>>,
    secret: OnceLock<[u8; 16]>,
    /// What was read of what requests cost, until it is taken.
    learned: Mutex<Vec<Learned>>,
    /// Held while the file is replaced: two threads would write into each other's.
    replacing: Mutex<()>,
}

impl Snapshot {
    /// Reads what is at a path, if it can be trusted; what cannot is moved aside, and nothing is taken from it.
    ///
    /// # Errors
    ///
    /// The file cannot be read, replaced or moved aside; the text names it.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        file::try_replacing(&path).map_err(|error| told(&path, "cannot be written", &error))?;
        let bytes = file::read(&path).map_err(|error| told(&path, "cannot be read", &error))?;
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
        let written = file::replace(&self.path, |file| {
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

fn refuse(path: &Path, unfit: Unreadable) -> io::Result<()> {
    let aside = file::move_aside(path).map_err(|error| told(path, "cannot be moved aside", &error))?;
    let (path, aside) = (path.display(), aside.display());
    log::warn!("{path}: {unfit}; moved to {aside}, and all accounts begin with nothing spent");
    Ok(())
}

fn told(path: &Path, what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {what}: {error}", path.display()))
}
