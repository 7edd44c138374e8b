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
use crate::model::wording::{HOPS_AND_PROXIES, NO_SUCH_HOST, UNTRUSTED};
use crate::model::{
    Condition, Counts, Limit, Need, Rule, Site, Tiers, asks_in_vain, no_such, quoted, tiers_of,
};

/// The site that a layer and the common one below it describe; the report has what does not fit together.
pub(crate) fn site_of(own: Said, common: &Said, name: &str, options: &Options, report: &Report) -> Site {
    let (file, said) = (Arc::clone(&own.file), own.or(common.clone()));
    let (is_flawed, origins) = (said.is_flawed, said.origins());
    let site = said.into_site(name);
    if !is_flawed {
        let references = References { site: &site, origins: &origins, options, report };
        references.check();
        references.check_rules(&file, &site.rules.iter().collect::<Vec<_>>());
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
    pub(crate) fn check(&self) {
        self.check_trust();
        self.check_needs();
        self.check_tiers();
    }

    /// Reports rules that there are not, for the tiers and overrides that stand in `file`.
    ///
    /// Those of the common file are asked about the rules of all sites, for each may have rules of its own.
    pub(crate) fn check_rules(&self, file: &str, rules: &[&Rule]) {
        let (tiers, overrides) = (self.site.tiers.tiers(), self.site.tiers.overrides());
        if self.stands_in("rate_limit_tiers", file) {
            for tier in tiers {
                let place = format!("{}.limits", member_place("rate_limit_tiers", &tier.name));
                for (rule, limits) in &tier.limits {
                    self.check_rule("rate_limit_tiers", &member_place(&place, rule), rule, limits, rules);
                }
            }
        }
        if self.stands_in("rate_limit_overrides", file) {
            for (at, over) in overrides.iter().enumerate() {
                let place = format!("rate_limit_overrides[{at}].rule");
                if let Some(rule) = &over.rule {
                    self.check_rule("rate_limit_overrides", &place, rule, &over.limits, rules);
                }
            }
        }
    }

    fn check_rule(&self, key: &str, place: &str, name: &str, limits: &[Limit], rules: &[&Rule]) {
        let mut found = rules.iter().filter(|rule| rule.name == name).peekable();
        if found.peek().is_none() {
            if self.options.rules_in_code.iter().any(|known| known == name) {
                return;
            }
            let names = rules.iter().map(|rule| rule.name.as_str());
            return self.wrong(key, place, name, no_such("rule", name, names));
        }
        if found.any(|rule| rule.counts == Counts::Refusals) && !limits.iter().all(Limit::counts_requests) {
            let fault = "this rule counts refusals, which take no time; expected limits of requests";
            self.wrong(key, place, name, fault.to_owned());
        }
    }

    /// What a proxy tells is believed of trusted ones alone.
    fn check_trust(&self) {
        let addresses = &self.site.addresses;
        if addresses.trusted_hops > 0 && !addresses.trusted_proxies.is_empty() {
            let hops = addresses.trusted_hops.to_string();
            self.page(TRUSTED_HOPS).wrong_once(TRUSTED_HOPS, Some(hops), HOPS_AND_PROXIES);
        }
        if self.site.addresses.trusts_somebody() {
            return;
        }
        if let Some(headers) = &self.site.clients.identity {
            self.wrong("rate_limit_identity", "rate_limit_identity", &headers.user, UNTRUSTED.to_owned());
        }
        for (key, name) in self.site.clients.location_headers() {
            self.wrong(key, key, name, UNTRUSTED.to_owned());
        }
    }

    fn check_needs(&self) {
        let site = self.site;
        for (at, rule) in site.rules.iter().enumerate() {
            if let Some(fault) = rule.needs().into_iter().find_map(|need| self.missing(need)) {
                self.wrong("rate_limit_rules", &format!("rate_limit_rules[{at}]"), &rule.name, fault);
            }
        }
        let mut exempt = site.exempt.iter().flat_map(Condition::needs);
        if let Some(fault) = exempt.find_map(|need| self.missing(need)) {
            self.wrong_key("rate_limit_exempt", fault);
        }
        let Tiers { groups, users, .. } = &site.tiers;
        let (tiers, overrides) = (site.tiers.tiers(), site.tiers.overrides());
        let tables = [
            ("rate_limit_tiers", tiers.is_empty(), Need::Tier),
            ("rate_limit_groups", groups.is_empty(), Need::Groups),
            ("rate_limit_users", users.is_empty(), Need::User),
            ("rate_limit_overrides", overrides.is_empty(), Need::User),
        ];
        for (key, _, need) in tables.into_iter().filter(|(_, is_empty, _)| !is_empty) {
            if let Some(fault) = self.missing(need) {
                self.wrong_key(key, fault);
            }
        }
    }

    /// What is wrong if nobody provides what is needed.
    fn missing(&self, need: Need) -> Option<String> {
        let is_told = self.site.is_told(need, self.options.identity_in_code);
        (!is_told).then(|| need.untold().to_owned())
    }

    fn check_tiers(&self) {
        let site = self.site;
        let Tiers { groups, users, api_keys, .. } = &site.tiers;
        let groups = groups.iter().map(|(name, tier)| (member_place("rate_limit_groups", name), tier));
        let users = users.iter().map(|(name, user)| (member_place("rate_limit_users", name), &user.tier));
        let keys = api_keys
            .values()
            .filter_map(|key| Some((member_place("rate_limit_api_keys", &key.name), key.tier.as_ref()?)));
        let groups = groups.map(|(place, tier)| ("rate_limit_groups", place, tier));
        let users = users.map(|(place, tier)| ("rate_limit_users", place + ".tier", tier));
        let keys = keys.map(|(place, tier)| ("rate_limit_api_keys", place + ".tier", tier));
        let mut named: Vec<_> = groups.chain(users).chain(keys).collect();
        for (at, rule) in site.rules.iter().enumerate() {
            let place = || format!("rate_limit_rules[{at}].when");
            named.extend(tiers_of(&rule.when).into_iter().map(|tier| ("rate_limit_rules", place(), tier)));
        }
        let exempt = site.exempt.iter().flat_map(tiers_of);
        named.extend(exempt.map(|tier| ("rate_limit_exempt", "rate_limit_exempt".to_owned(), tier)));
        named.sort_unstable();
        for (key, place, tier) in named {
            if site.tiers.position(tier).is_none() {
                let tiers = site.tiers.tiers().iter().map(|tier| tier.name.as_str());
                self.wrong(key, &place, tier, no_such("tier", tier, tiers));
            }
        }
    }

    fn stands_in(&self, key: &str, file: &str) -> bool {
        self.origins.get(key).is_some_and(|origin| **origin == *file)
    }

    fn wrong(&self, key: &str, place: &str, found: &str, fault: String) {
        self.page(key).wrong_once(place, Some(quoted(found)), fault);
    }

    fn wrong_key(&self, key: &str, fault: String) {
        self.page(key).wrong_once(key, None, fault);
    }

    fn page(&self, key: &str) -> Page<'_> {
        self.report.page(self.origins.get(key).map_or_else(|| Arc::from(""), Arc::clone))
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
