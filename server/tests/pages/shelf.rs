//! Where pages are, and what stands on them.

use std::fs;
use std::path::{Path, PathBuf};

/// Places of pages; folders are read whole.
const SHELVES: &[&str] = &["README.md", "ARCHITECTURE.md", "docs", "benches", "examples", "src"];

/// The root of the repository, which is where a reader stands who types `cargo`.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// All pages, by their path from the root.
pub(crate) fn pages() -> Vec<String> {
    let mut found = Vec::new();
    for shelf in SHELVES {
        collect(&root(), Path::new(shelf), &mut found);
    }
    found.sort();
    found
}

fn collect(root: &Path, place: &Path, found: &mut Vec<String>) {
    let whole = root.join(place);
    if whole.is_dir() {
        for entry in fs::read_dir(whole).unwrap() {
            collect(root, &place.join(entry.unwrap().file_name()), found);
        }
    } else if place.extension().is_some_and(|extension| extension == "md" || extension == "rs") {
        found.push(place.to_str().unwrap().to_owned());
    }
}

/// What stands on a page; of a source file, its head comment.
pub(crate) fn text(page: &str) -> String {
    let text = fs::read_to_string(root().join(page)).unwrap();
    if !page.ends_with(".rs") {
        return text;
    }
    let head = text.lines().filter_map(|line| line.strip_prefix("//!"));
    head.map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned() + "\n").collect()
}
