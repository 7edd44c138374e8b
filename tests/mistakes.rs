//! The table of mistakes in docs/mistakes.md: each has a file, and the message that the table says.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use timebudget::config;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What the table says of each file: `| [name](…) | mistake | message |`.
fn documented() -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join("docs/mistakes.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| ["));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').splitn(3, " | ").map(str::trim).collect();
        let name = cells[0].trim_start_matches('[').split(']').next().unwrap();
        (name.to_owned(), cells[2].trim_matches('`').to_owned())
    })
    .collect()
}

/// What the loader says of each file: the one error, or `warning: ` and the one warning.
fn said() -> BTreeMap<String, String> {
    let files = fs::read_dir(root().join("tests/mistakes")).unwrap();
    files.map(|file| of_file(&file.unwrap().path())).collect()
}

fn of_file(path: &Path) -> (String, String) {
    let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
    let prefix = format!("{}: ", path.display());
    let lines: Vec<String> = match config::load_file(path) {
        Ok(loaded) => loaded.warnings.iter().map(|warning| format!("warning: {warning}")).collect(),
        Err(errors) => errors.to_string().lines().map(str::to_owned).collect(),
    };
    assert_eq!(lines.len(), 1, "{name}: {lines:?}");
    (name, lines[0].replacen(&prefix, "", 1))
}

#[test]
fn every_mistake_of_the_table_has_a_file_and_the_message_that_stands_there() {
    let (documented, said) = (documented(), said());
    assert!(documented.len() > 20, "the table has only {} rows", documented.len());
    assert_eq!(documented, said);
}

/// The loader asks each part of a rule where it stands, and the rule as a whole; a builder asks all of it at once.
#[test]
fn what_a_rule_says_of_itself_has_been_said_of_its_file() {
    let mut told = 0;
    for file in fs::read_dir(root().join("tests/mistakes")).unwrap() {
        let path = file.unwrap().path();
        let Ok(loaded) = config::load_file(&path) else { continue };
        let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
        for mistake in loaded.fallback.rules.iter().flat_map(timebudget::Rule::check) {
            let is_said = warnings.iter().any(|warning| warning.ends_with(mistake.fault()));
            assert!(is_said && !mistake.is_wrong(), "{}: {mistake}", path.display());
            told += 1;
        }
    }
    assert!(told >= 5, "{told}");
}
