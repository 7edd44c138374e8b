//! What has been decided is in force, on every node.

use std::sync::Arc;

use timebudget::{ManualClock, UnixMicros};
use timebudget_control::thing::{Assignment, Change, Key, Kind, Policy, Ruleset, Tier, User};
use timebudget_control::{ChangeError, Control};

use crate::world::{change, eventually, governed, in_force, on_both, rule, tier};

on_both! {
    async fn a_change_is_in_force_when_it_is_answered(world: &World) {
        let node = world.node().await;
        let budget = governed(&node);
        assert_eq!(in_force(&budget), ["site: 600s per hour"]);
        rule(&node, "60s per hour").await.unwrap();
        assert_eq!(in_force(&budget), ["site: 600s per hour", "export: 60s per hour"]);
        rule(&node, "30s per hour").await.unwrap();
        assert_eq!(in_force(&budget), ["site: 600s per hour", "export: 30s per hour"]);
        change(&node, Change::put(Policy::default().into())).await.unwrap();
        assert_eq!(in_force(&budget), ["site: 600s per hour"]);
    }

    async fn it_comes_into_force_on_the_other_nodes_too(world: &World) {
        let [one, other] = [world.node().await, world.node().await];
        let budget = governed(&other);
        rule(&one, "60s per hour").await.unwrap();
        eventually("it is in force", || in_force(&budget).len() == 2).await;
        assert_eq!(in_force(&budget), ["site: 600s per hour", "export: 60s per hour"]);
    }

    async fn what_is_decided_between_the_layer_and_governing_is_not_missed(world: &World) {
        let node = world.node().await;
        let layer = node.layer();
        rule(&node, "60s per hour").await.unwrap();
        let site = r#"{ "rate_limit": "600s per hour" }"#;
        let budget = timebudget::TimeBudget::builder().site_text(site).layer(layer).build().unwrap();
        assert_eq!(in_force(&budget).len(), 1);
        node.govern(&budget).unwrap();
        assert_eq!(in_force(&budget).len(), 2);
    }

    async fn what_does_not_fit_the_whole_configuration_changes_nothing(world: &World) {
        let node = world.node().await;
        let budget = governed(&node);
        rule(&node, "60s per hour").await.unwrap();
        let before = node.decided().revision();
        let alice = User { user: "alice".to_owned(), tier: "gld".to_owned(), until: None };
        change(&node, Change::put(tier("gold", 3.0))).await.unwrap();
        let Err(ChangeError::Wrong(wrong)) = change(&node, Change::put(alice.into())).await else { panic!() };
        assert_eq!(wrong[0].path, "tier", "{wrong:?}");
        let own = Assignment::parse("*", r#"{"published":"plan","unpublished":"inherit"}"#).unwrap();
        let Err(ChangeError::Wrong(wrong)) = change(&node, Change::put(own.into())).await else { panic!() };
        assert_eq!(wrong[0].to_string(), "published: \"plan\": no such ruleset; did you mean \"plans\"?");
        assert_eq!(node.decided().revision(), before + 1, "the tier alone");
        assert_eq!(in_force(&budget).len(), 2);
    }

    async fn a_ruleset_that_is_in_use_cannot_be_deleted(world: &World) {
        let node = world.node().await;
        rule(&node, "60s per hour").await.unwrap();
        let own = Assignment::parse("*", r#"{"published":"plans","unpublished":null}"#).unwrap();
        change(&node, Change::put(own.into())).await.unwrap();
        let delete = || Change::delete(Kind::Ruleset, "plans");
        let users = ["policy published", "site *"].map(str::to_owned).to_vec();
        assert_eq!(change(&node, delete()).await, Err(ChangeError::InUse(users)));
        change(&node, Change::delete(Kind::Assignment, "*")).await.unwrap();
        change(&node, Change::put(Policy::default().into())).await.unwrap();
        change(&node, delete()).await.unwrap();
    }

    async fn an_api_key_ends_by_itself(world: &World) {
        let clock = Arc::new(ManualClock::at(UnixMicros(1_800_000_000_000_000)));
        let node = Control::open(world.options().with_clock(Arc::clone(&clock))).await.unwrap();
        let budget = governed(&node);
        let known = || budget.limiter().tiers().api_keys.len();
        let ends = r#"{"name":"Acme","expires":"2027-01-15T08:00:10Z"}"#;
        let (key, _) = Key::parse(ends, node.now()).unwrap();
        change(&node, Change::put(key.clone().into())).await.unwrap();
        let (rotated, _) = key.rotated(chrono::TimeDelta::seconds(5), node.now());
        change(&node, Change::put(rotated.into()).called("rotate")).await.unwrap();
        assert_eq!(known(), 2, "both work for the grace time");
        clock.advance(std::time::Duration::from_secs(5));
        eventually("the old one has ended", || known() == 1).await;
        clock.advance(std::time::Duration::from_secs(5));
        eventually("and the new one", || known() == 0).await;
    }

    /// The change took note of the time, and what had ended before was not looked for any more.
    async fn an_api_key_ends_also_where_something_else_changes_in_that_moment(world: &World) {
        let clock = Arc::new(ManualClock::at(UnixMicros(1_800_000_000_000_000)));
        let node = Control::open(world.options().with_clock(Arc::clone(&clock))).await.unwrap();
        let budget = governed(&node);
        let known = || budget.limiter().tiers().api_keys.len();
        let (key, _) = Key::parse(r#"{"name":"Acme","expires":"2027-01-15T08:00:10Z"}"#, node.now()).unwrap();
        change(&node, Change::put(key.into())).await.unwrap();
        assert_eq!(known(), 1);
        clock.advance(std::time::Duration::from_secs(11));
        let gold = Tier::parse("gold", r#"{"multiplier": 3}"#).unwrap();
        change(&node, Change::put(gold.into())).await.unwrap();
        eventually("it has ended all the same", || known() == 0).await;
    }
}

#[test]
fn a_ruleset_says_every_mistake_with_its_place() {
    let body = r#"{"rules":[{"name":"a","limits":"10 per fortnight"},{"nam":"b","limits":"9 per day"}],"descripton":""}"#;
    let wrong = Ruleset::parse("plans", body).unwrap_err();
    let said: Vec<_> = wrong.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "rules[0].limits: \"10 per fortnight\": no such period; expected second, minute, hour, day, week, month or year",
            "rules[1].nam: a text: no such field; did you mean name?",
            "rules[1].name: missing; expected 1 to 64 letters, digits, and - _ . between them",
            "descripton: no such field; did you mean description?",
        ]
    );
}
