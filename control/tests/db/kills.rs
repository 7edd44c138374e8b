//! Nodes that are killed, in the middle of a migration and in the middle of writes.

use std::time::Duration;

use sqlx::Executor as _;

use crate::child::Node;
use crate::postgres::Server;
use crate::world::{World, change, eventually, on_both, tier};
use timebudget_control::thing::Change;

on_both! {
    async fn a_node_that_is_killed_while_it_writes_has_lost_nothing_that_it_answered(world: &World) {
        for round in 0..5 {
            let mut node = Node::start(&[], &world.options());
            node.order(&format!("write {round}"));
            let mut made = Vec::new();
            for _ in 0..5 + 7 * round {
                made.push(node.told("made").expect("it writes"));
            }
            let rest = node.kill();
            made.extend(rest.iter().filter_map(|line| line.strip_prefix("made ").map(str::to_owned)));

            let node = world.node().await;
            for made in made.iter().filter(|line| line.split(' ').count() == 3) {
                let (revision, name) = made.split_once(' ').unwrap();
                let held = node.decided().tiers().get(name).map(|held| held.revision);
                assert_eq!(held, revision.parse().ok(), "{name} was answered");
            }
            let (revision, tiers) = (node.decided().revision(), node.decided().tiers().len());
            assert_eq!(revision, 1 + tiers as u64, "each revision is one whole change");
            let verified = node.verify_audit().await.unwrap();
            assert!(verified.is_whole() && verified.rows == revision, "{verified:?}");
            change(&node, Change::put(tier(&format!("after {round}"), 2.0))).await.unwrap();
        }
    }

    async fn a_node_that_is_killed_at_any_moment_of_its_first_start_leaves_what_another_can_start_from(world: &World) {
        for moment in 0..25 {
            let world = world.emptied().await;
            let mut node = Node::start(&[], &world.options());
            node.told("opening").expect("it starts");
            tokio::time::sleep(Duration::from_micros(1_500 * moment)).await;
            node.kill();
            let node = world.node().await;
            change(&node, Change::put(tier("gold", 2.0))).await.unwrap();
            let verified = node.verify_audit().await.unwrap();
            assert!(verified.is_whole() && verified.rows == 2, "{verified:?}");
        }
    }
}

/// Where a table of the same name is being made by somebody else, a migration waits in its middle.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_killed_in_a_migration_has_done_nothing_of_it() {
    let server = Server::start("");
    let world = World::on(&server).await;
    let name = world.uri.split(['/', '?']).nth(3).unwrap();
    let mut stranger = server.connect(name).await;
    stranger.execute("BEGIN; CREATE TABLE sessions (digest TEXT)").await.unwrap();
    let mut node = Node::start(&[], &world.options());
    node.told("opening").expect("it starts");
    let mut watcher = server.connect(name).await;
    let waiting = "SELECT pid FROM pg_locks WHERE NOT granted";
    while watcher.fetch_optional(waiting).await.unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    node.kill();
    // The server ends a session only when it would answer to it.
    stranger.execute("ROLLBACK").await.unwrap();
    let tables = || async {
        let count = "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'timebudget'";
        let mut watcher = server.connect(name).await;
        sqlx::query_scalar::<_, i64>(count).fetch_one(&mut watcher).await.unwrap()
    };
    while tables().await > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let left = "SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'";
    let left: i64 = sqlx::query_scalar(left).fetch_one(&mut watcher).await.unwrap();
    assert_eq!(left, 0, "nothing of it is there");
    let node = world.node().await;
    eventually("it is up", || node.is_up()).await;
    change(&node, Change::put(tier("gold", 2.0))).await.unwrap();
}
