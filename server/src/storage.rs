//! Where accounts are kept, by URI.

use std::path::PathBuf;

/// Where accounts are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    /// In this process, shared by its workers.
    Memory {
        /// The file in which they outlive it.
        snapshot: Option<PathBuf>,
    },
}

impl Storage {
    /// The storage of a URI.
    ///
    /// # Errors
    ///
    /// A text that names the URI's scheme and no more of it, for the rest can hold a password.
    pub(crate) fn of_uri(uri: &str) -> Result<Self, String> {
        match uri.strip_prefix("memory://") {
            Some("") => Ok(Self::Memory { snapshot: None }),
            Some(rest) => Self::memory_with(rest).ok_or_else(|| unknown(uri)),
            None => Err(unknown(uri)),
        }
    }

    /// The file's name is taken as it stands: nothing in it is decoded.
    fn memory_with(rest: &str) -> Option<Self> {
        let file = rest.strip_prefix("?snapshot=").filter(|file| !file.is_empty())?;
        Some(Self::Memory { snapshot: Some(file.into()) })
    }
}

fn unknown(uri: &str) -> String {
    format!("--store: {}: no such store; expected memory:// or memory://?snapshot=FILE", scheme(uri))
}

fn scheme(uri: &str) -> String {
    match uri.split_once("://") {
        Some(("memory", _)) => "memory:// and more".to_owned(),
        Some((scheme, _)) => format!("{scheme}://…"),
        None => "a text without ://".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_the_only_store() {
        assert_eq!(Storage::of_uri("memory://"), Ok(Storage::Memory { snapshot: None }));
        for uri in ["", "memory", "Memory://", "memory://x", "redis://127.0.0.1/", "://"] {
            assert!(Storage::of_uri(uri).is_err(), "{uri}");
        }
    }

    #[test]
    fn the_file_of_a_snapshot_is_taken_as_it_stands() {
        let snapshot = Some(PathBuf::from("/var/lib/a%20b&c=d"));
        let uri = "memory://?snapshot=/var/lib/a%20b&c=d";
        assert_eq!(Storage::of_uri(uri), Ok(Storage::Memory { snapshot }));
        for uri in ["memory://?snapshot=", "memory://?snapshot", "memory://?", "memory://?file=x"] {
            assert!(Storage::of_uri(uri).is_err(), "{uri}");
        }
    }

    #[test]
    fn a_password_in_a_uri_is_not_repeated() {
        for uri in ["redis://user:secret@host/0", "user:secret@host", "memory://secret"] {
            let error = Storage::of_uri(uri).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
