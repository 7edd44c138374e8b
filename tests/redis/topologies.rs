//! Servers behind sentinels, behind TLS and behind passwords.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::journal;
use crate::process::{Process, until};
use crate::server::{Server, free_port};

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failover_the_new_master_is_told_what_the_old_one_knew() {
    let mut master = Server::start();
    let replica = Server::with(&["--replicaof", "127.0.0.1", &master.port.to_string()]);
    until("the replica follows", async || {
        replica.cli(&["info", "replication"]).contains("master_link_status:up")
    })
    .await;
    let sentinel = Server::sentinel(&master);
    let uri = format!("redis+sentinel://127.0.0.1:{}/shop?deadline=100ms", sentinel.port);
    let process = Process::new(&uri, "1000 per day");
    let mut served = process.served_as_asked().await;
    for _ in 0..20 {
        served += u64::from(process.serve().await);
    }
    master.kill();
    served += process.served_degraded().await;
    until("the replica is the master", async || replica.cli(&["role"]).starts_with("master")).await;
    served += process.served_as_asked().await;
    process.stored().await;
    let newcomer = Process::new(&replica.uri("deadline=2s"), "1000 per day");
    let mut admitted = newcomer.admit().await.unwrap();
    let report = admitted.report().unwrap();
    assert_eq!(report.limit - report.remaining - 1, served);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_used_and_a_wrong_one_is_logged_without_it() {
    let server = Server::with(&["--requirepass", "hunter2"]);
    let process =
        Process::new(&format!("redis://:hunter2@127.0.0.1:{}/?deadline=2s", server.port), "5 per day");
    assert!(process.serve().await);
    assert_eq!(process.degraded(), 0);
    let wrong = Process::new(&format!("redis://:hunter3@127.0.0.1:{}/", server.port), "5 per day");
    assert!(wrong.serve().await);
    assert_eq!(wrong.degraded(), 1);
    let lines = journal::lines().join("\n");
    assert!(lines.contains("does not accept the user, the password"), "{lines}");
    assert!(!lines.contains("hunter"), "{lines}");
}

#[test]
fn a_server_is_spoken_to_through_tls() {
    let dir = tempdir();
    certificates(&dir);
    let file = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let port = free_port().to_string();
    let (certificate, key, authority) = (file("server.crt"), file("server.key"), file("ca.crt"));
    let server = Server::with(&[
        "--tls-port",
        &port,
        "--tls-auth-clients",
        "no",
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &authority,
    ]);
    // A process of its own, for the authorities that are trusted are read from the environment.
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "topologies::the_process_that_speaks_tls", "--nocapture"])
        .env("TIMEBUDGET_TEST_TLS_PORT", &port)
        .env("SSL_CERT_FILE", &authority)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(server.keys("tb1:{*").len(), 1);
    std::fs::remove_dir_all(&dir).unwrap();
}

/// Not a test, but the process that the test before starts.
#[tokio::test(flavor = "multi_thread")]
async fn the_process_that_speaks_tls() {
    let Ok(port) = std::env::var("TIMEBUDGET_TEST_TLS_PORT") else { return };
    let process = Process::new(&format!("rediss://localhost:{port}/?deadline=10s"), "500 per day");
    assert!(process.served_as_asked().await > 0);
}

fn tempdir() -> std::path::PathBuf {
    let dir = std::env::temp_dir().join(format!("timebudget-tls-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// An authority, and a certificate for localhost.
fn certificates(dir: &Path) {
    openssl(dir, "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt");
    openssl(dir, "req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr");
    std::fs::write(dir.join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n").unwrap();
    openssl(
        dir,
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt",
    );
}

fn openssl(dir: &Path, arguments: &str) {
    let made =
        Command::new("openssl").current_dir(dir).args(arguments.split(' ')).stderr(Stdio::null()).status();
    assert!(made.expect("openssl is needed for this test").success(), "openssl {arguments}");
}
