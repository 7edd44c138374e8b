//! A budget whose rules code describes.

use std::collections::HashMap;
use std::sync::Arc;

use crate::limiter::Engine;
use crate::middleware::TimeBudget;
use crate::middleware::hooks::Hooks;
use crate::middleware::rule_builder::RuleBuilder;
use crate::middleware::rule_error::RuleError;
use crate::model::rule::Rule;
use crate::model::site::Site;

/// A budget whose rules code describes: made by [`TimeBudget::rules`].
///
/// # Examples
///
/// ```
/// use timebudget::middleware::normal_path;
/// use timebudget::{Engine, Site, TimeBudget, tzdata};
///
/// let engine = Engine::in_memory();
/// let site = Site { zone: tzdata::zone("Europe/Paris")?.into(), ..Site::unlimited("shop") };
/// let rules = [
///     TimeBudget::rule("login", "10 per hour").when_by(|request| normal_path(request) == "/login"),
///     TimeBudget::rule("default", "200 per day; 50 per hour").otherwise(),
/// ];
/// let budget = TimeBudget::rules(rules).engine(&engine).site(site).build()?;
/// # let _ = budget;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a budget does nothing until it is built and wrapped around something"]
pub struct BudgetBuilder {
    rules: Vec<RuleBuilder>,
    site: Site,
    engine: Option<Arc<Engine>>,
}

impl BudgetBuilder {
    pub(super) fn new(rules: impl IntoIterator<Item = RuleBuilder>) -> Self {
        Self { rules: rules.into_iter().collect(), site: Site::unlimited("*"), engine: None }
    }

    /// The engine, that is the accounts and the clock; one of its own in memory by default.
    ///
    /// Budgets on one engine whose sites have one name draw on the same accounts where their rules have the same name.
    pub fn engine(mut self, engine: &Arc<Engine>) -> Self {
        self.engine = Some(Arc::clone(engine));
        self
    }

    /// The site: its name, its zone, how clients' addresses are found, and which headers tell where they stand.
    ///
    /// Its own rules come first. By default it is [`Site::unlimited`] of the name `*`.
    pub fn site(mut self, site: Site) -> Self {
        self.site = site;
        self
    }

    /// The budget.
    ///
    /// # Errors
    ///
    /// What is wrong with the first rule that is wrong.
    pub fn build(self) -> Result<TimeBudget, RuleError> {
        let Self { rules, mut site, engine } = self;
        let mut of_rule = HashMap::new();
        for rule in rules {
            let (rule, hooks) = rule.finish()?;
            check_name(&site.rules, &rule)?;
            if !hooks.is_none() {
                of_rule.insert(rule.name.clone(), hooks);
            }
            site.rules.push(rule);
        }
        let budget = TimeBudget::of_site(site, engine.unwrap_or_else(Engine::in_memory));
        Ok(budget.with_hooks(Hooks { of_rule, ..Hooks::default() }))
    }
}

fn check_name(rules: &[Rule], rule: &Rule) -> Result<(), RuleError> {
    match rules.iter().any(|other| other.name == rule.name) {
        true => Err(RuleError::NameTwice(rule.name.clone())),
        false => Ok(()),
    }
}
