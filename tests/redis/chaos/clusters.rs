//! What happens to a cluster.

use std::time::Duration;

use tokio::time::sleep;

use super::load::Load;
use super::row::Row;
use crate::cluster::Cluster;
use crate::process::until;
use crate::server::Server;

const URI: &str = "deadline=20ms";
const DIRECT: &str = "deadline=5s";

/// Of the three masters the first is hurt: the beat lies there, too.
pub(crate) async fn rows() -> Vec<Row> {
    vec![replaced().await, lost("no").await, lost("yes").await, moved().await]
}

async fn replaced() -> Row {
    let mut cluster = Cluster::start(1);
    let (uri, direct) = (cluster.uri(URI), cluster.uri(DIRECT));
    let load = Load::on(&uri).await;
    let trouble = async {
        cluster.nodes[0].kill();
        sleep(Duration::from_secs(1)).await;
        whole(&cluster.nodes[1]).await;
    };
    Row::of("one master of three lost, its replica takes over", &load, &direct, trouble).await
}

/// A cluster whose other masters go on serving, or do not.
async fn lost(full_coverage: &str) -> Row {
    let mut cluster = Cluster::start(0);
    for node in &cluster.nodes {
        node.cli(&["config", "set", "cluster-require-full-coverage", full_coverage]);
    }
    let (uri, direct) = (cluster.uri(URI), cluster.uri(DIRECT));
    let load = Load::on(&uri).await;
    let trouble = async {
        cluster.nodes[0].kill();
        sleep(Duration::from_secs(3)).await;
        cluster.nodes[0].restart();
        whole(&cluster.nodes[1]).await;
    };
    let name = format!("one master of three lost for 3 s, cluster-require-full-coverage {full_coverage}");
    Row::of(&name, &load, &direct, trouble).await
}

async fn moved() -> Row {
    let cluster = Cluster::start(0);
    let load = Load::on(&cluster.uri(URI)).await;
    let trouble = async {
        let [to, from] = [0, 1].map(|node| cluster.nodes[node].cli(&["cluster", "myid"]));
        let resharding = cluster.reshard(&from, &to, 5_461);
        until("the slots have moved", async || resharding.is_finished()).await;
        assert!(resharding.join().unwrap(), "the slots were moved");
    };
    Row::of("a third of the slots moved", &load, &cluster.uri(DIRECT), trouble).await
}

async fn whole(node: &Server) {
    until("all slots are served", async || node.cli(&["cluster", "info"]).contains("cluster_state:ok")).await;
}
