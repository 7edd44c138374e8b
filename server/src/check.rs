//! `timebudget check`: whether site files are right.

use std::path::PathBuf;

use timebudget::config::{Environment, Loaded};

use crate::output;
use crate::output::Failure;
use crate::source::Source;

/// Checks every file, and says `FILE: ok` of those without an error, and of which of them limit nothing.
///
/// A file without limits is right, and may yet be one whose author mistook the name of a key that is not ours. Warnings are no errors. The environment has no say: a file is right or wrong by itself.
///
/// # Errors
///
/// Every error of every file.
pub(crate) fn run(files: &[PathBuf]) -> Result<(), Failure> {
    let wrong: Vec<_> = files.iter().filter_map(|file| check(&Source::at(file)).err()).collect();
    if wrong.is_empty() { Ok(()) } else { Err(Failure::wrong(wrong.join("\n"))) }
}

fn check(source: &Source) -> Result<(), String> {
    let read = source.read(&Environment::default()).map_err(|errors| errors.to_string())?;
    for warning in &read.loaded.warnings {
        output::to_stderr(&format!("warning: {warning}\n"));
    }
    if let Some(errors) = read.errors() {
        return Err(errors.to_string());
    }
    let verdict = if limits_nothing(&read.loaded) { "ok, and limits nothing" } else { "ok" };
    output::to_stdout(&format!("{source}: {verdict}\n"));
    Ok(())
}

fn limits_nothing(loaded: &Loaded) -> bool {
    let mut sites = loaded.sites.iter().map(|(_, site)| &**site).chain([&loaded.fallback]);
    sites.all(|site| site.rules.is_empty())
}
