//! Trouble that stays: two lines in the log, not a line for each request.

use std::time::Duration;

use tokio::time::sleep;

use crate::cluster::Cluster;
use crate::journal;
use crate::process::{Process, until};
use crate::server::Server;

/// The commands that the store needs, but for those that are given.
fn commands_without(denied: &str) -> String {
    let needed =
        ["time", "hgetall", "hset", "hsetnx", "hincrby", "hdel", "pexpireat", "eval", "evalsha", "select"];
    let allowed = needed.into_iter().filter(|command| *command != denied);
    allowed.map(|command| format!("+{command}")).collect::<Vec<_>>().join(" ")
}

/// Serves 300 requests without a server; fewer lines are logged meanwhile, by all tests together.
async fn serves_quietly(process: &Process) {
    let before = journal::lines().len();
    for _ in 0..300 {
        assert!(process.serve().await, "decided without the server");
        sleep(Duration::from_millis(10)).await;
    }
    assert!(process.degraded() >= 300);
    let lines = &journal::lines()[before..];
    assert!(lines.len() < 150, "{lines:#?}");
}

/// The beat went well, so that each connection was taken for healthy until the next request.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_beat_and_not_exchange_is_one_line() {
    let server = Server::start();
    let user = ["acl", "setuser", "shop", "on", ">word", "~tb1:*"].map(str::to_owned);
    let commands = commands_without("pexpireat");
    let all: Vec<_> = user.iter().map(String::as_str).chain(commands.split(' ')).collect();
    server.cli(&all);
    let uri = format!("redis://shop:word@127.0.0.1:{}/?on_store_fault=allow", server.port);
    let process = Process::new(&uri, "100000 per day");
    serves_quietly(&process).await;
    let accounts = server.keys("tb1:{*}?*");
    assert!(accounts.is_empty(), "none that lives for ever: {accounts:?}");
    server.cli(&["acl", "setuser", "shop", "+pexpireat"]);
    process.served_as_asked().await;
}

/// A node of a cluster answers for its own slots, and the beat may lie in one of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_a_cluster_that_is_named_as_a_server_is_one_line_and_told_what_it_is() {
    let cluster = Cluster::start(0);
    let process = Process::new(&cluster.nodes[0].uri(""), "100000 per day");
    serves_quietly(&process).await;
    until("it is said", async || journal::lines().iter().any(|line| line.contains("redis+cluster://"))).await;
}
