//! A rule as it is in force, or what is wrong with it.

use crate::middleware::hooks::OnRefusal;
use crate::middleware::rule_builder::{Limits, RuleBuilder};
use crate::model::wording::ONE_ACCOUNT;
use crate::model::{Action, Block, Condition, Finding, KeySpec, Limit, LimitSet, Mistake, Rule, default_key};

/// A rule with what its builder has to say of it; what is wrong with it as a rule is yet to be asked.
pub(crate) struct Finished {
    /// `None` if it has no limits or no key, which has been found then.
    pub(crate) rule: Option<Rule>,
    pub(crate) hooks: OnRefusal,
    pub(crate) found: Vec<Finding>,
}

impl RuleBuilder {
    /// The rule, and what is done in the application's own way when it refuses.
    pub(crate) fn finish(self) -> Finished {
        let Self { mut rule, limits, key, when, exempt, block, mut faults, hooks } = self;
        rule.when = if when.is_empty() { Condition::ALWAYS } else { Condition::All(when) };
        rule.exempt_when = (!exempt.is_empty()).then_some(Condition::Any(exempt));
        match &mut rule.action {
            Action::Block(own) => *own = block,
            Action::Rewrite(_) if block != Block::default() => faults.push(Mistake::wrong(UNSHOWN)),
            Action::Rewrite(_) => {}
        }
        let limits = read(&limits, &mut faults);
        let key = limits.as_deref().and_then(|limits| own_or_default(key, limits, &mut faults));
        let found = faults.into_iter().map(|fault| Finding::of_rule(&rule.name, fault)).collect();
        let rule = limits.zip(key).map(|(limits, key)| Rule { limits, key, ..rule });
        Finished { rule, hooks, found }
    }
}

const UNSHOWN: &str = "a status or a message beside a rewrite that shows neither; expected one of them";

/// The limits; of those that would share an account the smallest.
fn read(limits: &Limits, faults: &mut Vec<Mistake>) -> Option<LimitSet> {
    match limits.read() {
        Ok(written) => {
            let count = written.len();
            let kept = LimitSet::from(written);
            faults.extend((kept.len() < count).then(|| Mistake::suspect(ONE_ACCOUNT).with(limits)));
            Some(kept)
        }
        Err(error) => {
            faults.push(Mistake::wrong(error.words()).with_text(error.part()));
            None
        }
    }
}

fn own_or_default(key: Option<KeySpec>, limits: &[Limit], faults: &mut Vec<Mistake>) -> Option<KeySpec> {
    match key.map_or_else(|| default_key(limits), Ok) {
        Ok(key) => Some(key),
        Err(fault) => {
            faults.push(fault);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Component;

    fn rule(rates: &str) -> Rule {
        RuleBuilder::new("a", rates.into()).finish().rule.expect("a rule")
    }

    #[test]
    fn the_default_key_is_that_of_a_site_file() {
        assert_eq!(rule("1s per hour; 5 concurrent").key, KeySpec::from(Component::Site));
        assert_eq!(rule("1 per hour; 5 per day").key, KeySpec::from(Component::Ip));
    }

    #[test]
    fn what_is_not_said_is_as_in_a_site_file() {
        let limits = vec![Limit::Concurrent { cap: 5 }];
        assert_eq!(rule("5 concurrent; 6 concurrent"), Rule::new("a", Component::Site, limits));
    }
}
