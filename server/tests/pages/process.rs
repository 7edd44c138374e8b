//! What a reader has started.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take; builds are part of it. Only a test that fails takes that long.
const PATIENCE: Duration = Duration::from_secs(540);

/// A command that runs, killed at the end of the test.
pub(crate) struct Process {
    child: Child,
    output: PathBuf,
    errors: PathBuf,
}

impl Process {
    /// Types a command in a shell; what it prints goes to files in `notes`.
    pub(crate) fn typed(command: &str, standing: &Path, notes: &Path, path: &str) -> Self {
        let place = |name: &str| notes.join(format!("{name}-{}", count(notes)));
        let (output, errors) = (place("output"), place("errors"));
        let mut shell = Command::new("bash");
        shell.args(["-c", command]).current_dir(standing).env("PATH", path).stdin(Stdio::null());
        without_cargos_own(&mut shell);
        shell.stdout(File::create(&output).unwrap()).stderr(File::create(&errors).unwrap());
        Self { child: shell.spawn().unwrap(), output, errors }
    }

    /// What it has printed so far.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(&self.output).unwrap()
    }

    /// What it has printed so far, and what it has complained of.
    pub(crate) fn everything(&self) -> String {
        self.output() + &fs::read_to_string(&self.errors).unwrap()
    }

    /// Waits for it to end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        self.eventually(|process| process.child.try_wait().unwrap())
    }

    /// Waits for it to print a text.
    pub(crate) fn prints(&mut self, text: &str) {
        self.eventually(|process| {
            let ended = process.child.try_wait().unwrap();
            let has = process.everything().contains(text);
            assert!(has || ended.is_none(), "{ended:?} before {text:?}\n{}", process.everything());
            has.then_some(())
        });
    }

    /// Waits for something that it does; it must not end before.
    pub(crate) fn is_ready(&mut self, mut is_there: impl FnMut() -> bool) {
        self.eventually(|process| {
            let ended = process.child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}\n{}", process.everything());
            is_there().then_some(())
        });
    }

    fn eventually<T>(&mut self, mut look: impl FnMut(&mut Self) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "it takes too long\n{}", self.everything());
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn count(notes: &Path) -> usize {
    fs::read_dir(notes).unwrap().count()
}

/// What cargo tells a test is no part of a reader's environment, and would have cargo build all anew. A proxy of the
/// machine's is not asked for what is on it.
fn without_cargos_own(command: &mut Command) {
    for (name, _) in
        std::env::vars().filter(|(name, _)| name.starts_with("CARGO") || name == "LD_LIBRARY_PATH")
    {
        if !["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_NET_OFFLINE"].contains(&name.as_str()) {
            command.env_remove(name);
        }
    }
    command.env("NO_PROXY", "localhost,127.0.0.1").env("no_proxy", "localhost,127.0.0.1");
    command.env_remove("RUST_LOG").env_remove("RUST_BACKTRACE");
}
