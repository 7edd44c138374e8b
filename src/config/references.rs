//! What one key of a configuration says of another: names that must be known, clients that somebody must tell, and hosts that
//! something must be called by.
//!
//! The keys may stand in two files, so this is asked of each site when its layers lie above one another.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::Options;
use crate::config::keys::TRUSTED_HOPS;
use crate::config::reader::member_place;
use crate::config::report::{Page, Report};
use crate::config::said::Said;
use crate::model::wording::NO_SUCH_HOST;
use crate::model::{About, Condition, Mistake, Need, Rule, Site, asks_in_vain, quoted};

/// The site that a layer and the common one below it describe; the report has what does not fit together.
pub(crate) fn site_of(own: Said, common: &Said, name: &str, options: &Options, report: &Report) -> Site {
    let (file, said) = (Arc::clone(&own.file), own.or(common.clone()));
    let (is_flawed, origins) = (said.is_flawed, said.origins());
    let site = said.into_site(name);
    if !is_flawed {
        let references = References { site: &site, origins: &origins, options, report };
        references.check();
        references.check_terms(&file, &site.rules.iter().collect::<Vec<_>>());
    }
    site
}

/// The files that keys stand in.
pub(crate) type Origins = BTreeMap<String, Arc<str>>;

/// The keys of a site and what they say of each other.
pub(crate) struct References<'a> {
    pub(crate) site: &'a Site,
    pub(crate) origins: &'a Origins,
    pub(crate) options: &'a Options,
    pub(crate) report: &'a Report,
}

impl References<'_> {
    /// Reports what a site needs and nobody provides, and tiers that there are not.
    fn check(&self) {
        for (about, mistake) in
            self.site.check_references(self.options.identity_in_code, Need::untold_in_files)
        {
            self.wrong(&about, &mistake);
        }
    }

    /// Reports what the tiers and overrides that stand in `file` say of rules that there are not.
    ///
    /// Those of the common file are asked about the rules of all sites, for each may have rules of its own.
    pub(crate) fn check_terms(&self, file: &str, rules: &[&Rule]) {
        for (about, mistake) in self.site.check_terms(rules, &self.options.rules_in_code) {
            if self.origins.get(key_of(&about)).is_some_and(|origin| **origin == *file) {
                self.wrong(&about, &mistake);
            }
        }
    }

    fn wrong(&self, about: &About<'_>, mistake: &Mistake) {
        let file = self.origins.get(key_of(about)).map_or_else(|| Arc::from(""), Arc::clone);
        let rule = |at: &usize| quoted(&self.site.rules[*at].name);
        let found = match (mistake.found(), about) {
            (None, About::Rule(at)) => Some(rule(at)),
            (found, _) => found.map(str::to_owned),
        };
        self.report.page(file).wrong_once(&place_of(about), found, mistake.fault());
    }
}

/// The key that a part of a site stands at.
fn key_of(about: &About<'_>) -> &'static str {
    match about {
        About::Key(key) | About::Table(key) => key,
        About::TrustedHops => TRUSTED_HOPS,
        About::Rule(_) | About::When(_) => "rate_limit_rules",
        About::Exempt => "rate_limit_exempt",
        About::Group(_) => "rate_limit_groups",
        About::User(_) => "rate_limit_users",
        About::ApiKey(_) => "rate_limit_api_keys",
        About::LimitsOfTier(..) => "rate_limit_tiers",
        About::RuleOfOverride(_) => "rate_limit_overrides",
    }
}

/// Where a part of a site stands.
fn place_of(about: &About<'_>) -> String {
    let key = key_of(about);
    match about {
        About::Key(_) | About::Table(_) | About::TrustedHops | About::Exempt => key.to_owned(),
        About::Rule(at) => format!("{key}[{at}]"),
        About::When(at) => format!("{key}[{at}].when"),
        About::Group(name) => member_place(key, name),
        About::User(name) | About::ApiKey(name) => member_place(key, name) + ".tier",
        About::LimitsOfTier(tier, rule) => member_place(&(member_place(key, tier) + ".limits"), rule),
        About::RuleOfOverride(at) => format!("{key}[{at}].rule"),
    }
}

/// Warns of the rules of a site, and of its exemption, that ask for a host which none of the names is.
///
/// A host counts by its configured name, never as the client writes it, so a rule may ask for one that no file names.
pub(crate) fn suspect_hosts(rules: &[Rule], exempt: Option<&Condition>, names: &[&str], page: &Page<'_>) {
    for (at, rule) in rules.iter().enumerate().filter(|(_, rule)| asks_in_vain(&rule.when, names)) {
        page.suspect(&format!("rate_limit_rules[{at}].when"), Some(quoted(&rule.name)), NO_SUCH_HOST);
    }
    if exempt.is_some_and(|exempt| asks_in_vain(exempt, names)) {
        page.suspect("rate_limit_exempt", None, NO_SUCH_HOST);
    }
}
