//! What one key of a configuration says of another: names that must be known, clients that somebody must tell, and hosts that
//! something must be called by.
//!
//! The keys may stand in two files, so this is asked of each site when its layers lie above one another.

use std::sync::Arc;

use crate::config::Options;
use crate::config::keys::TRUSTED_HOPS;
use crate::config::layer::Layer;
use crate::config::layered::Layered;
use crate::config::reader::member_place;
use crate::config::report::{Inspection, Page, Problem};
use crate::config::said::Said;
use crate::model::wording::NO_SUCH_HOST;
use crate::model::{
    About, Condition, Host, KnownRules, Mistake, Need, Rule, Site, Tiers, asks_in_vain, namesakes,
    out_of_any_reach, out_of_reach, quoted,
};

/// The site that a file, the common one below it, and the layer below both describe; the inspection has what does not fit
/// together.
pub(crate) fn site_of(
    own: Said,
    common: &Said,
    name: &str,
    options: &Options,
    inspection: &Inspection,
) -> Layered {
    let (file, said) = (Arc::clone(&own.file), own.or(common.clone()));
    let (is_flawed, origins) = (said.is_flawed, said.origins().into());
    let layered = Layered::new(said.into_site(name), origins, options);
    if !is_flawed {
        References { layered: &layered, options, inspection }.check_all(&file);
    }
    layered
}

/// The same of a site whose files are right, and go on under another layer.
pub(crate) fn site_under(
    before: &Layered,
    hosts: Vec<Host>,
    file: &str,
    options: &Options,
    inspection: &Inspection,
) -> Layered {
    let layered = before.under(hosts, options);
    References { layered: &layered, options, inspection }.check_all(file);
    layered
}

/// The same of a site that stands in no file, and of which code says whether it is right.
pub(crate) fn layered(site: Site, options: &Options, inspection: &Inspection) -> Layered {
    let layered = Layered::new(site, Arc::default(), options);
    let references = References { layered: &layered, options, inspection };
    references.check();
    references.check_rules_of_layer();
    references.check_reach();
    layered
}

/// The keys of a site and what they say of each other.
///
/// Only a site whose file has no error of its own is asked: a rule that could not be read would be missing, and everything that names
/// it would seem to be wrong.
pub(crate) struct References<'a> {
    pub(crate) layered: &'a Layered,
    pub(crate) options: &'a Options,
    pub(crate) inspection: &'a Inspection,
}

impl References<'_> {
    /// Reports all that does not fit together; tiers and overrides stand in `file` if they are the site's own.
    fn check_all(&self, file: &str) {
        self.check();
        self.check_terms(file, || KnownRules::new(&self.layered.site.rules));
        self.check_rules_of_layer();
        self.check_reach();
    }

    /// Reports what a site needs and nobody provides, and names of tiers that do not exist.
    fn check(&self) {
        let in_code = self.options.identity_in_code;
        let (site, own) = (&self.layered.site, self.layered.own_clients());
        for (about, mistake) in site.check_references_by(own, in_code, Need::untold_in_files) {
            match about {
                About::Table(key) if !own.has_table(key) => self.suspect_of_layer(key, mistake.fault()),
                about => self.tell(about, &mistake),
            }
        }
        self.check_clients_of_layer();
    }

    /// Reports names of tiers that nobody has who stands in the layer, and warns where it has tiers for nobody.
    fn check_clients_of_layer(&self) {
        let (site, own, layer) = (&self.layered.site, self.layered.own_clients(), &self.options.layer);
        if !self.layered.has_clients_of_layer {
            let tables = layer.tiers.filled_tables();
            tables.for_each(|key| self.suspect_of_layer(key, UNTOLD_OF_LAYER));
        } else if site.tiers.is(&layer.tiers) {
            let problems = |tiers: &Tiers| self.problems_of_layer(tiers.check_names());
            self.inspection.add_errors_once(layer.unknown_tiers(problems));
        } else if layer.names_others_than(&site.tiers) {
            let unknown = site.tiers.check_names_of(&layer.tiers, own);
            self.inspection.add_errors_once(&self.problems_of_layer(unknown));
        }
    }

    fn problems_of_layer(&self, mistakes: Vec<(About<'_>, Mistake)>) -> Vec<Problem> {
        let (layer, inspection) = (&self.options.layer, self.inspection);
        let mistakes = mistakes.into_iter();
        mistakes.map(|(about, mistake)| problem_of_layer(about, &mistake, layer, inspection)).collect()
    }

    fn suspect_of_layer(&self, key: &str, fault: &str) {
        self.inspection.page(self.options.layer.name()).suspect(in_layer(key), None, fault);
    }

    /// Reports what the tiers and overrides that stand in `file` say of rules that do not exist.
    ///
    /// Those of the common file are asked about the rules of all sites, for each may have rules of its own.
    pub(crate) fn check_terms(&self, file: &str, rules: impl FnOnce() -> KnownRules) {
        let own = self.layered.own_clients();
        if own.is_empty() {
            return; // Those of the layer are asked once, of all sites together.
        }
        let stands_there = |key| self.layered.origins().get(key).is_some_and(|origin| **origin == *file);
        for (about, mistake) in own.check_terms(&rules(), &self.options.rules_in_code) {
            if stands_there(key_of(&about)) {
                self.tell(about, &mistake);
            }
        }
    }

    /// Reports rules of the layer that have the name of one before them.
    fn check_rules_of_layer(&self) {
        if self.layered.rules().1.is_empty() {
            return;
        }
        for (_, at) in namesakes(&self.layered.site.rules) {
            let fault = "another ruleset of the site has a rule of this name; expected another";
            self.tell(About::Rule(at), &Mistake::wrong(fault));
        }
    }

    /// Warns of rules that the layer keeps from applying, or that never do where these paths are one.
    fn check_reach(&self) {
        let site = &self.layered.site;
        let known: Vec<_> = out_of_any_reach(self.layered.rules().0).map(|(at, _)| at).collect();
        for (at, mistake) in out_of_reach(&site.rules, site.paths).filter(|(at, _)| !known.contains(at)) {
            self.tell(About::Rule(at), &mistake);
        }
    }

    fn tell(&self, about: About<'_>, mistake: &Mistake) {
        let found = match (mistake.found(), about) {
            (None, About::Rule(at)) => Some(quoted(&self.layered.site.rules[at].name)),
            (found, _) => found.map(str::to_owned),
        };
        let (page, place) = self.place(about);
        match mistake.is_wrong() {
            true => page.wrong_once(&place, found, mistake.fault()),
            false => page.suspect(&place, found, mistake.fault()),
        }
    }

    fn place(&self, about: About<'_>) -> (Page<'_>, String) {
        let key = key_of(&about);
        let layer = &self.options.layer;
        match (self.layered.in_ruleset(about), self.layered.origins().get(key)) {
            (Some((file, about)), _) => (self.inspection.page(file), place_of(in_layer(key), &about)),
            (None, Some(file)) => (self.inspection.page(Arc::clone(file)), place_of(key, &about)),
            // A whole table that no file has is the layer's.
            (None, None) => (self.inspection.page(layer.name()), place_of(in_layer(key), &about)),
        }
    }
}

/// What is suspect about clients of a layer.
const UNTOLD_OF_LAYER: &str = "without effect in a site where nobody tells who clients are; \
                               expected rate_limit_identity or rate_limit_api_keys";

/// What the layer's tiers and overrides say of rules that no site has.
pub(crate) fn unmet_of_layer(
    rules: &KnownRules,
    layer: &Layer,
    options: &Options,
    inspection: &Inspection,
) -> Vec<Problem> {
    let found = layer.tiers.check_terms(rules, &options.rules_in_code);
    let problem =
        |(about, mistake): (About<'_>, Mistake)| problem_of_layer(about, &mistake, layer, inspection);
    found.into_iter().map(problem).collect()
}

fn problem_of_layer(about: About<'_>, mistake: &Mistake, layer: &Layer, inspection: &Inspection) -> Problem {
    let found = mistake.found().map(str::to_owned);
    inspection.page(layer.name()).problem(&place_of(in_layer(key_of(&about)), &about), found, mistake.fault())
}

/// What a key of site files is called in a layer.
fn in_layer(key: &str) -> &str {
    key.strip_prefix("rate_limit_").unwrap_or(key)
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
fn place_of(key: &str, about: &About<'_>) -> String {
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

/// Warns of the rules of a file, and of its exemption, that ask for a host which none of the names is.
///
/// A host counts by its configured name, never as the client writes it, so a rule may ask for one that no file names.
pub(crate) fn suspect_hosts(rules: &[Rule], exempt: Option<&Condition>, names: &[&str], page: &Page<'_>) {
    suspect_hosts_of_rules("rate_limit_rules", rules, names, page);
    if exempt.is_some_and(|exempt| asks_in_vain(exempt, names)) {
        page.suspect("rate_limit_exempt", None, NO_SUCH_HOST);
    }
}

/// The same of the rules of a layer, which may be about any site.
pub(crate) fn suspect_hosts_of_layer(layer: &Layer, names: &[&str], inspection: &Inspection) {
    for ruleset in layer.rulesets() {
        let page = inspection.page(Arc::clone(ruleset.file()));
        suspect_hosts_of_rules("rules", ruleset.rules(), names, &page);
    }
}

fn suspect_hosts_of_rules(key: &str, rules: &[Rule], names: &[&str], page: &Page<'_>) {
    for (at, rule) in rules.iter().enumerate().filter(|(_, rule)| asks_in_vain(&rule.when, names)) {
        page.suspect(&format!("{key}[{at}].when"), Some(quoted(&rule.name)), NO_SUCH_HOST);
    }
}
