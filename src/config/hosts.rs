//! The keys that say which hosts a site answers for.

use crate::config::json::Json;
use crate::config::node::Node;
use crate::config::report::Report;
use crate::model::Host;

const HOSTS: &str = "a list of names and wildcards such as \"*.example.com\"";
const HOST: &str = "a name or a wildcard such as \"*.example.com\"";

/// A host that a file claims for its site.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Claimed {
    pub(super) host: Host,
    /// Where it stands in the file.
    pub(super) place: String,
    /// As it is written.
    pub(super) text: String,
}

/// What `rate_limit_hosts` lists; an empty list adds nothing.
pub(super) fn hosts(node: &Node<'_>, report: &mut Report) -> Option<Vec<Claimed>> {
    if matches!(node.json(), Json::List(items) if items.is_empty()) {
        return Some(Vec::new());
    }
    let items = node.items(HOSTS, report)?;
    let hosts: Vec<_> = items.iter().map(|item| claimed(item, report)).collect();
    hosts.into_iter().collect()
}

fn claimed(node: &Node<'_>, report: &mut Report) -> Option<Claimed> {
    let text = node.text(HOST, report)?;
    match Host::parse(text) {
        Ok(host) => Some(Claimed { host, place: node.place().to_owned(), text: text.to_owned() }),
        Err(fault) => node.wrong(fault, report),
    }
}

/// The names that bench's `domains` lists: texts, or objects with a `domain` and much that is bench's own.
///
/// The key is bench's. So what cannot be understood is no error, and is not shown.
pub(super) fn domains(node: &Node<'_>, report: &mut Report) -> Vec<Claimed> {
    let Json::List(items) = node.json() else {
        if *node.json() != Json::Null {
            node.suspect_discreetly("no list; expected bench's list of domains. None is read", report);
        }
        return Vec::new();
    };
    let items = items.iter().enumerate().map(|(at, item)| node.item(at, item));
    items.filter_map(|item| domain(&item, report)).collect()
}

fn domain(node: &Node<'_>, report: &mut Report) -> Option<Claimed> {
    let named = |members: &[(String, _)]| members.iter().rfind(|(name, _)| name == "domain").cloned();
    let name = match node.json() {
        Json::Object(members) => named(members).map(|(_, json)| json),
        other => Some(other.clone()),
    };
    let Some(Json::Text(text)) = name else {
        node.suspect_discreetly(
            "no domain; expected a text, or an object with a domain. It is left out",
            report,
        );
        return None;
    };
    match Host::parse(&text) {
        Ok(host) => Some(Claimed { host, place: node.place().to_owned(), text }),
        Err(fault) => {
            node.suspect_part(&text, format_args!("{fault}. It is left out"), report);
            None
        }
    }
}
