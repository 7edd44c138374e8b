//! `timebudget check`: whether site files are right.

use std::path::PathBuf;

use timebudget::config::Environment;

use crate::failure::Failure;
use crate::output;
use crate::source::Source;

/// Checks every file, and says `FILE: ok` of those without an error.
///
/// Warnings are no errors. The environment has no say: a file is right or wrong by itself.
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
    output::to_stdout(&format!("{source}: ok\n"));
    Ok(())
}
