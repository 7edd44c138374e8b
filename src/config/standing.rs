//! A site of a directory, with the rules that are to hold for it now.

use std::sync::Arc;

use crate::config::directory::{Found, site_name};
use crate::config::environment::Environment;
use crate::config::hosts::Claimed;
use crate::config::layer::Layer;
use crate::config::on_error::{Meanwhile, OnError, WrongSite};
use crate::config::owners::Claimant;
use crate::config::past::{LastRight, MadeOf, Past};
use crate::config::problem::Errors;
use crate::config::remembered::Reading;
use crate::config::report::{Findings, Report};
use crate::model::{Condition, Host, Site};

/// A site, with the rules that are to hold for it now.
pub(super) struct Standing {
    pub(super) name: String,
    /// As its directory is called.
    pub(super) directory: String,
    /// The names of links to the directory.
    links: Vec<String>,
    /// The file, as messages name it.
    pub(super) file: String,
    /// What holds: what the file says, or what it said when it was last right.
    pub(super) now: LastRight,
    pub(super) wrong: Option<WrongSite>,
}

impl Standing {
    /// What is to hold for a site that was found; warnings go to the report.
    pub(super) fn of(found: Found, below: &Below<'_>, past: &Past, report: &mut Report) -> Self {
        let Found { name, directory, links, file, reading } = found;
        let made_of = MadeOf { own: reading, common: below.common.clone() };
        report.warn(&made_of.own.findings.warnings);
        let same = past.sites.get(&name).filter(|last| last.made_of.as_ref() == Some(&made_of));
        let made = same.cloned().map_or_else(|| below.make(&name, made_of, report), Ok);
        let (now, wrong) = match made {
            Ok(now) => (now, None),
            Err((claims, errors)) => {
                let (now, meanwhile) = below.instead(&name, claims, past);
                (now, Some(WrongSite { site: name.clone(), meanwhile, errors }))
            }
        };
        report.warn(&now.warnings);
        Self { name, directory, links, file, now, wrong }
    }

    /// The hosts that it would answer for.
    pub(super) fn claimant(&self) -> Claimant<'_> {
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
    pub(super) fn has_rules(&self) -> bool {
        self.wrong.as_ref().is_none_or(|wrong| wrong.meanwhile == Meanwhile::LastRules)
    }

    /// Whether its directory, or a link to that, is called so.
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.name == name || self.links.iter().any(|link| site_name(link) == name)
    }
}

/// What lies below, and above, the file of every site.
pub(super) struct Below<'a> {
    /// The common file, if there is one.
    pub(super) common: Option<Arc<Reading>>,
    pub(super) layer: &'a Layer,
    pub(super) environment: &'a Environment,
}

impl Below<'_> {
    /// The site that its own file and the others describe together, or the hosts that it claims and all that is wrong with
    /// it.
    fn make(
        &self,
        name: &str,
        made_of: MadeOf,
        report: &mut Report,
    ) -> Result<LastRight, (Vec<Claimed>, Errors)> {
        let own = &made_of.own;
        let claims: Vec<_> = own.layer.claims().cloned().collect();
        let layer = self.environment.layer.clone().or(own.layer.clone());
        let entries = layer.entries(self.layer).into();
        let (site, Findings { errors, warnings }) =
            report.apart(|report| layer.site(name, self.layer, report));
        let errors: Vec<_> = own.findings.errors.iter().cloned().chain(errors).collect();
        match errors.is_empty() {
            true => Ok(LastRight { site, claims, entries, warnings, made_of: Some(made_of) }),
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
        let meanwhile = match self.layer.on_error() {
            OnError::Refuse if self.environment.layer.enabled.get() != Some(&false) => Meanwhile::Refused,
            _ => Meanwhile::Open,
        };
        let exempt = (meanwhile == Meanwhile::Open).then_some(Condition::ALWAYS);
        let site = Site { exempt, ..Site::unlimited(name) };
        let (entries, warnings) = (Arc::from([]), Vec::new());
        (LastRight { site, claims, entries, warnings, made_of: None }, meanwhile)
    }
}
