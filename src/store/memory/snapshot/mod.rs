//! The snapshot: a file that accounts outlive their process in, so that a restart refunds no day's budget.
//!
//! `encoder.rs` has the file's bytes. It is replaced at one stroke: written beside itself, synchronized, renamed. While it
//! is written one shard is locked at a time, so accounts are not all of one instant; each by itself is.
//!
//! What is not in it: places of running requests, which end with their process; what requests are expected to cost,
//! which is learned anew.

mod decoder;
mod encoder;
mod file;
mod section;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use self::decoder::{Contents, Unfit, decode};
use self::encoder::Encoder;
pub(super) use self::section::{Account, Section};
use crate::model::now::Now;

/// Where a store's accounts are written, and what was found there.
pub(super) struct Snapshot {
    path: PathBuf,
    /// What the keys of the accounts that were found are hashed with.
    pub(super) secret: Option<[u8; 16]>,
    /// Held while the file is replaced: two threads would write into each other's.
    replacing: Mutex<()>,
}

impl Snapshot {
    /// Reads what is at a path, if it can be trusted; what cannot is moved aside, and nothing is taken from it.
    ///
    /// # Errors
    ///
    /// The file cannot be read, replaced or moved aside; the text names it.
    pub(super) fn open(path: PathBuf, now: Now) -> io::Result<(Self, Vec<Section>)> {
        file::try_replacing(&path).map_err(|error| told(&path, "cannot be written", &error))?;
        let bytes = file::read(&path).map_err(|error| told(&path, "cannot be read", &error))?;
        let (secret, sections) = match bytes.map(|bytes| in_force(&bytes, now)) {
            None => (None, Vec::new()),
            Some(Ok(Contents { secret, sections })) => (Some(secret), sections),
            Some(Err(unfit)) => {
                refuse(&path, unfit)?;
                (None, Vec::new())
            }
        };
        Ok((Self { path, secret, replacing: Mutex::default() }, sections))
    }

    /// Replaces the file by one of these sections.
    ///
    /// # Errors
    ///
    /// The file is as it was; the text names it.
    pub(super) fn write(&self, secret: &[u8; 16], sections: impl Iterator<Item = Section>) -> io::Result<()> {
        let _alone = self.replacing.lock();
        let written = file::replace(&self.path, |file| {
            let mut encoder = Encoder::begin(file, secret)?;
            for section in sections {
                encoder.section(&section)?;
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

/// What a snapshot says of windows that last; it is old if it says something, but of none of them.
fn in_force(bytes: &[u8], now: Now) -> Result<Contents, Unfit> {
    let mut contents = decode(bytes)?;
    let was_empty = contents.sections.is_empty();
    contents.sections.retain(|section| section.window.contains(now.wall()));
    if contents.sections.is_empty() && !was_empty {
        return Err(Unfit::Old);
    }
    Ok(contents)
}

fn refuse(path: &Path, unfit: Unfit) -> io::Result<()> {
    let aside = file::move_aside(path).map_err(|error| told(path, "cannot be moved aside", &error))?;
    let (path, aside) = (path.display(), aside.display());
    log::warn!("{path}: {unfit}; moved to {aside}, and all accounts begin with nothing spent");
    Ok(())
}

fn told(path: &Path, what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {what}: {error}", path.display()))
}
