//! A layer that follows change by change says what one says that is made anew.

use chrono::TimeDelta;
use timebudget::config::Hosts;
use timebudget_control::Control;
use timebudget_control::thing::{
    Assignment, Change, Group, Key, Kind, Override, Policy, Ruleset, Tier, User,
};

use crate::world::{change, governed, on_both};

/// What a layer says, in words.
fn said(layer: &timebudget::config::Layer) -> String {
    let clients = layer.clients();
    let mut keys: Vec<_> = clients.api_keys.values().map(|key| format!("{key:?}")).collect();
    let mut users: Vec<_> = clients.users.iter().map(|user| format!("{user:?}")).collect();
    let mut groups: Vec<_> = clients.groups.iter().map(|group| format!("{group:?}")).collect();
    let mut overrides: Vec<_> = clients.overrides().map(|over| format!("{over:?}")).collect();
    for list in [&mut keys, &mut users, &mut groups, &mut overrides] {
        list.sort();
    }
    let rules: Vec<_> = ["*", "a.example"]
        .into_iter()
        .flat_map(|site| [Hosts::Published, Hosts::Unpublished].map(|hosts| (site, hosts)))
        .map(|(site, hosts)| format!("{site} {hosts:?}: {:?}", layer.rulesets_of(site, hosts)))
        .collect();
    format!("{:?}\n{keys:?}\n{users:?}\n{groups:?}\n{overrides:?}\n{rules:#?}", clients.tiers())
}

async fn assert_follows(node: &Control, what: &str) {
    let anew = node.decided().to_layer(node.now()).unwrap();
    assert_eq!(said(&node.layer()), said(&anew), "{what}");
}

/// Random changes, the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    fn change(&mut self, node: &Control) -> Change {
        let now = node.now();
        let (name, tier) = (format!("n{}", self.below(3)), format!("t{}", self.below(2)));
        match self.below(11) {
            0 => {
                let body =
                    format!(r#"{{"multiplier":{},"limits":{{"export":"9 per day"}}}}"#, 1 + self.below(9));
                Change::put(Tier::parse(&tier, &body).unwrap().into())
            }
            1 => Change::put(Group::parse(&name, &format!(r#"{{"tier":"{tier}"}}"#)).unwrap().into()),
            2 => Change::put(User::parse(&name, &format!(r#"{{"tier":"{tier}"}}"#), now).unwrap().into()),
            3 => {
                let rule = ["", r#""rule":"export","#][self.below(2) as usize];
                let body = format!(
                    r#"{{"user":"{name}",{rule}"limits":"{} per day","reason":"why"}}"#,
                    1 + self.below(9)
                );
                Change::put(Override::parse(&body, "ann", now).unwrap().into())
            }
            4 => {
                let body = format!(r#"{{"name":"{name}","tier":"{tier}"}}"#);
                Change::put(Key::parse(&body, now).unwrap().0.into())
            }
            5 => {
                let rules =
                    format!(r#"{{"rules":[{{"name":"export","limits":"{} per day"}}]}}"#, 1 + self.below(9));
                Change::put(Ruleset::parse(&name, &rules).unwrap().into())
            }
            6 => Change::put(Policy { published: Some(name), unpublished: None }.into()),
            7 => {
                let body = [r#""inherit""#, "null", r#""n1""#][self.below(3) as usize];
                let body = format!(r#"{{"published":{body},"unpublished":"n2"}}"#);
                Change::put(
                    Assignment::parse(["*", "a.example"][self.below(2) as usize], &body).unwrap().into(),
                )
            }
            8 => self.of_key(node).unwrap_or_else(|| Change::delete(Kind::Key, "key_x")),
            9 => {
                let id = node.decided().overrides().keys().next().cloned().unwrap_or_default();
                Change::delete(Kind::Override, id)
            }
            _ => {
                let kinds =
                    [Kind::Tier, Kind::Group, Kind::User, Kind::Ruleset, Kind::Assignment, Kind::Policy];
                let kind = kinds[self.below(6) as usize];
                let name = if kind == Kind::Policy {
                    ""
                } else if kind == Kind::Assignment {
                    "*"
                } else {
                    &name
                };
                Change::delete(kind, name)
            }
        }
    }

    /// A key is rotated, revoked or deleted.
    fn of_key(&mut self, node: &Control) -> Option<Change> {
        let (id, held) = node.decided().keys().iter().next().map(|(id, held)| (id.clone(), held.clone()))?;
        Some(match self.below(3) {
            0 => Change::put(held.thing.rotated(TimeDelta::hours(1), node.now()).0.into()),
            1 => Change::put(held.thing.revoked(node.now()).into()),
            _ => Change::delete(Kind::Key, id),
        })
    }
}

on_both! {
    async fn a_layer_that_follows_says_what_one_made_anew_says(world: &World) {
        let node = world.node().await;
        let budget = governed(&node);
        let (mut dice, mut made) = (Dice(7), 0);
        for _ in 0..250 {
            let wanted = dice.change(&node);
            // What does not fit is refused, and changes nothing either.
            made += u32::from(change(&node, wanted.clone()).await.is_ok());
            assert_follows(&node, &format!("{wanted:?}")).await;
        }
        assert!(made > 100, "only {made} of them fitted");
        let fresh = world.node().await;
        assert_eq!(said(&fresh.layer()), said(&node.layer()), "another node reads the same");
        drop(budget);
    }
}
