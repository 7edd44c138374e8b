//! The URI of a memory store.

use std::fmt;

use super::error::UriFault;
use super::parameter;
use crate::model::nearest;
use crate::store::Store;
use crate::store::memory::Memory;

/// What a URI says of a memory store.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct MemoryUri {
    /// All behind the scheme, as it was written.
    text: String,
    snapshot: Option<String>,
    max_accounts: Option<usize>,
}

const MAX_ACCOUNTS: &str = "max_accounts";
const SNAPSHOT: &str = "snapshot";
const NAMES: [&str; 2] = [MAX_ACCOUNTS, SNAPSHOT];

impl MemoryUri {
    /// The URI with this text behind its scheme.
    pub(crate) fn parse(rest: &str) -> Result<Self, UriFault> {
        let mut uri = Self { text: rest.to_owned(), ..Self::default() };
        if rest.is_empty() {
            return Ok(uri);
        }
        let Some(parameters) = rest.strip_prefix('?') else {
            return Err(no_parameters());
        };
        for parameter in split(parameters) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            uri.set(parameter::known_name(name, &NAMES)?, value)?;
        }
        Ok(uri)
    }

    fn set(&mut self, name: &'static str, value: &str) -> Result<(), UriFault> {
        let is_second = match name {
            MAX_ACCOUNTS => self.max_accounts.replace(parameter::max_accounts(name, value)?).is_some(),
            _ if value.is_empty() => return Err(no_parameters()),
            _ => self.snapshot.replace(value.to_owned()).is_some(),
        };
        if is_second { Err(parameter::twice(name)) } else { Ok(()) }
    }

    /// The store.
    pub(crate) fn open(&self) -> Result<Box<dyn Store>, UriFault> {
        let store = Memory::new(self.max_accounts.unwrap_or(Memory::DEFAULT_MAX_ACCOUNTS));
        let Some(file) = &self.snapshot else { return Ok(Box::new(store)) };
        let store = store.with_snapshot(file);
        Ok(Box::new(store.map_err(|error| UriFault::new(SNAPSHOT, error.to_string()))?))
    }
}

impl fmt::Display for MemoryUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "memory://{}", self.text)
    }
}

fn no_parameters() -> UriFault {
    UriFault::new("parameters", "expected none, or ?snapshot=FILE or ?max_accounts=N")
}

/// The parameters of a text. The name of a file is taken as it stands, whatever is in it: so an `&` begins a parameter
/// only where the name of one follows, or what is near to one.
fn split(text: &str) -> Vec<&str> {
    let mut starts = vec![0];
    for (at, _) in text.match_indices('&') {
        let name = text[at + 1..].split(['=', '&']).next().unwrap_or_default();
        if nearest(name, NAMES).is_some() {
            starts.push(at + 1);
        }
    }
    let ends = starts.iter().skip(1).map(|start| start - 1).chain([text.len()]);
    starts.iter().zip(ends).map(|(start, end)| &text[*start..end]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_is_taken_as_it_stands() {
        for (text, file, accounts) in [
            ("?snapshot=/a@b?c&d", Some("/a@b?c&d"), None),
            ("?snapshot=/a%20b&c=d&max_accounts=7", Some("/a%20b&c=d"), Some(7)),
            ("?max_accounts=1&snapshot=x", Some("x"), Some(1)),
            ("?max_accounts=9", None, Some(9)),
            ("", None, None),
        ] {
            let uri = MemoryUri::parse(text).ok().unwrap();
            assert_eq!((uri.snapshot.as_deref(), uri.max_accounts), (file, accounts), "{text}");
            assert_eq!(uri.to_string(), format!("memory://{text}"));
        }
    }

    #[test]
    fn a_slip_in_a_name_does_not_become_part_of_a_file() {
        for text in
            ["?snapshot=x&max_acounts=5", "?max_accounts=5&snapshot=x&snapshot=y", "?max_accounts=", "?x"]
        {
            assert!(MemoryUri::parse(text).is_err(), "{text}");
        }
    }
}
