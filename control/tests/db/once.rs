//! What a change may expect: what is there, and that it is made once.

use std::sync::Arc;
use std::time::Duration;

use timebudget::{ManualClock, UnixMicros};
use timebudget_control::thing::{Change, Kind, Member, Role};
use timebudget_control::{Actor, ChangeError, Control, Expect, Idempotency, IfMatch, Receipt};

use crate::world::{change, on_both, tier};

async fn put(node: &Control, multiplier: f64, expect: impl Into<Expect>) -> Result<Receipt, ChangeError> {
    node.change(Actor::new("ann", None), Change::put(tier("gold", multiplier)), None, expect.into()).await
}

fn once(body: &str) -> Expect {
    Expect { if_match: IfMatch::Anything, idempotency: Some(Idempotency::new("ann", "k1", body)) }
}

on_both! {
    async fn a_change_is_made_only_of_what_was_seen(world: &World) {
        let node = world.node().await;
        assert_eq!(put(&node, 1.0, IfMatch::Something).await, Err(ChangeError::Missing));
        assert_eq!(put(&node, 1.0, IfMatch::Revision(7)).await, Err(ChangeError::Missing));
        let seen = put(&node, 1.0, IfMatch::Nothing).await.unwrap().revision;
        assert_eq!(put(&node, 2.0, IfMatch::Nothing).await, Err(ChangeError::Exists));
        let now = put(&node, 2.0, IfMatch::Revision(seen)).await.unwrap().revision;
        assert_eq!(put(&node, 3.0, IfMatch::Revision(seen)).await, Err(ChangeError::Stale { revision: now }));
        let delete = Change::delete(Kind::Tier, "gold");
        let stale = node.change(Actor::new("ann", None), delete, None, IfMatch::Revision(seen).into()).await;
        assert_eq!(stale, Err(ChangeError::Stale { revision: now }));
        assert_eq!(node.decided().tiers()["gold"].thing.multiplier, 2.0);
    }

    async fn what_is_refused_leaves_no_trace(world: &World) {
        let node = world.node().await;
        put(&node, 1.0, IfMatch::Nothing).await.unwrap();
        put(&node, 2.0, IfMatch::Nothing).await.unwrap_err();
        change(&node, Change::delete(Kind::Tier, "silver")).await.unwrap_err();
        let verified = node.verify_audit().await.unwrap();
        assert_eq!((verified.rows, node.decided().revision()), (2, 2));
    }

    async fn what_is_asked_again_under_a_key_is_made_once(world: &World) {
        let node = world.node().await;
        let made = put(&node, 1.0, once("body")).await.unwrap();
        put(&node, 5.0, IfMatch::Anything).await.unwrap();
        // The other node asks the database, and not its memory.
        for node in [node.clone(), world.node().await] {
            let again = put(&node, 1.0, once("body")).await.unwrap();
            assert!(again.is_repeated);
            assert_eq!((again.revision, &again.after), (made.revision, &made.after), "as it was answered then");
            assert_eq!(put(&node, 1.0, once("other")).await, Err(ChangeError::OtherBody));
        }
        assert_eq!(node.decided().tiers()["gold"].thing.multiplier, 5.0);
    }

    async fn a_key_is_forgotten_after_a_day(world: &World) {
        let clock = Arc::new(ManualClock::at(UnixMicros(1_800_000_000_000_000)));
        let node = Control::open(world.options().with_clock(Arc::clone(&clock))).await.unwrap();
        put(&node, 1.0, once("body")).await.unwrap();
        clock.advance(Duration::from_secs(86_400));
        assert!(put(&node, 1.0, once("body")).await.unwrap().is_repeated);
        clock.advance(Duration::from_secs(1));
        assert!(!put(&node, 2.0, once("other")).await.unwrap().is_repeated);
    }

    async fn the_last_owner_stays(world: &World) {
        let node = world.node().await;
        let last = ChangeError::Conflict("owner is the last owner; expected another one beside".to_owned());
        let delete = || Change::delete(Kind::Member, "owner");
        assert_eq!(change(&node, delete()).await, Err(last.clone()));
        let (viewer, _) = Member::new("owner", Role::Viewer);
        assert_eq!(change(&node, Change::put(viewer.into())).await, Err(last));
        let (bob, token) = Member::new("bob", Role::Owner);
        change(&node, Change::put(bob.into())).await.unwrap();
        change(&node, delete()).await.unwrap();
        assert_eq!(node.decided().member_of_token(token.reveal()).unwrap().thing.name, "bob");
    }
}
