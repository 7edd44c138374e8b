//! Where accounts are kept, by URI.

/// Where accounts are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    /// In this process, shared by its workers, gone when it ends.
    Memory,
}

impl Storage {
    /// The storage of a URI.
    ///
    /// # Errors
    ///
    /// A text that names the URI's scheme and no more of it, for the rest can hold a password.
    pub(crate) fn of_uri(uri: &str) -> Result<Self, String> {
        match uri {
            "memory://" => Ok(Self::Memory),
            _ => Err(format!("--store: {}: no such store; expected memory://", scheme(uri))),
        }
    }
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
        assert_eq!(Storage::of_uri("memory://"), Ok(Storage::Memory));
        for uri in ["", "memory", "Memory://", "memory://x", "redis://127.0.0.1/", "://"] {
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
