//! Changes: checked, stored with their row of the audit, and in force when they are answered.

use timebudget_control::ChangeError;
use timebudget_control::audit::Filter;
use timebudget_control::thing::{Change, Kind};

use crate::world::{change, on_both, tier};

on_both! {
    async fn a_change_is_there_when_it_is_answered(world: &World) {
        let node = world.node().await;
        let receipt = change(&node, Change::put(tier("gold", 3.0))).await.unwrap();
        assert_eq!((receipt.revision, receipt.before), (2, None), "the first was the owner");
        assert_eq!(node.decided().tiers()["gold"].revision, 2);
        assert_eq!(world.node().await.decided().tiers()["gold"].thing.multiplier, 3.0);
    }

    async fn what_is_deleted_must_be_there_and_unused(world: &World) {
        let node = world.node().await;
        let delete = || Change::delete(Kind::Tier, "gold");
        assert_eq!(change(&node, delete()).await, Err(ChangeError::Missing));
        change(&node, Change::put(tier("gold", 3.0))).await.unwrap();
        change(&node, delete()).await.unwrap();
        assert!(node.decided().tiers().is_empty());
        assert!(world.node().await.decided().tiers().is_empty());
    }

    async fn the_audit_tells_each_change_and_its_chain_is_whole(world: &World) {
        let node = world.node().await;
        change(&node, Change::put(tier("gold", 3.0))).await.unwrap();
        change(&node, Change::put(tier("gold", 4.0))).await.unwrap();
        change(&node, Change::delete(Kind::Tier, "gold")).await.unwrap();
        let page = node.audit(Filter::default(), 2, None).await.unwrap();
        let told: Vec<_> = page.entries.iter().map(|row| (row.number, row.action.as_str(), row.what.as_str())).collect();
        assert_eq!(told, [(4, "delete", "tiers/gold"), (3, "change", "tiers/gold")]);
        let rest = node.audit(Filter::default(), 2, page.next).await.unwrap();
        assert_eq!(rest.entries.iter().map(|row| row.number).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(rest.next, None);
        let verified = node.verify_audit().await.unwrap();
        assert!(verified.is_whole() && verified.rows == 4, "{verified:?}");
    }
}
