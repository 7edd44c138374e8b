//! Hosts: which of them a site's file claims for it, and which site answers for one that several claim.
//!
//! A host that a directory is called by is that directory's. Of others, whoever has had it keeps it, and else the first by
//! name has it. So nobody takes a host away from another by writing its name into a file of one's own; and who tries
//! loses no more than that host.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::config::json::Json;
use crate::config::reader::Value;
use crate::config::report::Problem;
use crate::model::{Host, quoted};

const HOSTS: &str = "a list of names and wildcards such as \"*.example.com\"";
const HOST: &str = "a name or a wildcard such as \"*.example.com\"";

/// A host that a file claims for its site.
///
/// The text is kept beside the host, for messages quote what somebody wrote: `Shop.Example` is the host `shop.example`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Claimed {
    pub(crate) host: Host,
    /// Where it stands in the file.
    pub(crate) place: String,
    /// As it is written.
    pub(crate) text: String,
}

/// The hosts that are claimed, each once.
pub(crate) fn claimed<'a>(claims: impl Iterator<Item = &'a Claimed>) -> Vec<Host> {
    let mut hosts = Vec::new();
    for Claimed { host, .. } in claims {
        if !hosts.contains(host) {
            hosts.push(host.clone());
        }
    }
    hosts
}

/// What `rate_limit_hosts` lists; an empty list adds nothing.
pub(crate) fn hosts(value: &Value<'_>) -> Option<Vec<Claimed>> {
    value.list_if_any(HOSTS, host)
}

/// What `rate_limit_unpublished_hosts` lists, each of which is a host of the site, too.
pub(crate) fn unpublished_hosts(value: &Value<'_>) -> Option<Vec<Claimed>> {
    const SOME: &str = "every host there is; expected those that are previews, such as \"*.preview.example\"";
    let is_everything = |item: &Value<'_>| matches!(item.json(), Json::Text(text) if text == "*");
    value.list_if_any(HOSTS, |item| if is_everything(item) { item.wrong(SOME) } else { host(item) })
}

fn host(item: &Value<'_>) -> Option<Claimed> {
    let text = item.text(HOST)?;
    match Host::parse(text) {
        Ok(host) => Some(Claimed { host, place: item.place().to_owned(), text: text.to_owned() }),
        Err(fault) => item.wrong(fault),
    }
}

/// The names that bench's `domains` lists: texts, or objects with a `domain` and much that is bench's own.
///
/// The key is bench's. So what cannot be understood is no error, and is not shown.
pub(crate) fn domains(value: &Value<'_>) -> Vec<Claimed> {
    if !matches!(value.json(), Json::List(_) | Json::Null) {
        value.suspect_discreetly("not a list; expected bench's list of domains. None is read");
    }
    value.items().iter().filter_map(domain).collect()
}

fn domain(value: &Value<'_>) -> Option<Claimed> {
    let name = match value.json() {
        Json::Object(members) => members.iter().rfind(|(name, _)| name == "domain").map(|(_, json)| json),
        other => Some(other),
    };
    let Some(Json::Text(text)) = name else {
        value.suspect_discreetly("not a domain; expected a text, or an object with a domain. It is left out");
        return None;
    };
    match Host::parse(text) {
        Ok(host) => Some(Claimed { host, place: value.place().to_owned(), text: text.clone() }),
        Err(fault) => {
            value.suspect_part(text, format_args!("{fault}. It is left out"));
            None
        }
    }
}

/// A site, and the hosts that it would answer for.
pub(crate) struct Claimant<'a> {
    pub(crate) name: &'a str,
    /// That of its directory.
    pub(crate) own: Option<Host>,
    pub(crate) claims: Vec<Cow<'a, Claimed>>,
    /// The file that its claims stand in.
    pub(crate) file: &'a str,
}

/// The hosts of each site, besides its own, and what is said of those that they do not get.
pub(crate) struct Owned {
    pub(crate) hosts: Vec<Vec<Host>>,
    pub(crate) owners: HashMap<Host, String>,
    pub(crate) warnings: Vec<Problem>,
}

/// Gives each host to one of the sites, which are sorted by name.
///
/// `before` are the owners of the last reading. A host that changes hands between two readings is given to the first by name again
/// only once its owner has dropped it: so a reload never moves a host that two sites claim.
pub(crate) fn settled(claimants: &[Claimant<'_>], before: &HashMap<Host, String>) -> Owned {
    let owners = owners(claimants, before);
    let name = |at: usize| claimants[at].name;
    let (mut hosts, mut warnings) = (Vec::with_capacity(claimants.len()), Vec::new());
    for (at, claimant) in claimants.iter().enumerate() {
        let mut won: Vec<Host> = Vec::new();
        for claimed in &claimant.claims {
            match owners.get(&claimed.host) {
                Some(owner) if *owner != at => warnings.push(lost(claimed, claimant.file, name(*owner))),
                _ if claimant.own.as_ref() == Some(&claimed.host) || won.contains(&claimed.host) => {}
                _ => won.push(claimed.host.clone()),
            }
        }
        hosts.push(won);
    }
    let owners = owners.into_iter().map(|(host, at)| (host.clone(), name(at).to_owned())).collect();
    Owned { hosts, owners, warnings }
}

/// In three rounds: names of directories, then hosts that their owner of the last reading still claims, then all others in the order
/// of sites. Whoever comes first keeps a host.
fn owners<'a>(claimants: &'a [Claimant<'_>], before: &HashMap<Host, String>) -> HashMap<&'a Host, usize> {
    let own = claimants.iter().enumerate().filter_map(|(at, claimant)| Some((claimant.own.as_ref()?, at)));
    let mut owners: HashMap<&Host, usize> = own.collect();
    let claims = || {
        let sites = claimants.iter().enumerate();
        sites.flat_map(|(at, claimant)| claimant.claims.iter().map(move |claimed| (at, &claimed.host)))
    };
    for (at, host) in
        claims().filter(|(at, host)| before.get(host).is_some_and(|had| had == claimants[*at].name))
    {
        owners.entry(host).or_insert(at);
    }
    for (at, host) in claims() {
        owners.entry(host).or_insert(at);
    }
    owners
}

fn lost(claimed: &Claimed, file: &str, owner: &str) -> Problem {
    let fault =
        format!("is a host of the site {owner}, which keeps it; expected it in one site's file alone");
    Problem::new(file, &claimed.place, Some(quoted(&claimed.text)), fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claimant<'a>(name: &'a str, hosts: &[&str]) -> Claimant<'a> {
        let claimed = |text: &&str| {
            let host = Host::parse(text).expect("a host");
            Claimed { host, place: "rate_limit_hosts[0]".to_owned(), text: (*text).to_owned() }
        };
        Claimant {
            name,
            own: Host::parse(name).ok(),
            claims: hosts.iter().map(claimed).map(Cow::Owned).collect(),
            file: "file",
        }
    }

    fn hosts(owned: &Owned) -> Vec<Vec<&str>> {
        owned.hosts.iter().map(|hosts| hosts.iter().map(Host::as_str).collect()).collect()
    }

    #[test]
    fn the_first_by_name_gets_what_two_claim_and_both_are_named() {
        let claimants = [
            claimant("a.example", &["shop.example"]),
            claimant("b.example", &["shop.example", "b2.example"]),
        ];
        let owned = settled(&claimants, &HashMap::new());
        assert_eq!(hosts(&owned), [vec!["shop.example"], vec!["b2.example"]]);
        let said: Vec<_> = owned.warnings.iter().map(ToString::to_string).collect();
        let fault = "is a host of the site a.example, which keeps it; expected it in one site's file alone";
        assert_eq!(said, [format!("file: rate_limit_hosts[0]: \"shop.example\": {fault}")]);
    }

    #[test]
    fn who_has_had_a_host_keeps_it_as_long_as_it_claims_it() {
        let before = settled(&[claimant("b.example", &["shop.example"])], &HashMap::new()).owners;
        let both = [claimant("a.example", &["shop.example"]), claimant("b.example", &["shop.example"])];
        assert_eq!(hosts(&settled(&both, &before)), [vec![], vec!["shop.example"]]);
        let left = [claimant("a.example", &["shop.example"]), claimant("b.example", &[])];
        assert_eq!(hosts(&settled(&left, &before)), [vec!["shop.example"], vec![]]);
    }

    #[test]
    fn a_directorys_own_name_cannot_be_taken_from_it() {
        let before = settled(&[claimant("a.example", &["b.example"])], &HashMap::new()).owners;
        let claimants = [claimant("a.example", &["b.example", "a.example"]), claimant("b.example", &[])];
        let owned = settled(&claimants, &before);
        assert_eq!(hosts(&owned), [Vec::<&str>::new(), vec![]]);
        assert_eq!(owned.warnings.len(), 1, "its own name is no claim on another's");
    }
}
