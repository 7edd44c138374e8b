//! What is listened on, as people write it.

use crate::listen::socket::Guard;

/// What is listened on; Unix sockets are removed with it.
#[derive(Debug)]
pub(crate) struct Bound {
    sockets: Vec<(String, Option<Guard>)>,
    is_shared: bool,
}

impl Bound {
    /// Of these sockets, each with its origin; whether others may have them as well, or will.
    pub(crate) const fn new(sockets: Vec<(String, Option<Guard>)>, is_shared: bool) -> Self {
        Self { sockets, is_shared }
    }

    /// Whether a socket was passed to this process, so that whoever comes after it takes the connections that wait in it.
    pub(crate) const fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Each as people write it: `http://127.0.0.1:8080`, `unix:/run/timebudget.sock`.
    pub(crate) fn origins(&self) -> impl Iterator<Item = &str> {
        self.sockets.iter().map(|(origin, _)| origin.as_str())
    }

    /// A command that asks for a path.
    pub(crate) fn curl(&self, path: &str) -> String {
        let origin = self.origins().next().unwrap_or_default();
        match origin.strip_prefix("unix:") {
            Some(socket) => format!("curl -i --unix-socket {socket} 'http://localhost{path}'"),
            None => format!("curl -i '{origin}{path}'"),
        }
    }
}
