//! Conditions on hosts that nothing is called by, which no request fulfils.
//!
//! A host counts by its configured name, never as the client writes it, so a rule may ask for one that no file names.

use crate::config::origin::Origin;
use crate::config::report::Report;
use crate::config::standing::Standing;
use crate::model::asks_in_vain;
use crate::model::quoted;
use crate::model::wording::NO_SUCH_HOST;
use crate::model::{Condition, Rule, Site};

/// Warns of the rules of a site, and of its exemption, that ask for a host which none of the names is.
///
/// The report is at their file.
pub(super) fn suspect_hosts(site: &Site, names: &[&str], report: &mut Report) {
    suspect_hosts_of((&site.rules, site.exempt.as_ref()), names, report);
}

fn suspect_hosts_of((rules, exempt): (&[Rule], Option<&Condition>), names: &[&str], report: &mut Report) {
    for (at, rule) in rules.iter().enumerate().filter(|(_, rule)| asks_in_vain(&rule.when, names)) {
        report.suspect(&format!("rate_limit_rules[{at}].when"), Some(quoted(&rule.name)), NO_SUCH_HOST);
    }
    if exempt.is_some_and(|exempt| asks_in_vain(exempt, names)) {
        report.suspect("rate_limit_exempt", None, NO_SUCH_HOST);
    }
}

/// The same of sites in a directory: those with a wrong file have been reported.
pub(super) fn suspect_hosts_of_sites(sites: &[Standing], report: &mut Report) {
    for standing in sites.iter().filter(|site| site.wrong.is_none()) {
        report.begin(&standing.file);
        let is_own = |origin: &Origin| matches!(origin, Origin::File(file) if **file == *standing.file);
        let says =
            |key: &str| standing.now.entries.iter().any(|entry| entry.key == key && is_own(&entry.origin));
        // What the common file says is asked once, of all sites together.
        let site = &standing.now.site;
        let rules = if says("rate_limit_rules") { &site.rules[..] } else { &[] };
        let exempt = site.exempt.as_ref().filter(|_| says("rate_limit_exempt"));
        suspect_hosts_of((rules, exempt), &site.names_of_hosts(), report);
    }
}
