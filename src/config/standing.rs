//! A site of a directory, with the rules that are to hold for it now.

use crate::config::directory::{Found, site_name};
use crate::config::environment::Environment;
use crate::config::hosts::Claimed;
use crate::config::layer::Layer;
use crate::config::on_error::{Meanwhile, OnError, WrongSite};
use crate::config::owners::Claimant;
use crate::config::past::{LastRight, Past};
use crate::config::problem::Errors;
use crate::config::report::{Findings, Report};
use crate::model::condition::Condition;
use crate::model::host::Host;
use crate::model::site::Site;

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
    pub(super) fn of(
        found: Found,
        common: &Layer,
        environment: &Environment,
        past: &Past,
        report: &mut Report,
    ) -> Self {
        let Found { name, directory, links, file, layer, findings } = found;
        let claims: Vec<_> = layer.claims().cloned().collect();
        let layer = environment.layer.clone().or(layer);
        let entries = layer.entries(common);
        let (site, merged) = report.apart(|report| layer.site(&name, common, report));
        let errors: Vec<_> = findings.errors.into_iter().chain(merged.errors).collect();
        report.add(Findings { errors: Vec::new(), warnings: findings.warnings });
        report.add(Findings { errors: Vec::new(), warnings: merged.warnings });
        let (now, wrong) = match errors.is_empty() {
            true => (LastRight { site, claims, entries }, None),
            false => {
                let (now, meanwhile) = instead(&name, claims, common, environment, past);
                let errors = Errors(errors);
                (now, Some(WrongSite { site: name.clone(), meanwhile, errors }))
            }
        };
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

/// What holds for a site whose own file is wrong: its last rules, else what the common file wants; and what becomes of its
/// requests by that.
fn instead(
    name: &str,
    claims: Vec<Claimed>,
    common: &Layer,
    environment: &Environment,
    past: &Past,
) -> (LastRight, Meanwhile) {
    if let Some(last) = past.sites.get(name) {
        return (last.clone(), Meanwhile::LastRules);
    }
    let meanwhile = match common.on_error() {
        OnError::Refuse if environment.layer.enabled.get() != Some(&false) => Meanwhile::Refused,
        _ => Meanwhile::Open,
    };
    let exempt = (meanwhile == Meanwhile::Open).then_some(Condition::ALWAYS);
    let site = Site { exempt, ..Site::unlimited(name) };
    (LastRight { site, claims, entries: Vec::new() }, meanwhile)
}
