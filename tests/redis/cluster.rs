//! Clusters of the tests' own.

use std::iter;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::certificates::Authority;
use crate::moved::{GoBetween, ServerClock};
use crate::server::{BUS, Server, free_port};

/// Three masters, and as many replicas for each as wanted.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Server>,
    /// Where clients find the nodes.
    ports: Vec<u16>,
    /// Where the nodes find each other.
    met_at: Vec<u16>,
}

/// How many slots a cluster has.
const SLOTS: usize = 16_384;

/// What all nodes have in common.
const OPTIONS: [&str; 6] =
    ["--cluster-enabled", "yes", "--cluster-node-timeout", "500", "--repl-diskless-sync-delay", "0"];

impl Cluster {
    pub(crate) fn start(replicas: usize) -> Self {
        let nodes: Vec<_> = (0..3 * (1 + replicas)).map(|_| Server::with(&OPTIONS)).collect();
        let ports = nodes.iter().map(|node| node.port).collect();
        Self::of(nodes, ports, replicas)
    }

    /// Three masters whose clock is the test's.
    pub(crate) fn with_clock(clock: &ServerClock) -> Self {
        let (nodes, ports) = (0..3).map(|_| node_with_clock(clock)).unzip();
        Self::of(nodes, ports, 0)
    }

    /// Three masters that speak TLS with each other and with clients, of whom they want a certificate.
    pub(crate) fn with_tls(authority: &Authority) -> Self {
        let node = || {
            let port = free_port();
            let mut options = authority.options(port, "yes");
            options.extend(OPTIONS.iter().chain(&["--tls-cluster", "yes"]).map(|word| (*word).to_owned()));
            (Server::with(&options.iter().map(String::as_str).collect::<Vec<_>>()), port)
        };
        let (nodes, ports): (_, Vec<_>) = (0..3).map(|_| node()).unzip();
        Self::of_met(nodes, ports.clone(), ports, 0)
    }

    fn of(nodes: Vec<Server>, ports: Vec<u16>, replicas: usize) -> Self {
        let met_at = nodes.iter().map(|node| node.port).collect();
        Self::of_met(nodes, ports, met_at, replicas)
    }

    fn of_met(nodes: Vec<Server>, ports: Vec<u16>, met_at: Vec<u16>, replicas: usize) -> Self {
        let cluster = Self { nodes, ports, met_at };
        cluster.share_slots();
        cluster.meet();
        for at in 3..3 * (1 + replicas) {
            let master = cluster.nodes[at % 3].cli(&["cluster", "myid"]);
            cluster.nodes[at].cli(&["cluster", "replicate", &master]);
        }
        cluster.wait();
        cluster
    }

    /// Gives each master a third of all slots.
    fn share_slots(&self) {
        for (at, master) in self.nodes[..3].iter().enumerate() {
            let slots = (at * SLOTS / 3..(at + 1) * SLOTS / 3).map(|slot| slot.to_string());
            let words: Vec<_> = ["cluster", "addslots"].map(str::to_owned).into_iter().chain(slots).collect();
            master.cli(&words.iter().map(String::as_str).collect::<Vec<_>>());
            master.cli(&["cluster", "set-config-epoch", &(at + 1).to_string()]);
        }
    }

    /// Introduces the nodes to each other, again and again: a node that is slow to answer is forgotten after a second, and
    /// `redis-cli --cluster create`, which introduces them once, then waits for ever.
    fn meet(&self) {
        let everybody = format!("cluster_known_nodes:{}", self.nodes.len());
        let knows_all = |node: &Server| {
            node.cli(&["cluster", "info"]).contains(&everybody)
                && !node.cli(&["cluster", "nodes"]).contains("handshake")
        };
        let until = Instant::now() + Duration::from_secs(60);
        while !self.nodes.iter().all(knows_all) {
            assert!(Instant::now() < until, "the nodes never met");
            for port in &self.met_at[1..] {
                let (port, bus) = (port.to_string(), (port + BUS).to_string());
                self.nodes[0].cli(&["cluster", "meet", "127.0.0.1", &port, &bus]);
            }
            thread::sleep(Duration::from_millis(300));
        }
    }

    pub(crate) fn uri(&self, parameters: &str) -> String {
        let nodes: Vec<_> = self.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
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
        let until = Instant::now() + Duration::from_secs(60);
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

/// A node that calls itself by the port of its go-between, and that port.
fn node_with_clock(clock: &ServerClock) -> (Server, u16) {
    let between = GoBetween::new(clock);
    let start = || {
        let port = free_port();
        let (named, bus) = (between.port.to_string(), (port + BUS).to_string());
        let names = ["--cluster-announce-port", &named, "--cluster-announce-bus-port", &bus];
        Server::at(port, &[&OPTIONS[..], &names].concat())
    };
    let node =
        iter::repeat_with(start).take(9).flatten().next().expect("it starts on one of nine free ports");
    between.goes_to(node.port);
    (node, between.port)
}
