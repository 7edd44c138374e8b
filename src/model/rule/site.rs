//! Sites: a time zone and its rules, and how clients are known there.

use std::sync::Arc;

use crate::model::client::{AddressPolicy, CountrySource, Host, IdentityHeaders};
use crate::model::condition::{Condition, Paths, Text};
use crate::model::rule::header_policy::HeaderPolicy;
use crate::model::rule::key_source::KeySource;
use crate::model::rule::rule::Rule;
use crate::model::rule::shared_tiers::SharedTiers;
use crate::model::rule::upstream::Upstream;
use crate::model::time::Zone;

/// One configured host: a time zone and its rules.
///
/// A site file describes one, and so does [`TimeBudget::builder`](crate::TimeBudget::builder); this is what both make. Its
/// [`name`](Self::name) is part of every account: two sites of one name on one engine share their accounts.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use timebudget::{Component, Limit, Period, Rule, Site, tzdata};
/// let daily = Limit::requests(1_000).per(Period::DAY);
/// let site = Site {
///     zone: Arc::new(tzdata::zone("Europe/Paris")?),
///     rules: vec![Rule::new("daily", Component::Ip, daily)],
///     ..Site::unlimited("shop.example")
/// };
/// assert!(site.check(false).is_empty());
/// # Ok::<(), tzdata::UnknownZone>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// The name that its accounts bear.
    pub name: String,
    /// The hosts that it answers for, besides that of its name; which of them a request asked for is what rules see as
    /// its host.
    pub hosts: Vec<Host>,
    /// Which of the names by which requests ask for it are previews, with wildcards: rules that stand in no file can be for
    /// these, or for the others.
    pub unpublished_hosts: Vec<Host>,
    /// The zone whose clock the windows follow; shared by the sites that name it.
    pub zone: Arc<Zone>,
    /// The rules in their order; all that match apply.
    pub rules: Vec<Rule>,
    /// Requests that are not decided, charged or given headers, as if there were no budget at all.
    pub exempt: Option<Condition>,
    /// Which paths are one to its rules: whether slashes at the end and repeated ones tell paths apart, and the case of letters.
    pub paths: Paths,
    /// How a client's address is found.
    pub addresses: AddressPolicy,
    /// Which headers tell clients where they stand.
    pub headers: HeaderPolicy,
    /// How it is known who clients are.
    pub clients: ClientPolicy,
    /// Who may spend something else than the rules say.
    pub tiers: SharedTiers,
    /// Where its requests are answered, if a gateway serves it and its file says so: any of these.
    pub upstreams: Vec<Upstream>,
    /// Whether its upstreams may charge requests more than their time, or make them free, by a header of their answers.
    pub upstream_charges: bool,
}

/// How it is known who clients are, and where.
///
/// Headers are believed of trusted proxies alone: see [`AddressPolicy`]. Anybody else could write what they like into them.
/// What the application's own code tells, by [`identify`](crate::TimeBudget::identify), goes before them.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientPolicy {
    /// The headers in which trusted proxies tell who they are.
    pub identity: Option<IdentityHeaders>,
    /// Where their API keys are looked for, in this order: the first that is known counts.
    pub api_key_from: Vec<KeySource>,
    /// Who knows where they are.
    pub country: Option<CountrySource>,
    /// Who knows in which region; a database of `country` that tells regions does, too.
    pub region: Option<CountrySource>,
}

impl Default for ClientPolicy {
    fn default() -> Self {
        Self { identity: None, api_key_from: KeySource::defaults(), country: None, region: None }
    }
}

impl ClientPolicy {
    /// The headers in which proxies tell where clients are, each with the key of a site file that names it.
    pub(crate) fn location_headers(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let sources = [("rate_limit_country", &self.country), ("rate_limit_region", &self.region)];
        sources.into_iter().filter_map(|(key, source)| match source {
            Some(CountrySource::Header(name)) => Some((key, name)),
            _ => None,
        })
    }

    /// Who knows in which region clients are.
    pub(crate) fn region_source(&self) -> Option<&CountrySource> {
        let told_beside = |source: &&CountrySource| matches!(source, CountrySource::Database(countries) if countries.tells_regions());
        self.region.as_ref().or_else(|| self.country.as_ref().filter(told_beside))
    }
}

impl From<&str> for Site {
    /// The [unlimited](Site::unlimited) site of this name.
    fn from(name: &str) -> Self {
        Self::unlimited(name)
    }
}

impl Site {
    /// The site, whose conditions are written in the form in which its rules see paths: mostly the same one, since people
    /// write them so.
    pub(crate) fn in_form(mut self: Arc<Self>) -> Arc<Self> {
        if !self.is_in_form() {
            let site = Arc::make_mut(&mut self);
            let rules =
                site.rules.iter_mut().flat_map(|rule| [Some(&mut rule.when), rule.exempt_when.as_mut()]);
            let conditions = rules.flatten().chain(&mut site.exempt);
            conditions.for_each(|condition| condition.bring_into_form(site.paths));
        }
        self
    }

    /// Whether its conditions are written in the form in which its rules see paths.
    pub(crate) fn is_in_form(&self) -> bool {
        let rules = self.rules.iter().flat_map(|rule| [Some(&rule.when), rule.exempt_when.as_ref()]);
        rules.flatten().chain(&self.exempt).all(|condition| condition.is_in_form(self.paths))
    }

    /// The same with other rules, of which those that it has are not copied.
    pub(crate) fn with_rules(&self, rules: Vec<Rule>) -> Self {
        // A field that is added has to be named here.
        let Self {
            name,
            hosts,
            unpublished_hosts,
            zone,
            rules: _,
            exempt,
            paths,
            addresses,
            headers,
            clients,
            tiers,
            upstreams,
            upstream_charges,
        } = self;
        Self {
            name: name.clone(),
            hosts: hosts.clone(),
            unpublished_hosts: unpublished_hosts.clone(),
            zone: Arc::clone(zone),
            rules,
            exempt: exempt.clone(),
            paths: *paths,
            addresses: addresses.clone(),
            headers: headers.clone(),
            clients: clients.clone(),
            tiers: tiers.clone(),
            upstreams: upstreams.clone(),
            upstream_charges: *upstream_charges,
        }
    }

    /// Whether it is like another in all but who is in which tier.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        // A field that is added has to be named here.
        let Self {
            name,
            hosts,
            unpublished_hosts,
            zone,
            rules,
            exempt,
            paths,
            addresses,
            headers,
            clients,
            upstreams,
            upstream_charges,
            tiers: _,
        } = self;
        let is_same = *name == other.name && *hosts == other.hosts && *zone == other.zone;
        is_same
            && *rules == other.rules
            && (exempt, paths, clients) == (&other.exempt, &other.paths, &other.clients)
            && (addresses, headers) == (&other.addresses, &other.headers)
            && (upstreams, upstream_charges) == (&other.upstreams, &other.upstream_charges)
            && *unpublished_hosts == other.unpublished_hosts
    }

    /// The names that the site's requests may have for their host.
    pub(crate) fn names_of_hosts(&self) -> Vec<&str> {
        self.hosts.iter().map(Host::as_str).chain([self.name.as_str()]).collect()
    }

    /// Whether none of its unpublished hosts is this one: a name or wildcard of its hosts, or a name below one.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::config;
    /// let (site, _) = config::parse_site("shop.example", r#"{ "rate_limit_unpublished_hosts": ["*.preview.example"] }"#)?;
    /// assert!(site.is_published("shop.example") && !site.is_published("7.preview.example"));
    /// # Ok::<(), config::Errors>(())
    /// ```
    pub fn is_published(&self, host: &str) -> bool {
        self.unpublished_hosts.iter().all(|unpublished| !unpublished.covers(host))
    }

    /// What requests fulfil that ask for a host which is not published; `None` if all hosts are.
    ///
    /// A request's host is the listed name or wildcard that it asks for, so there are no others to tell apart.
    pub(crate) fn is_unpublished(&self) -> Option<Condition> {
        let names = self.names_of_hosts().into_iter().filter(|name| !self.is_published(name));
        let mut texts: Vec<_> = names.map(|name| Text::Equal(name.to_owned())).collect();
        let last = texts.pop()?;
        Some(Condition::Host(match texts.is_empty() {
            true => last,
            false => Text::AnyOf(texts.into_iter().chain([last]).collect()),
        }))
    }

    /// The site that an empty site file describes: UTC, and no limit; every other field has its default.
    pub fn unlimited(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            hosts: Vec::new(),
            unpublished_hosts: Vec::new(),
            zone: Arc::new(Zone::utc()),
            rules: Vec::new(),
            exempt: None,
            paths: Paths::Normal,
            addresses: AddressPolicy::default(),
            headers: HeaderPolicy::default(),
            clients: ClientPolicy::default(),
            tiers: SharedTiers::default(),
            upstreams: Vec::new(),
            upstream_charges: false,
        }
    }

    /// Whether code computes something for one of the rules, or for an exemption.
    pub(crate) fn is_computed(&self) -> bool {
        self.exempt.as_ref().is_some_and(Condition::is_computed) || self.rules.iter().any(Rule::is_computed)
    }
}

#[cfg(test)]
mod form_tests {
    use std::borrow::Cow;
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;
    use crate::model::condition::{EscapedSlash, Facts, Glob, Pattern, RuleIndex};
    use crate::model::rule::key::{Component, Missing};
    use crate::model::{Limit, Period};

    struct Asked<'a>(Cow<'a, str>, Paths);

    impl Facts for Asked<'_> {
        fn method(&self) -> &str {
            "GET"
        }

        fn path(&self) -> &str {
            &self.0
        }

        fn paths(&self) -> Paths {
            self.1
        }

        fn ip(&self) -> Option<IpAddr> {
            None
        }
    }

    fn asked(path: &str, paths: Paths) -> Asked<'_> {
        Asked(paths.form(path, EscapedSlash::IsSlash), paths)
    }

    /// A site with a rule about each set of paths, in the form in which its rules see them.
    fn site(texts: &[Text], paths: Paths) -> Arc<Site> {
        let limit = Limit::requests(1).per(Period::HOUR);
        let rule = |text: &Text| {
            let rule = Rule::new("a", Component::Path, limit);
            Rule { when: Condition::Path(text.clone()), missing: Missing::Skip, ..rule }
        };
        let rules = texts.iter().map(rule).collect();
        Arc::new(Site { rules, paths, ..Site::unlimited("shop") }).in_form()
    }

    /// The rules that a request meets, by way of the index.
    fn met(site: &Site, facts: &dyn Facts) -> Vec<u16> {
        let index = RuleIndex::new(site.rules.iter().map(|rule| &rule.when));
        let is_met = |at: &u16| site.rules[usize::from(*at)].when.matches(facts);
        index.candidates(facts).into_iter().filter(is_met).collect()
    }

    /// Letters that are odd in one way of comparing them or another.
    const PATH: &str = "/(a|A|k|K|\u{212a}|s|ſ|ı|İ|é|É|ß|ẞ|σ|ς|Σ|µ|μ|ǅ|Ⱥ|7|/){0,5}";

    fn text() -> impl Strategy<Value = Text> {
        (PATH, 0..6).prop_map(|(path, kind)| match kind {
            0 => Text::Equal(path),
            1 => Text::Below(path),
            2 => Text::Prefix(path),
            3 => Text::Glob(Glob::new(&format!("{path}*")).unwrap()),
            4 => Text::Regex(Pattern::new(&format!("^{path}$")).unwrap()),
            _ => Text::AnyOf(vec![Text::Regex(Pattern::new(&path).unwrap()), Text::Equal(path)]),
        })
    }

    /// The path with some of its letters in another case, as clients may write it.
    fn in_cases(path: &str, choices: &[u8]) -> String {
        let letters = path.chars().zip(choices.iter().cycle());
        letters.fold(String::new(), |path, (letter, choice)| match choice {
            0 => path + &letter.to_lowercase().to_string(),
            // One that is two in upper case is another text to routers.
            1 if letter.to_uppercase().len() == 1 && letter != 'ı' => {
                path + &letter.to_uppercase().to_string()
            }
            _ => path + &letter.to_string(),
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2048))]

        #[test]
        fn in_any_case_a_path_meets_what_it_meets_in_its_own_whatever_case_it_is_written_in(
            texts in prop::collection::vec(text(), 1..4),
            path in PATH,
            choices in prop::collection::vec(0..3u8, 5),
        ) {
            let written = in_cases(&path, &choices);
            let (normal, any_case) = (site(&texts, Paths::Normal), site(&texts, Paths::AnyCase));
            let (one, other) = (asked(&path, Paths::AnyCase), asked(&written, Paths::AnyCase));
            let met_in_any_case = met(&any_case, &one);
            prop_assert_eq!(&met(&any_case, &other), &met_in_any_case);
            for rule in met(&normal, &asked(&path, Paths::Normal)) {
                prop_assert!(met_in_any_case.contains(&rule), "{:?} of {:?}", texts[usize::from(rule)], path);
            }
            // The account is that of the path.
            prop_assert_eq!(one.path(), other.path());
            prop_assert!(any_case.is_in_form());
        }
    }

    #[test]
    fn what_is_written_in_capitals_is_met_in_any_case_alone() {
        let texts = [
            Text::Equal("/LogIn".into()),
            Text::Below("/Api/".into()),
            Text::Prefix("/Ad".into()),
            Text::Glob(Glob::new("/Users/?/Photo").unwrap()),
            Text::Regex(Pattern::new("^/V[0-9]+/[A-Z]+$").unwrap()),
        ];
        let paths = ["/LOGIN", "/api", "/admin", "/USERS/7/photo", "/v2/status"];
        for (at, path) in paths.into_iter().enumerate() {
            let met_in = |paths| met(&site(&texts, paths), &asked(path, paths));
            assert_eq!(met_in(Paths::AnyCase), [at as u16], "{path}");
            assert_eq!((met_in(Paths::Normal), met_in(Paths::Exact)), (vec![], vec![]), "{path}");
        }
    }

    /// Such a rule would have met nothing.
    #[test]
    fn a_glob_or_a_pattern_that_is_too_large_in_lower_case_still_holds() {
        let large = "^/k{9000}$";
        assert!(Pattern::in_any_case(large).is_err(), "it shows nothing");
        let many = "İ".repeat(120);
        let glob = Glob::new(&format!("/{many}*")).unwrap();
        let texts = [Text::Glob(glob), Text::Regex(Pattern::new(large).unwrap())];
        let site = site(&texts, Paths::AnyCase);
        assert_eq!(met(&site, &asked(&format!("/{many}x"), Paths::AnyCase)), [0]);
        assert_eq!(met(&site, &asked(&format!("/{}", "K".repeat(9_000)), Paths::AnyCase)), [1]);
    }
}
