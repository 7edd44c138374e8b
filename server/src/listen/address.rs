//! Addresses as they are written.

use std::fmt;
use std::path::PathBuf;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// A name or an address, and a port.
    Tcp(String),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Address {
    /// What stands before the path of a Unix socket.
    const UNIX: &str = "unix:";

    /// Reads `HOST:PORT` or `unix:/PATH`.
    ///
    /// # Errors
    ///
    /// A path that is not absolute: what it meant would depend on where the process was started.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some(path) = text.strip_prefix(Self::UNIX) else { return Ok(Self::Tcp(text.to_owned())) };
        let path = PathBuf::from(path);
        if path.is_absolute() { Ok(Self::Unix(path)) } else { Err("expected unix:/PATH".to_owned()) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "{}{}", Self::UNIX, path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_it_is_read() {
        for text in ["127.0.0.1:8080", "[::1]:0", "localhost:80", "unix:/run/timebudget.sock"] {
            assert_eq!(Address::parse(text).map(|address| address.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn a_path_must_be_absolute() {
        assert!(Address::parse("unix:timebudget.sock").is_err());
        assert!(Address::parse("unix:").is_err());
    }
}
