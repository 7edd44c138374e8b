//! The figures of the house, which `./dev house` prints.

use std::fs;

use super::circles::circles;
use super::{collected, without_tests};

/// How many lines of documentation there are to be for a hundred lines of code.
const DOCS_WANTED: usize = 35;

/// How long a file may be before it is named.
const LONG: usize = 400;

/// What stands in a file.
#[derive(Clone, Copy, Default)]
struct Lines {
    all: usize,
    /// Those of `///` and `//!`.
    docs: usize,
    /// Those that are neither empty nor a comment. Unit tests are not counted.
    code: usize,
}

impl Lines {
    fn of(text: &str) -> Self {
        let all = text.lines().count();
        let text = without_tests(text);
        let lines = text.lines().map(str::trim_start).filter(|line| !line.is_empty());
        let (comments, code): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with("//"));
        let docs = comments.iter().filter(|line| line.starts_with("///") || line.starts_with("//!")).count();
        Self { all, docs, code: code.len() }
    }
}

#[test]
fn the_house_has_the_figures_that_are_wanted() {
    let (mut tests, mut files, mut long) = (0, Vec::new(), Vec::new());
    let mut hidden = 0;
    for path in collected() {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.display().to_string();
        if name.contains("/tests/") || name.ends_with("/tests.rs") {
            tests += 1;
            continue;
        }
        let lines = Lines::of(&text);
        if lines.all > LONG {
            long.push(format!("{} {}", &name[name.find("src/").unwrap()..], lines.all));
        }
        hidden +=
            ["pub(super)", "pub(in "].iter().map(|text_of| text.matches(text_of).count()).sum::<usize>();
        assert!(text.starts_with("//!"), "{name} does not begin with what it knows");
        files.push(lines);
    }
    let [all, docs, code] = [|of: &Lines| of.all, |of: &Lines| of.docs, |of: &Lines| of.code]
        .map(|count| files.iter().map(count).sum::<usize>());
    let ratio = docs as f64 / code as f64;
    println!("files {}, and {tests} of tests; lines {all}", files.len());
    println!("docs ÷ code {ratio:.3} ({docs} ÷ {code}, without unit tests)");
    println!("pub(super) and pub(in …) {hidden}; circles {}", circles().len());
    println!("files of more than {LONG} lines {}: {}", long.len(), long.join(", "));
    assert_eq!(hidden, 0, "what is hidden from a neighbour only: `pub(crate)` says the same more simply");
    assert!(docs * 100 >= code * DOCS_WANTED, "docs ÷ code {ratio:.3}: less than 0.{DOCS_WANTED}");
}
