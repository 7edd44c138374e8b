//! A directory in bench's layout, from its files to one configuration.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::config::configuration::{Configuration, process};
use crate::config::directory::{self, COMMON, Found, site_name};
use crate::config::disk::{Reading, Remembered, unreadable};
use crate::config::entry::Origin;
use crate::config::hosts::settled;
use crate::config::keys::{DEFAULT_SITE, SITE_HEADER, Scope};
use crate::config::layer::Layered;
use crate::config::references::{References, site_of, suspect_hosts, suspect_hosts_of_layer, unmet_of_layer};
use crate::config::report::{Errors, Findings, Page, Problem, Report, WrongSite, distinct};
use crate::config::said::Said;
use crate::config::standing::{Below, Past, Standing};
use crate::config::{ANY_HOST, Loaded, Options};
use crate::model::wording::UNTRUSTED;
use crate::model::{Host, Rule, Site, nearest, quoted};

/// A directory that is read.
pub(crate) struct Bench<'a> {
    dir: &'a Path,
    options: &'a Options,
    report: Report,
}

impl<'a> Bench<'a> {
    /// A directory of which nothing has been read.
    pub(crate) fn new(dir: &'a Path, options: &'a Options) -> Self {
        Self { dir, options, report: options.report() }
    }

    /// What its files say together.
    ///
    /// A mistake in a site's own file is that site's: only what concerns all of them is an error here, and then the past
    /// stays as it is.
    pub(crate) fn read(self, remembered: &mut Remembered, past: &mut Past) -> Result<Configuration, Errors> {
        let (reading, found, nameless) = self.files(remembered);
        let first = self.report.errors();
        let common = reading.as_ref().map(|reading| reading.said.clone()).unwrap_or_default();
        let (options, report) = (self.options, &self.report);
        let below = Below { common: reading, said: &common, options, report };
        let mut sites: Vec<_> = found.into_iter().map(|found| Standing::new(found, &below, past)).collect();
        let owners = self.give_hosts(&mut sites, past);
        let wrong: Vec<_> = sites.iter().filter_map(|site| site.wrong.clone()).chain(nameless).collect();
        let mut read = self.configuration(&sites, &common, wrong);
        let Findings { errors, warnings } = self.report.take();
        if !errors.is_empty() {
            return Err(all(&errors, first, &read.loaded.wrong));
        }
        let last_right = sites.into_iter().filter(Standing::has_rules).map(|site| (site.name, site.now));
        *past = Past { sites: last_right.collect(), owners };
        read.loaded.warnings = distinct(warnings.iter());
        Ok(read)
    }

    /// The common file, the sites, and those that cannot be one.
    fn files(&self, remembered: &mut Remembered) -> (Option<Arc<Reading>>, Vec<Found>, Vec<WrongSite>) {
        remembered.begin_round();
        let common = remembered.reading(&self.dir.join(COMMON), Scope::Common, &self.report);
        if let Some(reading) = &common {
            self.report.add(reading.findings.clone());
        }
        let page = self.report.page(self.dir.display().to_string());
        let found = directory::sites(self.dir, remembered, &self.report);
        let (sites, nameless) = found.unwrap_or_else(|error| {
            page.wrong_file(unreadable(&error));
            (Vec::new(), Vec::new())
        });
        if common.is_none() && sites.is_empty() && nameless.is_empty() && self.report.errors() == 0 {
            page.wrong_file("no site; expected common_site_config.json or a <host>/site_config.json");
        }
        (common, sites, nameless)
    }

    /// Gives each site the hosts that it is to answer for.
    fn give_hosts(&self, sites: &mut [Standing], past: &Past) -> HashMap<Host, String> {
        let claimants: Vec<_> = sites.iter().map(Standing::claimant).collect();
        let owned = settled(&claimants, &past.owners);
        for (site, hosts) in sites.iter_mut().zip(owned.hosts) {
            site.now.layered.site.hosts = hosts;
        }
        self.report.warn(&owned.warnings);
        owned.owners
    }

    /// The sites, and what concerns all of them. Where some are wrong, it is not known which rules there are.
    fn configuration(&self, sites: &[Standing], common: &Said, wrong: Vec<WrongSite>) -> Configuration {
        let environment = &self.options.environment;
        let Layered { site: fallback, shadowed, .. } = self.fallback(common);
        let unmet = if wrong.is_empty() { self.unmet(sites, &fallback, common) } else { Vec::new() };
        suspect_hosts_of_sites(sites, &self.report);
        let page = self.report.page(self.dir.join(COMMON).display().to_string());
        self.suspect_hosts_of_all(sites, &fallback, common, &page);
        let default_site = default_site(sites, common, &fallback, &page);
        let site_header = site_header(common, &fallback, &page);
        let (store, process) = process(common, environment, &self.report);
        if site_header.is_none() {
            self.report.warn(&out_of_reach(sites, default_site.as_deref()));
        }
        let shadowed =
            sites.iter().flat_map(|site| site.now.layered.shadowed.clone()).chain(shadowed).collect();
        let alone = || environment.said.entries_of_site(common).into_iter();
        let alone = || alone().chain(self.options.layer.entries_of(ANY_HOST, false)).collect();
        let alone = default_site.is_none().then(alone);
        let entries = sites.iter().map(|site| (site.name.clone(), Arc::clone(&site.now.entries)));
        let entries = entries.chain(alone.map(|alone| (ANY_HOST.to_owned(), alone))).collect();
        let sites = sites.iter().map(|site| (site.name.clone(), site.site().clone())).collect();
        let loaded = Loaded { sites, default_site, fallback, site_header, wrong, warnings: Vec::new() };
        Configuration { loaded, store, process, sites: entries, unmet, shadowed }
    }

    /// The site of hosts that have none.
    fn fallback(&self, common: &Said) -> Layered {
        let alone = self.options.environment.said.clone();
        // With a default site, nobody is answered by the common file alone.
        match common.default_site.get() {
            Some(_) => alone.or(common.clone()).into_site(ANY_HOST).into(),
            None => site_of(alone, common, ANY_HOST, self.options, &self.report),
        }
    }

    /// What the common file's, and the layer's, tiers and overrides say of rules that no site has, nor the one for unknown hosts.
    ///
    /// It is no error of the common file: whoever renames a rule in a site's own file would stop every other site's
    /// reload.
    fn unmet(&self, sites: &[Standing], fallback: &Site, common: &Said) -> Vec<Problem> {
        if self.report.errors() > 0 {
            return Vec::new(); // Rules that could not be read would be missed.
        }
        let (options, report) = (self.options, &self.report);
        let (layered, origins) = (common.clone().into_site("").into(), common.origins());
        let rules: Vec<&Rule> = all_sites(sites, fallback).flat_map(|site| &site.rules).collect();
        let references = References { layered: &layered, origins: &origins, options, report };
        let mut unmet = report.apart(|| references.check_terms(&common.file, &rules)).1.errors;
        unmet.extend(unmet_of_layer(&rules, options, report));
        unmet
    }

    /// Warns of hosts that the common file or the layer asks for and no site is called by.
    fn suspect_hosts_of_all(&self, sites: &[Standing], fallback: &Site, common: &Said, page: &Page<'_>) {
        let names: Vec<_> = all_sites(sites, fallback).flat_map(Site::names_of_hosts).collect();
        let alone = common.clone().into_site("");
        suspect_hosts(&alone.rules, alone.exempt.as_ref(), &names, page);
        suspect_hosts_of_layer(&self.options.layer, &names, &self.report);
    }
}

/// The sites, and the one of hosts that have none.
fn all_sites<'a>(sites: &'a [Standing], fallback: &'a Site) -> impl Iterator<Item = &'a Site> {
    sites.iter().map(Standing::site).chain([fallback])
}

/// All errors, each once: those of the common file, those of sites, and what became of them together.
fn all(errors: &[Problem], first: usize, wrong: &[WrongSite]) -> Errors {
    let (before, after) = errors.split_at(first);
    let of_sites = wrong.iter().flat_map(|wrong| wrong.errors.problems());
    Errors::distinct(before.iter().chain(of_sites).chain(after))
}

/// Warns of hosts that a site's own file asks for and the site is not called by; sites with a wrong file have been reported.
fn suspect_hosts_of_sites(sites: &[Standing], report: &Report) {
    for standing in sites.iter().filter(|site| site.wrong.is_none()) {
        let is_own = |origin: &Origin| matches!(origin, Origin::File(file) if **file == *standing.file);
        let says = |key| standing.now.entries.iter().any(|entry| entry.key == key && is_own(&entry.origin));
        // What the common file says is asked once, of all sites together.
        let (site, (rules, _)) = (standing.site(), standing.now.layered.rules());
        let rules = if says("rate_limit_rules") { rules } else { &[] };
        let exempt = site.exempt.as_ref().filter(|_| says("rate_limit_exempt"));
        suspect_hosts(rules, exempt, &site.names_of_hosts(), &report.page(&*standing.file));
    }
}

/// A client chooses the host that it asks for, and so could choose not to be limited.
const UNLIMITED: &str =
    "missing, and no rate_limit here: requests for hosts that have no site are not limited";

/// The name of the default site, if the common file names one; its page has what is wrong or may not be meant.
fn default_site(sites: &[Standing], common: &Said, fallback: &Site, page: &Page<'_>) -> Option<String> {
    let Some(text) = common.default_site.get() else {
        if fallback.rules.is_empty() && sites.iter().any(|site| !site.site().rules.is_empty()) {
            page.suspect(DEFAULT_SITE, None, UNLIMITED);
        }
        return None;
    };
    let found = sites.iter().find(|site| site.is_called(&site_name(text)));
    if found.is_none() {
        page.wrong(DEFAULT_SITE, Some(quoted(text)), no_such_site(text, sites));
    }
    found.map(|site| site.name.clone())
}

fn no_such_site(text: &str, sites: &[Standing]) -> String {
    let host = Host::parse(text).ok();
    let has_it = |site: &&Standing| host.as_ref().is_some_and(|host| site.site().hosts.contains(host));
    let names = || sites.iter().map(|site| site.name.as_str());
    match (sites.iter().find(has_it), nearest(&site_name(text), names())) {
        (Some(site), _) => format!("a host of the site {}; expected the name of its directory", site.name),
        (None, Some(meant)) => format!("no such site; did you mean \"{meant}\"?"),
        (None, None) => "no such site; expected the name of a directory with a site_config.json".to_owned(),
    }
}

/// The header in which trusted proxies name the site. It is wrong where nobody is trusted: anybody could write it.
fn site_header(common: &Said, fallback: &Site, page: &Page<'_>) -> Option<String> {
    let header = common.keys.site_header.get()?;
    if !fallback.addresses.trusts_somebody() {
        page.wrong(SITE_HEADER, Some(quoted(header)), UNTRUSTED);
    }
    Some(header.clone())
}

/// What is said of sites that no request can ask for, since their directory is called as no host is.
fn out_of_reach(sites: &[Standing], default_site: Option<&str>) -> Vec<Problem> {
    let is_default = |site: &Standing| default_site == Some(site.name.as_str());
    let unreached = sites.iter().filter(|site| site.site().hosts.is_empty() && !is_default(site));
    let said = unreached.filter_map(|site| {
        let fault = Host::parse(&site.directory).err()?;
        let fault = format!("no request reaches this site, for its directory's name is {fault}");
        Some(Problem::new(&site.file, "", Some(quoted(&site.directory)), fault))
    });
    said.collect()
}
