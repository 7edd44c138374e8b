//! Fair rules of several processes: what each client has spent of an account that they share, and how many they are.

use std::net::{IpAddr, Ipv4Addr};

use timebudget::{Component, Rule};

use crate::asked::Asked;
use crate::cluster::Cluster;
use crate::process::{Process, rule};
use crate::server::Server;

const A: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const B: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

fn fair(rates: &str) -> Vec<Rule> {
    vec![Rule { fair: Some(Component::Ip.into()), ..rule("report", rates, Component::Site) }]
}

/// Among how many clients the account is shared out, what one of them has had, and whether it is refused for that, as it is told
/// when it asks where it stands.
async fn share(process: &Process, ip: IpAddr) -> (u64, u64, bool) {
    let prospect = process.limiter.prospect(&Asked { ip: Some(ip), ..Asked::USUAL });
    let share = prospect.read().await.unwrap()[0].share.expect("the rule is fair");
    (share.clients, share.spent, share.refuses)
}

async fn one_client_leaves_the_other_its_share(uri: &str) {
    let processes =
        [Process::of(uri, fair("100 per day")).asking(), Process::of(uri, fair("100 per day")).asking()];
    for n in 0..80 {
        assert!(processes[n % 2].admit_from(A).await.is_ok(), "{n} of the first four fifths");
    }
    assert!(processes[0].admit_from(B).await.is_ok());
    for process in &processes {
        assert!(process.admit_from(A).await.is_err(), "80 of 100, by two clients");
    }
    for process in &processes {
        assert_eq!([share(process, A).await, share(process, B).await], [(2, 80, true), (2, 1, false)]);
    }
    for n in 0..19 {
        assert!(processes[n % 2].admit_from(B).await.is_ok(), "{n} of what is left");
    }
    assert!(processes[1].admit_from(B).await.is_err(), "all is spent");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_client_leaves_the_other_its_share_over_one_server() {
    let server = Server::start();
    one_client_leaves_the_other_its_share(&server.uri("")).await;
    assert_eq!(server.keys("tb1:{*").len(), 4, "the account, the number of its clients, and two shares");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_client_leaves_the_other_its_share_over_a_cluster() {
    let cluster = Cluster::start(0);
    one_client_leaves_the_other_its_share(&cluster.uri("")).await;
}

/// A client is counted once, wherever it is seen, though no call is made for each of its requests.
#[tokio::test(flavor = "multi_thread")]
async fn in_batched_mode_a_client_is_counted_once_by_all_processes() {
    let server = Server::start();
    let uri = server.uri("mode=batched");
    let processes = [
        Process::of(&uri, fair("1000s per day")).asking(),
        Process::of(&uri, fair("1000s per day")).asking(),
    ];
    for process in &processes {
        for client in [A, B, A, B] {
            assert!(process.admit_from(client).await.is_ok());
        }
        process.stored().await;
    }
    // How many accounts two of anything were charged to: that of the number of clients is the only one of no time.
    let counted = "local found = 0 for _, key in ipairs(redis.call('KEYS', 'tb1:{*')) do \
         local sum, fields = 0, redis.call('HGETALL', key) for at = 1, #fields, 2 do if fields[at] ~= 'e' then \
         local _, _, spent = cmsgpack.unpack(fields[at + 1]) sum = sum + spent end end \
         if sum == 2 then found = found + 1 end end return found";
    assert!(server.cli(&["eval", counted, "0"]).parse::<u32>().unwrap() >= 1, "two clients");
}
