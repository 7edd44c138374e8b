//! The keys that say who tells who and where clients are.

use crate::config::address::header_name;
use crate::config::node::{Known, Node, sound};
use crate::config::report::Report;
use crate::model::{CountrySource, IdentityHeaders};

const IDENTITY: Known = Known { now: &["user", "groups"], later: &[] };
const COUNTRY: Known = Known { now: &["header", "database"], later: &[] };

const USER: &str = "the name of a header, such as \"X-Forwarded-User\"";
const GROUPS: &str = "the name of a header, such as \"X-Forwarded-Groups\"";
const HEADER: &str = "the name of a header, such as \"CF-IPCountry\"";
const REGION_HEADER: &str = "the name of a header, such as \"CF-Region-Code\"";
const REGION_PATH: &str = "the path of a database of cities such as \"GeoLite2-City.mmdb\"";
const SOURCE: &str = "{\"header\": name} or {\"database\": path}";

/// The headers that `rate_limit_identity` names.
pub(super) fn identity(node: &Node<'_>, report: &mut Report) -> Option<IdentityHeaders> {
    let fields = node.fields(&IDENTITY, report)?;
    let user = fields.required("user", USER, report).and_then(|node| header_name(&node, USER, report));
    let groups = fields.optional("groups").map(|node| header_name(&node, GROUPS, report));
    Some(IdentityHeaders { user: user?, groups: sound(groups)? })
}

/// The source that `rate_limit_country` names.
pub(super) fn country(node: &Node<'_>, report: &mut Report) -> Option<CountrySource> {
    source(node, HEADER, report)
}

/// The source that `rate_limit_region` names.
pub(super) fn region(node: &Node<'_>, report: &mut Report) -> Option<CountrySource> {
    let source = source(node, REGION_HEADER, report)?;
    match &source {
        CountrySource::Database(countries) if !countries.tells_regions() => {
            node.wrong(format_args!("a database that tells countries only; expected {REGION_PATH}"), report)
        }
        _ => Some(source),
    }
}

fn source(node: &Node<'_>, header: &str, report: &mut Report) -> Option<CountrySource> {
    let fields = node.fields(&COUNTRY, report)?;
    match (fields.optional("header"), fields.optional("database")) {
        (Some(node), None) => header_name(&node, header, report).map(CountrySource::Header),
        (None, Some(node)) => database(&node, report),
        (None, None) if fields.names().next().is_some() => None,
        _ => node.wrong(format_args!("not one source; expected {SOURCE}"), report),
    }
}

/// The database at a path, which is relative to the file that names it.
#[cfg(feature = "geo")]
fn database(node: &Node<'_>, report: &mut Report) -> Option<CountrySource> {
    use std::path::Path;
    use std::sync::Arc;

    use crate::geo::CountryDatabase;

    const PATH: &str = "the path of a database such as \"GeoLite2-Country.mmdb\"";
    let path = node.text(PATH, report)?;
    let beside = Path::new(report.file()).parent().unwrap_or(Path::new("")).join(path);
    match CountryDatabase::open(beside) {
        Ok(database) => Some(CountrySource::Database(Arc::new(database))),
        Err(error) => node.wrong(format_args!("{error}; expected {PATH}"), report),
    }
}

#[cfg(not(feature = "geo"))]
fn database(node: &Node<'_>, report: &mut Report) -> Option<CountrySource> {
    node.wrong(
        "this program was built without databases of countries; expected the feature geo, or a header",
        report,
    )
}
