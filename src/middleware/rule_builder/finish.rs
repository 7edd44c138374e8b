//! A rule as it is in force, or what is wrong with it.

use crate::middleware::hooks::OnRefusal;
use crate::middleware::rule_builder::RuleBuilder;
use crate::middleware::rule_error::RuleError;
use crate::model::action::Action;
use crate::model::condition::Condition;
use crate::model::limit::Limit;
use crate::model::rate::parse_rates;
use crate::model::rule::{Component, Counts, KeySpec, Rule, tightest};

impl RuleBuilder {
    /// The rule, and what is done in the application's own way when it refuses.
    pub(in crate::middleware) fn finish(self) -> Result<(Rule, OnRefusal), RuleError> {
        let Self { mut rule, rates, key, when, exempt, block, fault, hooks } = self;
        let name = || rule.name.clone();
        if let Some(fault) = fault {
            return Err(fault);
        }
        if !Rule::can_be_named(&rule.name) {
            return Err(RuleError::Name(name()));
        }
        let limits = parse_rates(&rates).map_err(|error| RuleError::Rates(name(), error))?;
        if rule.counts == Counts::Refusals && !limits.iter().all(Limit::counts_requests) {
            return Err(RuleError::Counts(name()));
        }
        let is_shareable =
            rule.counts != Counts::Refusals && limits.iter().any(|limit| limit.period().is_some());
        if rule.fair.is_some() && !is_shareable {
            return Err(RuleError::Fair(name()));
        }
        rule.key = key.or_else(|| default_key(&limits)).ok_or_else(|| RuleError::Key(name()))?;
        rule.limits = tightest(limits);
        rule.when = if when.is_empty() { Condition::ALWAYS } else { Condition::All(when) };
        rule.exempt_when = (!exempt.is_empty()).then_some(Condition::Any(exempt));
        if let Action::Block(own) = &mut rule.action {
            *own = block;
        }
        Ok((rule, hooks))
    }
}

/// Time, and what may run at once, is the site's; requests are counted for each client address.
fn default_key(limits: &[Limit]) -> Option<KeySpec> {
    match limits.iter().filter(|limit| limit.counts_requests()).count() {
        0 => Some(Component::Site.into()),
        counted if counted == limits.len() => Some(Component::Ip.into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::middleware::{RuleBuilder, RuleError, TimeBudget};
    use crate::model::limit::Limit;
    use crate::model::rule::{Component, Counts, KeySpec, Rule};

    fn fault(rule: RuleBuilder) -> String {
        rule.finish().expect_err("it is wrong").to_string()
    }

    fn rule(rates: &str) -> Rule {
        TimeBudget::rule("a", rates).finish().expect("a rule").0
    }

    #[test]
    fn what_is_wrong_with_a_rule_is_said_when_it_is_built() {
        for (rule, said) in [
            (TimeBudget::rule("a b", "1 per hour"), "\"a b\": no name of a rule; expected 1 to 64 letters"),
            (TimeBudget::rule("a", "1 per fortnight"), "the rule a: \"1 per fortnight\": no such period"),
            (
                TimeBudget::rule("a", "1 per hour; 2 concurrent"),
                "the rule a has limits of requests beside others",
            ),
            (
                TimeBudget::rule("a", "1s per hour").counts(Counts::Refusals),
                "the rule a counts refusals, which take",
            ),
            (
                TimeBudget::rule("a", "5 concurrent").fair(Component::Ip),
                "the rule a is fair and shares nothing out",
            ),
            (
                TimeBudget::rule("a", "5 per hour").counts(Counts::Refusals).fair(Component::Ip),
                "the rule a is fair and shares nothing out",
            ),
            (
                TimeBudget::rule("a", "1 per hour").status(200),
                "200: no status of a refusal; expected a status from",
            ),
            (TimeBudget::rule("a", "1 per hour").rewrite("page"), "\"page\": no such path; expected a path"),
            (TimeBudget::rule("a", "1 per hour").methods(["GET", "A B"]), "\"A B\": no method"),
        ] {
            let told = fault(rule);
            assert!(told.starts_with(said), "{told}");
        }
    }

    #[test]
    fn two_rules_of_one_name_would_spend_each_others_quota() {
        let rules = ["1 per hour", "2 per hour"].map(|rates| TimeBudget::rule("a", rates));
        assert_eq!(TimeBudget::rules(rules).build().unwrap_err(), RuleError::NameTwice("a".to_owned()));
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
