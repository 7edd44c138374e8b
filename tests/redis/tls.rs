//! Servers behind TLS, behind a socket of the machine, and what the log says of those that cannot be spoken to.

use std::io::Write as _;
use std::process::{Command, Stdio};

use timebudget::store::open;

use crate::certificates::Authority;
use crate::cluster::Cluster;
use crate::journal;
use crate::process::{Process, until};
use crate::server::{Server, free_port};

/// A server that shows a certificate for localhost, its port for TLS, and who issued the certificate.
fn server_with_tls(clients: &str) -> (Server, u16, Authority) {
    let authority = Authority::new();
    authority.issue("server", "DNS:localhost,IP:127.0.0.1");
    let port = free_port();
    let options = authority.options(port, clients);
    let server = Server::with(&options.iter().map(String::as_str).collect::<Vec<_>>());
    (server, port, authority)
}

async fn until_logged(text: &str) {
    until(text, async || journal::lines().iter().any(|line| line.contains(text))).await;
}

/// Waits until the server of a URI is asked.
async fn until_asked(uri: &str) {
    assert!(Process::new(uri, "500 per day").asking().serve().await);
}

/// Whether the server of a URI is not asked, and the request is decided all the same.
async fn is_decided_without(uri: &str) -> bool {
    let process = Process::new(uri, "500 per day");
    process.serve().await && process.degraded() == 1
}

#[test]
fn a_server_is_spoken_to_through_tls_by_an_authority_of_the_system() {
    let (server, port, authority) = server_with_tls("no");
    // A process of its own, for the authorities that are trusted are read from the environment.
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tls::the_process_that_speaks_tls", "--nocapture"])
        .env("TIMEBUDGET_TEST_TLS_PORT", port.to_string())
        .env("SSL_CERT_FILE", authority.file("ca.crt"))
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(server.keys("tb1:{*").len(), 1);
}

/// Not a test, but the process that the test before starts.
#[tokio::test(flavor = "multi_thread")]
async fn the_process_that_speaks_tls() {
    let Ok(port) = std::env::var("TIMEBUDGET_TEST_TLS_PORT") else { return };
    let process = Process::new(&format!("rediss://localhost:{port}/"), "500 per day");
    assert!(process.served_as_asked().await > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_authority_and_a_clients_certificate_are_files_that_the_uri_names() {
    let (_server, port, authority) = server_with_tls("yes");
    authority.issue("client", "DNS:client");
    let [ca, cert, key] = ["ca.crt", "client.crt", "client.key"].map(|file| authority.file(file));
    let uri = format!("rediss://localhost:{port}/?ca={ca}");
    until_asked(&format!("{uri}&cert={cert}&key={key}")).await;
    assert!(is_decided_without(&uri).await, "a stranger");
    until_logged("redis: it does not accept this process's certificate, or wants one").await;
}

/// It was logged as "no connection".
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_trusted_is_named_as_such() {
    let (_server, port, authority) = server_with_tls("no");
    let other = Authority::new();
    let (ca, strange) = (authority.file("ca.crt"), other.file("ca.crt"));
    assert!(is_decided_without(&format!("rediss://localhost:{port}/?ca={strange}")).await);
    until_logged("redis: the server's certificate is not trusted: its issuer is unknown; ca=FILE").await;
    authority.issue("server", "DNS:elsewhere.example");
    let elsewhere = free_port();
    let options = authority.options(elsewhere, "no");
    let _second = Server::with(&options.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(is_decided_without(&format!("rediss://localhost:{elsewhere}/?ca={ca}")).await);
    until_logged("the server's certificate is not trusted: it is not for the host that the URI names").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_named_as_such() {
    let (server, authority) = (std::net::TcpListener::bind("127.0.0.1:0").unwrap(), Authority::new());
    let port = server.local_addr().unwrap().port();
    std::thread::spawn(move || {
        server.incoming().flatten().for_each(|mut client| drop(client.write_all(b"-ERR Protocol error\r\n")));
    });
    assert!(is_decided_without(&format!("rediss://127.0.0.1:{port}/?ca={}", authority.file("ca.crt"))).await);
    until_logged("redis: it does not speak TLS").await;
}

#[test]
fn a_key_that_is_not_the_certificates_is_refused_at_the_start() {
    let authority = Authority::new();
    authority.issue("client", "DNS:client");
    authority.issue("other", "DNS:other");
    let (cert, key, other) =
        (authority.file("client.crt"), authority.file("client.key"), authority.file("other.key"));
    assert!(open(&format!("rediss://a?cert={cert}&key={key}")).is_ok());
    for (uri, expected) in [
        (format!("rediss://a?cert={cert}&key={other}"), "key: is not the certificate's"),
        (format!("rediss://a?cert={cert}&key={cert}"), "key: no private key in it"),
        (format!("rediss://a?cert={key}&key={key}"), "cert: no certificate in it"),
    ] {
        let error = open(&uri).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// A renewed certificate is a file that is replaced: whoever connects then shows the new one.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_replaced_counts_from_the_next_connection_on() {
    let (mut server, port, authority) = server_with_tls("no");
    let ca = authority.file("trusted.crt");
    std::fs::copy(authority.file("ca.crt"), &ca).unwrap();
    let process = Process::new(&format!("rediss://localhost:{port}/?ca={ca}"), "500 per day");
    process.served_as_asked().await;
    std::fs::write(&ca, "").unwrap();
    server.kill();
    process.served_degraded().await;
    server.restart();
    until_logged("the server's certificate is not trusted: its issuer is unknown").await;
    std::fs::copy(authority.file("ca.crt"), &ca).unwrap();
    process.served_as_asked().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_and_their_master_are_spoken_to_through_tls() {
    let (master, port, authority) = server_with_tls("yes");
    authority.issue("client", "DNS:client");
    let sentinel_port = free_port();
    let sentinel = Server::sentinel_of(&master, port, &authority.sentinel_lines(sentinel_port));
    let [ca, cert, key] = ["ca.crt", "client.crt", "client.key"].map(|file| authority.file(file));
    let files = format!("ca={ca}&cert={cert}&key={key}");
    let uri = format!("rediss+sentinel://127.0.0.1:{sentinel_port}/shop?{files}");
    let process = Process::new(&uri, "500 per day");
    assert!(process.served_as_asked().await > 0);
    assert_eq!(master.keys("tb1:{*").len(), 1);
    drop(sentinel);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_sentinels_do_not_know_is_named_as_such() {
    let master = Server::start();
    let sentinel = Server::sentinel(&master);
    assert!(is_decided_without(&format!("redis+sentinel://127.0.0.1:{}/shopp", sentinel.port)).await);
    until_logged("redis: the sentinels know no service of this name").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_spoken_to_through_tls() {
    let authority = Authority::new();
    authority.issue("server", "DNS:localhost,IP:127.0.0.1");
    authority.issue("client", "DNS:client");
    let cluster = Cluster::with_tls(&authority);
    let [ca, cert, key] = ["ca.crt", "client.crt", "client.key"].map(|file| authority.file(file));
    let uri = |files: &str| cluster.uri(files).replace("redis+", "rediss+");
    let process = Process::new(&uri(&format!("ca={ca}&cert={cert}&key={key}")), "500 per day");
    assert!(process.served_as_asked().await > 0);
    let other = Authority::new();
    assert!(is_decided_without(&uri(&format!("ca={}", other.file("ca.crt")))).await);
    until_logged("the server's certificate is not trusted: its issuer is unknown").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_spoken_to_through_a_socket_of_the_machine() {
    let socket = std::env::temp_dir().join(format!("timebudget-{}.sock", std::process::id()));
    let socket = socket.to_str().unwrap();
    let server = Server::with(&["--unixsocket", socket, "--requirepass", "hun/ter2"]);
    let process = Process::new(&format!("redis+unix://:hun/ter2@{socket}?db=3"), "500 per day");
    assert!(process.served_as_asked().await > 0);
    assert!(server.keys("tb1:{*").is_empty(), "the accounts are in the third database");
    assert!(server.cli(&["info", "keyspace"]).contains("db3:"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_used_and_a_wrong_one_is_logged_without_it() {
    let server = Server::with(&["--requirepass", "hunter2"]);
    until_asked(&format!("redis://:hunter2@127.0.0.1:{}/", server.port)).await;
    for wrong in ["redis://:hunter3@127.0.0.1", "redis://127.0.0.1", "redis://hunter:hunter2@127.0.0.1"] {
        let process = Process::new(&format!("{wrong}:{}/", server.port), "5 per day");
        assert!(process.serve().await);
        assert_eq!(process.degraded(), 1);
    }
    until_logged("redis: it does not accept the user or the password").await;
    let lines = journal::lines().join("\n");
    assert!(!lines.contains("hunter"), "{lines}");
}

/// The keys would otherwise live for ever: a script that fails half-way leaves what it has written.
#[tokio::test(flavor = "multi_thread")]
async fn where_keys_may_not_expire_none_is_written() {
    let server = Server::start();
    let process = Process::new(&server.uri(""), "500 per day; 5 concurrent");
    process.served_as_asked().await;
    server.cli(&["flushall"]);
    server.cli(&["acl", "setuser", "default", "-pexpireat"]);
    for _ in 0..5 {
        process.serve().await;
    }
    process.served_degraded().await;
    let keys = server.keys("tb1:{*");
    assert!(keys.is_empty(), "{keys:?}");
}
