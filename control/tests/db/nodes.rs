//! Several nodes on one database.

use std::collections::BTreeSet;

use timebudget_control::thing::Change;
use timebudget_control::{Actor, Control, Expect, Health};
use tokio::task::JoinSet;

use crate::world::{change, eventually, on_both, tier};

on_both! {
    async fn a_change_reaches_the_other_nodes(world: &World) {
        let [one, other] = [world.node().await, world.node().await];
        let made = change(&one, Change::put(tier("gold", 3.0))).await.unwrap();
        eventually("it is there", || other.decided().revision() == made.revision).await;
        assert_eq!(other.decided().tiers(), one.decided().tiers());
    }

    async fn of_two_nodes_that_write_at_once_nothing_is_lost(world: &World) {
        const EACH: u64 = 60;
        let nodes = [world.node().await, world.node().await];
        let mut writing = JoinSet::new();
        for (number, node) in nodes.iter().cloned().enumerate() {
            writing.spawn(async move {
                let mut revisions = Vec::new();
                for at in 0..EACH {
                    let put = Change::put(tier(&format!("tier {number} {at}"), 2.0));
                    revisions.push(change(&node, put).await.expect("it is made").revision);
                }
                assert!(revisions.is_sorted(), "a node's own changes are in order");
                revisions
            });
        }
        let revisions: Vec<u64> = writing.join_all().await.concat();
        let expected: BTreeSet<u64> = (2..2 + 2 * EACH).collect();
        assert_eq!(revisions.iter().copied().collect::<BTreeSet<_>>(), expected, "each has its own, without a gap");
        for node in &nodes {
            eventually("both have all", || node.decided().revision() == 1 + 2 * EACH).await;
            assert_eq!(node.decided().tiers().len() as u64, 2 * EACH);
        }
        assert_eq!(nodes[0].decided().tiers(), nodes[1].decided().tiers());
        let verified = nodes[0].verify_audit().await.unwrap();
        assert!(verified.is_whole() && verified.rows == 1 + 2 * EACH, "{verified:?}");
    }

    async fn of_two_nodes_that_change_one_thing_at_once_one_is_told_that_it_is_late(world: &World) {
        let nodes = [world.node().await, world.node().await];
        let made = change(&nodes[0], Change::put(tier("gold", 1.0))).await.unwrap();
        let mut writing = JoinSet::new();
        for node in nodes.clone() {
            let expect = Expect::from(timebudget_control::IfMatch::Revision(made.revision));
            writing.spawn(async move {
                node.change(Actor::new("ann", None), Change::put(tier("gold", 2.0)), None, expect).await
            });
        }
        let made = writing.join_all().await;
        assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1, "{made:?}");
    }

    async fn many_nodes_that_start_at_once_on_nothing_have_one_database_and_one_owner(world: &World) {
        let mut starting = JoinSet::new();
        for _ in 0..12 {
            let options = world.options();
            starting.spawn(async move { Control::open(options).await.expect("it starts") });
        }
        let nodes = starting.join_all().await;
        let tokens: Vec<_> = nodes.iter().filter_map(Control::first_owner_token).collect();
        let [token] = tokens[..] else { panic!("{} owners were told a token", tokens.len()) };
        for node in &nodes {
            assert_eq!(node.health(), Health::Up);
            eventually("each knows the owner", || node.decided().member_of_token(token).is_some()).await;
        }
        let verified = nodes[0].verify_audit().await.unwrap();
        assert!(verified.is_whole() && verified.rows == 1, "{verified:?}");
    }
}
