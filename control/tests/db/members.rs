//! Members: their tokens, and the sessions that they begin with them.

use std::sync::Arc;
use std::time::Duration;

use timebudget::{ManualClock, UnixMicros};
use timebudget_control::Control;
use timebudget_control::thing::{Change, Kind, Member, Role};

use crate::world::{change, eventually, on_both};

on_both! {
    async fn a_new_database_has_an_owner_whose_token_is_told_once(world: &World) {
        let node = world.node().await;
        let token = node.first_owner_token().expect("it is new").to_owned();
        let owner = node.decided().member_of_token(&token).cloned().unwrap().thing;
        assert_eq!((owner.name.as_str(), owner.role), ("owner", Role::Owner));
        assert!(token.starts_with("tbm_") && node.decided().member_of_token("tbm_x").is_none());
        let again = world.node().await;
        assert_eq!(again.first_owner_token(), None);
        assert!(again.decided().member_of_token(&token).is_some());
    }

    async fn the_first_owners_token_may_be_given(world: &World) {
        let node = Control::open(world.options().with_owner_token("of one's own")).await.unwrap();
        assert_eq!(node.first_owner_token(), None);
        assert!(node.decided().member_of_token("of one's own").is_some());
    }

    async fn another_token_takes_the_place_of_the_one_before(world: &World) {
        let node = world.node().await;
        let old = node.first_owner_token().unwrap().to_owned();
        let owner = node.decided().members()["owner"].thing.clone();
        let (owner, token) = owner.with_new_token();
        change(&node, Change::put(owner.into()).called("token")).await.unwrap();
        for node in [node, world.node().await] {
            assert!(node.decided().member_of_token(&old).is_none());
            assert!(node.decided().member_of_token(token.reveal()).is_some());
        }
    }

    async fn a_session_lasts_until_it_ends_on_every_node(world: &World) {
        let clock = Arc::new(ManualClock::at(UnixMicros(1_800_000_000_000_000)));
        let node = Control::open(world.options().with_clock(Arc::clone(&clock))).await.unwrap();
        let other = Control::open(world.options().with_clock(Arc::clone(&clock))).await.unwrap();
        let owner = node.decided().members()["owner"].thing.clone();
        let (cookie, session) = node.make_session(&owner).await.unwrap();
        assert_eq!((session.member.as_str(), session.role), ("owner", Role::Owner));
        assert_eq!(other.find_session(cookie.reveal()).await.unwrap(), Some(session));
        assert_eq!(other.find_session("tbs_forged").await.unwrap(), None);
        let (second, _) = node.make_session(&owner).await.unwrap();
        other.end_session(cookie.reveal()).await.unwrap();
        assert_eq!(node.find_session(cookie.reveal()).await.unwrap(), None);
        clock.advance(Duration::from_secs(12 * 3600 - 1));
        assert!(node.find_session(second.reveal()).await.unwrap().is_some());
        clock.advance(Duration::from_secs(1));
        assert_eq!(node.find_session(second.reveal()).await.unwrap(), None);
    }

    async fn a_session_has_the_role_that_its_member_has_now(world: &World) {
        let node = world.node().await;
        let (bob, _) = Member::new("bob", Role::Owner);
        change(&node, Change::put(bob.clone().into())).await.unwrap();
        let (cookie, _) = node.make_session(&bob).await.unwrap();
        change(&node, Change::put(bob.parse_anew(r#"{"role":"viewer"}"#).unwrap().into())).await.unwrap();
        let session = node.find_session(cookie.reveal()).await.unwrap().unwrap();
        assert_eq!(session.role, Role::Viewer);
        change(&node, Change::delete(Kind::Member, "bob")).await.unwrap();
        assert_eq!(node.find_session(cookie.reveal()).await.unwrap(), None);
    }

    /// A node that had not heard of it yet made a session of the old token, which lasted for twelve hours.
    async fn a_session_ends_with_its_token_also_one_that_is_made_afterwards(world: &World) {
        let [node, other] = [world.node().await, world.node().await];
        let owner = node.decided().members()["owner"].thing.clone();
        let before = node.make_session(&owner).await.unwrap().0;
        let (changed, _) = owner.with_new_token();
        change(&node, Change::put(changed.clone().into()).called("token")).await.unwrap();
        let late = other.make_session(&owner).await.unwrap().0;
        eventually("it is heard of", || other.decided().members()["owner"].thing == changed).await;
        for node in [&node, &other] {
            assert_eq!(node.find_session(before.reveal()).await.unwrap(), None);
            assert_eq!(node.find_session(late.reveal()).await.unwrap(), None);
        }
        let own = other.make_session(&changed).await.unwrap().0;
        assert!(node.find_session(own.reveal()).await.unwrap().is_some());
    }

    async fn who_gets_the_name_of_a_member_who_was_removed_does_not_get_the_sessions(world: &World) {
        let node = world.node().await;
        let (bob, _) = Member::new("bob", Role::Viewer);
        change(&node, Change::put(bob.clone().into())).await.unwrap();
        let before = node.make_session(&bob).await.unwrap().0;
        change(&node, Change::delete(Kind::Member, "bob")).await.unwrap();
        let late = node.make_session(&bob).await.unwrap().0;
        change(&node, Change::put(Member::new("bob", Role::Owner).0.into())).await.unwrap();
        for cookie in [before, late] {
            assert_eq!(node.find_session(cookie.reveal()).await.unwrap(), None);
        }
    }

    async fn the_last_use_of_a_key_is_the_latest_that_any_node_told(world: &World) {
        let [one, other] = [world.node().await, world.node().await];
        let at = |secs: i64| chrono::DateTime::from_timestamp(1_800_000_000 + secs, 0).unwrap();
        one.keys_used(vec![("key_a".to_owned(), at(60)), ("key_b".to_owned(), at(0))]).await.unwrap();
        other.keys_used(vec![("key_a".to_owned(), at(30)), ("key_b".to_owned(), at(90))]).await.unwrap();
        let uses = one.uses_of_keys().await.unwrap();
        assert_eq!((uses["key_a"], uses["key_b"]), (at(60), at(90)));
    }

    async fn a_token_that_was_taken_away_is_unknown_to_the_other_nodes_soon(world: &World) {
        let [one, other] = [world.node().await, world.node().await];
        let (bob, token) = Member::new("bob", Role::Viewer);
        change(&one, Change::put(bob.into())).await.unwrap();
        eventually("it is known", || other.decided().member_of_token(token.reveal()).is_some()).await;
        change(&one, Change::delete(Kind::Member, "bob")).await.unwrap();
        eventually("it is not", || other.decided().member_of_token(token.reveal()).is_none()).await;
    }
}
