//! The audit: what it tells, whom it tells of, and who tries to change it.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection as _, Executor as _};
use timebudget::{ManualClock, UnixMicros};
use timebudget_control::audit::{Filter, csv, jsonl};
use timebudget_control::thing::{Change, Key, Kind, Member, Role, Written};
use timebudget_control::{Actor, ChangeError, Control, Expect, Health};

use crate::world::{World, change, eventually, on_both, tier};

fn by(name: &str) -> Actor {
    Actor::new(name, Some("192.0.2.7".to_owned()))
}

async fn numbers(node: &Control, filter: Filter) -> Vec<u64> {
    let page = node.audit(filter, 100, None).await.unwrap();
    page.entries.iter().map(|row| row.number).collect()
}

on_both! {
    async fn a_row_tells_who_did_what_from_where_and_why(world: &World) {
        let node = world.node().await;
        let why = Some("  they pay\nfor it ".to_owned());
        node.change(by("ann"), Change::put(tier("gold", 2.0)), None, Expect::default()).await.unwrap();
        node.change(by("bob"), Change::put(tier("gold", 3.0)), why, Expect::default()).await.unwrap();
        let row = node.audit(Filter::default(), 1, None).await.unwrap().entries.remove(0);
        assert_eq!((row.actor.as_str(), row.address.as_deref()), ("bob", Some("192.0.2.7")));
        assert_eq!((row.what.as_str(), row.action.as_str()), ("tiers/gold", "change"));
        assert_eq!(row.reason.as_deref(), Some("they pay\nfor it"));
        let gold = |factor| format!(r#"{{"name":"gold","multiplier":{factor},"priority":0,"limits":{{}}}}"#);
        assert_eq!(row.before.as_ref().map(Written::text), Some(gold("2.0").as_str()));
        assert_eq!(row.after.as_ref().map(Written::text), Some(gold("3.0").as_str()));
        assert_eq!(row.revision, Some(node.decided().revision()));
        assert_eq!(row.digest, row.expected_digest());
        assert_eq!(jsonl(&row).lines().count(), 1);
        assert!(csv(&row).ends_with(&format!(",{},{}\r\n", row.previous, row.digest)));
    }

    async fn what_changes_no_thing_stands_in_the_chain_too(world: &World) {
        let node = world.node().await;
        let before = node.decided().revision();
        let after = Written::parse(r#"{"amount":60000000}"#);
        let row = node.record(by("ann"), "accounts/export", "grant", (None, after), Some("month end".to_owned()));
        let row = row.await.unwrap();
        assert_eq!((row.number, row.revision, row.action.as_str()), (2, None, "grant"));
        change(&node, Change::put(tier("gold", 2.0))).await.unwrap();
        assert_eq!(node.decided().revision(), before + 1);
        let verified = node.verify_audit().await.unwrap();
        assert!(verified.is_whole() && verified.rows == 3, "{verified:?}");
        // Nor does it part nodes that follow each other.
        assert!(world.node().await.is_up());
    }

    async fn rows_are_found_by_who_and_what_and_when(world: &World) {
        let clock = Arc::new(ManualClock::at(UnixMicros(1_800_000_000_000_000)));
        let node = Control::open(world.options().with_clock(Arc::clone(&clock))).await.unwrap();
        for (who, name) in [("ann", "a"), ("bob", "a/b"), ("ann", "b")] {
            clock.advance(Duration::from_secs(1));
            node.change(by(who), Change::put(tier(name, 2.0)), None, Expect::default()).await.unwrap();
        }
        let at = |secs: i64| chrono::DateTime::from_timestamp(1_800_000_000 + secs, 0);
        let of = |actor: Option<&str>, what: Option<&str>| Filter {
            actor: actor.map(str::to_owned),
            what: what.map(str::to_owned),
            ..Filter::default()
        };
        assert_eq!(numbers(&node, of(Some("ann"), None)).await, [4, 2]);
        assert_eq!(numbers(&node, of(None, Some("tiers"))).await, [4, 3, 2]);
        assert_eq!(numbers(&node, of(None, Some("tiers/b"))).await, [4]);
        assert_eq!(numbers(&node, of(None, Some("tier"))).await, [0_u64; 0]);
        assert_eq!(numbers(&node, of(None, Some("tiers/%"))).await, [0_u64; 0]);
        assert_eq!(numbers(&node, of(Some("bob"), Some("tiers"))).await, [3]);
        assert_eq!(numbers(&node, Filter { from: at(2), to: at(3), ..Filter::default() }).await, [3], "half open");
    }

    async fn no_secret_and_no_digest_of_one_stands_in_it(world: &World) {
        let node = world.node().await;
        let (key, secret) = Key::parse(r#"{"name":"Acme"}"#, node.now()).unwrap();
        change(&node, Change::put(key.clone().into())).await.unwrap();
        let (rotated, second) = key.rotated(chrono::TimeDelta::hours(1), node.now());
        change(&node, Change::put(rotated.clone().into()).called("rotate")).await.unwrap();
        change(&node, Change::put(rotated.revoked(node.now()).into()).called("revoke")).await.unwrap();
        let (member, token) = Member::new("bob", Role::Viewer);
        change(&node, Change::put(member.into())).await.unwrap();
        let page = node.audit(Filter::default(), 100, None).await.unwrap();
        let actions: Vec<_> = page.entries.iter().map(|row| row.action.as_str()).collect();
        assert_eq!(actions, ["create", "revoke", "rotate", "create", "create"]);
        let told: String = page.entries.iter().map(jsonl).collect();
        for secret in [secret, second, token] {
            assert!(!told.contains(secret.reveal()) && !told.contains(&secret.digest()[7..]), "{told}");
            assert!(!told.contains("\"digest\":\"sha256"), "{told}");
        }
    }

    async fn a_reason_that_cannot_be_read_is_refused(world: &World) {
        let node = world.node().await;
        for (reason, fault) in [("a\u{0}b".to_owned(), "control characters"), ("x".repeat(2_001), "too long")] {
            let put = Change::put(tier("gold", 2.0));
            let refused = node.change(by("ann"), put, Some(reason), Expect::default()).await;
            let Err(ChangeError::Wrong(wrong)) = refused else { panic!("{refused:?}") };
            assert!(wrong[0].path == "reason" && wrong[0].message.contains(fault), "{wrong:?}");
        }
    }

    async fn names_and_texts_of_every_script_come_back_as_they_were(world: &World) {
        let node = world.node().await;
        for name in ["<script>alert(1)</script>", "=1+1", "日本語 プラン", "Größe", "a'b\"c\\d;--", "🦀", "../.."] {
            node.change(by(name), Change::put(tier(name, 2.0)), Some(name.to_owned()), Expect::default()).await.unwrap();
            assert!(world.node().await.decided().tiers().contains_key(name));
            change(&node, Change::delete(Kind::Tier, name)).await.unwrap();
        }
        assert!(node.verify_audit().await.unwrap().is_whole());
    }

    async fn who_changes_a_row_is_found_out(world: &World) {
        let node = world.node().await;
        for name in ["a", "b", "c", "d"] {
            change(&node, Change::put(tier(name, 2.0))).await.unwrap();
        }
        let mut hand = by_hand(world).await;
        for (evil, mend, at) in [
            ("UPDATE audit SET actor = 'bob' WHERE number = 3", "UPDATE audit SET actor = 'ann' WHERE number = 3", 3),
            ("UPDATE audit SET reason = '' WHERE number = 5", "UPDATE audit SET reason = NULL WHERE number = 5", 5),
            ("UPDATE audit SET after = '!' || after WHERE number = 2", "UPDATE audit SET after = substr(after, 2) WHERE number = 2", 2),
        ] {
            hand.execute(evil).await.unwrap();
            assert_eq!(node.verify_audit().await.unwrap().broken_at, Some(at), "{evil}");
            hand.execute(mend).await.unwrap();
            assert!(node.verify_audit().await.unwrap().is_whole(), "{mend}");
        }
        hand.execute("DELETE FROM audit WHERE number = 5").await.unwrap();
        assert_eq!(node.verify_audit().await.unwrap().broken_at, Some(5), "the last row is missed as well");
        hand.execute("DELETE FROM audit WHERE number = 1").await.unwrap();
        assert_eq!(node.verify_audit().await.unwrap().broken_at, Some(1));
    }

    /// The last rows were deleted, and the state set to the row before: the chain was whole.
    async fn who_cuts_the_chain_at_its_end_is_found_out(world: &World) {
        let node = world.node_with_copy().await;
        change(&node, Change::put(tier("gold", 2.0))).await.unwrap();
        for _ in 0..3 {
            node.record(by("ann"), "accounts/export", "grant", (None, None), None).await.unwrap();
        }
        let newest = node.verify_audit().await.unwrap().newest.unwrap();
        assert_eq!(newest.number, 5);
        let file = world.copy();
        eventually("the copy has it", || std::fs::read_to_string(&file).is_ok_and(|text| text.contains(&newest.digest))).await;
        let cut = "BEGIN; DELETE FROM audit WHERE number > 3; \
                   UPDATE state SET audited = 3, digest = (SELECT digest FROM audit WHERE number = 3); COMMIT";
        by_hand(world).await.execute(cut).await.unwrap();
        let lost = |node: &Control| match node.health() {
            Health::Lost { why, .. } => why.contains("its row 5 was seen") && why.contains("the last one is 3"),
            _ => false,
        };
        eventually("it is seen", || lost(&node)).await;
        assert!(matches!(change(&node, Change::put(tier("gold", 3.0))).await, Err(ChangeError::Unavailable(_))));
        assert!(node.verify_audit().await.unwrap_err().to_string().contains("row 5"));
        node.close().await;
        let again = Control::open(world.options_with_copy()).await.unwrap();
        assert!(lost(&again), "{:?}", again.health());
        again.close().await;
        // Who starts without a copy on purpose sees it by what was kept elsewhere.
        let anew = world.node().await;
        let found = anew.verify_audit().await.unwrap();
        assert!(found.is_whole() && found.rows == 3);
        assert_eq!(anew.verify_audit_from(Some(newest)).await.unwrap().broken_at, Some(4));
        assert!(anew.verify_audit_from(found.newest).await.unwrap().is_whole());
    }
}

async fn by_hand(world: &World) -> sqlx::AnyConnection {
    sqlx::any::install_default_drivers();
    sqlx::AnyConnection::connect(&world.uri).await.unwrap()
}
