//! A site of a directory, with the rules that are to hold for it now, and those that held before.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::Options;
use crate::config::directory::{Found, site_name};
use crate::config::disk::Reading;
use crate::config::entry::Entry;
use crate::config::hosts::{Claimant, Claimed};
use crate::config::keys::OnError;
use crate::config::layer::{Layer, Layered};
use crate::config::references::site_of;
use crate::config::report::{Errors, Findings, Meanwhile, Problem, Report, WrongSite};
use crate::config::said::Said;
use crate::model::{Condition, Host, Site};

/// What was in force before: what a site falls back to whose own file is wrong.
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
}

impl PartialEq for MadeOf {
    /// A file that is read again is another one.
    fn eq(&self, other: &Self) -> bool {
        let is_same_common = match (&self.common, &other.common) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        is_same_common && Arc::ptr_eq(&self.own, &other.own) && Arc::ptr_eq(&self.layer, &other.layer)
    }
}

/// A site, with the rules that are to hold for it now.
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
        let made_of = MadeOf { own: reading, common, layer };
        below.report.warn(&made_of.own.findings.warnings);
        let same = past.sites.get(&name).filter(|last| last.made_of.as_ref() == Some(&made_of));
        let made = same.cloned().map_or_else(|| below.make(&name, made_of), Ok);
        let (now, wrong) = match made {
            Ok(now) => (now, None),
            Err((claims, errors)) => {
                let (now, meanwhile) = below.instead(&name, claims, past);
                (now, Some(WrongSite { site: name.clone(), meanwhile, errors }))
            }
        };
        below.report.warn(&now.warnings);
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
    pub(crate) report: &'a Report,
}

impl Below<'_> {
    /// The site that its own file and the others describe together, or the hosts that it claims and all that is wrong with
    /// it.
    fn make(&self, name: &str, made_of: MadeOf) -> Result<LastRight, (Vec<Claimed>, Errors)> {
        let own = &made_of.own;
        let claims: Vec<_> = own.said.claims().cloned().collect();
        let said = self.options.environment.said.clone().or(own.said.clone());
        let of_layer = self.options.layer.entries_of(name, said.unpublished_hosts().next().is_some());
        let entries = said.entries_of_site(self.said).into_iter().chain(of_layer).collect();
        let (layered, Findings { errors, warnings }) =
            self.report.apart(|| site_of(said, self.said, name, self.options, self.report));
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
