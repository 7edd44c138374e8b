//! Where a reader stands.

use std::collections::BTreeMap;
use std::fs;
use std::iter;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering::Relaxed};

use crate::shelf;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// What stands on a page for something of the reader's own.
const PLACEHOLDERS: &[(&str, &str)] = &[
    ("/var/lib/timebudget/", ""),
    ("FILE…", "site_config.json"),
    ("FILE", "site_config.json"),
    ("DIR", "sites"),
    ("redis://…", "redis://127.0.0.1"),
];

/// A directory with the repository's files, a site file and a directory of sites, where readers have their own; and
/// ports of the test's own in place of those on the page.
pub(crate) struct Place {
    directory: PathBuf,
    ports: BTreeMap<String, u16>,
}

impl Place {
    pub(crate) fn new(site_file: &str) -> Self {
        let name = format!("page-{}-{}", process::id(), COUNT.fetch_add(1, Relaxed));
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(directory.join("sites/a.example")).unwrap();
        fs::create_dir_all(directory.join(".notes")).unwrap();
        for file in ["site_config.json", "sites/common_site_config.json", "sites/a.example/site_config.json"]
        {
            fs::write(directory.join(file), site_file).unwrap();
        }
        for name in ["docs", "examples", "tests", "site_config.example.json"] {
            symlink(shelf::root().join(name), directory.join(name)).unwrap();
        }
        Self { directory, ports: BTreeMap::new() }
    }

    /// Where a command is typed: cargo's at the root, all others beside the reader's own files.
    pub(crate) fn of(&self, command: &str) -> PathBuf {
        let is_developers = command.contains("cargo ") || command.starts_with("./dev");
        if is_developers { shelf::root() } else { self.directory.clone() }
    }

    /// Where outputs are kept.
    pub(crate) fn notes(&self) -> PathBuf {
        self.directory.join(".notes")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The port of the test's own that stands for one on a page.
    pub(crate) fn port(&mut self, on_page: &str) -> u16 {
        *self.ports.entry(on_page.to_owned()).or_insert_with(free_port)
    }

    /// Has the page's port stand for another one from now on.
    pub(crate) fn move_port(&mut self, on_page: &str) -> u16 {
        self.ports.remove(on_page);
        self.port(on_page)
    }

    /// A command with the test's own ports and files.
    pub(crate) fn fitted(&mut self, command: &str) -> String {
        let mut text = command.to_owned();
        for (placeholder, own) in PLACEHOLDERS {
            text = replaced(&text, placeholder, own);
        }
        if text.contains("redis://127.0.0.1") {
            text = text.replace("redis://127.0.0.1", &format!("redis://127.0.0.1:{}", self.port("6379")));
        }
        for host in ["localhost:", "127.0.0.1:"] {
            text = self.with_own_ports(&text, host);
        }
        text
    }

    /// A text with other ports after a host, where they have four digits and begin with an 8 or a 3.
    fn with_own_ports(&mut self, text: &str, host: &str) -> String {
        let mut parts = text.split(host);
        let mut fitted = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let is_page = part.len() >= 4
                && part.starts_with(['3', '8'])
                && part.as_bytes()[..4].iter().all(u8::is_ascii_digit);
            let is_page = is_page && !part[4..].starts_with(|letter: char| letter.is_ascii_digit());
            let (port, rest) = if is_page { part.split_at(4) } else { ("", part) };
            let own = if is_page { self.port(port).to_string() } else { String::new() };
            fitted += &format!("{host}{own}{rest}");
        }
        fitted
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A text with something else for a placeholder, where that is no part of a longer name.
fn replaced(text: &str, placeholder: &str, own: &str) -> String {
    let mut parts = text.split(placeholder);
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        whole += if whole.ends_with('_') { placeholder } else { own };
        whole += part;
    }
    whole
}

/// A port that nobody listens on, below those that systems hand out by themselves: nobody gets it who asks for any.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = (process::id() % 100) as u16 * 100;
    let next = || 12_000 + own + NEXT.fetch_add(1, Relaxed);
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    iter::repeat_with(next).find(is_free).unwrap()
}
