//! The file of a snapshot: read whole, replaced at one stroke, moved aside.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

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
