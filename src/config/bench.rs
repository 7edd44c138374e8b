//! A directory in bench's layout, from its files to one configuration.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::config::configuration::{Configuration, process};
use crate::config::directory::{self, COMMON, Found};
use crate::config::disk::unreadable;
use crate::config::hosts_asked::{suspect_hosts, suspect_hosts_of_sites};
use crate::config::layer::{Layer, Scope};
use crate::config::on_error::WrongSite;
use crate::config::options::Options;
use crate::config::origin::Entry;
use crate::config::owners;
use crate::config::past::Past;
use crate::config::problem::{Errors, Problem};
use crate::config::references::References;
use crate::config::remembered::{Reading, Remembered};
use crate::config::report::{Findings, Report};
use crate::config::standing::{Below, Standing};
use crate::config::unknown_hosts::{default_site, out_of_reach, site_header};
use crate::config::{ANY_HOST, Loaded};
use crate::model::{Host, Rule, Site};
use crate::store::StoreUri;

/// A directory that is read.
pub(super) struct Bench<'a> {
    dir: &'a Path,
    options: &'a Options,
    report: Report,
}

impl<'a> Bench<'a> {
    /// A directory of which nothing has been read.
    pub(super) fn new(dir: &'a Path, options: &'a Options) -> Self {
        Self { dir, options, report: options.report() }
    }

    /// What its files say together.
    ///
    /// A mistake in a site's own file is that site's: only what concerns all of them is an error here, and then the past
    /// stays as it is.
    pub(super) fn read(
        mut self,
        remembered: &mut Remembered,
        past: &mut Past,
    ) -> Result<Configuration, Errors> {
        let (reading, found, nameless) = self.files(remembered);
        let first = self.report.errors();
        let common = reading.as_ref().map(|reading| reading.layer.clone()).unwrap_or_default();
        let mut sites = self.standing(found, reading, &common, past);
        let owners = self.give_hosts(&mut sites, past);
        let wrong: Vec<_> = sites.iter().filter_map(|site| site.wrong.clone()).chain(nameless).collect();
        let of_all = self.of_all(&sites, &common, wrong.is_empty());
        let alone = self.options.environment.layer.entries(&common);
        let (errors, warnings) = self.report.into_problems();
        if !errors.is_empty() {
            return Err(all(&errors, first, &wrong));
        }
        let configuration = of_all.with(&sites, alone, wrong, warnings);
        let last_right = sites.into_iter().filter(Standing::has_rules).map(|site| (site.name, site.now));
        *past = Past { sites: last_right.collect(), owners };
        Ok(configuration)
    }

    /// The common file, the sites, and those that cannot be one.
    fn files(&mut self, remembered: &mut Remembered) -> (Option<Arc<Reading>>, Vec<Found>, Vec<WrongSite>) {
        remembered.begin_round();
        let report = &mut self.report;
        let common = remembered.reading(&self.dir.join(COMMON), Scope::Common, report);
        if let Some(reading) = &common {
            report.add(reading.findings.clone());
        }
        let found = directory::sites(self.dir, remembered, report);
        report.begin(&self.dir.display().to_string());
        let (sites, nameless) = found.unwrap_or_else(|error| {
            report.wrong_file(unreadable(&error));
            (Vec::new(), Vec::new())
        });
        if common.is_none() && sites.is_empty() && nameless.is_empty() && !report.has_errors() {
            report.wrong_file("no site; expected common_site_config.json or a <host>/site_config.json");
        }
        (common, sites, nameless)
    }

    /// What is to hold for each site.
    fn standing(
        &mut self,
        found: Vec<Found>,
        common: Option<Arc<Reading>>,
        layer: &Layer,
        past: &Past,
    ) -> Vec<Standing> {
        let environment = &self.options.environment;
        let below = Below { common, layer, environment };
        found.into_iter().map(|found| Standing::of(found, &below, past, &mut self.report)).collect()
    }

    /// Gives each site the hosts that it is to answer for.
    fn give_hosts(&mut self, sites: &mut [Standing], past: &Past) -> HashMap<Host, String> {
        let claimants: Vec<_> = sites.iter().map(Standing::claimant).collect();
        let owned = owners::settled(&claimants, &past.owners);
        for (site, hosts) in sites.iter_mut().zip(owned.hosts) {
            site.now.site.hosts = hosts;
        }
        self.report.add(Findings { errors: Vec::new(), warnings: owned.warnings });
        owned.owners
    }

    /// What concerns all sites. Where some are wrong, it is not known which rules there are.
    fn of_all(&mut self, sites: &[Standing], common: &Layer, is_complete: bool) -> OfAll {
        let fallback = self.fallback(common);
        let unmet = if is_complete { self.unmet(sites, &fallback, common) } else { Vec::new() };
        suspect_hosts_of_sites(sites, &mut self.report);
        self.report.begin(&self.dir.join(COMMON).display().to_string());
        self.suspect_hosts_of_all(sites, &fallback, common);
        let default_site = default_site(sites, common, &fallback, &mut self.report);
        let site_header = site_header(common, &fallback, &mut self.report);
        let (store, process) = process(common, &self.options.environment, &mut self.report);
        OfAll { fallback, default_site, site_header, unmet, store, process }
    }

    /// The site of hosts that have none.
    fn fallback(&mut self, common: &Layer) -> Site {
        let alone = self.options.environment.layer.clone();
        // With a default site, nobody is answered by the common file alone.
        match common.default_site() {
            Some(_) => alone.unchecked_site(ANY_HOST, common),
            None => alone.site(ANY_HOST, common, &mut self.report),
        }
    }

    /// Warns of hosts that the common file asks for and no site is called by. The report is at the common file.
    fn suspect_hosts_of_all(&mut self, sites: &[Standing], fallback: &Site, common: &Layer) {
        let all = sites.iter().map(|site| &site.now.site).chain([fallback]);
        let names: Vec<_> = all.flat_map(Site::names_of_hosts).collect();
        suspect_hosts(&Layer::default().unchecked_site("", common), &names, &mut self.report);
    }

    /// What the common file's tiers and overrides say of rules that no site has, nor the one for unknown hosts.
    ///
    /// It is no error of the common file: whoever renames a rule in a site's own file would stop every other site's
    /// reload.
    fn unmet(&mut self, sites: &[Standing], fallback: &Site, common: &Layer) -> Vec<Problem> {
        if self.report.has_errors() {
            return Vec::new(); // Rules that could not be read would be missed.
        }
        let alone = Layer::default().unchecked_site("", common);
        let all = sites.iter().map(|site| &site.now.site).chain([fallback]);
        let rules: Vec<&Rule> = all.flat_map(|site| &site.rules).collect();
        let (site, origins) = (&alone, &common.origins);
        let ((), found) = self
            .report
            .apart(|report| References { site, origins, report }.check_rules(&common.file, &rules));
        found.errors
    }
}

/// What concerns all sites.
struct OfAll {
    fallback: Site,
    default_site: Option<String>,
    site_header: Option<String>,
    unmet: Vec<Problem>,
    store: StoreUri,
    process: Vec<Entry>,
}

impl OfAll {
    /// The configuration of the sites; `alone` is what is said for hosts that have none.
    fn with(
        self,
        sites: &[Standing],
        alone: Vec<Entry>,
        wrong: Vec<WrongSite>,
        mut warnings: Vec<Problem>,
    ) -> Configuration {
        let Self { fallback, default_site, site_header, unmet, store, process } = self;
        if site_header.is_none() {
            warnings.extend(out_of_reach(sites, default_site.as_deref()));
        }
        let entries = sites.iter().map(|site| (site.name.clone(), Arc::clone(&site.now.entries)));
        let alone = default_site.is_none().then(|| (ANY_HOST.to_owned(), alone.into()));
        let entries = entries.chain(alone).collect();
        let sites = sites.iter().map(|site| (site.name.clone(), site.now.site.clone())).collect();
        let loaded = Loaded { sites, default_site, fallback, site_header, wrong, warnings };
        Configuration { loaded, store, process, sites: entries, unmet }
    }
}

/// All errors, each once: those of the common file, those of sites, and what became of them together.
fn all(errors: &[Problem], first: usize, wrong: &[WrongSite]) -> Errors {
    let (before, after) = errors.split_at(first);
    let of_sites = wrong.iter().flat_map(|wrong| wrong.errors.problems());
    Errors::distinct(before.iter().chain(of_sites).chain(after))
}
