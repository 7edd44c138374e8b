//! `timebudget check`: whether site files are right.

use std::path::PathBuf;

use crate::failure::Failure;
use crate::output;
use crate::source::Source;

/// Checks every file, and says `FILE: ok` of those without an error.
///
/// Warnings are no errors.
///
/// # Errors
///
/// Every error of every file.
pub(crate) fn run(files: &[PathBuf]) -> Result<(), Failure> {
    let wrong: Vec<_> = files.iter().filter_map(|file| check(&Source::at(file)).err()).collect();
    if wrong.is_empty() { Ok(()) } else { Err(Failure::wrong(wrong.join("\n"))) }
}

fn check(source: &Source) -> Result<(), String> {
    let loaded = source.load().map_err(|errors| errors.to_string())?;
    for warning in &loaded.warnings {
        output::to_stderr(&format!("warning: {warning}\n"));
    }
    output::to_stdout(&format!("{source}: ok\n"));
    Ok(())
}
