//! The list of what a user needs to be allowed, as docs/redis.md has it: complete, and nothing too much.

use timebudget::{AccountFilter, Amount, Component};

use crate::cluster::Cluster;
use crate::journal;
use crate::process::{Process, until};
use crate::server::Server;

const PAGE: &str = include_str!("../../docs/redis.md");

/// What the log says of a user who may not do something.
const FORBIDDEN: &str = "redis: the user may not";

/// The line of the page that makes a user, without the name and the password: keys and commands.
fn of_page(user: &str) -> Vec<&'static str> {
    let begin = format!("    ACL SETUSER {user} on >PASSWORD ");
    let line = PAGE.lines().find_map(|line| line.strip_prefix(&begin)).expect("the page has the line");
    line.split(' ').collect()
}

/// Makes the user `shop` with the password `word`.
fn make(server: &Server, may: &[&str]) {
    let made = server.cli(&[&["acl", "setuser", "shop", "reset", "on", ">word"], may].concat());
    assert_eq!(made, "OK");
    server.cli(&["acl", "log", "reset"]);
}

/// Nothing that was tried was denied.
fn was_denied_nothing(server: &Server) {
    assert_eq!(server.cli(&["acl", "log"]), "");
}

/// What the store promises, in short: two processes share limits of each kind, also when the server has been emptied and has
/// lost its scripts.
async fn keeps_the_promises(uri: &str, server: &Server) {
    const RATES: &str = "40 per day; 1000s per hour; 30 concurrent";
    let processes = [0, 1].map(|_| Process::new(uri, RATES).asking());
    for n in 0..20 {
        assert!(processes[n % 2].serve().await);
    }
    server.cli(&["script", "flush"]);
    server.cli(&["flushall"]);
    for process in &processes {
        process.served_as_asked().await;
        process.stored().await;
    }
    let mut served = 0;
    for n in 0..60 {
        served += u32::from(processes[n % 2].serve().await);
    }
    assert!(served <= 20, "{served} after 20 of 40");
    assert!(!processes[0].serve().await && !processes[1].serve().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_the_commands_of_the_page_keeps_the_promises_on_one_server() {
    for parameters in ["", "mode=batched&sync=20ms"] {
        let server = Server::start();
        make(&server, &of_page("timebudget"));
        let uri = format!("redis://shop:word@127.0.0.1:{}/?{parameters}", server.port);
        keeps_the_promises(&uri, &server).await;
        was_denied_nothing(&server);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_its_own_needs_select_which_the_page_lists() {
    let server = Server::start();
    let all = of_page("timebudget");
    assert!(all.contains(&"+select"));
    make(&server, &all);
    let uri = format!("redis://shop:word@127.0.0.1:{}/3", server.port);
    keeps_the_promises(&uri, &server).await;
    was_denied_nothing(&server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_the_commands_of_the_page_keeps_the_promises_in_a_cluster() {
    let cluster = Cluster::start(0);
    for node in &cluster.nodes {
        make(node, &of_page("timebudget"));
    }
    for parameters in ["", "mode=batched&sync=20ms"] {
        let uri = cluster.uri(parameters).replace("://", "://shop:word@");
        let rates = "5 per day; 100s per hour; 9 concurrent";
        let processes = [0, 1].map(|_| Process::keyed(&uri, rates, Component::Ip).asking());
        for client in 0..20_u32 {
            let ip = std::net::Ipv4Addr::from_bits(0x0a00_0000 + client).into();
            for n in 0..6 {
                let _ = processes[n % 2].admit_from(ip).await;
            }
            assert!(processes[0].admit_from(ip).await.is_err());
        }
        cluster.nodes.iter().for_each(was_denied_nothing);
        cluster.nodes.iter().for_each(|node| drop(node.cli(&["flushall"])));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_sentinels_needs_what_the_page_lists() {
    let master = Server::start();
    let sentinel = Server::sentinel(&master);
    make(&master, &of_page("timebudget"));
    make(&sentinel, &of_page("sentinels"));
    let uri = format!(
        "redis+sentinel://shop:word@127.0.0.1:{}/shop?sentinel_user=shop&sentinel_password=word",
        sentinel.port
    );
    keeps_the_promises(&uri, &master).await;
    was_denied_nothing(&master);
    was_denied_nothing(&sentinel);
}

/// A command that was missing from the page made a WARN and an INFO of each request.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_lacks_any_one_of_them_is_told_so_at_the_start() {
    let server = Server::start();
    let all = of_page("timebudget");
    let commands: Vec<_> = all.iter().filter(|word| word.starts_with('+')).collect();
    assert!(commands.len() > 8, "{commands:?}");
    let elsewhere = ["+ping", "+cluster|slots", "+scan"];
    for lacking in commands.into_iter().filter(|command| !elsewhere.contains(command)) {
        let rest: Vec<_> = all.iter().filter(|word| *word != lacking).copied().collect();
        make(&server, &rest);
        let before = journal::lines().len();
        let uri = format!("redis://shop:word@127.0.0.1:{}/1?on_store_fault=refuse", server.port);
        // Nothing is asked: the store says it when it begins.
        let process = Process::new(&uri, "5 per day");
        let expected = format!("{FORBIDDEN} call {}; docs/redis.md lists", &lacking[1..]);
        let is_said = |line: &String| line.contains(&expected);
        until(lacking, async || journal::lines()[before..].iter().any(is_said)).await;
        drop(process);
    }
}

/// Who was allowed what an earlier release needed goes on as before.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_not_scan_lists_no_accounts_and_does_all_else() {
    let server = Server::start();
    let may: Vec<_> = of_page("timebudget").into_iter().filter(|word| *word != "+scan").collect();
    make(&server, &may);
    let uri = format!("redis://shop:word@127.0.0.1:{}/", server.port);
    keeps_the_promises(&uri, &server).await;
    was_denied_nothing(&server);
    let process = Process::new(&uri, "9 per hour").asking();
    assert!(process.serve().await);
    let accounts = process.engine.accounts();
    let fault = accounts.list(&AccountFilter::new()).await.unwrap_err().to_string();
    assert!(fault.contains("the user may not call scan; docs/redis.md lists"), "{fault}");
    let granted = accounts.of("site", "budget", ()).unwrap().grant(Amount::Requests(5)).await.unwrap();
    assert_eq!(granted[0].credit, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_a_cluster_who_may_not_ask_for_its_slots_is_told_so_at_the_start() {
    let cluster = Cluster::start(0);
    let may: Vec<_> = of_page("timebudget").into_iter().filter(|word| *word != "+cluster|slots").collect();
    cluster.nodes.iter().for_each(|node| make(node, &may));
    let _process = Process::new(&cluster.uri("").replace("://", "://shop:word@"), "5 per day");
    let expected = format!("{FORBIDDEN} call cluster;");
    until(&expected, async || journal::lines().iter().any(|line| line.contains(&expected))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_not_touch_the_keys_is_told_so_at_the_start() {
    let server = Server::start();
    let may: Vec<_> = of_page("timebudget").into_iter().filter(|word| !word.starts_with('~')).collect();
    make(&server, &[&["~other:*"], &may[..]].concat());
    let uri = format!("redis://shop:word@127.0.0.1:{}/1?on_store_fault=refuse", server.port);
    let _process = Process::new(&uri, "5 per day");
    until("it is said", async || journal::lines().iter().any(|line| line.contains(FORBIDDEN))).await;
}
