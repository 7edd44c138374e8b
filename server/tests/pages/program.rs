//! Programs that a page shows, in a package of their own as its reader would have one.

use std::fs;

use crate::place::Place;
use crate::process::Process;
use crate::shelf;

/// Writes a package with the page's dependencies and program, and starts it at a port.
///
/// It is built by the lock file and without the network, so actix has the features that the lock file knows.
pub(crate) fn start(place: &mut Place, manifest: &str, program: &str, path: &str) -> Process {
    let port = place.move_port("8080");
    let package = "[package]\nname = \"reader\"\nedition = \"2024\"\n\n[workspace]\n\n";
    let root = shelf::root();
    let source = replaced(program, "127.0.0.1:8080", &format!("127.0.0.1:{port}"));
    fs::create_dir_all(place.path("reader/src")).unwrap();
    fs::write(place.path("reader/src/main.rs"), source).unwrap();
    fs::write(place.path("reader/Cargo.toml"), package.to_owned() + &fitted(manifest)).unwrap();
    fs::copy(root.join("Cargo.lock"), place.path("reader/Cargo.lock")).unwrap();
    let target =
        std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| root.join("target").display().to_string());
    let command = format!("cargo build --offline --target-dir '{target}' && exec '{target}/debug/reader'");
    Process::typed(&command, &place.path("reader"), &place.notes(), path)
}

/// The page's dependencies, with what a reader fetches from the network as the lock file has it.
fn fitted(manifest: &str) -> String {
    let actix = r#"actix-web = { version = "4", default-features = false, features = ["macros"] }"#;
    let text = replaced(manifest, r#"actix-web = "4""#, actix);
    replaced(&text, r#"path = "../timebudget""#, &format!("path = {:?}", shelf::root()))
}

fn replaced(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "no {old:?} in\n{text}");
    text.replace(old, new)
}
