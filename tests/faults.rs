//! The table of faults in tests/README.md: each fault has tests, and each test is where the table says.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The rows of the table: a fault, and the names and files of its tests.
fn rows() -> Vec<(String, Vec<(String, String)>)> {
    let page = fs::read_to_string(folder().join("README.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "));
    let rows = rows.filter(|(_, tests)| tests.starts_with('['));
    rows.map(|(fault, tests)| (fault.to_owned(), tests.split(", ").map(link).collect())).collect()
}

/// The parts of a link in Markdown.
fn link(text: &str) -> (String, String) {
    let parts = text.strip_prefix('[').and_then(|text| text.strip_suffix(')'));
    let (name, file) = parts.and_then(|text| text.split_once("](")).expect(text);
    (name.to_owned(), file.to_owned())
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"))
}

/// Whether a source has a test of that name: a function, or a row of a macro that makes one.
fn has_test(source: &str, name: &str) -> bool {
    [format!("fn {name}("), format!("    {name}: ")].iter().any(|definition| source.contains(definition))
}

#[test]
fn each_fault_has_tests_which_are_where_the_table_says() {
    let rows = rows();
    assert!(rows.len() >= 40, "only {} faults are in the table", rows.len());
    let faults: BTreeSet<_> = rows.iter().map(|(fault, _)| fault).collect();
    assert_eq!(faults.len(), rows.len(), "a fault stands twice");
    for (fault, tests) in &rows {
        for (name, file) in tests {
            let source =
                fs::read_to_string(folder().join(file)).unwrap_or_else(|_| panic!("{fault}: no {file}"));
            assert!(has_test(&source, name), "{fault}: no test {name} in {file}");
        }
    }
}
