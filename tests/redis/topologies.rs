//! Servers behind sentinels.

use crate::process::{Process, until};
use crate::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failover_the_new_master_is_told_what_the_old_one_knew() {
    let mut master = Server::start();
    let replica = Server::replica_of(&master).await;
    let sentinel = Server::sentinel(&master);
    let uri = format!("redis+sentinel://127.0.0.1:{}/shop", sentinel.port);
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
    let newcomer = Process::new(&replica.uri(""), "1000 per day").asking();
    let mut admitted = newcomer.admit().await.unwrap();
    let report = admitted.report().unwrap();
    assert_eq!(report.limit - report.remaining - 1, served);
}
