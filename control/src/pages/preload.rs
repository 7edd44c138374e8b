//! Which modules the first page needs, so that a browser asks for all of them at once instead of finding one in the other.

use std::sync::LazyLock;

use super::assets;

/// Where reading begins: the program, and the page that most people open first.
const ROOTS: [&str; 2] = ["app.js", "pages/overview.js"];

/// A `<link rel="modulepreload">` for each module, a line each; `{version}` stands where the version goes.
pub(crate) fn links() -> &'static str {
    static LINKS: LazyLock<String> = LazyLock::new(|| {
        let link = |name| format!("<link rel=\"modulepreload\" href=\"assets/{{version}}/{name}\">");
        needed().iter().map(link).collect::<Vec<_>>().join("\n")
    });
    &LINKS
}

/// The roots, and all that they import, each once, in the order in which they are met.
pub(crate) fn needed() -> Vec<String> {
    let mut needed: Vec<String> = ROOTS.map(String::from).to_vec();
    let mut read = 0;
    while let Some(name) = needed.get(read).cloned() {
        read += 1;
        for import in imports(&name) {
            if !needed.contains(&import) {
                needed.push(import);
            }
        }
    }
    needed
}

/// The names of the files that a module imports as it begins. What it imports later, `import(…)`, is not among them.
pub(crate) fn imports(name: &str) -> Vec<String> {
    let text = assets::named(name).map_or("", |asset| std::str::from_utf8(asset.bytes).unwrap_or_default());
    text.split("from").skip(1).filter_map(specifier).map(|path| resolve(name, path)).collect()
}

/// The text in quotation marks that comes next, if it is relative.
fn specifier(after: &str) -> Option<&str> {
    let quoted = after.trim_start().strip_prefix('"')?;
    let (path, _) = quoted.split_once('"')?;
    path.starts_with('.').then_some(path)
}

/// `../core/view.js` in `pages/overview.js` is `core/view.js`.
fn resolve(name: &str, path: &str) -> String {
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}
