//! That no two stores have one snapshot: a lock on a file beside it.
//!
//! The snapshot is replaced by a rename, so a lock on it would be one on a file that nobody can reach any more. The file that is
//! locked is made once, holds nothing, and is neither renamed nor removed: were it removed, two stores could each have locked one
//! of its name. The lock is the operating system's: it goes with its process, however that ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;
use std::{io, thread};

/// How often it is tried, and how long is waited in between: for five seconds in all. The process before may be about to end, as
/// where a service is started again.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(50);

/// Locks a file for as long as what is returned is kept. `snapshot` is named to whoever reads the log.
///
/// # Errors
///
/// It cannot be opened, or somebody else still has it after five seconds: of [this kind](io::ErrorKind::ResourceBusy).
pub(crate) fn lock(path: &Path, snapshot: &Path) -> io::Result<File> {
    let file = open(path)?;
    for tried in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => pause(tried, snapshot),
            Err(TryLockError::Error(error)) => return unlockable(file, error, snapshot),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::ResourceBusy,
        "another process has it, or another store of this one; expected a file for each",
    ))
}

fn pause(tried: u32, snapshot: &Path) {
    if tried == 0 {
        let snapshot = snapshot.display();
        log::info!("{snapshot}: another process has it, or another store of this one; waiting for its end");
    }
    thread::sleep(PAUSE);
}

/// Some file systems know no locks. There, a second store is not noticed.
fn unlockable(file: File, error: io::Error, snapshot: &Path) -> io::Result<File> {
    if !knows_none(&error) {
        return Err(error);
    }
    let snapshot = snapshot.display();
    log::warn!("{snapshot}: its file system knows no locks: that no other process has it, nobody watches");
    Ok(file)
}

/// Whether an error says that there are no locks: such a call is unknown, or nobody keeps them, as on NFS without a lock daemon.
fn knows_none(error: &io::Error) -> bool {
    #[cfg(unix)]
    if matches!(error.raw_os_error(), Some(libc::ENOLCK | libc::ENOSYS | libc::EOPNOTSUPP)) {
        return true;
    }
    error.kind() == io::ErrorKind::Unsupported
}

/// Only its owner may open it, as with the snapshot: whoever may, can keep a server from starting.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// NFS without a lock daemon was an error that nobody had thought of: the server did not start.
    #[test]
    fn a_file_system_that_knows_no_locks_keeps_nobody_from_starting() {
        let file = || File::open("Cargo.toml").unwrap();
        let found = |code| unlockable(file(), io::Error::from_raw_os_error(code), Path::new("s")).is_ok();
        for unknown in [libc::ENOLCK, libc::ENOSYS, libc::EOPNOTSUPP, libc::ENOTSUP] {
            assert!(found(unknown), "{}", io::Error::from_raw_os_error(unknown));
        }
        for fault in [libc::EIO, libc::EBADF, libc::EACCES] {
            assert!(!found(fault), "{}", io::Error::from_raw_os_error(fault));
        }
    }
}
