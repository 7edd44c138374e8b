//! One site that answers for every host, from what its file or code says to a configuration.

use std::sync::Arc;

use crate::config::configuration::{Configuration, process};
use crate::config::keys::Entries;
use crate::config::layered::Layered;
use crate::config::past::{Made, Past};
use crate::config::references::{layered, site_of, suspect_hosts, suspect_hosts_of_layer, unmet_of_layer};
use crate::config::report::{Errors, Findings, Inspection};
use crate::config::said::Said;
use crate::config::{ANY_HOST, Loaded, Options};
use crate::model::{Condition, KnownRules, Site};

/// A site that code describes, with what lies below it.
pub(crate) fn of_code(site: Site, options: &Options) -> Result<Made, Errors> {
    let (inspection, layer) = (options.inspection(), &options.layer);
    let is_off = options.environment.said.enabled.get() == Some(&false);
    let exempt = if is_off { Some(Condition::ALWAYS) } else { site.exempt.clone() };
    let of_layer = layer.entries_of(&site.name, !site.unpublished_hosts.is_empty());
    let entries = (site.name.clone(), Entries::new(Vec::new(), of_layer));
    let layered = layered(Site { exempt, ..site }, options, &inspection);
    made(layered, entries, options, inspection)
}

/// The site of a file or text, with what was found in it.
pub(crate) fn of_one(said: Said, findings: Findings, options: &Options) -> Result<Made, Errors> {
    let (inspection, none) = (options.inspection(), Said::default());
    inspection.add(findings);
    let said = options.environment.said.clone().or(said);
    let of_layer = options.layer.entries_of(ANY_HOST, said.unpublished_hosts().next().is_some());
    let entries = Entries::new(said.entries_of_site(&none), of_layer);
    let file = Arc::clone(&said.file);
    let layered = site_of(said, &none, ANY_HOST, options, &inspection);
    let (exempt, names) = (layered.site.exempt.as_ref(), layered.site.names_of_hosts());
    suspect_hosts(layered.rules().0, exempt, &names, &inspection.page(file));
    made(layered, (ANY_HOST.to_owned(), entries), options, inspection)
}

fn made(
    layered: Layered,
    entries: (String, Entries),
    options: &Options,
    inspection: Inspection,
) -> Result<Made, Errors> {
    let layer = Arc::clone(&options.layer);
    suspect_hosts_of_layer(&layer, &layered.site.names_of_hosts(), &inspection);
    let rules = KnownRules::new(&layered.site.rules);
    let unmet = unmet_of_layer(&rules, &layer, options, &inspection);
    let (store, process) = process(&Said::default(), &options.environment, &inspection);
    let warnings = inspection.close()?;
    let site = (*layered.site).clone();
    let loaded = Loaded { warnings, ..Loaded::from_site(site) };
    let (sites, shadowed) = (vec![entries], layered.shadowed.clone());
    let past = Past::of_one(layered, rules, &layer);
    Ok(Made { read: Configuration { loaded, store, process, sites, unmet, shadowed, layer }, past })
}
