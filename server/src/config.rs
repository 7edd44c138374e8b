//! `timebudget config`: the effective configuration, and who says what.

use timebudget::config::{Configuration, Entry};
use timebudget::explanation::aligned;

use crate::args::ConfigArgs;
use crate::output::Failure;
use crate::source::{self, Source};
use crate::{limits, output};

/// Prints every key with its origin and its value, site by site; keys that belong to others are not looked at.
///
/// # Errors
///
/// All that is wrong with the configuration.
pub(crate) fn run(args: &ConfigArgs) -> Result<(), Failure> {
    let environment = source::environment(&args.store)?;
    let read = Source::of(&args.source).read(&environment).map_err(Failure::wrong)?;
    limits::tell(&read);
    output::to_stdout(&described(&read));
    Ok(())
}

fn described(read: &Configuration) -> String {
    let mut text = format!("process\n{}", table(&read.process));
    for (host, entries) in &read.sites {
        text += &format!("\n{}\n{}", read.loaded.called(host), table(entries));
    }
    text
}

fn table<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> String {
    let row = |entry: &Entry| [entry.key.to_owned(), entry.origin.to_string(), entry.value.to_string()];
    aligned(&entries.into_iter().map(row).collect::<Vec<_>>())
}
