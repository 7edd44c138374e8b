//! What is listened on, as people write it.

use crate::listen::socket::Guard;

/// What is listened on; Unix sockets are removed with it.
#[derive(Debug)]
pub(crate) struct Bound(pub(crate) Vec<(String, Option<Guard>)>);

impl Bound {
    /// Each as people write it: `http://127.0.0.1:8080`, `unix:/run/timebudget.sock`.
    pub(crate) fn origins(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(origin, _)| origin.as_str())
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
