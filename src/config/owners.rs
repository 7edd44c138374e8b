//! Owners: which site answers for a host that several claim.
//!
//! A host that a directory is called by is that directory's. Of others, whoever has had it keeps it, and else the first by
//! name has it. So nobody takes a host away from another by writing its name into a file of one's own; and who tries
//! loses no more than that host.

use std::collections::HashMap;

use crate::config::hosts::Claimed;
use crate::config::problem::Problem;
use crate::model::Host;
use crate::model::quoted;

/// A site, and the hosts that it would answer for.
pub(super) struct Claimant<'a> {
    pub(super) name: &'a str,
    /// That of its directory.
    pub(super) own: Option<Host>,
    pub(super) claims: Vec<Claimed>,
    /// The file that its claims stand in.
    pub(super) file: &'a str,
}

/// The hosts of each site, besides its own, and what is said of those that they do not get.
pub(super) struct Owned {
    pub(super) hosts: Vec<Vec<Host>>,
    pub(super) owners: HashMap<Host, String>,
    pub(super) warnings: Vec<Problem>,
}

/// Gives each host to one of the sites, which are sorted by name.
pub(super) fn settled(claimants: &[Claimant<'_>], before: &HashMap<Host, String>) -> Owned {
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
    Problem::at(file, &claimed.place, Some(quoted(&claimed.text)), fault)
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
            claims: hosts.iter().map(claimed).collect(),
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
