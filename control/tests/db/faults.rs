//! Databases that are killed, frozen, full, read-only, emptied or newer: the rules in force stay, and nobody hangs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use sqlx::{Connection as _, Executor as _, SqliteConnection};
use timebudget::TimeBudget;
use timebudget_control::audit::Filter;
use timebudget_control::thing::{Change, Ruleset};
use timebudget_control::{ChangeError, Control, Health, OpenError};

use crate::child::Node;
use crate::postgres::Server;
use crate::world::{World, change, eventually, governed, in_force, on_both, rule, tier};

/// How long a database may take in these tests.
const PATIENCE: Duration = Duration::from_millis(300);

async fn impatient(world: &World) -> Control {
    // The schema may take longer.
    world.node().await.close().await;
    Control::open(world.options().with_patience(PATIENCE)).await.expect("the database can be opened")
}

/// An impatient node with a rule, and a budget under it.
async fn ruled(world: &World) -> (Control, TimeBudget) {
    let node = impatient(world).await;
    let budget = governed(&node);
    rule(&node, "60s per hour").await.unwrap();
    (node, budget)
}

/// Nothing can be changed or asked, which is told soon, and the rules in force stay.
async fn assert_down(node: &Control, budget: &TimeBudget) {
    let begun = Instant::now();
    let refused = change(node, Change::put(tier("silver", 2.0))).await;
    assert!(matches!(refused, Err(ChangeError::Unavailable(_))), "{refused:?}");
    assert!(node.audit(Filter::default(), 10, None).await.is_err());
    assert!(node.find_session("tbs_x").await.is_err());
    assert!(!node.is_up());
    // Ten questions at once wait no longer than one.
    let all: Vec<_> = (0..10).map(|_| change(node, Change::put(tier("silver", 2.0)))).collect();
    assert!(futures_util::future::join_all(all).await.iter().all(Result::is_err));
    assert!(begun.elapsed() < Duration::from_secs(20), "nobody hangs");
    assert_eq!(in_force(budget), ["site: 600s per hour", "export: 60s per hour"]);
}

async fn assert_healed(node: &Control, budget: &TimeBudget) {
    eventually("it is up again", || node.is_up()).await;
    rule(node, "30s per hour").await.unwrap();
    assert_eq!(in_force(budget), ["site: 600s per hour", "export: 30s per hour"]);
    assert!(node.verify_audit().await.unwrap().is_whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_is_killed_is_missed_and_found_again() {
    let mut server = Server::start("");
    let (node, budget) = ruled(&World::on(&server).await).await;
    server.kill();
    assert_down(&node, &budget).await;
    server.start_again();
    assert_healed(&node, &budget).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_is_frozen_holds_nobody() {
    let server = Server::start("");
    let (node, budget) = ruled(&World::on(&server).await).await;
    server.signal("STOP");
    assert_down(&node, &budget).await;
    server.signal("CONT");
    assert_healed(&node, &budget).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_that_somebody_holds_locked_holds_nobody() {
    let world = World::sqlite().await;
    let (node, budget) = ruled(&world).await;
    let mut holder = SqliteConnection::connect(&world.uri).await.unwrap();
    holder.execute("BEGIN IMMEDIATE").await.unwrap();
    let begun = Instant::now();
    let refused = change(&node, Change::put(tier("silver", 2.0))).await;
    assert!(matches!(refused, Err(ChangeError::Unavailable(_))), "{refused:?}");
    assert!(begun.elapsed() < Duration::from_secs(20) && !node.is_up());
    assert_eq!(in_force(&budget), ["site: 600s per hour", "export: 60s per hour"]);
    holder.execute("ROLLBACK").await.unwrap();
    assert_healed(&node, &budget).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_whose_file_goes_is_missed_and_no_other_is_made() {
    let world = World::sqlite().await;
    let (node, budget) = ruled(&world).await;
    let (here, away) = (world.directory.path().join("data"), world.directory.path().join("away"));
    fs::rename(&here, &away).unwrap();
    assert_down(&node, &budget).await;
    assert!(!here.exists());
    fs::rename(&away, &here).unwrap();
    assert_healed(&node, &budget).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_file_in_the_place_of_a_sqlite_is_no_reason_to_forget() {
    let (world, other) = (World::sqlite().await, World::sqlite().await);
    let (node, budget) = ruled(&world).await;
    let path = |world: &World| world.uri.strip_prefix("sqlite://").unwrap().to_owned();
    let stranger = other.node().await;
    rule(&stranger, "1s per hour").await.unwrap();
    drop(stranger);
    fs::rename(path(&world), world.directory.path().join("kept")).unwrap();
    for end in ["-wal", "-shm"] {
        fs::rename(path(&world) + end, world.directory.path().join(format!("kept{end}"))).unwrap();
    }
    fs::copy(path(&other), path(&world)).unwrap();
    eventually("it is seen", || matches!(node.health(), Health::Lost { .. })).await;
    assert_down(&node, &budget).await;
}

/// What makes a read of the audit take seconds, and its rows be written as before.
const SLOWLY: &str = "ALTER TABLE audit RENAME TO audit_rows; \
    CREATE VIEW audit AS SELECT * FROM audit_rows WHERE (WITH RECURSIVE n(i) AS \
    (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000000) SELECT MAX(i) FROM n) > 0";

on_both! {
    /// A viewer who asked for what is not there, of a long audit, had changes refused to everybody.
    async fn a_question_that_takes_too_long_is_the_trouble_of_who_asks_it(world: &World) {
        world.node().await.close().await;
        let patience = Duration::from_secs(1);
        let node = Control::open(world.options().with_patience(patience)).await.unwrap();
        sqlx::any::install_default_drivers();
        let mut hand = sqlx::AnyConnection::connect(&world.uri).await.unwrap();
        hand.execute(sqlx::raw_sql(SLOWLY)).await.unwrap();
        let asking = node.clone();
        let ended = AtomicBool::new(false);
        let asked = async {
            let told = asking.audit(Filter::default(), 10, None).await;
            ended.store(true, Relaxed);
            told
        };
        let watched = async {
            while !ended.load(Relaxed) {
                assert!(node.is_up(), "{:?}", node.health());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let (told, ()) = futures_util::future::join(asked, watched).await;
        let why = told.expect_err("it takes longer than anybody waits").to_string();
        assert!(why.contains("this question"), "{why}");
        assert!(node.is_up(), "{:?}", node.health());
        assert_eq!(node.find_session("tbs_x").await, Ok(None));
    }

    /// It was told to be down, and to be asked again.
    async fn what_this_version_cannot_read_is_unfit_and_not_down(world: &World) {
        let node = world.node().await;
        sqlx::any::install_default_drivers();
        let mut hand = sqlx::AnyConnection::connect(&world.uri).await.unwrap();
        let strange = "BEGIN; UPDATE state SET revision = revision + 1; INSERT INTO things (kind, name, body, revision) \
                       SELECT 'colours', 'red', '{}', revision FROM state; COMMIT";
        hand.execute(sqlx::raw_sql(strange)).await.unwrap();
        eventually("it is seen", || !node.is_up()).await;
        let Health::Unfit { why, .. } = node.health() else { panic!("{:?}", node.health()) };
        assert!(why.contains("colours/red: no such kind of thing"), "{why}");
        let away = "BEGIN; UPDATE state SET revision = revision - 1; DELETE FROM things WHERE kind = 'colours'; COMMIT";
        hand.execute(sqlx::raw_sql(away)).await.unwrap();
        eventually("it is up again", || node.is_up()).await;
        change(&node, Change::put(tier("silver", 2.0))).await.unwrap();
    }
}

/// Ten of them had all connections, and whoever follows changes had none.
#[tokio::test(flavor = "multi_thread")]
async fn long_questions_leave_connections_for_what_is_quick() {
    let world = World::postgres().await;
    world.node().await.close().await;
    let node = Control::open(world.options().with_patience(Duration::from_secs(1))).await.unwrap();
    let name = world.uri.split(['/', '?']).nth(3).unwrap();
    let mut hand = Server::shared().connect(name).await;
    hand.execute("BEGIN").await.unwrap();
    hand.execute("LOCK TABLE audit IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let asking: Vec<_> = (0..30)
        .map(|_| {
            let node = node.clone();
            tokio::spawn(async move { node.audit(Filter::default(), 10, None).await })
        })
        .collect();
    while !asking.iter().all(tokio::task::JoinHandle::is_finished) {
        assert!(node.is_up(), "{:?}", node.health());
        assert_eq!(node.find_session("tbs_x").await, Ok(None));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for asked in asking {
        let why = asked.await.unwrap().expect_err("nobody can read it").to_string();
        assert!(why.contains("this question"), "{why}");
    }
    hand.execute("ROLLBACK").await.unwrap();
    assert!(node.audit(Filter::default(), 10, None).await.is_ok());
}

async fn lost(node: &Control, budget: &TimeBudget) {
    eventually("it is seen", || matches!(node.health(), Health::Lost { .. })).await;
    assert_down(node, budget).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_postgres_is_no_reason_to_forget() {
    let server = Server::start("");
    let world = World::on(&server).await;
    let (node, budget) = ruled(&world).await;
    let name = world.uri.split(['/', '?']).nth(3).unwrap();
    let mut hand = server.connect(name).await;
    hand.execute("CREATE TABLE kept AS SELECT * FROM state; DELETE FROM state").await.unwrap();
    lost(&node, &budget).await;
    hand.execute("INSERT INTO state SELECT * FROM kept").await.unwrap();
    assert_healed(&node, &budget).await;
    rule(&node, "60s per hour").await.unwrap();
    hand.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await.unwrap();
    lost(&node, &budget).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_sqlite_is_no_reason_to_forget() {
    let world = World::sqlite().await;
    let (node, budget) = ruled(&world).await;
    let mut hand = SqliteConnection::connect(&world.uri).await.unwrap();
    hand.execute("CREATE TABLE kept AS SELECT * FROM state; DELETE FROM state").await.unwrap();
    lost(&node, &budget).await;
    hand.execute("INSERT INTO state SELECT * FROM kept").await.unwrap();
    assert_healed(&node, &budget).await;
    rule(&node, "60s per hour").await.unwrap();
    hand.execute("UPDATE state SET revision = 1; DELETE FROM things").await.unwrap();
    lost(&node, &budget).await;
    hand.execute("DROP TABLE things; DROP TABLE state").await.unwrap();
    lost(&node, &budget).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_can_only_be_read_refuses_changes_and_lets_read() {
    let server = Server::start("");
    let world = World::on(&server).await;
    let (node, budget) = ruled(&world).await;
    let name = world.uri.split(['/', '?']).nth(3).unwrap();
    let mut hand = server.connect("postgres").await;
    let only = |word: &str| {
        format!(
            "ALTER DATABASE {name} SET default_transaction_read_only = {word}; \
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        )
    };
    hand.execute(sqlx::raw_sql(&only("on"))).await.unwrap();
    let refused = loop {
        match change(&node, Change::put(tier("silver", 2.0))).await {
            Err(ChangeError::Unavailable(why)) if why.to_string().contains("read-only") => break why,
            // A connection that was ended, before a new one is made.
            Err(ChangeError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
            other => panic!("{other:?}"),
        }
    };
    assert!(refused.to_string().contains("read-only"), "{refused}");
    assert!(world.node().await.is_up(), "a node starts from what can be read");
    assert_eq!(in_force(&budget), ["site: 600s per hour", "export: 60s per hour"]);
    hand.execute(sqlx::raw_sql(&only("off"))).await.unwrap();
    assert_healed(&node, &budget).await;
}

/// As root nothing is read-only, unless the right to overlook permissions is given up.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_on_a_sqlite_that_it_cannot_write_starts_from_its_copy_and_heals() {
    let world = World::sqlite().await;
    world.with_gold_in_copy().await;
    let data = world.directory.path().join("data");
    let set = |directory: u32, file: u32| {
        for entry in fs::read_dir(&data).unwrap() {
            fs::set_permissions(entry.unwrap().path(), fs::Permissions::from_mode(file)).unwrap();
        }
        fs::set_permissions(&data, fs::Permissions::from_mode(directory)).unwrap();
    };
    set(0o555, 0o444);
    let before: &[&str] = match fs::metadata(&data).unwrap() {
        data if std::os::unix::fs::MetadataExt::uid(&data) == 0 => {
            &["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
        }
        _ => &[],
    };
    let mut node = Node::start(before, &world.options_with_copy());
    node.told("opened").expect("it starts");
    assert!(node.ask("put silver").starts_with("error"), "it cannot be written");
    assert_eq!(node.ask("tiers"), "1");
    set(0o755, 0o644);
    while node.ask("health") != "Up" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(node.ask("put silver"), "3");
}

/// A disk is full for whoever may not let a file grow.
#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_that_is_full_refuses_changes_and_loses_nothing() {
    let world = World::sqlite().await;
    world.node().await;
    let limited = ["bash", "-c", "trap '' XFSZ; ulimit -S -f 400; exec \"$0\" \"$@\""];
    let mut node = Node::start(&limited, &world.options());
    node.told("opened").expect("it starts");
    let mut made = 0;
    let why = loop {
        match node.ask(&format!("put tier {made}")) {
            answer if answer.starts_with("error") => break answer,
            _ => made += 1,
        }
        assert!(made < 10_000, "it is never full");
    };
    assert!(why.contains("database"), "{why}");
    assert_eq!(node.ask("tiers"), made.to_string(), "what is decided stays");
    assert!(node.ask("put more").starts_with("error"));
    let raise = ["--pid", &node.id(), "--fsize=unlimited:unlimited"];
    assert!(std::process::Command::new("prlimit").args(raise).status().unwrap().success());
    while node.ask("health") != "Up" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(node.ask("put more"), (made + 2).to_string());
    assert_eq!(node.ask("whole"), "Ok(true)");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_is_full_refuses_changes_and_loses_nothing() {
    let server = Server::start_small(2_048);
    let (node, budget) = ruled(&World::on(&server).await).await;
    let mut made = 0_u32;
    let why = loop {
        match change(&node, Change::put(large(made))).await {
            Ok(_) => made += 1,
            Err(ChangeError::Unavailable(why)) => break why,
            Err(error) => panic!("{error}"),
        }
        assert!(made < 1_000, "it is never full");
    };
    assert!(why.to_string().contains("could not"), "{why}");
    assert_eq!(in_force(&budget), ["site: 600s per hour", "export: 60s per hour"]);
    let known = node.decided().rulesets().len();
    assert_eq!(known as u32, made + 1, "what is decided stays");
    server.let_grow();
    eventually("it is up again", || node.is_up()).await;
    change(&node, Change::put(large(made))).await.unwrap();
    assert!(node.verify_audit().await.unwrap().is_whole());
}

/// A ruleset with a description that cannot be compressed.
fn large(number: u32) -> timebudget_control::thing::Thing {
    let mut state = u64::from(number) + 1;
    let description: String = (0..60_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'!' + ((state >> 33) % 90) as u8).to_string().replace(['"', '\\'], "x")
        })
        .collect();
    let body = format!(r#"{{"description":"{description}","rules":[]}}"#);
    Ruleset::parse(&format!("large {number}"), &body).unwrap().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_newer_version_is_refused_in_words() {
    for world in [World::sqlite().await, World::postgres().await] {
        world.with_gold_in_copy().await;
        sqlx::any::install_default_drivers();
        let mut hand = sqlx::AnyConnection::connect(&world.uri).await.unwrap();
        hand.execute("UPDATE timebudget_schema SET version = 99").await.unwrap();
        let error = Control::open(world.options_with_copy()).await.expect_err("it is newer");
        assert!(matches!(error, OpenError::Database { .. }), "{error:?}");
        let said = error.to_string();
        assert!(said.contains("its schema is of version 99, and this program knows "), "{said}");
        assert!(said.ends_with(" at most; start a newer version"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_error_tells_a_password() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("none.db");
    assert!(!Path::new(&file).exists());
    for uri in [
        format!("postgres://ann:s3cret@localhost/limits?host={}", directory.path().display()),
        "postgres://ann:s3cret@127.0.0.1:1/limits".to_owned(),
        "postgres://ann@127.0.0.1:1/limits?password=s3cret".to_owned(),
        "postgres://ann:s3cret@no.such.host.invalid/limits".to_owned(),
        "postgres://ann:s3cret@[::1/limits".to_owned(),
        "mysql://ann:s3cret@localhost/limits".to_owned(),
    ] {
        let options = timebudget_control::Options::new(uri.clone()).with_patience(PATIENCE);
        assert!(!format!("{options:?}").contains("s3cret"));
        let error = Control::open(options).await.expect_err("there is none");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{uri}: {error:?}");
    }
}
