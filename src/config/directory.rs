//! A directory in bench's layout, file by file.

use std::io;
use std::path::Path;

use crate::config::files::{directories, text_if_any};
use crate::config::layer::{Layer, Scope};
use crate::config::references::References;
use crate::config::report::Report;
use crate::model::excerpt::quoted;
use crate::model::nearest::nearest;
use crate::model::rule::Rule;
use crate::model::site::Site;

/// The name of the file below all sites.
pub(super) const COMMON: &str = "common_site_config.json";

/// The name of a site's file in its directory.
const SITE: &str = "site_config.json";

/// What the common file says; `None` if there is none.
pub(super) fn read_common(dir: &Path, report: &mut Report) -> Option<Layer> {
    read_layer(&dir.join(COMMON), Scope::Common, report)
}

/// What the sites' files say, by host name and sorted; on an error what remains of it.
pub(super) fn read_sites(dir: &Path, report: &mut Report) -> Vec<(String, Layer)> {
    report.begin(&dir.display().to_string());
    let found = directories(dir).unwrap_or_else(|error| {
        report.wrong_file(unreadable(&error));
        Vec::new()
    });
    let mut sites: Vec<(String, Layer)> = Vec::with_capacity(found.len());
    for (name, path) in found {
        let Some(layer) = read_layer(&path.join(SITE), Scope::Site, report) else {
            continue;
        };
        let host = name.to_ascii_lowercase();
        if sites.iter().any(|(other, _)| *other == host) {
            report.wrong_file("another directory has this name in other case; expected one for each host");
        }
        sites.push((host, layer));
    }
    sites.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    report.begin(&dir.display().to_string());
    sites
}

/// Reports what becomes of requests for hosts that have no site, if that is wrong or may not be meant.
pub(super) fn check_unknown_hosts(
    sites: &[(String, Site)],
    default_site: Option<&str>,
    fallback: &Site,
    report: &mut Report,
) {
    let is_site = |host: &str| sites.iter().any(|(other, _)| other == host);
    match default_site {
        Some(host) if is_site(host) => {}
        Some(host) => report.wrong("default_site", Some(quoted(host)), no_such_site(host, sites)),
        None if fallback.rules.is_empty() && sites.iter().any(|(_, site)| !site.rules.is_empty()) => {
            report.suspect("default_site", None, UNLIMITED);
        }
        None => {}
    }
}

/// Reports rules that the common file's tiers and overrides name and no site has, nor the one for unknown hosts.
pub(super) fn check_common_rules(
    sites: &[(String, Site)],
    fallback: &Site,
    common: &Layer,
    report: &mut Report,
) {
    if report.has_errors() {
        return; // Rules that could not be read would be missed.
    }
    let alone = Layer::default().unchecked_site("", common);
    let all = sites.iter().map(|(_, site)| site).chain([fallback]);
    let rules: Vec<&Rule> = all.flat_map(|site| &site.rules).collect();
    References { site: &alone, origins: &common.origins, report }.check_rules(&common.file, &rules);
}

fn no_such_site(host: &str, sites: &[(String, Site)]) -> String {
    match nearest(host, sites.iter().map(|(other, _)| other.as_str())) {
        Some(meant) => format!("no such site; did you mean \"{meant}\"?"),
        None => "no such site; expected the name of a directory with a site_config.json".to_owned(),
    }
}

/// A client chooses the host that it asks for, and so could choose not to be limited.
const UNLIMITED: &str =
    "missing, and no rate_limit here: requests for hosts that have no site are not limited";

fn read_layer(path: &Path, scope: Scope, report: &mut Report) -> Option<Layer> {
    report.begin(&path.display().to_string());
    match text_if_any(path) {
        Ok(text) => Some(Layer::read(&text?, scope, report)),
        Err(error) => {
            report.wrong_file(unreadable(&error));
            Some(Layer::default())
        }
    }
}

/// The fault of a file that is there but cannot be read.
pub(super) fn unreadable(error: &io::Error) -> String {
    format!("cannot be read: {error}")
}
