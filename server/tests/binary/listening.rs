//! Where the server listens: several addresses, Unix sockets, TLS, and sockets of systemd.

use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::running::{Running, timebudget};
use crate::scratch::Scratch;

const DAILY: &str = r#"{ "rate_limit": "600s per day" }"#;

fn start(more: &[&str]) -> Running {
    let scratch = Scratch::new();
    let file = scratch.write("site.json", DAILY);
    start_in(scratch, &[&["--site", file.to_str().unwrap()], more].concat())
}

fn start_in(scratch: Scratch, args: &[&str]) -> Running {
    let args: Vec<_> = args.iter().map(OsStr::new).collect();
    let server = Running::start(scratch, &args);
    server.wait_for_output("try:");
    server
}

/// What curl prints of a path, with its status at the end.
fn curl(args: &[&str]) -> String {
    let mut command = Command::new("curl");
    command
        .args(["-sS", "--max-time", "30", "-w", "%{http_version} %{http_code}", "-o", "/dev/null"])
        .args(args);
    let output = command.output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A certificate of its own for a name, and its key.
fn certify(scratch: &Scratch, name: &str) {
    let (cert, key) = (scratch.path("cert.pem~"), scratch.path("key.pem~"));
    let subject = format!("/CN={name}");
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", &subject, "-addext", &format!("subjectAltName=DNS:{name}"), "-keyout"])
        .args([key.as_os_str(), "-out".as_ref(), cert.as_os_str()])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    fs::rename(key, scratch.path("key.pem")).unwrap();
    fs::rename(cert, scratch.path("cert.pem")).unwrap();
}

fn with_tls() -> Running {
    let scratch = Scratch::new();
    let site = scratch.write("site.json", DAILY);
    certify(&scratch, "first.example");
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| scratch.path(name));
    let [site, cert, key] = [&site, &cert, &key].map(|path| path.to_str().unwrap().to_owned());
    start_in(scratch, &["--site", &site, "--tls-cert", &cert, "--tls-key", &key])
}

/// The answer over TLS, if the server is who it is expected to be.
fn curl_tls(server: &Running, name: &str, more: &[&str]) -> String {
    let (resolve, port) = (format!("{name}:{0}:127.0.0.1", server.address.port()), server.address.port());
    let (ca, url) = (server.scratch.path("cert.pem"), format!("https://{name}:{port}/"));
    curl(&[&["--cacert", ca.to_str().unwrap(), "--resolve", &resolve], more, &[&url]].concat())
}

#[test]
fn it_listens_on_each_address_that_it_is_told() {
    let server = start(&["--listen", "127.0.0.1:0"]);
    let output = server.output();
    let addresses: Vec<_> = output.lines().filter_map(|line| line.strip_prefix("listening on ")).collect();
    assert_eq!(addresses.len(), 2, "{output}");
    for address in addresses {
        assert_eq!(curl(&[address]), "1.1 200");
    }
}

#[test]
fn in_clear_it_speaks_http_2_to_those_who_know_that() {
    let server = start(&[]);
    assert_eq!(curl(&["--http2-prior-knowledge", &format!("http://{}/", server.address)]), "2 200");
}

#[test]
fn a_connection_on_which_nothing_is_said_is_closed_and_keeps_no_server_from_ending() {
    let mut server = start(&[]);
    let mut silent = server.connect();
    assert_eq!(silent.read(&mut [0]).unwrap(), 0);
    let _silent = server.connect();
    server.signal("TERM");
    assert!(server.ended().success());
}

#[test]
fn on_a_unix_socket_it_has_the_permissions_that_are_told_and_leaves_nothing_behind() {
    let scratch = Scratch::new();
    let (file, path) = (scratch.write("site.json", DAILY), scratch.path("it.sock"));
    let (site, socket) = (file.to_str().unwrap().to_owned(), format!("unix:{}", path.display()));
    // What a process has left behind that was killed.
    drop(UnixListener::bind(&path).unwrap());
    let mut server = start_in(scratch, &["--site", &site, "--listen", &socket, "--listen-mode", "600"]);
    assert!(server.output().contains(&format!("listening on {socket}\n")), "{}", server.output());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(curl(&["--unix-socket", path.to_str().unwrap(), "http://localhost/"]), "1.1 200");
    server.signal("TERM");
    assert!(server.ended().success());
    assert!(!path.exists());
}

/// As its successor does, which takes the path while this one lets its last requests end.
#[test]
fn a_process_that_ends_leaves_the_socket_of_its_successor() {
    let scratch = Scratch::new();
    let (file, path, other) =
        (scratch.write("site.json", DAILY), scratch.path("it.sock"), scratch.path("other.sock"));
    let (site, socket) = (file.to_str().unwrap().to_owned(), format!("unix:{}", path.display()));
    let mut server = start_in(scratch, &["--site", &site, "--listen", &socket]);
    let _successor = UnixListener::bind(&other).unwrap();
    fs::rename(&other, &path).unwrap();
    server.signal("TERM");
    assert!(server.ended().success());
    assert!(UnixStream::connect(&path).is_ok());
}

#[test]
fn it_takes_no_socket_from_a_process_that_lives_and_no_other_file() {
    let scratch = Scratch::new();
    let path = scratch.path("it.sock");
    let socket = format!("unix:{}", path.display());
    let refused = || {
        let output = timebudget(["serve", "--listen", &socket]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let held = UnixListener::bind(&path).unwrap();
    assert!(refused().contains("another process listens on it"));
    drop(held);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "precious").unwrap();
    assert!(refused().contains("there is a file that is no socket"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

/// Whatever kept it from connecting was taken for the sign that nobody was there.
#[test]
fn it_takes_no_socket_from_a_process_that_cannot_be_asked() {
    let scratch = Scratch::new();
    let path = scratch.path("it.sock");
    let socket = format!("unix:{}", path.display());
    let refused = || {
        let output = timebudget(["serve", "--listen", &socket]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let datagrams = UnixDatagram::bind(&path).unwrap();
    assert!(refused().contains("another process seems to have it: "));
    drop(datagrams);
    fs::remove_file(&path).unwrap();

    let busy = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    busy.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
    busy.listen(0).unwrap();
    let waiting: Vec<_> = std::iter::repeat_with(|| {
        let client = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
        client.set_nonblocking(true).unwrap();
        client.connect(&socket2::SockAddr::unix(&path).unwrap()).map(|()| client)
    })
    .map_while(Result::ok)
    .collect();
    assert!(refused().contains("another process listens on it"), "{} wait", waiting.len());

    // Root is let in all the same.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    assert!(refused().contains("another process "));
    assert!(path.exists());
}

#[test]
fn over_tls_it_speaks_both_versions_of_http() {
    let server = with_tls();
    assert!(server.output().starts_with("listening on https://"));
    assert_eq!(curl_tls(&server, "first.example", &["--http2"]), "2 200");
    assert_eq!(curl_tls(&server, "first.example", &["--http1.1"]), "1.1 200");
    assert_eq!(curl_tls(&server, "first.example", &["--tls-max", "1.2"]), "2 200");
}

#[test]
fn a_new_certificate_is_shown_without_a_restart_and_a_wrong_one_is_not() {
    let server = with_tls();
    certify(&server.scratch, "second.example");
    server.wait_for_log("cert.pem: the new certificate is in force");
    let shown = || curl_tls(&server, "second.example", &[]);
    assert_eq!(shown(), "2 200", "{}", server.log());
    // A key that belongs to another certificate.
    let key = fs::read_to_string(server.scratch.path("key.pem")).unwrap();
    let other = Scratch::new();
    certify(&other, "third.example");
    fs::copy(other.path("key.pem"), server.scratch.path("key.pem")).unwrap();
    server.signal("HUP");
    server.wait_for_log("no certificate with its key");
    server.wait_for_log("the certificate in force stays");
    assert_eq!(shown(), "2 200");
    let log = server.log();
    assert!(!key.lines().filter(|line| line.len() > 20).any(|line| log.contains(line)), "no key in the log");
}

#[test]
fn a_certificate_that_is_none_ends_the_start_with_a_reason() {
    let scratch = Scratch::new();
    let file = scratch.write("cert.pem", "not a certificate");
    let file = file.to_str().unwrap();
    let args = ["serve", "--listen", "127.0.0.1:0", "--tls-cert", file, "--tls-key", file];
    let output = timebudget(args).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("cert.pem: no certificate in it; expected PEM"), "{told}");
}

/// Opens a socket and becomes the server, as systemd does.
const ACTIVATE: &str = "\
import os, socket, sys
s = socket.socket()
s.bind(('127.0.0.1', 0))
s.listen()
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[1], sys.argv[1:])
";

#[test]
fn it_listens_on_a_socket_that_systemd_passes_and_says_when_it_is_ready() {
    let scratch = Scratch::new();
    let notify = UnixDatagram::bind(scratch.path("notify")).unwrap();
    notify.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut child = Command::new("python3")
        .args(["-c", ACTIVATE, env!("CARGO_BIN_EXE_timebudget"), "serve"])
        .env("NOTIFY_SOCKET", scratch.path("notify"))
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(fs::File::create(scratch.path("out")).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut told = [0; 64];
    let heard = |told: &mut [u8]| {
        notify.recv(told).map(|length| String::from_utf8_lossy(&told[..length]).into_owned())
    };
    let ready = heard(&mut told);
    let output = fs::read_to_string(scratch.path("out")).unwrap();
    let address = output.lines().next().and_then(|line| line.strip_prefix("listening on "));
    let answered = address.map(|address| curl(&[address]));
    let ended = Command::new("kill").arg(child.id().to_string()).status();
    let stopping = heard(&mut told);
    let status = child.wait().unwrap();
    assert_eq!(ready.unwrap().trim_end(), "READY=1");
    assert_eq!(answered.as_deref(), Some("1.1 200"), "{output}");
    assert!(!output.contains(":8080"), "nothing but the socket that was passed: {output}");
    assert_eq!((stopping.unwrap().trim_end(), ended.unwrap().success()), ("STOPPING=1", true));
    assert!(status.success(), "{status}");
}

#[test]
fn the_units_are_those_of_systemd() {
    let units = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/systemd");
    // The program must be where the unit says.
    let scratch = Scratch::new();
    let unit = fs::read_to_string(units.join("timebudget.service")).unwrap();
    let here = unit.replace("/usr/local/bin/timebudget", env!("CARGO_BIN_EXE_timebudget"));
    scratch.write("timebudget.service", &here);
    fs::copy(units.join("timebudget.socket"), scratch.path("timebudget.socket")).unwrap();
    let files = ["timebudget.service", "timebudget.socket"].map(|name| scratch.path(name));
    let output =
        Command::new("systemd-analyze").arg("verify").args(&files).output().expect("systemd-analyze");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !told.contains("timebudget."), "{told}");
    // What it starts is a command line of ours.
    let line = here.replace("\\\n", " ");
    let line = line.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap().to_owned();
    let told = timebudget(line.split_whitespace().skip(1).chain(["--help"])).output().unwrap();
    assert!(told.status.success(), "{line}");
}
