//! Clusters of the tests' own.

use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::server::Server;

/// Three masters, and as many replicas for each as wanted.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Server>,
}

impl Cluster {
    pub(crate) fn start(replicas: usize) -> Self {
        let options =
            ["--cluster-enabled", "yes", "--cluster-node-timeout", "500", "--repl-diskless-sync-delay", "0"];
        let nodes: Vec<_> = (0..3 * (1 + replicas)).map(|_| Server::with(&options)).collect();
        let addresses = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port));
        let made = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(addresses)
            .args(["--cluster-replicas", &replicas.to_string(), "--cluster-yes"])
            .stdout(Stdio::null())
            .status();
        assert!(made.unwrap().success(), "the cluster was not made");
        let cluster = Self { nodes };
        cluster.wait();
        cluster
    }

    pub(crate) fn uri(&self, parameters: &str) -> String {
        let nodes: Vec<_> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis+cluster://{}/?{parameters}", nodes.join(","))
    }

    /// Moves slots from one master to another; says in the end whether it could.
    pub(crate) fn reshard(&self, from: &str, to: &str, slots: u32) -> JoinHandle<bool> {
        let address = format!("127.0.0.1:{}", self.nodes[0].port);
        let mut command = Command::new("redis-cli");
        command.args(["--cluster", "reshard", &address, "--cluster-from", from, "--cluster-to", to]);
        command.args(["--cluster-slots", &slots.to_string(), "--cluster-yes"]).stdout(Stdio::null());
        thread::spawn(move || command.status().unwrap().success())
    }

    /// Waits until all nodes say that all slots are served, and the replicas know what their masters know.
    fn wait(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        let is_whole = |node: &Server| {
            node.cli(&["cluster", "info"]).contains("cluster_state:ok")
                && !node.cli(&["info", "replication"]).contains("master_link_status:down")
        };
        while !self.nodes.iter().all(is_whole) {
            assert!(Instant::now() < until, "the cluster never became whole");
            thread::sleep(Duration::from_millis(50));
        }
    }
}
