//! The last good copy: a node that starts without its database, and what heals it.

use std::fs;

use timebudget_control::thing::{Change, Kind};
use timebudget_control::{ChangeError, Control, Health, OpenError};

use crate::postgres::Server;
use crate::world::{World, change, eventually, on_both, tier};

on_both! {
    async fn a_copy_follows_what_is_decided(world: &World) {
        let node = world.node_with_copy().await;
        change(&node, Change::put(tier("gold", 3.0))).await.unwrap();
        let file = world.copy();
        eventually("the copy has it", || fs::read_to_string(&file).is_ok_and(|text| text.contains("gold"))).await;
        change(&node, Change::delete(Kind::Tier, "gold")).await.unwrap();
        eventually("nor any more", || fs::read_to_string(&file).is_ok_and(|text| !text.contains("gold"))).await;
    }

    async fn without_its_database_and_without_a_copy_a_node_does_not_start(world: &World) {
        let gone = world.gone();
        let error = Control::open(gone.options_with_copy()).await.expect_err("there is nothing to start from");
        assert!(matches!(error, OpenError::Database { .. }), "{error}");
    }

    async fn an_empty_database_does_not_make_a_node_forget(world: &World) {
        world.with_gold_in_copy().await;
        let node = Control::open(world.emptied().await.options_with_copy()).await.unwrap();
        assert_lost(&node, "is empty").await;
        node.close().await;
        fs::remove_file(world.copy()).unwrap();
        let node = Control::open(world.emptied().await.options_with_copy()).await.unwrap();
        assert!(node.is_up() && node.decided().tiers().is_empty(), "an operator has decided");
    }

    async fn another_database_does_not_make_a_node_forget(world: &World) {
        world.with_gold_in_copy().await;
        let other = world.emptied().await;
        let stranger = other.node().await;
        for name in ["a", "b", "c"] {
            change(&stranger, Change::put(tier(name, 2.0))).await.unwrap();
        }
        drop(stranger);
        assert_lost(&Control::open(other.options_with_copy()).await.unwrap(), "is another one").await;
    }

    async fn what_was_decided_while_a_node_was_away_goes_before_its_copy(world: &World) {
        world.with_gold_in_copy().await;
        let other = world.node().await;
        change(&other, Change::delete(Kind::Tier, "gold")).await.unwrap();
        change(&other, Change::put(tier("silver", 2.0))).await.unwrap();
        let node = Control::open(world.options_with_copy()).await.unwrap();
        assert_eq!(node.decided().tiers().keys().collect::<Vec<_>>(), ["silver"]);
    }

    async fn a_damaged_copy_is_no_copy(world: &World) {
        world.with_gold_in_copy().await;
        let text = fs::read_to_string(world.copy()).unwrap().replace("gold", "lead");
        fs::write(world.copy(), text).unwrap();
        let node = Control::open(world.options_with_copy()).await.unwrap();
        assert!(node.is_up() && node.decided().tiers().contains_key("gold"), "the database is there");
        node.close().await;
        let text = fs::read_to_string(world.copy()).unwrap().replace("gold", "lead");
        fs::write(world.copy(), text).unwrap();
        assert!(Control::open(world.gone().options_with_copy()).await.is_err());
    }
}

/// A database in the place of the one of which there is a copy: the node goes on with the copy, and changes nothing.
async fn assert_lost(node: &Control, said: &str) {
    let Health::Lost { why, .. } = node.health() else { panic!("{:?}", node.health()) };
    assert!(why.contains(said), "{why}");
    assert!(node.decided().tiers().contains_key("gold"));
    assert!(matches!(change(node, Change::put(tier("silver", 2.0))).await, Err(ChangeError::Unavailable(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_has_started_from_its_copy_heals_when_sqlite_comes_back() {
    let world = World::sqlite().await;
    world.with_gold_in_copy().await;
    let (here, away) = (world.directory.path().join("data"), world.directory.path().join("away"));
    fs::rename(&here, &away).unwrap();
    let node = Control::open(world.options_with_copy()).await.unwrap();
    assert!(matches!(node.health(), Health::Down { .. }) && node.decided().tiers().contains_key("gold"));
    fs::rename(&away, &here).unwrap();
    eventually("it heals", || node.is_up()).await;
    change(&node, Change::put(tier("silver", 2.0))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_has_started_from_its_copy_heals_when_postgres_comes_back() {
    let server = Server::start("");
    let world = World::on(&server).await;
    world.with_gold_in_copy().await;
    server.signal("STOP");
    let node = Control::open(world.options_with_copy()).await.unwrap();
    assert!(matches!(node.health(), Health::Down { .. }) && node.decided().tiers().contains_key("gold"));
    server.signal("CONT");
    eventually("it heals", || node.is_up()).await;
    change(&node, Change::put(tier("silver", 2.0))).await.unwrap();
    assert!(node.verify_audit().await.unwrap().is_whole());
}
