//! Bodies that people send: what is taken, and every mistake in what is not.

use chrono::{DateTime, TimeDelta, Utc};
use timebudget_control::thing::{
    Assignment, Change, Group, Key, Member, Override, Own, Policy, Tier, User, Wrong,
};
use timebudget_control::{ChangeError, Control};

use crate::world::{change, on_both, tier};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn said(wrong: impl AsRef<[Wrong]>) -> Vec<String> {
    wrong.as_ref().iter().map(ToString::to_string).collect()
}

fn over(body: &str) -> Result<Override, Vec<String>> {
    Override::parse(body, "ann", now()).map_err(said)
}

#[test]
fn an_override_holds_an_hour_unless_it_says_how_long() {
    let of =
        |end: &str| over(&format!(r#"{{"user":"bob","limits":"900s per hour","reason":"month end"{end}}}"#));
    assert_eq!(of("").unwrap().until, now() + TimeDelta::hours(1));
    assert_eq!(of(r#","seconds":60"#).unwrap().until, now() + TimeDelta::seconds(60));
    let until = of(r#","until":"2027-01-15T10:00:00+01:00""#).unwrap().until;
    assert_eq!(until, "2027-01-15T09:00:00Z".parse::<DateTime<Utc>>().unwrap());
    let both = of(r#","seconds":60,"until":"2027-01-16T00:00:00Z""#).unwrap_err();
    assert_eq!(both, ["seconds: stands beside until; expected one of them"]);
    let past = of(r#","until":"2027-01-15T08:00:00Z""#).unwrap_err();
    assert_eq!(past, ["until: \"2027-01-15T08:00:00Z\": has passed; expected a time to come"]);
    assert_eq!(of(r#","seconds":0"#).unwrap_err(), ["seconds: 0: expected 1 to 316224000"]);
}

#[test]
fn every_mistake_of_an_override_is_told_at_once() {
    let wrong =
        over(r#"{"user":"","rule":7,"limits":"10 per fortnight","untl":"x","reason":" "}"#).unwrap_err();
    assert_eq!(
        wrong,
        [
            "user: \"\": empty; expected a name",
            "rule: 7: expected the name of a rule",
            "limits: \"10 per fortnight\": no such period; expected second, minute, hour, day, week, month or year",
            "reason: empty; expected why, for people to read",
            "untl: no such field; did you mean until?",
        ]
    );
}

#[test]
fn a_tier_is_read_in_the_words_of_the_site_file() {
    let tier = Tier::parse("gold", r#"{"multiplier":1.5,"priority":3,"limits":{"export":["60s per hour"]}}"#)
        .unwrap();
    assert_eq!((tier.multiplier, tier.priority), (1.5, 3));
    assert_eq!(tier.limits["export"].text(), r#"["60s per hour"]"#);
    let wrong =
        said(Tier::parse("gold", r#"{"name":"silver","multiplier":-1,"limits":{"a":"x"}}"#).unwrap_err());
    assert_eq!(wrong[0], "name: \"silver\": is not that of the path, \"gold\"");
    assert!(
        wrong[1].starts_with("multiplier: -1: ") && wrong[2].starts_with("limits.a: \"x\": "),
        "{wrong:?}"
    );
}

#[test]
fn rulesets_are_named_or_not_or_inherited() {
    let own = Assignment::parse("shop.example", r#"{"published":"inherit","unpublished":null}"#).unwrap();
    assert_eq!((own.published, own.unpublished), (Own::Inherit, Own::None));
    let wrong = said(Policy::parse(r#"{"published":"plans"}"#).unwrap_err());
    assert_eq!(wrong, ["unpublished: missing; expected the name of a ruleset, or null"]);
    let wrong = timebudget_control::thing::Ruleset::parse("inherit", r#"{"rules":[]}"#).unwrap_err();
    assert!(wrong[0].message.contains("expected another name"), "{wrong:?}");
}

#[test]
fn a_ruleset_has_a_hundred_rules_at_most() {
    let of = |count: usize| {
        let rules: Vec<_> =
            (0..count).map(|at| format!(r#"{{"name":"r{at}","limits":"9 per day"}}"#)).collect();
        timebudget_control::thing::Ruleset::parse("plans", &format!(r#"{{"rules":[{}]}}"#, rules.join(",")))
    };
    assert!(of(100).is_ok());
    assert_eq!(said(of(101).unwrap_err()), ["rules: 101 rules; expected at most 100"]);
}

#[test]
fn what_is_no_object_is_told_as_that() {
    let told = |body: &str| said(Group::parse("vips", body).unwrap_err());
    assert_eq!(told("[]"), ["not an object; expected one"]);
    assert_eq!(told("7"), ["not an object; expected one"]);
    assert!(told("{")[0].starts_with("not JSON: "));
    assert!(told("")[0].starts_with("not JSON: "));
    assert!(told("{\"tier\":\"gold\"} x")[0].starts_with("not JSON: "));
    assert_eq!(told(r#"{"tier":"gold","tier":"iron"}"#), ["tier: stands more than once; expected it once"]);
    assert_eq!(
        said(Member::parse(r#"{"name":"bob","role":"king"}"#).unwrap_err()),
        ["role: \"king\": expected \"viewer\", \"operator\" or \"owner\""]
    );
    let late = User::parse("alice", r#"{"tier":"gold","until":"1999-12-31T23:59:59Z"}"#, now()).unwrap_err();
    assert!(late[0].message.contains("has passed"), "{late:?}");
}

#[test]
fn a_key_keeps_its_secret_when_it_is_changed_and_has_none_when_it_is_revoked() {
    let (key, secret) = Key::parse(r#"{"name":"Acme","tier":"gold"}"#, now()).unwrap();
    assert!(secret.reveal().starts_with("tbk_") && secret.reveal().len() == 47);
    assert_eq!(
        (key.prefix.as_str(), key.last_four.as_str()),
        (&secret.reveal()[..8], &secret.reveal()[43..])
    );
    let changed = key.parse_anew(r#"{"name":"Acme Ltd"}"#, now()).unwrap();
    assert_eq!((changed.tier, &changed.id, &changed.prefix), (None, &key.id, &key.prefix));
    let (rotated, second) = key.rotated(TimeDelta::hours(1), now());
    assert_ne!(second.reveal(), secret.reveal());
    assert_eq!(rotated.retiring().unwrap().until, now() + TimeDelta::hours(1));
    assert!(key.rotated(TimeDelta::zero(), now()).0.retiring().is_none());
    let revoked = rotated.revoked(now());
    assert!(revoked.retiring().is_none() && revoked.revoked == Some(now()));
}

async fn put_override(node: &Control, end: &str) -> Result<String, ChangeError> {
    let body = format!(r#"{{"user":"bob","limits":"9 per day","reason":"why","seconds":{end}}}"#);
    let over = Override::parse(&body, "ann", node.now()).unwrap();
    change(node, Change::put(over.clone().into())).await.map(|_| over.id)
}

on_both! {
    async fn two_overrides_of_one_user_and_rule_cannot_hold_at_once(world: &World) {
        let node = world.node().await;
        let id = put_override(&node, "60").await.unwrap();
        let Err(ChangeError::Conflict(why)) = put_override(&node, "60").await else { panic!() };
        assert!(why.starts_with(&format!("{id} holds for this user and rule until ")), "{why}");
        assert_eq!(node.decided().overrides_of("bob").count(), 1);
        let over = node.decided().overrides()[&id].thing.clone();
        let longer = r#"{"user":"bob","limits":"10 per day","reason":"why","seconds":120}"#;
        let longer = over.parse_anew(longer, node.now()).unwrap();
        change(&node, Change::put(longer.into())).await.unwrap();
    }

    async fn the_effective_tier_of_a_user_is_told_with_why(world: &World) {
        let node = world.node().await;
        for name in ["gold", "iron", "default"] {
            change(&node, Change::put(tier(name, 2.0))).await.unwrap();
        }
        let vips = Group::parse("vips", r#"{"tier":"gold"}"#).unwrap();
        change(&node, Change::put(vips.into())).await.unwrap();
        let until = node.now() + TimeDelta::seconds(60);
        let alice = User { user: "alice".to_owned(), tier: "iron".to_owned(), until: Some(until) };
        change(&node, Change::put(alice.into())).await.unwrap();
        let told = |user: &str, groups: &[&str], at| {
            let found = node.decided().effective_tier(user, groups, at);
            (found.tier.unwrap_or_default(), found.why)
        };
        assert_eq!(told("alice", &["vips"], until - TimeDelta::seconds(1)).0, "iron");
        assert_eq!(told("alice", &["vips"], until), ("gold".to_owned(), "the highest of the user's groups: that of vips".to_owned()));
        assert_eq!(told("carol", &[], until), ("default".to_owned(), "everybody's who has no other".to_owned()));
        let in_use = ChangeError::InUse(vec!["group vips".to_owned()]);
        assert_eq!(change(&node, Change::delete(timebudget_control::thing::Kind::Tier, "gold")).await, Err(in_use));
    }
}
