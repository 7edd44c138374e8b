//! The file system: the only part of configuration that touches it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The text of a file.
pub(super) fn text(path: &Path) -> io::Result<String> {
    fs::read_to_string(path)
}

/// The text of a file; `None` if there is no such file.
pub(super) fn text_if_any(path: &Path) -> io::Result<Option<String>> {
    match text(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// The directories in a directory, links to directories included, by name and sorted.
///
/// A name that is no Unicode comes in a form that is no host's name, so that no request can ask for it.
pub(super) fn directories(dir: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.path().is_dir() {
            found.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
        }
    }
    found.sort_unstable();
    Ok(found)
}
