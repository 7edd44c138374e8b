//! What happens to a server.

use std::time::Duration;

use tokio::time::sleep;

use super::load::Load;
use super::row::Row;
use crate::process::until;
use crate::server::Server;

const URI: &str = "deadline=20ms";
const DIRECT: &str = "deadline=5s";

pub(crate) async fn rows() -> Vec<Row> {
    let mut rows = vec![frozen().await, restarted("kill -9 and an empty restart", false).await];
    rows.push(restarted("kill -9 and a stale restart", true).await);
    for command in [&["flushall"][..], &["script", "flush"], &["client", "kill", "type", "normal"]] {
        rows.push(hit_in_a_loop(command).await);
    }
    rows.push(out_of_memory().await);
    rows.push(read_only().await);
    rows.push(failed_over().await);
    rows
}

async fn frozen() -> Row {
    let server = Server::start();
    let load = Load::on(&server.uri(URI)).await;
    let trouble = async {
        server.freeze();
        sleep(Duration::from_secs(10)).await;
        server.thaw();
    };
    Row::of("SIGSTOP for 10 s", &load, &server.uri(DIRECT), trouble).await
}

/// A server that comes back with nothing, or with what it saved when the load began.
async fn restarted(name: &str, is_stale: bool) -> Row {
    let mut server = Server::start();
    let (uri, direct) = (server.uri(URI), server.uri(DIRECT));
    let load = Load::on(&uri).await;
    if is_stale {
        load.until_stored().await;
        assert_eq!(server.cli(&["save"]), "OK");
    }
    let trouble = async {
        server.kill();
        sleep(Duration::from_millis(500)).await;
        server.restart();
        sleep(Duration::from_millis(500)).await;
    };
    Row::of(name, &load, &direct, trouble).await
}

async fn hit_in_a_loop(command: &[&str]) -> Row {
    let server = Server::start();
    let load = Load::on(&server.uri(URI)).await;
    let trouble = async {
        for _ in 0..40 {
            server.cli(command);
            sleep(Duration::from_millis(25)).await;
        }
    };
    let name = format!("{} in a loop", command.join(" ").to_uppercase());
    Row::of(&name, &load, &server.uri(DIRECT), trouble).await
}

async fn out_of_memory() -> Row {
    let server = Server::start();
    let load = Load::on(&server.uri(URI)).await;
    let trouble = async {
        server.cli(&["config", "set", "maxmemory", "1"]);
        sleep(Duration::from_secs(1)).await;
        server.cli(&["config", "set", "maxmemory", "0"]);
    };
    Row::of("OOM, noeviction", &load, &server.uri(DIRECT), trouble).await
}

/// It becomes the replica of an empty server, whose nothing it takes over, and then its own master again.
async fn read_only() -> Row {
    let (master, server) = (Server::start(), Server::start());
    let load = Load::on(&server.uri(URI)).await;
    let trouble = async {
        server.cli(&["replicaof", "127.0.0.1", &master.port.to_string()]);
        sleep(Duration::from_secs(1)).await;
        server.cli(&["replicaof", "no", "one"]);
    };
    Row::of("READONLY, and all data gone", &load, &server.uri(DIRECT), trouble).await
}

async fn failed_over() -> Row {
    let mut master = Server::start();
    let replica = Server::replica_of(&master).await;
    let sentinel = Server::sentinel(&master);
    let uri = |parameters| format!("redis+sentinel://127.0.0.1:{}/shop?{parameters}", sentinel.port);
    let load = Load::on(&uri(URI)).await;
    let trouble = async {
        master.kill();
        until("the replica is the master", async || replica.cli(&["role"]).starts_with("master")).await;
        sleep(Duration::from_secs(1)).await;
    };
    Row::of("master lost, Sentinel fails over", &load, &uri(DIRECT), trouble).await
}
