//! What becomes of requests for hosts that have no site, and of sites that no request can ask for.

use crate::config::directory::site_name;
use crate::config::layer::Layer;
use crate::config::names::SITE_HEADER;
use crate::config::problem::Problem;
use crate::config::report::Report;
use crate::config::standing::Standing;
use crate::model::nearest;
use crate::model::quoted;
use crate::model::wording::UNTRUSTED;
use crate::model::{Host, Site};

/// A client chooses the host that it asks for, and so could choose not to be limited.
const UNLIMITED: &str =
    "missing, and no rate_limit here: requests for hosts that have no site are not limited";

/// The name of the default site, if the common file names one; the report has what is wrong or may not be meant.
///
/// The report is at the common file.
pub(super) fn default_site(
    sites: &[Standing],
    common: &Layer,
    fallback: &Site,
    report: &mut Report,
) -> Option<String> {
    let Some(text) = common.default_site() else {
        if fallback.rules.is_empty() && sites.iter().any(|site| !site.now.site.rules.is_empty()) {
            report.suspect("default_site", None, UNLIMITED);
        }
        return None;
    };
    let found = sites.iter().find(|site| site.is_called(&site_name(&text)));
    if found.is_none() {
        report.wrong("default_site", Some(quoted(&text)), no_such_site(&text, sites));
    }
    found.map(|site| site.name.clone())
}

fn no_such_site(text: &str, sites: &[Standing]) -> String {
    let host = Host::parse(text).ok();
    let has_it = |site: &&Standing| host.as_ref().is_some_and(|host| site.now.site.hosts.contains(host));
    let names = || sites.iter().map(|site| site.name.as_str());
    match (sites.iter().find(has_it), nearest(&site_name(text), names())) {
        (Some(site), _) => format!("a host of the site {}; expected the name of its directory", site.name),
        (None, Some(meant)) => format!("no such site; did you mean \"{meant}\"?"),
        (None, None) => "no such site; expected the name of a directory with a site_config.json".to_owned(),
    }
}

/// The header in which trusted proxies name the site. It is wrong where nobody is trusted: anybody could write it.
///
/// The report is at the common file.
pub(super) fn site_header(common: &Layer, fallback: &Site, report: &mut Report) -> Option<String> {
    let header = common.site_header()?;
    if !fallback.addresses.trusts_somebody() {
        report.wrong(SITE_HEADER, Some(quoted(header)), UNTRUSTED);
    }
    Some(header.clone())
}

/// What is said of sites that no request can ask for, since their directory is called as no host is.
pub(super) fn out_of_reach(sites: &[Standing], default_site: Option<&str>) -> impl Iterator<Item = Problem> {
    let reached =
        move |site: &&Standing| site.now.site.hosts.is_empty() && default_site != Some(site.name.as_str());
    sites.iter().filter(reached).filter_map(|site| {
        let fault = Host::parse(&site.directory).err()?;
        let fault =
            format_args!("no request reaches this site, for its directory's name is {fault}").to_string();
        Some(Problem::at(&site.file, "", Some(quoted(&site.directory)), fault))
    })
}
