//! A directory in bench's layout, from its files to one configuration: each site with the rules that are to hold for it now.
//!
//! A mistake in a site's own file is that site's alone. What then holds for it is what its file said when it was last right, or, where
//! it never was, no request of it is served; `rate_limit_on_error` of the common file can say that it is unlimited. All other sites
//! go on. A mistake in the common file concerns everybody: nothing of the directory is put in force, and the past stays as it is.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::config::configuration::{Configuration, process};
use crate::config::directory_site::{Below, DirectorySite};
use crate::config::disk::{COMMON, Found, OnDisk, ReadFile, site_name};
use crate::config::hosts::settled;
use crate::config::keys::{DEFAULT_SITE, Entries, Origin, SITE_HEADER};
use crate::config::layered::Layered;
use crate::config::past::{Made, Past};
use crate::config::references::{References, site_of, suspect_hosts, suspect_hosts_of_layer, unmet_of_layer};
use crate::config::report::{Errors, Findings, Inspection, Page, Problem, WrongSite, distinct};
use crate::config::said::Said;
use crate::config::{ANY_HOST, Loaded, Options};
use crate::model::wording::UNTRUSTED;
use crate::model::{Condition, Host, KnownRules, Site, asks_in_vain, nearest, quoted};
use crate::parts::in_parts;

/// A directory that is read.
pub(crate) struct Bench<'a> {
    dir: &'a Path,
    options: &'a Options,
    inspection: Inspection,
}

impl<'a> Bench<'a> {
    /// A directory of which nothing has been read.
    pub(crate) fn new(dir: &'a Path, options: &'a Options) -> Self {
        Self { dir, options, inspection: options.inspection() }
    }

    /// What its files say together.
    ///
    /// A mistake in a site's own file is that site's: only what concerns all of them is an error here, and then the past
    /// stays as it is.
    pub(crate) fn read(self, on_disk: &Arc<OnDisk>, past: &Past) -> Result<Made, Errors> {
        self.inspection.add(on_disk.findings.clone());
        let first = self.inspection.errors();
        let reading = on_disk.common.clone();
        let said = reading.as_ref().map(|reading| reading.said.clone()).unwrap_or_default();
        let (options, inspection) = (self.options, &self.inspection);
        let mut sites = self.sites(on_disk, reading.as_ref(), &said, past);
        let is_right = |site: &DirectorySite<'_>| site.wrong.is_none();
        let is_known =
            past.is_right && past.on_disk.as_ref().is_some_and(|known| Arc::ptr_eq(known, on_disk));
        let (owners, unowned) = match is_known && sites.iter().all(is_right) {
            true => self.give_hosts_again(&mut sites, past),
            false => self.give_hosts(&mut sites, past),
        };
        let wrong = sites.iter().filter_map(|site| site.wrong.clone());
        let wrong: Vec<_> = wrong.chain(on_disk.nameless.iter().cloned()).collect();
        let fallback = self.fallback(&said);
        let rules = KnownRules::new(all_sites(&sites, &fallback.site).flat_map(|site| &site.rules));
        let unmet_of_files = if wrong.is_empty() { self.unmet_of_files(&rules, &said) } else { None };
        let mut read = self.configuration(&sites, &fallback, &said, wrong);
        if let Some(of_files) = &unmet_of_files {
            let of_layer = unmet_of_layer(&rules, &options.layer, options, inspection);
            read.unmet = of_files.iter().cloned().chain(of_layer).collect();
        }
        let Findings { errors, warnings } = self.inspection.take();
        if !errors.is_empty() {
            return Err(all(&errors, first, &read.loaded.wrong));
        }
        read.loaded.warnings = distinct(warnings.iter());
        let last_right = sites
            .into_iter()
            .filter(DirectorySite::has_rules)
            .map(|site| (site.found.name.clone(), site.now));
        let past = Past {
            sites: last_right.collect(),
            owners,
            unowned,
            on_disk: Some(Arc::clone(on_disk)),
            fallback,
            rules,
            is_right: unmet_of_files.is_some(),
            unmet_of_files: unmet_of_files.unwrap_or_default(),
            layer: Arc::clone(&options.layer),
        };
        Ok(Made { read, past })
    }

    /// The sites with what is to hold for them, in the order of the directory, as if one had been looked at after another.
    fn sites<'b>(
        &self,
        on_disk: &'b OnDisk,
        common: Option<&Arc<ReadFile>>,
        said: &Said,
        past: &Past,
    ) -> Vec<DirectorySite<'b>> {
        let options = self.options;
        let parts = in_parts(&on_disk.found, |found: &'b [Found]| {
            let inspection = &Inspection::default();
            let below = Below { common: common.cloned(), said, options, inspection };
            let sites: Vec<_> = found.iter().map(|found| DirectorySite::new(found, &below, past)).collect();
            (sites, inspection.take())
        });
        let add = |(sites, findings)| {
            self.inspection.add(findings);
            sites
        };
        parts.into_iter().flat_map(add).collect()
    }

    /// Gives each site the hosts that it is to answer for; says whose they are, and what is said of those that nobody was given.
    fn give_hosts(
        &self,
        sites: &mut [DirectorySite<'_>],
        past: &Past,
    ) -> (Arc<HashMap<Host, String>>, Arc<[Problem]>) {
        let claimants: Vec<_> = sites.iter().map(DirectorySite::claimant).collect();
        let owned = settled(&claimants, &past.owners);
        for (site, hosts) in sites.iter_mut().zip(owned.hosts) {
            site.give(&hosts);
        }
        self.inspection.warn(&owned.warnings);
        (Arc::new(owned.owners), owned.warnings.into())
    }

    /// The same where the files that claim them, all of them right, are those of before.
    fn give_hosts_again(
        &self,
        sites: &mut [DirectorySite<'_>],
        past: &Past,
    ) -> (Arc<HashMap<Host, String>>, Arc<[Problem]>) {
        for site in sites {
            let before = past.sites.get(&site.found.name).map(|last| &last.layered.site.hosts);
            before.into_iter().for_each(|hosts| site.give(hosts));
        }
        self.inspection.warn(&past.unowned);
        (Arc::clone(&past.owners), Arc::clone(&past.unowned))
    }

    /// The sites, and what concerns all of them.
    fn configuration(
        &self,
        sites: &[DirectorySite<'_>],
        fallback: &Layered,
        common: &Said,
        wrong: Vec<WrongSite>,
    ) -> Configuration {
        let environment = &self.options.environment;
        let Layered { site: fallback, shadowed, .. } = fallback;
        suspect_hosts_of_sites(sites, &self.inspection);
        let page = self.inspection.page(self.dir.join(COMMON).display().to_string());
        self.suspect_hosts_of_all(sites, fallback, common, &page);
        let default_site = default_site(sites, common, fallback, &page);
        let site_header = site_header(common, fallback, &page);
        let (store, process) = process(common, environment, &self.inspection);
        if site_header.is_none() {
            self.inspection.warn(&out_of_reach(sites, default_site.as_deref()));
        }
        let of_sites = sites.iter().flat_map(|site| &site.now.layered.shadowed);
        let shadowed = of_sites.chain(shadowed).cloned().collect();
        let of_layer = || self.options.layer.entries_of(ANY_HOST, false);
        let alone = || Entries::new(environment.said.entries_of_site(common), of_layer());
        let alone = default_site.is_none().then(alone);
        let entries = sites.iter().map(|site| (site.found.name.clone(), site.now.entries.clone()));
        let entries = entries.chain(alone.map(|alone| (ANY_HOST.to_owned(), alone))).collect();
        let of_site =
            |site: &DirectorySite<'_>| (site.found.name.clone(), Arc::clone(&site.now.layered.site));
        let sites = sites.iter().map(of_site).collect();
        let (fallback, warnings, unmet) = ((**fallback).clone(), Vec::new(), Vec::new());
        let loaded = Loaded { sites, default_site, fallback, site_header, wrong, warnings };
        let layer = Arc::clone(&self.options.layer);
        Configuration { loaded, store, process, sites: entries, unmet, shadowed, layer }
    }

    /// The site of hosts that have none.
    fn fallback(&self, common: &Said) -> Layered {
        let alone = self.options.environment.said.clone();
        // With a default site, nobody is answered by the common file alone.
        match common.default_site.get() {
            Some(_) => alone.or(common.clone()).into_site(ANY_HOST).into(),
            None => site_of(alone, common, ANY_HOST, self.options, &self.inspection),
        }
    }

    /// What the common file's tiers and overrides say of rules that no site has, nor the one for unknown hosts. `None` where
    /// rules that could not be read would be missed.
    ///
    /// It is no error of the common file: whoever renames a rule in a site's own file would stop every other site's
    /// reload.
    fn unmet_of_files(&self, rules: &KnownRules, common: &Said) -> Option<Vec<Problem>> {
        if self.inspection.errors() > 0 {
            return None;
        }
        let (options, inspection) = (self.options, &self.inspection);
        let layered = Layered::of_files(common.clone().into_site(""), common.origins().into());
        let references = References { layered: &layered, options, inspection };
        Some(inspection.apart(|| references.check_terms(&common.file, || rules.clone())).1.errors)
    }

    /// Warns of hosts that the common file or the layer asks for and no site is called by.
    fn suspect_hosts_of_all(
        &self,
        sites: &[DirectorySite<'_>],
        fallback: &Site,
        common: &Said,
        page: &Page<'_>,
    ) {
        let names: Vec<_> = all_sites(sites, fallback).flat_map(Site::names_of_hosts).collect();
        let alone = common.clone().into_site("");
        suspect_hosts(&alone.rules, alone.exempt.as_ref(), &names, page);
        suspect_hosts_of_layer(&self.options.layer, &names, &self.inspection);
    }
}

/// The sites, and the one of hosts that have none.
fn all_sites<'a>(sites: &'a [DirectorySite<'_>], fallback: &'a Site) -> impl Iterator<Item = &'a Site> {
    sites.iter().map(DirectorySite::site).chain([fallback])
}

/// All errors, each once: those of the common file, those of sites, and what became of them together.
fn all(errors: &[Problem], first: usize, wrong: &[WrongSite]) -> Errors {
    let (before, after) = errors.split_at(first);
    let of_sites = wrong.iter().flat_map(|wrong| wrong.errors.problems());
    Errors::distinct(before.iter().chain(of_sites).chain(after))
}

/// Warns of hosts that a site's own file asks for and the site is not called by; sites with a wrong file have been reported.
fn suspect_hosts_of_sites(sites: &[DirectorySite<'_>], inspection: &Inspection) {
    for own_site in sites.iter().filter(|site| site.wrong.is_none()) {
        let (site, (rules, _)) = (own_site.site(), own_site.now.layered.rules());
        let names = site.names_of_hosts();
        let is_vain = |condition: &Condition| asks_in_vain(condition, &names);
        if !rules.iter().map(|rule| &rule.when).chain(&site.exempt).any(is_vain) {
            continue;
        }
        let is_own = |origin: &Origin| matches!(origin, Origin::File(file) if **file == *own_site.found.file);
        let says = |key| own_site.now.entries.iter().any(|entry| entry.key == key && is_own(&entry.origin));
        // What the common file says is asked once, of all sites together.
        let rules = if says("rate_limit_rules") { rules } else { &[] };
        let exempt = site.exempt.as_ref().filter(|_| says("rate_limit_exempt"));
        suspect_hosts(rules, exempt, &names, &inspection.page(&*own_site.found.file));
    }
}

/// A client chooses the host that it asks for, and so could choose not to be limited.
const UNLIMITED: &str =
    "missing, and no rate_limit here: requests for hosts that have no site are not limited";

/// The name of the default site, if the common file names one; its page has what is wrong or may not be meant.
fn default_site(
    sites: &[DirectorySite<'_>],
    common: &Said,
    fallback: &Site,
    page: &Page<'_>,
) -> Option<String> {
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
    found.map(|site| site.found.name.clone())
}

fn no_such_site(text: &str, sites: &[DirectorySite<'_>]) -> String {
    let host = Host::parse(text).ok();
    let has_it =
        |site: &&DirectorySite<'_>| host.as_ref().is_some_and(|host| site.site().hosts.contains(host));
    let names = || sites.iter().map(|site| site.found.name.as_str());
    match (sites.iter().find(has_it), nearest(&site_name(text), names())) {
        (Some(site), _) => {
            format!("a host of the site {}; expected the name of its directory", site.found.name)
        }
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
fn out_of_reach(sites: &[DirectorySite<'_>], default_site: Option<&str>) -> Vec<Problem> {
    let is_default = |site: &DirectorySite<'_>| default_site == Some(site.found.name.as_str());
    let unreached = sites.iter().filter(|site| site.site().hosts.is_empty() && !is_default(site));
    let said = unreached.filter_map(|site| {
        let fault = Host::parse(&site.found.directory).err()?;
        let fault = format!("no request reaches this site, for its directory's name is {fault}");
        Some(Problem::new(&site.found.file, "", Some(quoted(&site.found.directory)), fault))
    });
    said.collect()
}
