//! The store over a Redis Cluster.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use timebudget::Component;
use tokio::time::sleep;

use crate::cluster::Cluster;
use crate::process::Process;

fn ip(n: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + n))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_shares_budgets_as_one_server_does() {
    let cluster = Cluster::start(0);
    let uri = cluster.uri("");
    let processes = [
        Process::keyed(&uri, "5 per day; 100s per hour", Component::Ip).asking(),
        Process::keyed(&uri, "5 per day; 100s per hour", Component::Ip).asking(),
    ];
    for client in 0..20 {
        let mut served = 0;
        for n in 0..12 {
            served += u32::from(processes[n % 2].admit_from(ip(client)).await.is_ok());
        }
        assert_eq!(served, 5, "client {client}");
    }
    for node in &cluster.nodes {
        assert!(!node.keys("tb1:{*").is_empty(), "the accounts are spread over the masters");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_one_master_refuses_is_returned_to_the_others() {
    let cluster = Cluster::start(0);
    let uri = cluster.uri("");
    let process = Process::per_ip_and_site(&uri, "2 per day", "10 per day").asking();
    for client in 0..4 {
        for n in 0..4 {
            assert_eq!(process.admit_from(ip(client)).await.is_ok(), n < 2, "client {client}, request {n}");
        }
    }
    assert!(process.admit_from(ip(4)).await.is_ok());
    assert!(process.admit_from(ip(4)).await.is_ok());
    assert!(process.admit_from(ip(5)).await.is_err(), "10 of the site's 10 are spent");
    process.stored().await;
    let other = Process::per_ip_and_site(&uri, "2 per day", "11 per day").asking();
    assert!(other.admit_from(ip(5)).await.is_ok(), "what was refused was returned");
    assert!(other.admit_from(ip(6)).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_loss_of_a_master_concerns_its_own_accounts_only_until_its_replica_takes_over() {
    let mut cluster = Cluster::start(1);
    let process = Process::keyed(&cluster.uri(""), "1000 per day", Component::Ip);
    for client in 0..30 {
        assert!(process.admit_from(ip(client)).await.is_ok());
    }
    process.stored().await;
    cluster.nodes[0].kill();
    for _ in 0..20 {
        for client in 0..30 {
            assert!(process.admit_from(ip(client)).await.is_ok());
        }
    }
    let degraded = process.degraded();
    assert!(degraded < 20 * 30, "{degraded} of 600: two masters of three went on being asked");
    let nodes = &cluster.nodes;
    crate::process::until("its replica takes over", async || {
        nodes[1].cli(&["cluster", "info"]).contains("cluster_state:ok")
    })
    .await;
    crate::process::until("all accounts are asked about again", async || {
        let before = process.degraded();
        for client in 0..30 {
            let _ = process.admit_from(ip(client)).await;
        }
        process.degraded() == before
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_that_move_lose_no_count() {
    let cluster = Cluster::start(0);
    let process = Process::keyed(&cluster.uri(""), "100000 per day", Component::Ip);
    let (to, from) = (cluster.nodes[0].cli(&["cluster", "myid"]), cluster.nodes[1].cli(&["cluster", "myid"]));
    let moved = cluster.reshard(&from, &to, 5_461);
    let mut served = [0; 10];
    while !moved.is_finished() {
        for (served, client) in served.iter_mut().zip(0..) {
            *served += u64::from(process.admit_from(ip(client)).await.is_ok());
        }
        sleep(Duration::from_millis(5)).await;
    }
    assert!(moved.join().unwrap(), "the slots were moved");
    process.stored().await;
    let newcomer = Process::keyed(&cluster.uri(""), "100000 per day", Component::Ip).asking();
    for (served, client) in served.into_iter().zip(0..) {
        let mut admitted = newcomer.admit_from(ip(client)).await.unwrap();
        let report = admitted.report().unwrap();
        assert_eq!(report.limit - report.remaining - 1, served, "client {client}");
    }
}
