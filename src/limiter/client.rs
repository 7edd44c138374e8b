//! A request together with who its client is.

use std::any::Any;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::net::IpAddr;

use smallvec::SmallVec;

use crate::limiter::terms::OpenTiers;
use crate::model::{
    ApiKey, Country, CountrySource, Facts, Identity, KeyDigest, Paths, Region, Rule, Site, Source, Tiers,
    UnixMicros, canonical,
};

/// The facts of a request, and beside them who its client is by what the site knows of clients.
///
/// Each thing is found out when a rule first asks for it, and once.
///
/// A key, an identity and a tier cost nothing where no rule asks for them, and a closure of the application's runs once.
pub struct Client<'a> {
    facts: &'a dyn Facts,
    site: &'a Site,
    tiers: &'a Tiers,
    /// What a limiter has made of the tiers, if it is one that asks.
    terms: Option<&'a OpenTiers>,
    /// When the request arrived, by the wall clock.
    at: UnixMicros,
    who: OnceCell<Who<'a>>,
    country: OnceCell<Option<Country>>,
    region: OnceCell<Option<Region>>,
    tier: OnceCell<Option<usize>>,
    overrides: OnceCell<SmallVec<[usize; 4]>>,
}

/// What is known of a client.
struct Who<'a> {
    identity: Identity,
    api_key: Option<(&'a KeyDigest, &'a ApiKey)>,
}

impl<'a> Client<'a> {
    /// The client of a request to a site that arrived at `at`, by the wall clock.
    pub fn new(facts: &'a dyn Facts, site: &'a Site, at: UnixMicros) -> Self {
        Self::of(facts, site, &site.tiers, at)
    }

    /// The same under terms that a limiter has in force.
    pub(crate) fn under(facts: &'a dyn Facts, site: &'a Site, terms: &'a OpenTiers, at: UnixMicros) -> Self {
        Self { terms: Some(terms), ..Self::of(facts, site, &terms.tiers, at) }
    }

    const fn of(facts: &'a dyn Facts, site: &'a Site, tiers: &'a Tiers, at: UnixMicros) -> Self {
        Self {
            facts,
            site,
            tiers,
            terms: None,
            at,
            who: OnceCell::new(),
            country: OnceCell::new(),
            region: OnceCell::new(),
            tier: OnceCell::new(),
            overrides: OnceCell::new(),
        }
    }

    /// Who may spend something else than the rules say.
    pub(crate) const fn tiers(&self) -> &'a Tiers {
        self.tiers
    }

    pub(crate) const fn terms(&self) -> Option<&'a OpenTiers> {
        self.terms
    }

    /// Whose limits of a rule hold for the client.
    pub fn source(&self, rule: &Rule) -> Source {
        self.tiers.source(rule, self.tier_position(), self.overrides())
    }

    /// The API key that the client has sent, if anybody has asked who the client is.
    pub(crate) fn used_key(&self) -> Option<&'a KeyDigest> {
        self.who.get()?.api_key.map(|(digest, _)| digest)
    }

    fn who(&self) -> &Who<'a> {
        self.who.get_or_init(|| {
            let api_key = self.sent_key();
            let of_key = api_key.and_then(|(_, key)| key.user.as_deref()).map(Identity::new);
            let mut identity = of_key.or_else(|| self.told()).unwrap_or_default();
            if identity.user.is_empty() {
                identity.groups.clear();
            }
            identity.groups.sort_unstable();
            identity.groups.dedup();
            Who { identity, api_key }
        })
    }

    /// Who code, else a trusted proxy, says that the client is.
    fn told(&self) -> Option<Identity> {
        self.facts.identity().or_else(|| {
            let headers = self.site.clients.identity.as_ref()?;
            let groups = headers.groups.as_ref().map(|name| self.facts.told_by_proxy(name));
            Identity::from_lines(&self.facts.told_by_proxy(&headers.user), &groups.unwrap_or_default())
        })
    }

    /// The API key that the client has sent: the first that is known.
    fn sent_key(&self) -> Option<(&'a KeyDigest, &'a ApiKey)> {
        let (known, sources) = (&self.tiers.api_keys, &self.site.clients.api_key_from);
        if known.is_empty() {
            return None;
        }
        if let Some(name) = self.facts.api_key() {
            return known.iter().find(|(_, key)| key.name == name);
        }
        sources.iter().find_map(|source| known.get_key_value(&KeyDigest::from_key(source.read(self.facts)?)))
    }

    fn tier_position(&self) -> Option<usize> {
        *self.tier.get_or_init(|| {
            let Who { api_key, .. } = self.who();
            let api_key = api_key.map(|(_, key)| key);
            self.tiers.tier_of(api_key, self.user(), self.groups(), self.at)
        })
    }

    fn overrides(&self) -> &[usize] {
        self.overrides.get_or_init(|| match self.user() {
            Some(user) if self.tiers.has_overrides() => self.tiers.overrides_of(user, self.at).collect(),
            _ => SmallVec::new(),
        })
    }
}

impl Facts for Client<'_> {
    fn method(&self) -> &str {
        self.facts.method()
    }

    fn path(&self) -> &str {
        self.facts.path()
    }

    fn ip(&self) -> Option<IpAddr> {
        self.facts.ip()
    }

    fn paths(&self) -> Paths {
        self.facts.paths()
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        self.facts.header(name)
    }

    fn any_header(&self, name: &str, is_wanted: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.facts.any_header(name, is_wanted)
    }

    fn host(&self) -> Option<&str> {
        self.facts.host()
    }

    fn cookie(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.facts.cookie(name)
    }

    fn any_cookie(&self, name: &str, is_wanted: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.facts.any_cookie(name, is_wanted)
    }

    fn query(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.facts.query(name)
    }

    fn any_query(&self, name: &str, is_wanted: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.facts.any_query(name, is_wanted)
    }

    fn pattern(&self) -> Option<Cow<'_, str>> {
        self.facts.pattern()
    }

    fn identity(&self) -> Option<Identity> {
        self.facts.identity()
    }

    fn told_by_proxy(&self, header: &str) -> Vec<Cow<'_, str>> {
        self.facts.told_by_proxy(header)
    }

    fn user(&self) -> Option<&str> {
        Some(self.who().identity.user.as_str()).filter(|user| !user.is_empty())
    }

    fn groups(&self) -> &[String] {
        &self.who().identity.groups
    }

    fn api_key(&self) -> Option<&str> {
        self.who().api_key.map(|(_, key)| key.name.as_str())
    }

    fn tier(&self) -> Option<&str> {
        self.tier_position().map(|at| self.tiers.tiers()[at].name.as_str())
    }

    fn region(&self) -> Option<Region> {
        *self.region.get_or_init(|| match self.site.clients.region_source()? {
            CountrySource::Header(name) => match &self.facts.told_by_proxy(name)[..] {
                [code] => Region::told(code.trim(), self.country()),
                _ => None,
            },
            CountrySource::Database(countries) => countries.region(canonical(self.facts.ip()?)),
        })
    }

    fn country(&self) -> Option<Country> {
        *self.country.get_or_init(|| match self.site.clients.country.as_ref()? {
            CountrySource::Header(name) => match &self.facts.told_by_proxy(name)[..] {
                [code] => Country::new(code.trim()),
                _ => None,
            },
            CountrySource::Database(countries) => countries.country(canonical(self.facts.ip()?)),
        })
    }

    fn route(&self) -> u32 {
        self.facts.route()
    }

    fn request(&self) -> Option<&dyn Any> {
        self.facts.request()
    }

    fn is_preflight(&self) -> bool {
        self.facts.is_preflight()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Facts that have a value of their own each.
    struct Told;

    impl Facts for Told {
        fn method(&self) -> &str {
            "PATCH"
        }

        fn path(&self) -> &str {
            "/path"
        }

        fn ip(&self) -> Option<IpAddr> {
            Some(IpAddr::from([192, 0, 2, 1]))
        }

        fn paths(&self) -> Paths {
            Paths::Exact
        }

        fn header(&self, name: &str) -> Option<&[u8]> {
            (name == "a").then_some(b"header")
        }

        fn any_header(&self, _: &str, is_wanted: &mut dyn FnMut(&[u8]) -> bool) -> bool {
            is_wanted(b"other header")
        }

        fn host(&self) -> Option<&str> {
            Some("host")
        }

        fn cookie(&self, name: &str) -> Option<Cow<'_, [u8]>> {
            (name == "a").then_some(b"cookie".into())
        }

        fn any_cookie(&self, _: &str, is_wanted: &mut dyn FnMut(&[u8]) -> bool) -> bool {
            is_wanted(b"other cookie")
        }

        fn query(&self, name: &str) -> Option<Cow<'_, [u8]>> {
            (name == "a").then_some(b"query".into())
        }

        fn any_query(&self, _: &str, is_wanted: &mut dyn FnMut(&[u8]) -> bool) -> bool {
            is_wanted(b"other query")
        }

        fn pattern(&self) -> Option<Cow<'_, str>> {
            Some("pattern".into())
        }

        fn identity(&self) -> Option<Identity> {
            Some(Identity::new("user").in_groups(["b", "a", "b"]))
        }

        fn told_by_proxy(&self, header: &str) -> Vec<Cow<'_, str>> {
            match header {
                "X-Country" => vec!["fr".into()],
                "X-Region" => vec!["idf".into()],
                _ => Vec::new(),
            }
        }

        fn route(&self) -> u32 {
            7
        }

        fn request(&self) -> Option<&dyn Any> {
            Some(&"request")
        }

        fn is_preflight(&self) -> bool {
            true
        }
    }

    #[test]
    fn a_client_tells_all_that_is_told_of_its_request() {
        let mut site = Site::unlimited("demo.example");
        site.clients.country = Some(CountrySource::Header("X-Country".to_owned()));
        site.clients.region = Some(CountrySource::Header("X-Region".to_owned()));
        let client = Client::new(&Told, &site, UnixMicros(0));
        assert_eq!((client.method(), client.path(), client.host()), ("PATCH", "/path", Some("host")));
        assert_eq!((client.ip(), client.route(), client.is_preflight()), (Told.ip(), 7, true));
        assert_eq!((client.header("a"), client.header("b")), (Some(&b"header"[..]), None));
        assert_eq!((client.cookie("a"), client.cookie("b")), (Some(b"cookie".into()), None));
        assert_eq!((client.query("a"), client.pattern()), (Some(b"query".into()), Some("pattern".into())));
        assert!(client.any_header("a", &mut |value| value == b"other header"));
        assert!(client.any_cookie("a", &mut |value| value == b"other cookie"));
        assert!(client.any_query("a", &mut |value| value == b"other query"));
        assert_eq!(client.paths(), Paths::Exact);
        assert_eq!(
            (client.identity(), client.told_by_proxy("X-Country")),
            (Told.identity(), vec!["fr".into()])
        );
        assert_eq!(client.request().and_then(|request| request.downcast_ref()), Some(&"request"));
        assert_eq!((client.user(), client.groups()), (Some("user"), &["a".to_owned(), "b".to_owned()][..]));
        assert_eq!((client.country(), client.is_authenticated()), (Country::new("FR"), true));
        assert_eq!(client.region(), Region::new("FR-IDF"));
    }

    #[test]
    fn no_fact_is_forgotten() {
        let page = include_str!("../model/condition/facts.rs").split("pub trait Facts {").nth(1);
        let facts = page.and_then(|rest| rest.split("\n}\n").next()).into_iter().flat_map(str::lines);
        let names: Vec<_> =
            facts.filter_map(|line| line.strip_prefix("    fn ")?.split('(').next()).collect();
        let code = include_str!("client.rs");
        let own = code.split("impl Facts for Client").nth(1).and_then(|rest| rest.split("\n}\n").next());
        // It follows from the others.
        for name in names.iter().filter(|name| **name != "is_authenticated") {
            assert!(own.is_some_and(|own| own.contains(&format!("    fn {name}("))), "{name} is not told");
        }
        assert!(names.len() > 15, "{names:?}");
    }
}
