//! The house: every module stands on a floor, and a module uses only what stands below it.
//!
//! The floors are drawn in ARCHITECTURE.md. The test reads the sources as text, so it sees `use` lines and full paths
//! alike, in the library and in its unit tests.

#[path = "architecture/circles.rs"]
mod circles;
#[path = "architecture/figures.rs"]
mod figures;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each top-level module and its floor.
const FLOORS: &[(&str, u8)] = &[
    ("model", 0),
    ("clock", 1),
    ("geo", 1),
    ("parts", 1),
    ("store", 1),
    ("tzdata", 1),
    ("limiter", 2),
    ("config", 2),
    ("sites", 3),
    ("middleware", 4),
];

/// What only some modules may name: a text, and the modules.
const CONFINED: &[(&str, &[&str])] = &[
    ("actix_", &["middleware"]),
    ("Instant::now", &["clock"]),
    ("SystemTime", &["clock"]),
    ("quanta", &["clock"]),
    ("jiff", &["tzdata"]),
    ("maxminddb", &["geo"]),
    ("chrono_tz", &["tzdata"]),
    ("std::fs", &["tzdata", "config", "store"]),
    ("std::env", &["tzdata", "config"]),
    ("std::thread", &["limiter", "parts", "sites", "store"]),
    ("serde", &["config", "middleware"]),
];

struct Source {
    path: PathBuf,
    module: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let source = |path: PathBuf| {
        let first = path.strip_prefix(&root).unwrap().iter().next().unwrap();
        let module = first.to_str().unwrap().trim_end_matches(".rs").to_owned();
        let text = code(&fs::read_to_string(&path).unwrap());
        Source { path, module, text }
    };
    collected().into_iter().map(source).collect()
}

/// The paths of all sources of the library.
fn collected() -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 40, "only {} sources found", found.len());
    found
}

fn collect(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push(path);
        }
    }
}

/// The source without its comments.
fn code(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// What a source is without what only its unit tests have: each such item ends with its line, or with its brace.
fn without_tests(text: &str) -> String {
    let mut text = format!("\n{text}\n");
    let begins = ["\n#[cfg(test)]\n", "\n#[cfg(all(test"];
    while let Some(from) = begins.iter().filter_map(|begin| text.find(begin)).min() {
        let lines = text[from + 1..].split_inclusive('\n');
        let head: usize = lines.clone().take_while(|line| line.starts_with("#[")).map(str::len).sum();
        let item = from + 1 + head;
        let line = lines.map(str::trim_end).find(|line| !line.starts_with("#[")).unwrap_or_default();
        let rest =
            if line.ends_with(';') { Some(line.len()) } else { text[item..].find("\n}\n").map(|at| at + 2) };
        text.replace_range(from..rest.map_or(text.len() - 1, |rest| item + rest), "");
    }
    text
}

/// The top-level modules that a source names after `crate::`.
fn used_modules(text: &str) -> Vec<&str> {
    text.split("crate::")
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or(""))
        .filter(|name| name.starts_with(char::is_lowercase))
        .collect()
}

#[test]
fn every_module_stands_on_a_floor() {
    let floors: BTreeMap<_, _> = FLOORS.iter().copied().collect();
    for source in sources().iter().filter(|source| source.module != "lib") {
        assert!(floors.contains_key(source.module.as_str()), "{} stands nowhere", source.module);
    }
}

#[test]
fn an_arrow_only_points_down() {
    let floors: BTreeMap<_, _> = FLOORS.iter().copied().collect();
    for source in sources().iter().filter(|source| source.module != "lib") {
        for used in used_modules(&source.text).into_iter().filter(|used| *used != source.module) {
            let floor =
                floors.get(used).unwrap_or_else(|| panic!("{}: no module {used}", source.path.display()));
            assert!(
                *floor < floors[source.module.as_str()],
                "{}: {} uses {used}, which does not stand below it",
                source.path.display(),
                source.module
            );
        }
    }
}

#[test]
fn what_is_confined_is_named_nowhere_else() {
    for source in &sources() {
        for (text, modules) in CONFINED {
            let allowed = modules.contains(&source.module.as_str());
            assert!(allowed || !source.text.contains(text), "{}: names {text}", source.path.display());
        }
    }
}

#[test]
fn a_source_imports_only_by_its_module_path() {
    // A shortcut such as `crate::Micros` would hide on which floor the thing stands.
    for source in sources().iter().filter(|source| source.module != "lib") {
        let shortcut = source.text.split("crate::").skip(1).find(|rest| rest.starts_with(char::is_uppercase));
        assert_eq!(shortcut.map(|rest| &rest[..rest.len().min(20)]), None, "{}", source.path.display());
    }
}

#[test]
fn the_page_of_the_house_names_every_module() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap();
    for (module, _) in FLOORS {
        assert!(page.contains(&format!("`{module}`")), "ARCHITECTURE.md does not name `{module}`");
    }
}

#[test]
fn the_page_of_the_house_shows_where_every_source_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let of_rooms = page.split("## The rooms").nth(1).expect("a section").split("\n## ").next().unwrap();
    let rooms = files_of_rooms(of_rooms);
    for source in sources() {
        let path = source.path.strip_prefix(root.join("src")).unwrap().with_extension("");
        let folder = path.parent().unwrap().to_str().unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let is_shown = match folder {
            "" => name == "lib" || rooms.contains_key(name),
            folder => name == "mod" || rooms.get(folder).is_some_and(|files| files.contains(name)),
        };
        assert!(is_shown, "ARCHITECTURE.md does not show where src/{}.rs is", path.display());
    }
}

/// The files of each folder, by a table whose rows without a folder go on with the one above.
fn files_of_rooms(page: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut rooms: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let mut folders = Vec::new();
    for row in page.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = row.split('|').map(quoted).collect();
        if !cells[1].is_empty() {
            folders.clone_from(&cells[1]);
        }
        for folder in &folders {
            rooms.entry(*folder).or_default().extend(&cells[3]);
        }
    }
    rooms
}

/// The words between back-quotes.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The layers of the Redis store, the lowest first.
const REDIS_LAYERS: &[&str] =
    &["topology", "settings", "trouble", "script", "ledger", "desk", "link", "task", "accounts"];

/// The layers of the Redis store that a source names, by `redis::` or, beside them, by `super::`.
fn used_layers(text: &str, is_beside: bool) -> impl Iterator<Item = usize> {
    let paths = text.split("store::redis::").skip(1);
    let beside = text.split("use super::").skip(1).filter(move |_| is_beside);
    let names =
        paths.chain(beside).map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or(""));
    names.filter_map(|name| REDIS_LAYERS.iter().position(|layer| *layer == name))
}

#[test]
fn each_layer_of_the_redis_store_uses_only_those_below_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/redis");
    for source in &sources() {
        let Ok(inside) = source.path.strip_prefix(&root) else { continue };
        let first = inside.iter().next().unwrap().to_str().unwrap();
        let own = REDIS_LAYERS.iter().position(|layer| *layer == first.trim_end_matches(".rs"));
        let Some(own) = own else { continue };
        let is_beside = inside.iter().count() == 1;
        for used in used_layers(&source.text, is_beside) {
            assert!(used <= own, "{}: uses {}", source.path.display(), REDIS_LAYERS[used]);
        }
    }
}

/// The rooms of the model, the lowest first.
const MODEL_ROOMS: &[&str] = &["said", "time", "client", "account", "condition", "rule"];

/// The sources of the model, each by its room and file: `("time", "units")`; what is said has no files.
fn model_sources() -> BTreeMap<(String, String), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/model");
    let of_model = sources().into_iter().filter_map(|source| {
        let inside = source.path.strip_prefix(&root).ok()?.with_extension("");
        let mut names = inside.iter().map(|name| name.to_str().unwrap().to_owned());
        let room = names.next().filter(|room| room != "mod")?;
        Some(((room, names.next().unwrap_or_default()), without_tests(&source.text)))
    });
    of_model.collect()
}

/// The names of modules that follow `crate::model::` in a source: `["time", "units"]` of `crate::model::time::units::Tick`.
fn used_of_model(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.split("crate::model::").skip(1).map(|rest| {
        let path = rest.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').next().unwrap_or("");
        path.split("::").filter(|name| name.starts_with(char::is_lowercase)).collect()
    })
}

#[test]
fn a_room_of_the_model_uses_only_those_below_it_by_their_faces_and_its_own_files_by_name() {
    let sources = model_sources();
    assert!(sources.len() > 20, "only {} sources found", sources.len());
    let place = |room: &str| MODEL_ROOMS.iter().position(|known| *known == room);
    for ((room, file), text) in &sources {
        assert!(!text.contains("super::"), "{room}/{file}: a path by `super` would hide what it uses");
        let own = place(room).unwrap_or_else(|| panic!("{room} is no room of the model"));
        for used in used_of_model(text) {
            let [other, rest @ ..] = &used[..] else { panic!("{room}/{file}: names no room of the model") };
            let other_place = place(other).unwrap_or_else(|| panic!("{room}/{file}: no room {other}"));
            let is_file =
                rest.first().is_some_and(|name| sources.contains_key(&(room.clone(), (*name).to_owned())));
            assert!(
                other_place < own || (other_place == own && is_file),
                "{room}/{file}: uses {}",
                used.join("::")
            );
        }
    }
}
