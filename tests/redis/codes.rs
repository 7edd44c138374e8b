//! Servers that answer with errors of their own.

use std::process::{Command, Stdio};

use crate::process::{Process, until};
use crate::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_no_account_concerns_nobody_else() {
    let server = Server::start();
    let uri = server.uri("");
    let process = Process::per_ip_and_site(&uri, "100 per day", "100 per hour");
    assert!(process.served_as_asked().await > 0);
    let keys = server.keys("tb1:{*");
    assert_eq!(server.cli(&["del", &keys[0]]), "1");
    assert_eq!(server.cli(&["set", &keys[0], "mine"]), "OK");
    for _ in 0..50 {
        assert!(process.serve().await);
    }
    assert!(process.degraded() > 0);
    assert!(Process::new(&uri, "5 per week").asking().serve().await, "the server goes on being asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_not_write_degrades_and_heals() {
    let server = Server::start();
    server.cli(&["acl", "setuser", "shop", "on", ">pass", "~*", "+@all"]);
    let uri = format!("redis://shop:pass@127.0.0.1:{}/", server.port);
    let process = Process::new(&uri, "10000 per day");
    process.served_as_asked().await;
    server.cli(&["acl", "setuser", "shop", "-@scripting"]);
    process.served_degraded().await;
    server.cli(&["acl", "setuser", "shop", "+@scripting"]);
    process.served_as_asked().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_busy_with_a_script_degrades_and_heals() {
    let server = Server::with(&["--lua-time-limit", "50"]);
    let process = Process::new(&server.uri(""), "10000 per day");
    process.served_as_asked().await;
    let port = server.port;
    let busy = std::thread::spawn(move || {
        Command::new("redis-cli")
            .args(["-p", &port.to_string(), "eval", "while true do end", "0"])
            .stdout(Stdio::null())
            .status()
    });
    process.served_degraded().await;
    until("the script is killed", async || server.cli(&["script", "kill"]) == "OK").await;
    process.served_as_asked().await;
    assert!(busy.join().unwrap().is_ok());
}
