//! What is made of what is said: a budget in force, or all that is wrong with it.

use std::collections::HashMap;
use std::panic::Location;
use std::sync::Arc;

use crate::clock::SystemClock;
use crate::config::{Configuration, Files, Options};
use crate::limiter::Engine;
use crate::middleware::budget_builder::{BudgetBuilder, RulesFrom};
use crate::middleware::built::Built;
use crate::middleware::closures::OnRefusal;
use crate::middleware::rule_builder::RuleBuilder;
use crate::middleware::rule_error::RuleError;
use crate::middleware::time_budget::TimeBudget;
use crate::model::wording::NO_RULE;
use crate::model::{Finding, Mistake, Site};
use crate::sites::{Code, Reloader, Sites};

impl RuleBuilder {
    /// The budget of this rule alone, in UTC, in memory, by the machine's clocks.
    ///
    /// # Errors
    ///
    /// All that is wrong with the rule.
    #[track_caller]
    pub fn build(self) -> Result<TimeBudget, RuleError> {
        TimeBudget::rules([self]).build()
    }
}

impl BudgetBuilder {
    /// The budget.
    ///
    /// What can be built but may not be meant is in its [warnings](TimeBudget::warnings).
    ///
    /// # Errors
    ///
    /// All that is wrong with the rules and the files, in the words of a site file's loader; or that the store of the files
    /// cannot be opened.
    #[track_caller]
    pub fn build(mut self) -> Result<TimeBudget, RuleError> {
        let at = Location::caller();
        let of_rule = take_rules(std::mem::take(&mut self.rules), &mut self.code, &mut self.found);
        self.hooks.of_rule = of_rule;
        match (self.files.take(), &self.layer) {
            (None, None) => self.build_of_code(at),
            (None, Some(_)) => {
                let site = self.site.take().unwrap_or_else(any_host);
                self.build_of_files(&RulesFrom::Code(Box::new(site)), at)
            }
            (Some(place), _) => self.build_of_files(&place, at),
        }
    }

    fn build_of_code(mut self, at: &'static Location<'static>) -> Result<TimeBudget, RuleError> {
        let site = self.code.of_site(self.site.unwrap_or_else(any_host));
        // Whether code tells who clients are is known when it has had the occasion.
        RuleError::of(self.found.iter().cloned().chain(site.check(true)))?;
        self.found.extend(site.suspect_terms());
        self.found.extend(site.check_hosts());
        self.found.extend(site.rules.is_empty().then(|| Finding::of_site(Mistake::suspect(NO_RULE))));
        let engine = self.engine.unwrap_or_else(Engine::in_memory).observed_by(self.observers);
        let sites = Arc::new(Sites::single(site, engine));
        Ok(TimeBudget::new(sites, self.hooks, Built::by_code(at, self.found)))
    }

    fn build_of_files(
        mut self,
        place: &RulesFrom,
        at: &'static Location<'static>,
    ) -> Result<TimeBudget, RuleError> {
        self.code.name = self.name_beside(place);
        // The rules of code are right or wrong by themselves, whatever the files say.
        let own = self.code.of_site(place.site());
        self.found.extend(own.check(true));
        if let RulesFrom::Code(_) = place {
            self.found.extend(own.check_hosts());
        }
        let mut files = place.open(&self.options(place));
        let read = match (files.read(), RuleError::of(self.found.iter().cloned())) {
            (Ok(read), Ok(())) => read,
            (Ok(_), Err(error)) => return Err(error),
            (Err(errors), found) => return Err(RuleError::of_files(&errors, found.err())),
        };
        let engine = self.engine.take().map_or_else(|| engine_of(&read), Ok)?;
        let engine = engine.observed_by(std::mem::take(&mut self.observers));
        let loaded = self.code.of_files(&read);
        self.found.extend(self.code.shadowed(&read.loaded).map(|(site, rule)| shadowed(site, rule)));
        let sites = Arc::new(Sites::new(loaded, engine));
        let reloader = Arc::new(Reloader::new(Arc::clone(&sites), self.code, files, read));
        let watched = self.every.map(|every| reloader.watch(Some(every), || {}));
        let watcher = watched.transpose().map_err(|error| RuleError::of_text(format!("watch: {error}")))?;
        let budget = TimeBudget::new(sites, self.hooks, Built::by_code(at, self.found));
        Ok(budget.kept_by(reloader, watcher))
    }

    fn options(&self, place: &RulesFrom) -> Options {
        let options = Options {
            // Whether code tells who clients are is known when it has had the occasion.
            identity_in_code: self.hooks.identity.is_some() || matches!(place, RulesFrom::Code(_)),
            rules_in_code: self.code.rules.iter().map(|rule| rule.name.clone()).collect(),
            environment: self.environment.clone(),
            ..Options::default()
        };
        options.with_layer(self.layer.clone().unwrap_or_default())
    }

    /// The name of the site of a file: all that code can say of it.
    fn name_beside(&mut self, place: &RulesFrom) -> Option<String> {
        let site = self.site.take()?;
        if let RulesFrom::Directory(_) = place {
            self.wrong(Mistake::wrong(
                "a site beside a directory of sites, which names its own; expected none",
            ));
        } else if site != Site::unlimited(&site.name) {
            self.wrong(Mistake::wrong("a site beside its file, which describes it; expected its name"));
        }
        Some(site.name)
    }
}

impl RulesFrom {
    /// The site that lies below what code says.
    fn site(&self) -> Site {
        if let Self::Code(site) = self { (**site).clone() } else { any_host() }
    }

    fn open(&self, options: &Options) -> Files {
        match self {
            Self::Code(site) => Files::from_site((**site).clone(), options),
            Self::Directory(directory) => Files::from_dir(directory, options),
            Self::File(file) => Files::from_file(file, options),
            Self::Text(text) => Files::from_text(text, options),
        }
    }
}

fn any_host() -> Site {
    Site::unlimited("*")
}

/// Gives code its rules, and returns what is done in the application's own way when they refuse.
fn take_rules(
    rules: Vec<RuleBuilder>,
    code: &mut Code,
    found: &mut Vec<Finding>,
) -> HashMap<String, OnRefusal> {
    let mut of_rule = HashMap::new();
    for finished in rules.into_iter().map(RuleBuilder::finish) {
        found.extend(finished.found);
        let Some(rule) = finished.rule else { continue };
        if !finished.hooks.is_none() {
            of_rule.insert(rule.name.clone(), finished.hooks);
        }
        code.rules.push(rule);
    }
    of_rule
}

fn engine_of(read: &Configuration) -> Result<Engine, RuleError> {
    let opened = read.store.open().map_err(|error| RuleError::of_text(format!("store: {error}")))?;
    Ok(Engine::over(opened, SystemClock::new()))
}

fn shadowed(site: &str, rule: &str) -> Finding {
    let fault =
        format!("the files of {site} have a rule of this name, which holds there; expected another name");
    Finding::of_rule(rule, Mistake::suspect(fault))
}
