//! Which tier a user is in, in words.

use crate::thing::{Decided, Time};

/// Which tier a user is in by what has been decided, and why.
///
/// Files, API keys and the groups that a proxy tells with each request may say something else; a request's own tier is
/// told by an explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The tier.
    pub tier: Option<String>,
    /// Why, for people to read.
    pub why: String,
}

impl Decided {
    /// The tier of a user who is in these groups, at an instant.
    pub fn effective_tier(&self, user: &str, groups: &[&str], at: Time) -> Effective {
        let of = |tier: &str, why: String| Effective { tier: Some(tier.to_owned()), why };
        if let Some(assigned) = self.users().get(user).map(|held| &held.thing) {
            match assigned.until {
                None => return of(&assigned.tier, "assigned to the user".to_owned()),
                Some(until) if at < until => {
                    let until = until.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
                    return of(&assigned.tier, format!("assigned to the user until {until}"));
                }
                Some(_) => {}
            }
        }
        let groups = groups.iter().filter_map(|group| self.groups().get(group)).map(|held| &held.thing);
        let ranked = groups.filter_map(|group| {
            let tier = &self.tiers().get(&group.tier)?.thing;
            Some((std::cmp::Reverse(tier.priority), &tier.name, &group.name))
        });
        if let Some((_, tier, group)) = ranked.min() {
            return of(tier, format!("the highest of the user's groups: that of {group}"));
        }
        match self.tiers().contains_key(timebudget::DEFAULT_TIER) {
            true => of(timebudget::DEFAULT_TIER, "everybody's who has no other".to_owned()),
            false => Effective { tier: None, why: "none is assigned, and there is no default".to_owned() },
        }
    }
}
