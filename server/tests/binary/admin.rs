//! Run-time control of the binary: its listener, its database, and the first owner.

use std::ffi::OsStr;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};

use crate::answer::Answer;
use crate::running::{Running, eventually, timebudget};
use crate::scratch::Scratch;

/// A site file beside which the database lies.
const SITE: &str = r#"{ "rate_limit_exempt": { "path": "/health" }, "rate_limit": "5 per hour" }"#;

pub(crate) const TOKEN: &str = "a-token-of-more-than-thirty-two-letters";

/// A server with its admin listener.
pub(crate) struct Admin {
    pub(crate) server: Running,
    pub(crate) address: SocketAddr,
}

impl Admin {
    pub(crate) fn start(scratch: Scratch, more: &[&str]) -> Self {
        Self::with_site(SITE, scratch, more)
    }

    pub(crate) fn with_site(site: &str, scratch: Scratch, more: &[&str]) -> Self {
        let token = scratch.write("token", TOKEN);
        let file = scratch.write("site.json", site);
        let args = ["--site", file.to_str().unwrap(), "--admin", "127.0.0.1:0"];
        let args: Vec<_> = args.iter().chain(more).map(OsStr::new).collect();
        let variables = [("TIMEBUDGET_OWNER_TOKEN_FILE", token.to_str().unwrap())];
        let server = Running::start_in(scratch, &args, &variables);
        server.wait_for_output("try:");
        let output = server.output();
        let line = output.lines().find_map(|line| line.strip_prefix("admin on http://"));
        let address = line.expect("a line with the address").parse().unwrap();
        Self { server, address }
    }

    /// Ends it as an operator does, and waits until it has ended well.
    pub(crate) fn end(mut self) {
        self.server.signal("TERM");
        assert!(self.server.ended().success(), "{}", self.server.log());
    }

    pub(crate) fn ask(&self, method: &str, path: &str, fields: &str, body: &str) -> Answer {
        let mut connection = TcpStream::connect(self.address).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n{fields}\r\n{body}"
        );
        connection.write_all(head.as_bytes()).unwrap();
        Answer::read(&connection).unwrap_or_else(|| panic!("no answer to {head}"))
    }

    pub(crate) fn owner(&self, method: &str, path: &str, body: &str) -> Answer {
        self.owner_with(method, path, "", body)
    }

    /// The same with more header fields.
    pub(crate) fn owner_with(&self, method: &str, path: &str, fields: &str, body: &str) -> Answer {
        self.ask(method, path, &format!("authorization: Bearer {TOKEN}\r\n{fields}"), body)
    }
}

#[test]
fn the_admin_listener_says_that_it_lives_and_serves_and_asks_for_a_token_else() {
    let admin = Admin::start(Scratch::new(), &[]);
    assert_eq!(admin.ask("GET", "/live", "", "").json()["live"], true);
    assert_eq!(admin.ask("GET", "/ready", "", "").json()["database"], "up");
    assert_eq!(admin.ask("GET", "/api/v1/tiers", "", "").status, 401);
    assert_eq!(admin.owner("GET", "/api/v1/session", "").json()["role"], "owner");
    assert_eq!(admin.ask("GET", "/", "", "").status, 200, "the pages");
    assert!(admin.server.scratch.path("timebudget.db").exists(), "the database lies beside the site file");
}

/// Whoever reached the listener from elsewhere, or through a proxy on this machine, read what sites there are and what they do.
#[test]
fn who_asks_from_elsewhere_needs_a_token_for_metrics_and_readiness() {
    let admin = Admin::start(Scratch::new(), &[]);
    let body = r#"{ "name": "prometheus", "role": "viewer" }"#;
    let made = admin.owner("POST", "/api/v1/members", body).json();
    let token = format!("authorization: Bearer {}\r\n", made["token"].as_str().unwrap());
    for path in ["/ready", "/metrics"] {
        assert_eq!(admin.ask("GET", path, "", "").status, 200, "from this machine");
        let forwarded = |fields: &str| {
            admin.ask("GET", path, &format!("x-forwarded-for: 127.0.0.1\r\n{fields}"), "").status
        };
        assert_eq!(forwarded(""), 401);
        assert_eq!(forwarded("authorization: Bearer tbm_none\r\n"), 401);
        assert_eq!(forwarded(&token), 200);
    }
    assert_eq!(admin.ask("GET", "/live", "x-forwarded-for: 192.0.2.7\r\n", "").status, 200);
    let open = Admin::start(Scratch::new(), &["--admin-open-metrics"]);
    assert_eq!(open.ask("GET", "/metrics", "x-forwarded-for: 192.0.2.7\r\n", "").status, 200);
}

/// nginx with a bare `proxy_pass` says nothing of whom it speaks for, and HAProxy nothing but the host that its client asked for.
#[test]
fn a_proxy_that_does_not_say_so_is_not_this_machine() {
    let admin = Admin::start(Scratch::new(), &["--database", "none"]);
    let status = |head: String| {
        let mut connection = TcpStream::connect(admin.address).unwrap();
        connection.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).unwrap();
        Answer::read(&connection).unwrap().status
    };
    let address = admin.address;
    for path in ["/ready", "/metrics"] {
        assert_eq!(status(format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n")), 200);
        assert_eq!(status(format!("GET {path} HTTP/1.0\r\n")), 200, "a check");
        assert_eq!(status(format!("GET {path} HTTP/1.0\r\nhost: {address}\r\n")), 403, "nginx");
        assert_eq!(status(format!("GET {path} HTTP/1.1\r\nhost: limits.example\r\n")), 403, "HAProxy");
    }
}

/// The database was made, and the owner's token printed, before the address was looked at.
#[test]
fn what_is_no_address_or_no_path_is_told_before_anything_is_made() {
    for wrong in [["--admin", "nonsense"], ["--admin", "127.0.0.1"], ["--admin", "127.0.0.1:99999"]] {
        told_before_anything(&wrong);
    }
    for path in ["/{x", "x", "/{a}", "/a*", "/a b", "/a?b"] {
        told_before_anything(&["--admin", "127.0.0.1:0", "--page-path", path]);
    }
}

fn told_before_anything(args: &[&str]) {
    let scratch = Scratch::new();
    let mut command = timebudget(["serve", "--listen", "127.0.0.1:0"].iter().chain(args));
    let output = command.current_dir(scratch.path("")).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{args:?}: {told}");
    assert!(told.contains("expected") && !told.contains("panicked"), "{args:?}: {told}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "", "{args:?}");
    assert_eq!(std::fs::read_dir(scratch.path("")).unwrap().count(), 0, "{args:?}");
}

#[test]
fn a_change_by_the_api_is_in_force_for_what_is_served_and_after_a_restart() {
    let admin = Admin::start(Scratch::new(), &[]);
    let limit = |server: &Running| server.get("/x").header("x-ratelimit-limit").map(str::to_owned);
    assert_eq!(limit(&admin.server).as_deref(), Some("5"));
    let rules = r#"{ "rules": [{ "name": "tight", "key": "site", "limits": "1 per hour" }] }"#;
    assert_eq!(admin.owner("PUT", "/api/v1/rulesets/plans", rules).status, 201);
    let policy = r#"{ "published": "plans", "unpublished": null }"#;
    assert_eq!(admin.owner("PUT", "/api/v1/policy", policy).status, 201);
    assert_eq!(limit(&admin.server).as_deref(), Some("1"));
    let sites = admin.owner("GET", "/api/v1/sites", "").json();
    assert_eq!(sites["items"][0]["rules"][1]["from"], "ruleset plans");

    let Admin { mut server, .. } = admin;
    server.signal("TERM");
    assert!(server.ended().success(), "{}", server.log());
    let database = format!("sqlite://{}", server.scratch.path("timebudget.db").display());
    let admin = Admin::start(Scratch::new(), &["--database", &database]);
    assert_eq!(limit(&admin.server).as_deref(), Some("1"));
}

#[test]
fn the_first_owners_token_is_printed_once() {
    let scratch = Scratch::new();
    let database = format!("sqlite://{}", scratch.path("limits.db").display());
    let start = || {
        // The token comes before all else, so that nothing that fails afterwards loses it.
        let mut command = timebudget(["serve", "--listen", "nowhere", "--database", &database]);
        let output = command.current_dir(scratch.path("")).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let first = start();
    assert!(first.starts_with("owner token: tbm_") && first.lines().count() == 1, "{first}");
    assert_eq!(start(), "");
}

#[test]
fn an_owners_token_that_can_be_guessed_is_refused() {
    let scratch = Scratch::new();
    let token = scratch.write("token", "password123\n");
    let mut command = timebudget(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    let output = command.env("TIMEBUDGET_OWNER_TOKEN_FILE", &token).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("at least 32") && !told.contains("password123"), "{told}");
}

#[test]
fn a_database_that_is_none_is_told_without_its_password() {
    let args = ["serve", "--listen", "127.0.0.1:0", "--database", "mysql://root:secret@localhost/x"];
    let output = timebudget(args).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("expected sqlite://FILE or postgres://") && !told.contains("secret"), "{told}");
}

/// Behind a proxy all shared the limit on wrong tokens, and the audit showed nobody but the proxy.
#[test]
fn a_trusted_proxy_says_who_guesses_and_who_changes() {
    let admin = Admin::start(Scratch::new(), &["--admin-trusted-proxies", "10.0.0.0/8,127.0.0.1"]);
    let guess = |from: &str| {
        let fields = format!("authorization: Bearer wrong\r\nx-forwarded-for: {from}\r\n");
        admin.ask("GET", "/api/v1/tiers", &fields, "").status
    };
    // Ten a minute, and a minute may end meanwhile.
    assert!((0..40).any(|_| guess("6.6.6.6, 192.0.2.7") == 429));
    assert_eq!(guess("192.0.2.8, 10.9.9.9"), 401, "another client of the same proxies");
    let rules = r#"{ "rules": [{ "name": "tight", "key": "site", "limits": "1 per hour" }] }"#;
    let put = admin.owner_with("PUT", "/api/v1/rulesets/plans", "x-forwarded-for: 192.0.2.9\r\n", rules);
    assert_eq!(put.status, 201);
    let rows = admin.owner("GET", "/api/v1/audit", "").json();
    let addresses: Vec<_> =
        rows["items"].as_array().unwrap().iter().map(|row| row["address"].clone()).collect();
    assert_eq!(addresses[..3], ["192.0.2.9", "192.0.2.8", "192.0.2.7"]);

    let alone = Admin::start(Scratch::new(), &[]);
    let forged = |nth: u32| format!("authorization: Bearer wrong\r\nx-forwarded-for: 192.0.2.{nth}\r\n");
    let is_met = (0..40).any(|nth| alone.ask("GET", "/api/v1/tiers", &forged(nth), "").status == 429);
    assert!(is_met, "whom nobody trusts chooses no address");
}

#[test]
fn a_trusted_proxy_that_is_none_is_told_in_the_words_of_check() {
    let of = |args: &[&str]| {
        let all = ["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
        let output = timebudget(all.iter().chain(args)).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (status, told) =
        of(&["--admin-trusted-proxies", "10.0.0.0/8,10.0.0.256", "--admin-forwarded-header", "a b"]);
    assert_eq!(status, Some(2), "{told}");
    let line = |start: &str| told.lines().any(|line| line.starts_with(start));
    assert!(line("--admin-trusted-proxies: \"10.0.0.256\": "), "{told}");
    assert!(line("--admin-forwarded-header: \"a b\": "), "{told}");
}

#[test]
fn pages_may_lie_under_a_path_and_cookies_be_for_https_alone() {
    let admin = Admin::start(Scratch::new(), &["--page-path", "/limits/", "--admin-https"]);
    assert_eq!(admin.ask("GET", "/limits/", "", "").status, 200);
    let login = format!("{{\"token\":\"{TOKEN}\"}}");
    let answer = admin.ask("POST", "/limits/api/v1/session", "", &login);
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.contains("Path=/limits/api/v1") && cookie.contains("Secure"), "{cookie}");
}

#[test]
fn a_draft_is_replayed_on_what_the_gateway_has_served() {
    let admin = Admin::start(Scratch::new(), &["--recent-requests", "1"]);
    let seen: Vec<_> = (0..7).map(|_| admin.server.get("/report?ms=1").status).collect();
    assert_eq!(seen, [200, 200, 200, 200, 200, 429, 429]);
    let draft =
        r#"{ "site": "*", "draft": { "rules": [{ "name": "two", "key": "ip", "limits": "2 per hour" }] } }"#;
    let replayed = || admin.owner("POST", "/api/v1/replay", draft).json();
    // The last is kept when its connection has been told.
    let all = || (replayed()["requests"] == 7).then_some(());
    eventually("all are kept", all, || admin.server.log());
    let told = replayed();
    assert_eq!(
        (&told["refused_then"], &told["now"]["refused"], &told["draft"]["refused"]),
        (&2.into(), &2.into(), &5.into())
    );
    assert_eq!(
        (&told["draft"]["rules"][0]["rule"], &told["routes"][0]["key"]),
        (&"two".into(), &"GET /report".into())
    );
    assert_eq!(admin.server.get("/health").status, 200);
}

#[test]
fn without_being_told_it_keeps_no_requests() {
    let admin = Admin::start(Scratch::new(), &[]);
    assert_eq!(admin.server.get("/report?ms=1").status, 200);
    let draft =
        r#"{ "site": "*", "draft": { "rules": [{ "name": "two", "key": "ip", "limits": "2 per hour" }] } }"#;
    let told = admin.owner("POST", "/api/v1/replay", draft);
    assert_eq!(told.status, 409);
    assert!(told.json()["detail"].as_str().unwrap().contains("--recent-requests"), "{told:?}");
}
