//! A layer that changes while it is in force: what is made of the change alone is what a new reading would make of all.

use std::collections::BTreeSet;

use config::{Files, Hosts, Layer, Options, Ruleset};
use futures_util::FutureExt as _;
use timebudget::store::memory::Memory;
use timebudget::{
    ApiKey, Assignment, Engine, KeyDigest, ManualClock, Override, Period, Term, Tier, TimeBudget, UnixMicros,
};

use super::*;

/// One change of a layer.
#[derive(Clone, Debug)]
enum Edit {
    User(usize, Option<usize>),
    Group(Option<usize>),
    Key(usize, Option<usize>),
    Tier(usize, Option<bool>),
    Overrides(usize, Vec<(Option<usize>, bool)>),
    Rules(Option<usize>, Hosts, Option<usize>),
}

const TIERS: [&str; 3] = ["gold", "iron", "silver"];
const RULES: [&str; 3] = ["export", "login", "site"];
const SITES: [&str; 3] = ["a.example", "b.example", "c.example"];

fn any_edit() -> impl Strategy<Value = Edit> {
    let tier = || prop::option::weighted(0.8, 0..TIERS.len());
    let over = (prop::option::of(0..RULES.len()), any::<bool>());
    prop_oneof![
        3 => (0..3_usize, tier()).prop_map(|(user, tier)| Edit::User(user, tier)),
        1 => tier().prop_map(Edit::Group),
        1 => (0..2_usize, tier()).prop_map(|(key, tier)| Edit::Key(key, tier)),
        3 => (0..TIERS.len(), prop::option::weighted(0.8, any::<bool>())).prop_map(|(at, tier)| Edit::Tier(at, tier)),
        2 => (0..3_usize, prop::collection::vec(over, 0..3)).prop_map(|(user, overrides)| Edit::Overrides(user, overrides)),
        3 => (prop::option::of(0..SITES.len()), any_hosts(), prop::option::weighted(0.8, 0..4_usize))
            .prop_map(|(site, hosts, rules)| Edit::Rules(site, hosts, rules)),
    ]
}

fn any_hosts() -> impl Strategy<Value = Hosts> {
    prop::sample::select(vec![Hosts::All, Hosts::All, Hosts::Published, Hosts::Unpublished])
}

fn user(at: usize) -> String {
    format!("user{at}")
}

fn after(layer: Layer, edit: &Edit) -> Layer {
    match edit {
        Edit::User(at, tier) => {
            let assigned =
                tier.map(|tier| Assignment { tier: TIERS[tier].to_owned(), term: Term::default() });
            layer.with_user(&user(*at), assigned)
        }
        Edit::Group(tier) => layer.with_group("vips", tier.map(|tier| TIERS[tier])),
        Edit::Key(at, tier) => {
            let key = tier.map(|tier| ApiKey {
                name: format!("key{at}"),
                tier: Some(TIERS[tier].to_owned()),
                user: None,
            });
            layer.with_api_key(KeyDigest::from_key(format!("key{at}").as_bytes()), key)
        }
        Edit::Tier(at, tier) => {
            let limits = |has: bool| {
                let limits = Limit::requests(7).per(Period::HOUR);
                has.then(|| ("export".to_owned(), limits.into())).into_iter().collect()
            };
            let tier = tier.map(|has| Tier { limits: limits(has), ..Tier::new(TIERS[*at]) });
            layer.with_tier(TIERS[*at], tier)
        }
        Edit::Overrides(at, overrides) => {
            let over = |(rule, is_early): &(Option<usize>, bool)| {
                let middle = Some(UnixMicros::from_secs(2_000_000_000));
                let term = match is_early {
                    true => Term { from: None, until: middle },
                    false => Term { from: middle, until: None },
                };
                let limits = Limit::requests(9).per(Period::HOUR).into();
                Override {
                    user: user(*at),
                    rule: rule.map(|rule| RULES[rule].to_owned()),
                    limits,
                    term,
                    reason: None,
                }
            };
            layer.with_overrides_of(&user(*at), overrides.iter().map(over))
        }
        Edit::Rules(site, hosts, rules) => {
            let set = |at: &usize| {
                let when = if *at == 3 { r#", "when": {"tier": "silver"}"# } else { "" };
                let name = RULES[at % 2];
                let rules = format!(r#"[{{"name": "{name}", "limits": "{}s per hour"{when}}}]"#, at + 1);
                Ruleset::parse(&format!("ruleset {at}"), &rules).unwrap()
            };
            match site {
                Some(site) => layer.with_rules_of_on(SITES[*site], *hosts, rules.iter().map(set)),
                None => layer.with_rules_on(*hosts, rules.iter().map(set)),
            }
        }
    }
}

/// One site with clients of its own, one with a rule of its own, and one that may be wrong; two claim one host, a preview.
fn directory(is_wrong: bool) -> Directory {
    let common = r#"{"rate_limit": "60s per hour", "rate_limit_trusted_proxies": ["10.0.0.1"],
        "rate_limit_identity": {"user": "X-User", "groups": "X-Groups"}}"#;
    let own = r#"{"rate_limit_tiers": {"gold": {"multiplier": 2}}, "rate_limit_users": {"user1": {"tier": "gold"}},
        "rate_limit_overrides": [{"user": "user2", "limits": "1/day", "until": "2030-01-01T00:00:00Z"}]}"#;
    let own = own.replacen(
        '{',
        r#"{"rate_limit_hosts": ["shop.example", "one.preview.example"],
        "rate_limit_unpublished_hosts": ["one.preview.example"], "#,
        1,
    );
    let rules = r#"{"rate_limit_rules": [{"name": "login", "limits": "1 per hour"}],
        "rate_limit_unpublished_hosts": ["one.preview.example", "two.preview.example"]}"#;
    let files = [
        ("common_site_config.json", common),
        ("a.example/site_config.json", &own),
        ("b.example/site_config.json", rules),
        ("c.example/site_config.json", if is_wrong { "{" } else { "{}" }),
    ];
    Directory::with("layer-changes", &files)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_change_of_a_layer_leads_to_what_a_new_reading_would_say(
        edits in prop::collection::vec(any_edit(), 1..12),
        is_wrong in prop::bool::weighted(0.2),
    ) {
        let dir = directory(is_wrong);
        let mut layer = Layer::new("database");
        let budget = TimeBudget::builder().sites(&dir.0).layer(layer.clone()).build().unwrap();
        let reloader = budget.reloader().unwrap();
        let new = |layer: Layer| Files::from_dir(&dir.0, &Options::default().with_layer(layer));
        for edit in &edits {
            let next = after(layer.clone(), edit);
            let told = |errors: &config::Errors| errors.problems().iter().map(ToString::to_string).collect::<BTreeSet<_>>();
            let (checked, draft) = (reloader.check(&next), new(layer.clone()).draft(next.clone()));
            prop_assert_eq!(checked.as_ref().map_err(told), draft.as_ref().map(|_| &()).map_err(told), "{:?}", edit);
            if checked.is_err() {
                continue;
            }
            layer = next;
            reloader.set_layer(layer.clone()).unwrap();
            let (in_force, read) = (reloader.in_force(), new(layer.clone()).read().unwrap());
            prop_assert_eq!(&in_force.loaded.sites, &read.loaded.sites, "{:?}", edit);
            prop_assert_eq!(&in_force.loaded.fallback, &read.loaded.fallback);
            prop_assert_eq!(&in_force.shadowed, &read.shadowed);
            prop_assert_eq!(&in_force.unmet, &read.unmet);
            prop_assert_eq!(&*in_force, &read);
        }
        fs::remove_dir_all(&dir.0).unwrap();
    }
}

/// A limiter that takes the place of another takes over its books, and goes on with what was spent (ARCHITECTURE.md, invariant 5).
#[test]
fn what_was_spent_stays_spent_whatever_rules_a_policy_has_meanwhile() {
    let dir = directory(false);
    let layer = |limits: Option<&str>| {
        let rule = |limits| format!(r#"[{{"name": "export", "key": "site", "limits": "{limits}"}}]"#);
        Layer::new("database")
            .with_rules(limits.map(|limits| Ruleset::parse("plans", &rule(limits)).unwrap()))
    };
    let engine = Engine::new(Memory::default(), ManualClock::at(UnixMicros::from_secs(1_700_000_000)));
    let builder = TimeBudget::builder().sites(&dir.0).layer(layer(Some("9 per year"))).engine(&engine);
    let budget = builder.build().unwrap();
    let reloader = budget.reloader().unwrap();
    let ask = || {
        let limiter = budget.sites().limiter(Some("b.example"));
        drop(limiter.charge("export", ()).now_or_never().unwrap().unwrap());
    };
    let spent = || {
        let accounts = engine.accounts().of("b.example", "export", ()).unwrap();
        let read = accounts.read().now_or_never().unwrap().unwrap();
        read.iter().map(|limit| format!("{} of {}", limit.spent, limit.limit)).collect::<Vec<_>>()
    };
    ask();
    ask();
    let rounds = [
        (Some("5 per year; 9 per month"), "3 of 5 per year, 1 of 9 per month"),
        (None, ""),
        (Some("7 per month; 3s per year"), "2 of 7 per month, 1 of 3s per year"),
        (Some("8 per year"), "4 of 8 per year"),
    ];
    for (limits, expected) in rounds {
        reloader.set_layer(layer(limits)).unwrap();
        if limits.is_some() {
            ask();
            assert_eq!(spent().join(", "), expected);
        }
    }
    fs::remove_dir_all(&dir.0).unwrap();
}

#[test]
fn no_file_is_looked_at_for_another_layer() {
    let dir = directory(false);
    let layer = Layer::new("database").with_tier("gold", Some(Tier::new("gold")));
    let budget = TimeBudget::builder().sites(&dir.0).layer(layer.clone()).build().unwrap();
    let reloader = budget.reloader().unwrap();
    fs::remove_dir_all(&dir.0).unwrap();
    let gold = Assignment { tier: "gold".to_owned(), term: Term::default() };
    let rules = Ruleset::parse("plans", r#"[{"name": "export", "limits": "1s per hour"}]"#).unwrap();
    for layer in [layer.clone().with_user("alice", Some(gold)), layer.with_rules([rules])] {
        reloader.check(&layer).unwrap();
        reloader.set_layer(layer).unwrap();
    }
    assert_eq!(reloader.site("b.example").unwrap().site.rules.last().unwrap().name, "export");
}
