//! No two files use each other, directly or by way of others.
//!
//! Between modules the floors see to that; here it is asked within each of them. A `mod.rs` is the face of its folder: it hands on
//! what its files have, and its files may use the types that it has itself. So an import by a face leads to the file that the
//! face has it from, and the face itself is in no circle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Source, sources, without_tests};

/// The names of a path: `["crate", "store", "Book"]`.
type Names = Vec<String>;

/// A file, by its modules: `store/memory/shard`.
type File = String;

/// What the files of the library use of each other.
struct Uses {
    files: BTreeMap<File, String>,
    /// For each face, which file each of its names comes from.
    faces: BTreeMap<File, BTreeMap<String, File>>,
}

impl Uses {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let (mut files, mut texts) = (BTreeMap::new(), BTreeMap::new());
        for Source { path, text, .. } in sources() {
            let file = path.strip_prefix(&root).unwrap().with_extension("");
            let text = without_tests(&text);
            match file.file_name().and_then(|name| name.to_str()) {
                Some("mod") => texts.insert(as_file(file.parent().unwrap()), text),
                _ => files.insert(as_file(&file), text),
            };
        }
        let faces = texts.into_iter().map(|(face, text)| {
            let known = |path: Names| Some((path.last()?.clone(), file_of(&files, &face, &path)?));
            let names = paths(&text).into_iter().filter_map(known).collect();
            (face, names)
        });
        let faces = faces.collect();
        Self { files, faces }
    }

    /// The files that a file uses.
    fn of(&self, file: &str) -> BTreeSet<File> {
        let (folder, _) = file.rsplit_once('/').unwrap_or(("", file));
        // To hand something on is not to use it.
        let own: Vec<_> = self.files[file].split(';').filter(|part| !is_handed_on(part)).collect();
        let used = paths(&own.join(";")).into_iter().filter_map(|path| {
            let found = file_of(&self.files, folder, &path).or_else(|| self.by_face(folder, &path));
            // What `sites.rs` has below it lies in the folder `sites`.
            found.or_else(|| file_of(&self.files, file, &path))
        });
        used.filter(|used| used != file).collect()
    }

    fn by_face(&self, folder: &str, path: &[String]) -> Option<File> {
        let whole = absolute(folder, path);
        let mut parts = (1..whole.len()).map(|len| (whole[..len].join("/"), &whole[len]));
        parts.find_map(|(face, name)| self.faces.get(&face)?.get(name).cloned())
    }
}

/// The file that a path leads to by name.
fn file_of(files: &BTreeMap<File, String>, folder: &str, path: &[String]) -> Option<File> {
    let whole = absolute(folder, path);
    let prefixes = (1..=whole.len()).rev().map(|len| whole[..len].join("/"));
    prefixes.into_iter().find(|prefix| files.contains_key(prefix))
}

/// A path from the root of the library: `crate::store::Book`, or `super::Book` in a file of the folder.
fn absolute(folder: &str, path: &[String]) -> Names {
    let own = folder.split('/').map(str::to_owned);
    match path.split_first() {
        Some((first, rest)) if first == "crate" => rest.to_vec(),
        Some((first, rest)) if first == "super" || first == "self" => own.chain(rest.to_vec()).collect(),
        _ => Vec::new(),
    }
}

fn as_file(path: &Path) -> File {
    path.to_str().unwrap().to_owned()
}

/// All paths that a source names: those of `use`, one for each of its names, and those in full between them.
fn paths(text: &str) -> Vec<Names> {
    let mut found = Vec::new();
    for part in text.split("use ").skip(1) {
        expand(part.split(';').next().unwrap_or(""), &[], &mut found);
    }
    for root in ["crate::", "super::", "self::"] {
        for (at, _) in text.match_indices(root) {
            let is_name = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
            let path = text[at..].split(|letter| !is_name(letter)).next().unwrap_or("");
            found.push(names(path).collect());
        }
    }
    found
}

/// Whether a statement is a `pub use`.
fn is_handed_on(statement: &str) -> bool {
    statement.rsplit('\n').any(|line| line.starts_with("pub use ") || line.starts_with("pub(crate) use "))
}

/// The paths of a tree such as `crate::store::{Book, memory::{Memory, Shard}}`.
fn expand(tree: &str, before: &[String], found: &mut Vec<Names>) {
    let Some((head, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or("");
        found.push(before.iter().cloned().chain(names(path)).collect());
        return;
    };
    let before: Names = before.iter().cloned().chain(names(head)).collect();
    let (mut depth, mut start) = (0, 0);
    let inside = rest.rsplit_once('}').map_or(rest, |(inside, _)| inside);
    for (at, letter) in inside.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&inside[start..at], &before, found);
                start = at + 1;
            }
            _ => {}
        }
    }
    expand(&inside[start..], &before, found);
}

fn names(path: &str) -> impl Iterator<Item = String> {
    path.split("::").map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The circles: files each of which reaches all others of its circle by what it uses, and what those use.
pub(crate) fn circles() -> BTreeSet<BTreeSet<File>> {
    let uses = Uses::read();
    assert!(uses.files.len() > 80, "only {} files found", uses.files.len());
    let used: BTreeMap<_, _> = uses.files.keys().map(|file| (file.clone(), uses.of(file))).collect();
    let reached: BTreeMap<_, _> = used.keys().map(|file| (file, reached_from(file, &used))).collect();
    let circle = |file| reached[file].iter().filter(|other| reached[other].contains(file)).cloned().collect();
    used.keys().map(circle).filter(|circle: &BTreeSet<_>| !circle.is_empty()).collect()
}

fn reached_from(file: &File, used: &BTreeMap<File, BTreeSet<File>>) -> BTreeSet<File> {
    let (mut reached, mut left) = (BTreeSet::new(), vec![file]);
    while let Some(next) = left.pop() {
        left.extend(used[next].iter().filter(|other| reached.insert((*other).clone())));
    }
    reached
}

#[test]
fn no_two_files_use_each_other() {
    let circles = circles();
    assert!(circles.is_empty(), "files that use each other:\n{circles:#?}");
}

#[test]
fn paths_are_read_from_trees_of_names_and_from_between_them() {
    let text =
        "use crate::store::{Book, memory::{Memory as M, shard::{Shard}}};\nfn f() { super::shard::lies() }";
    let found: Vec<_> = paths(text).into_iter().map(|path| path.join("::")).collect();
    let expected = [
        "crate::store::Book",
        "crate::store::memory::Memory",
        "crate::store::memory::shard::Shard",
        "crate::store",
        "super::shard::lies",
    ];
    assert_eq!(found, expected);
}
