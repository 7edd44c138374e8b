//! Makes doctests of the snippets of the guides.
//!
//! Each snippet becomes the body of an async block that may fail, so that `?` and `.await` stand on a page as they would in
//! an application. What else it needs, and readers do not, is in a comment beside it, which a reader's markdown hides:
//!
//! ```text
//! <!-- given
//! let engine = Engine::in_memory();
//! -->
//! (the snippet)
//! <!-- then
//! assert_eq!(answer, 42);
//! -->
//! ```

use std::path::{Path, PathBuf};
use std::{env, fs, io};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

const BEGIN: &str = "# actix_web::rt::System::new().block_on(async {\n";
const END: &str = "# Ok::<(), Box<dyn std::error::Error>>(())\n# }).unwrap();\n";

fn main() -> io::Result<()> {
    let docs = Path::new(ROOT).join("docs");
    let mut pages = vec![Path::new(ROOT).join("README.md")];
    for entry in fs::read_dir(&docs)? {
        pages.push(entry?.path());
    }
    println!("cargo::rerun-if-changed={}", docs.display());
    for page in pages.iter().filter(|page| page.extension().is_some_and(|kind| kind == "md")) {
        println!("cargo::rerun-if-changed={}", page.display());
        let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
        fs::write(out.join(page.file_name().unwrap_or_default()), tested(&fs::read_to_string(page)?))?;
    }
    Ok(())
}

/// The snippets of a page as doctests, each about where it stands there. All else is left out: an indented line would be
/// taken for a snippet, too.
fn tested(page: &str) -> String {
    let mut written = String::new();
    let mut given = String::new();
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        if line == "<!-- given" {
            given = hidden(&mut lines);
        }
        if line.starts_with("```rust") {
            let snippet: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            let is_followed = lines.next_if_eq(&"<!-- then").is_some();
            let then = if is_followed { hidden(&mut lines) } else { String::new() };
            let given = std::mem::take(&mut given);
            written += &format!("{line}\n{BEGIN}{given}{}\n{then}{END}```\n", snippet.join("\n"));
        } else {
            written.push('\n');
        }
    }
    written
}

/// The lines of a comment, hidden from readers of documents.
fn hidden<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.take_while(|line| *line != "-->").map(|line| format!("# {line}\n")).collect()
}
