//! The last good copy: a node that starts without its database, and what heals it.

use std::fs;

use sqlx::{Connection as _, Executor as _};

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

    /// A node said that it was up and listed the tier, while it was not in force, and did not start again.
    async fn what_a_newer_version_decides_is_not_in_force_and_not_said_to_be(world: &World) {
        let node = world.node_with_copy().await;
        change(&node, Change::put(tier("gold", 3.0))).await.unwrap();
        change(&node, Change::put(tier("silver", 2.0))).await.unwrap();
        let file = world.copy();
        eventually("the copy has it", || fs::read_to_string(&file).is_ok_and(|text| text.contains("silver"))).await;
        let is_unfit = |node: &Control| match node.health() {
            Health::Unfit { why, .. } => why.contains("does not fit"),
            _ => false,
        };
        put_by_hand(world, 4, "60s per fortnight").await;
        eventually("it is seen", || is_unfit(&node)).await;
        // It was forgotten at the next look, and there are two a second.
        let held = std::time::Instant::now();
        while held.elapsed() < std::time::Duration::from_millis(1_500) {
            assert!(is_unfit(&node), "{:?}", node.health());
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let again = Control::open(world.options_with_copy()).await.expect("it starts from the copy");
        assert!(is_unfit(&again), "{:?}", again.health());
        assert!(Control::open(world.options()).await.is_err(), "without a copy there is nothing to start from");
        for node in [&node, &again] {
            assert_eq!(node.decided().tiers()["gold"].revision, 2, "nothing of it is there");
            assert!(matches!(change(node, Change::put(tier("silver", 9.0))).await, Err(ChangeError::Unavailable(_))));
        }
        put_by_hand(world, 5, "60s per hour").await;
        for node in [&node, &again] {
            eventually("it heals", || node.is_up()).await;
            assert_eq!(node.decided().tiers()["gold"].revision, 5);
            change(node, Change::put(tier("silver", 9.0))).await.unwrap();
        }
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

/// Has another program put a tier called gold with these limits.
async fn put_by_hand(world: &World, revision: u64, limits: &str) {
    sqlx::any::install_default_drivers();
    let mut hand = sqlx::AnyConnection::connect(&world.uri).await.unwrap();
    let body = format!(r#"{{"name":"gold","multiplier":3.0,"priority":0,"limits":{{"export":"{limits}"}}}}"#);
    let put = format!(
        "BEGIN; UPDATE things SET body = '{body}', revision = {revision} WHERE name = 'gold'; \
         INSERT INTO audit (number, at, actor, what, action, revision, previous, digest) \
         VALUES ({revision}, 0, 'newer', 'tiers/gold', 'change', {revision}, '', 'by hand {revision}'); \
         UPDATE state SET revision = {revision}, history = 'by hand {revision}', audited = {revision}, \
         digest = 'by hand {revision}'; COMMIT"
    );
    hand.execute(sqlx::raw_sql(&put)).await.unwrap();
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

/// All that was decided stood in the file beside it, and who copied the database alone copied nothing.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_clean_end_the_file_of_a_sqlite_is_the_whole_database() {
    let world = World::sqlite().await;
    let node = world.node().await;
    change(&node, Change::put(tier("gold", 3.0))).await.unwrap();
    node.close().await;
    let file = world.uri.strip_prefix("sqlite://").unwrap();
    let copied = World::sqlite().await;
    fs::copy(file, copied.uri.strip_prefix("sqlite://").unwrap()).unwrap();
    let node = copied.node().await;
    assert!(node.decided().tiers().contains_key("gold"));
    assert!(!std::path::Path::new(&format!("{file}-wal")).exists(), "nothing is left beside it");
}
