//! A site of a directory, with the rules that are to hold for it now.

use std::borrow::Cow;
use std::sync::Arc;

use crate::config::Options;
use crate::config::disk::{Found, ReadFile, site_name};
use crate::config::hosts::{Claimant, Claimed, claimed};
use crate::config::keys::{Entries, OnError};
use crate::config::past::{LastRight, MadeOf, Past};
use crate::config::references::{site_of, site_under};
use crate::config::report::{Errors, Findings, Inspection, Meanwhile, WrongSite};
use crate::config::said::Said;
use crate::model::{Condition, Host, Site};

/// A site, with the rules that are to hold for it now.
///
/// Whether its file is right or wrong, it stands for the site's requests: `now` always has rules, if only to say that nobody knows them.
pub(crate) struct DirectorySite<'a> {
    pub(crate) found: &'a Found,
    /// What holds: what the file says, or what it said when it was last right.
    pub(crate) now: LastRight,
    pub(crate) wrong: Option<WrongSite>,
}

impl<'a> DirectorySite<'a> {
    /// What is to hold for a site that was found; warnings go to the report.
    pub(crate) fn new(found: &'a Found, below: &Below<'_>, past: &Past) -> Self {
        let Found { name, reading, .. } = found;
        let (common, layer) = (below.common.clone(), Arc::clone(&below.options.layer));
        let made_of = MadeOf { own: Arc::clone(reading), common, layer };
        below.inspection.warn(&made_of.own.findings.warnings);
        let known = past.sites.get(name).and_then(|last| Some((last, last.made_of.as_ref()?)));
        let made = match known.filter(|(_, before)| made_of.has_files_of(before)) {
            Some((last, before)) if made_of.has_layer_as(&before.layer, name) => Ok(last.made_of(made_of)),
            Some((last, _)) => below.make_again(name, made_of, last),
            None => below.make(name, made_of),
        };
        let (now, wrong) = match made {
            Ok(now) => (now, None),
            Err((claims, errors)) => {
                let (now, meanwhile) = below.instead(name, claims, past);
                (now, Some(WrongSite { site: name.clone(), meanwhile, errors }))
            }
        };
        below.inspection.warn(&now.warnings);
        Self { found, now, wrong }
    }

    /// The site that holds.
    pub(crate) fn site(&self) -> &Site {
        &self.now.layered.site
    }

    /// Has it answer for these hosts.
    pub(crate) fn give(&mut self, hosts: &[Host]) {
        if self.now.layered.site.hosts != hosts {
            Arc::make_mut(&mut self.now.layered.site).hosts = hosts.to_vec();
        }
    }

    /// The hosts that it would answer for.
    pub(crate) fn claimant(&self) -> Claimant<'_> {
        Claimant {
            name: &self.found.name,
            own: Host::parse(&self.found.name).ok(),
            claims: self.claims(),
            file: &self.found.file,
        }
    }

    /// Those besides its own: those of links to its directory first.
    fn claims(&self) -> Vec<Cow<'_, Claimed>> {
        let of_link = |text: &String| {
            let host = Host::parse(text).ok()?;
            Some(Cow::Owned(Claimed { host, place: String::new(), text: text.clone() }))
        };
        self.found.links.iter().filter_map(of_link).chain(self.now.claims.iter().map(Cow::Borrowed)).collect()
    }

    /// Whether it has rules to keep when its file is wrong the next time.
    pub(crate) fn has_rules(&self) -> bool {
        self.wrong.as_ref().is_none_or(|wrong| wrong.meanwhile == Meanwhile::LastRules)
    }

    /// Whether its directory, or a link to that, is called so.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.found.name == name || self.found.links.iter().any(|link| site_name(link) == name)
    }
}

/// What lies below, and above, the file of every site.
pub(crate) struct Below<'a> {
    /// The common file, if there is one.
    pub(crate) common: Option<Arc<ReadFile>>,
    pub(crate) said: &'a Said,
    pub(crate) options: &'a Options,
    pub(crate) inspection: &'a Inspection,
}

impl Below<'_> {
    /// The site that its own file and the others describe together, or the hosts that it claims and all that is wrong with
    /// it.
    fn make(&self, name: &str, made_of: MadeOf) -> Result<LastRight, (Arc<[Claimed]>, Errors)> {
        let own = &made_of.own;
        let claims: Arc<[_]> = own.said.claims().cloned().collect();
        let said = self.options.environment.said.clone().or(own.said.clone());
        let of_layer = self.options.layer.entries_of(name, said.unpublished_hosts().next().is_some());
        let entries = Entries::new(said.entries_of_site(self.said), of_layer);
        let (layered, Findings { errors, warnings }) =
            self.inspection.apart(|| site_of(said, self.said, name, self.options, self.inspection));
        let errors: Vec<_> = own.findings.errors.iter().cloned().chain(errors).collect();
        match errors.is_empty() {
            true => Ok(LastRight { layered, claims, entries, warnings, made_of: Some(made_of) }),
            false => Err((claims, Errors(errors))),
        }
    }

    /// The same where the files are those that it was made of when it was last right, and the layer is another.
    fn make_again(
        &self,
        name: &str,
        made_of: MadeOf,
        last: &LastRight,
    ) -> Result<LastRight, (Arc<[Claimed]>, Errors)> {
        let claims = Arc::clone(&last.claims);
        let has_unpublished = !last.layered.site.unpublished_hosts.is_empty();
        let of_layer = self.options.layer.entries_of(name, has_unpublished);
        let entries = last.entries.above(of_layer);
        let file = &made_of.own.said.file;
        let hosts = claimed(claims.iter());
        let (layered, Findings { errors, warnings }) =
            self.inspection.apart(|| site_under(&last.layered, hosts, file, self.options, self.inspection));
        match errors.is_empty() {
            true => Ok(LastRight { layered, claims, entries, warnings, made_of: Some(made_of) }),
            false => Err((claims, Errors(errors))),
        }
    }

    /// What holds for a site whose own file is wrong: its last rules, else what the common file wants; and what becomes of
    /// its requests by that.
    fn instead(&self, name: &str, claims: Arc<[Claimed]>, past: &Past) -> (LastRight, Meanwhile) {
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
        let (entries, warnings) = (Entries::default(), Vec::new());
        (LastRight { layered, claims, entries, warnings, made_of: None }, meanwhile)
    }
}
