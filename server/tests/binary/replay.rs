//! `timebudget replay`: logs of all servers, hostile ones, and the refusals of a server that has run.

mod formats;
mod hostile;
mod options;
mod recorded;
mod reports;
mod zones;

use std::path::Path;

use serde_json::Value;

use crate::running::timebudget;
use crate::scratch::Scratch;

/// What a replay prints, and what it writes of each request.
struct Replayed {
    printed: String,
    requests: Vec<Value>,
}

impl Replayed {
    /// Replays logs by a site file of this text, with more arguments.
    fn of(scratch: &Scratch, site: &str, logs: &[&Path], more: &[&str]) -> Self {
        let (site, requests) = (scratch.write("site.json", site), scratch.path("requests.jsonl"));
        let mut command = timebudget(["replay", "--site"]);
        command.arg(site).args(logs).arg("--requests").arg(&requests).args(more);
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let requests = std::fs::read_to_string(requests).unwrap();
        let requests = requests.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Self { printed: text(&output.stdout), requests }
    }

    /// The lines of the log whose requests are refused, each with the rule.
    fn refused(&self) -> Vec<(u64, String)> {
        let refused = self
            .requests
            .iter()
            .filter_map(|request| Some((request["line"].as_u64()?, request["rule"].as_str()?.to_owned())));
        let mut refused: Vec<_> = refused.collect();
        refused.sort();
        refused
    }

    fn says(&self, text: &str) {
        assert!(self.printed.contains(text), "{text:?} in\n{}", self.printed);
    }
}

/// A directory of a test's own with a log of this text.
fn with_log(text: impl AsRef<[u8]>) -> (Scratch, std::path::PathBuf) {
    let scratch = Scratch::new();
    let log = scratch.path("access.log");
    std::fs::write(&log, text).unwrap();
    (scratch, log)
}
