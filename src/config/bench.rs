//! A directory in bench's layout, from its files to one configuration: each site with the rules that are to hold for it now.
//!
//! A mistake in a site's own file is that site's alone. What then holds for it is what its file said when it was last right, or, where
//! it never was, no request of it is served; `rate_limit_on_error` of the common file can say that it is unlimited. All other sites
//! go on. A mistake in the common file concerns everybody: nothing of the directory is put in force, and the past stays as it is.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::config::configuration::{Configuration, process};
use crate::config::disk::{COMMON, Found, Reading, Remembered, site_name, sites, unreadable};
use crate::config::hosts::{Claimant, Claimed, settled};
use crate::config::keys::{DEFAULT_SITE, Entry, OnError, Origin, SITE_HEADER, Scope};
use crate::config::layer::{Layer, Layered};
use crate::config::references::{References, site_of, suspect_hosts, suspect_hosts_of_layer, unmet_of_layer};
use crate::config::report::{Errors, Findings, Inspection, Meanwhile, Page, Problem, WrongSite, distinct};
use crate::config::said::Said;
use crate::config::{ANY_HOST, Loaded, Options};
use crate::model::wording::UNTRUSTED;
use crate::model::{Condition, Host, Rule, Site, nearest, quoted};

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
    pub(crate) fn read(self, remembered: &mut Remembered, past: &mut Past) -> Result<Configuration, Errors> {
        let (reading, found, nameless) = self.files(remembered);
        let first = self.inspection.errors();
        let common = reading.as_ref().map(|reading| reading.said.clone()).unwrap_or_default();
        let (options, inspection) = (self.options, &self.inspection);
        let below = Below { common: reading, said: &common, options, inspection };
        let mut sites: Vec<_> = found.into_iter().map(|found| Standing::new(found, &below, past)).collect();
        let owners = self.give_hosts(&mut sites, past);
        let wrong: Vec<_> = sites.iter().filter_map(|site| site.wrong.clone()).chain(nameless).collect();
        let mut read = self.configuration(&sites, &common, wrong);
        let Findings { errors, warnings } = self.inspection.take();
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
        let common = remembered.reading(&self.dir.join(COMMON), Scope::Common, &self.inspection);
        if let Some(reading) = &common {
            self.inspection.add(reading.findings.clone());
        }
        let page = self.inspection.page(self.dir.display().to_string());
        let found = sites(self.dir, remembered, &self.inspection);
        let (sites, nameless) = found.unwrap_or_else(|error| {
            page.wrong_file(unreadable(&error));
            (Vec::new(), Vec::new())
        });
        if common.is_none() && sites.is_empty() && nameless.is_empty() && self.inspection.errors() == 0 {
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
        self.inspection.warn(&owned.warnings);
        owned.owners
    }

    /// The sites, and what concerns all of them. Where some are wrong, it is not known which rules there are.
    fn configuration(&self, sites: &[Standing], common: &Said, wrong: Vec<WrongSite>) -> Configuration {
        let environment = &self.options.environment;
        let Layered { site: fallback, shadowed, .. } = self.fallback(common);
        let unmet = if wrong.is_empty() { self.unmet(sites, &fallback, common) } else { Vec::new() };
        suspect_hosts_of_sites(sites, &self.inspection);
        let page = self.inspection.page(self.dir.join(COMMON).display().to_string());
        self.suspect_hosts_of_all(sites, &fallback, common, &page);
        let default_site = default_site(sites, common, &fallback, &page);
        let site_header = site_header(common, &fallback, &page);
        let (store, process) = process(common, environment, &self.inspection);
        if site_header.is_none() {
            self.inspection.warn(&out_of_reach(sites, default_site.as_deref()));
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

    /// What the common file's, and the layer's, tiers and overrides say of rules that no site has, nor the one for unknown hosts.
    ///
    /// It is no error of the common file: whoever renames a rule in a site's own file would stop every other site's
    /// reload.
    fn unmet(&self, sites: &[Standing], fallback: &Site, common: &Said) -> Vec<Problem> {
        if self.inspection.errors() > 0 {
            return Vec::new(); // Rules that could not be read would be missed.
        }
        let (options, inspection) = (self.options, &self.inspection);
        let (layered, origins) = (common.clone().into_site("").into(), common.origins());
        let rules: Vec<&Rule> = all_sites(sites, fallback).flat_map(|site| &site.rules).collect();
        let references = References { layered: &layered, origins: &origins, options, inspection };
        let mut unmet = inspection.apart(|| references.check_terms(&common.file, &rules)).1.errors;
        unmet.extend(unmet_of_layer(&rules, options, inspection));
        unmet
    }

    /// Warns of hosts that the common file or the layer asks for and no site is called by.
    fn suspect_hosts_of_all(&self, sites: &[Standing], fallback: &Site, common: &Said, page: &Page<'_>) {
        let names: Vec<_> = all_sites(sites, fallback).flat_map(Site::names_of_hosts).collect();
        let alone = common.clone().into_site("");
        suspect_hosts(&alone.rules, alone.exempt.as_ref(), &names, page);
        suspect_hosts_of_layer(&self.options.layer, &names, &self.inspection);
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
fn suspect_hosts_of_sites(sites: &[Standing], inspection: &Inspection) {
    for standing in sites.iter().filter(|site| site.wrong.is_none()) {
        let is_own = |origin: &Origin| matches!(origin, Origin::File(file) if **file == *standing.file);
        let says = |key| standing.now.entries.iter().any(|entry| entry.key == key && is_own(&entry.origin));
        // What the common file says is asked once, of all sites together.
        let (site, (rules, _)) = (standing.site(), standing.now.layered.rules());
        let rules = if says("rate_limit_rules") { rules } else { &[] };
        let exempt = site.exempt.as_ref().filter(|_| says("rate_limit_exempt"));
        suspect_hosts(rules, exempt, &site.names_of_hosts(), &inspection.page(&*standing.file));
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

/// What was in force before: what a site falls back to whose own file is wrong.
///
/// It is replaced only by a reading that is put in force, so a mistake in the common file, however often it is read, does not wear it
/// out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Past {
    /// The sites by name, as they were when they were last right.
    pub(crate) sites: HashMap<String, LastRight>,
    /// The names of the sites that the hosts were given to.
    pub(crate) owners: HashMap<Host, String>,
}

/// A site as it was when it was last right.
#[derive(Clone, Debug)]
pub(crate) struct LastRight {
    pub(crate) layered: Layered,
    claims: Vec<Claimed>,
    pub(crate) entries: Arc<[Entry]>,
    /// What was suspect about the site as the two files describe it together.
    warnings: Vec<Problem>,
    /// What it was made of, so that it need not be made anew while that is the same.
    made_of: Option<MadeOf>,
}

/// A site's own file, the common one below it, and the layer below both.
#[derive(Clone, Debug)]
struct MadeOf {
    own: Arc<Reading>,
    common: Option<Arc<Reading>>,
    layer: Arc<Layer>,
    /// The site's name.
    site: String,
}

impl PartialEq for MadeOf {
    /// A file that is read again is another one.
    fn eq(&self, other: &Self) -> bool {
        let is_same_common = match (&self.common, &other.common) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        is_same_common && Arc::ptr_eq(&self.own, &other.own) && self.is_same_layer(other)
    }
}

impl MadeOf {
    /// Whether the layer says the same of the site.
    fn is_same_layer(&self, other: &Self) -> bool {
        let name = self.site.as_str();
        Arc::ptr_eq(&self.layer, &other.layer) || self.layer.says_the_same_of(name, &other.layer)
    }
}

/// A site, with the rules that are to hold for it now.
///
/// Whether its file is right or wrong, it stands for the site's requests: `now` always has rules, if only to say that nobody knows them.
pub(crate) struct Standing {
    pub(crate) name: String,
    /// As its directory is called.
    pub(crate) directory: String,
    /// The names of links to the directory.
    links: Vec<String>,
    /// The file, as messages name it.
    pub(crate) file: String,
    /// What holds: what the file says, or what it said when it was last right.
    pub(crate) now: LastRight,
    pub(crate) wrong: Option<WrongSite>,
}

impl Standing {
    /// What is to hold for a site that was found; warnings go to the report.
    pub(crate) fn new(found: Found, below: &Below<'_>, past: &Past) -> Self {
        let Found { name, directory, links, file, reading } = found;
        let (common, layer) = (below.common.clone(), Arc::clone(&below.options.layer));
        let made_of = MadeOf { own: reading, common, layer, site: name.clone() };
        below.inspection.warn(&made_of.own.findings.warnings);
        let same = past.sites.get(&name).filter(|last| last.made_of.as_ref() == Some(&made_of));
        let made = same.cloned().map_or_else(|| below.make(&name, made_of), Ok);
        let (now, wrong) = match made {
            Ok(now) => (now, None),
            Err((claims, errors)) => {
                let (now, meanwhile) = below.instead(&name, claims, past);
                (now, Some(WrongSite { site: name.clone(), meanwhile, errors }))
            }
        };
        below.inspection.warn(&now.warnings);
        Self { name, directory, links, file, now, wrong }
    }

    /// The site that holds.
    pub(crate) fn site(&self) -> &Site {
        &self.now.layered.site
    }

    /// The hosts that it would answer for.
    pub(crate) fn claimant(&self) -> Claimant<'_> {
        Claimant {
            name: &self.name,
            own: Host::parse(&self.name).ok(),
            claims: self.claims(),
            file: &self.file,
        }
    }

    /// Those besides its own: those of links to its directory first.
    fn claims(&self) -> Vec<Claimed> {
        let of_link = |text: &String| {
            let host = Host::parse(text).ok()?;
            Some(Claimed { host, place: String::new(), text: text.clone() })
        };
        self.links.iter().filter_map(of_link).chain(self.now.claims.iter().cloned()).collect()
    }

    /// Whether it has rules to keep when its file is wrong the next time.
    pub(crate) fn has_rules(&self) -> bool {
        self.wrong.as_ref().is_none_or(|wrong| wrong.meanwhile == Meanwhile::LastRules)
    }

    /// Whether its directory, or a link to that, is called so.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.name == name || self.links.iter().any(|link| site_name(link) == name)
    }
}

/// What lies below, and above, the file of every site.
pub(crate) struct Below<'a> {
    /// The common file, if there is one.
    pub(crate) common: Option<Arc<Reading>>,
    pub(crate) said: &'a Said,
    pub(crate) options: &'a Options,
    pub(crate) inspection: &'a Inspection,
}

impl Below<'_> {
    /// The site that its own file and the others describe together, or the hosts that it claims and all that is wrong with
    /// it.
    ///
    /// # Errors
    ///
    /// What is wrong with the site; its hosts are told all the same, so that no other site gets them meanwhile.
    fn make(&self, name: &str, made_of: MadeOf) -> Result<LastRight, (Vec<Claimed>, Errors)> {
        let own = &made_of.own;
        let claims: Vec<_> = own.said.claims().cloned().collect();
        let said = self.options.environment.said.clone().or(own.said.clone());
        let of_layer = self.options.layer.entries_of(name, said.unpublished_hosts().next().is_some());
        let entries = said.entries_of_site(self.said).into_iter().chain(of_layer).collect();
        let (layered, Findings { errors, warnings }) =
            self.inspection.apart(|| site_of(said, self.said, name, self.options, self.inspection));
        let errors: Vec<_> = own.findings.errors.iter().cloned().chain(errors).collect();
        match errors.is_empty() {
            true => Ok(LastRight { layered, claims, entries, warnings, made_of: Some(made_of) }),
            false => Err((claims, Errors(errors))),
        }
    }

    /// What holds for a site whose own file is wrong: its last rules, else what the common file wants; and what becomes of
    /// its requests by that.
    fn instead(&self, name: &str, claims: Vec<Claimed>, past: &Past) -> (LastRight, Meanwhile) {
        if let Some(last) = past.sites.get(name) {
            // It is not what its file says now, so it is not made of that.
            return (LastRight { made_of: None, ..last.clone() }, Meanwhile::LastRules);
        }
        let is_off = self.options.environment.said.enabled.get() == Some(&false);
        let meanwhile = match self.said.keys.on_error.get().copied().unwrap_or_default() {
            OnError::Refuse if !is_off => Meanwhile::Refused,
            _ => Meanwhile::Open,
        };
        let exempt = (meanwhile == Meanwhile::Open).then_some(Condition::ALWAYS);
        let layered = Site { exempt, ..Site::unlimited(name) }.into();
        let (entries, warnings) = (Arc::from([]), Vec::new());
        (LastRight { layered, claims, entries, warnings, made_of: None }, meanwhile)
    }
}
