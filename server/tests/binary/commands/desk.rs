//! Somebody at a terminal, and a limiter that runs.

use std::io::Write as _;
use std::process::Stdio;

use crate::admin::{Admin, TOKEN};
use crate::running::timebudget;
use crate::scratch::Scratch;

/// Users in groups, and windows that no test outlasts.
pub(crate) const SITE: &str = r#"{
    "rate_limit_trusted_proxies": ["127.0.0.1"],
    "rate_limit_identity": { "user": "X-Forwarded-User", "groups": "X-Forwarded-Groups" },
    "rate_limit_rules": [
        { "name": "each", "key": "user", "limits": "100s per year" },
        { "name": "calls", "key": "site", "limits": "1000 per year" }
    ]
}"#;

pub(crate) struct Desk {
    pub(crate) admin: Admin,
    /// Files that commands are given.
    files: Scratch,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { admin: Admin::with_site(SITE, Scratch::new(), &[]), files: Scratch::new() }
    }

    /// A request by a user.
    pub(crate) fn visit(&self, user: &str) -> u16 {
        let fields = format!("host: localhost\r\nx-forwarded-user: {user}\r\n");
        self.admin.server.request("GET", "/report?ms=5", &fields).status
    }

    /// A file of this text; its name.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        self.files.write(name, text).to_str().unwrap().to_owned()
    }

    /// What a command prints, and its status.
    pub(crate) fn run(&self, args: &[&str], input: &str) -> (i32, String, String) {
        let mut command = timebudget(args);
        command
            .env("TIMEBUDGET_ADMIN", format!("http://{}", self.admin.address))
            .env("TIMEBUDGET_TOKEN", TOKEN);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// What a command that ends well prints.
    #[track_caller]
    pub(crate) fn does(&self, args: &[&str]) -> String {
        let (status, printed, told) = self.run(args, "");
        assert_eq!((status, told.as_str()), (0, ""), "timebudget {}", args.join(" "));
        printed
    }

    /// The same in lines, each with its cells apart by a bar, and with `…` for ids and for times of now, and the site file by its
    /// name alone.
    #[track_caller]
    pub(crate) fn table(&self, args: &[&str]) -> Vec<String> {
        self.does(args).lines().map(steady).collect()
    }

    /// What a command says that is wrong.
    #[track_caller]
    pub(crate) fn fails(&self, args: &[&str]) -> String {
        let (status, printed, told) = self.run(args, "");
        assert_eq!((status, printed.as_str()), (2, ""), "timebudget {}: {told}", args.join(" "));
        told.trim_end().to_owned()
    }

    /// What a command prints, as JSON.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> serde_json::Value {
        let printed = self.does(args);
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
    }
}

/// A line of a table whose widths and ids may differ.
fn steady(line: &str) -> String {
    let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
    let is_id = |cell: &str| cell.len() == 32 && cell.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_now = |cell: &str| cell.ends_with('Z') && cell.len() > 20;
    let is_made = |cell: &str| ["ov_", "key_", "tbk_"].iter().any(|begin| cell.starts_with(begin));
    let is_elsewhere = |cell: &str| cell.starts_with('/') && cell.ends_with("/site.json");
    let cells = cells.map(|cell| match cell {
        _ if is_id(cell) || is_now(cell) || is_made(cell) => "…",
        _ if is_elsewhere(cell) => "site.json",
        _ => cell,
    });
    cells.collect::<Vec<_>>().join(" | ")
}
