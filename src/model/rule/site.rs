//! Sites: a time zone and its rules, how clients are known there, and the headers that tell them where they stand.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::model::client::{AddressPolicy, CountrySource, Host, IdentityHeaders};
use crate::model::condition::{Condition, Facts, Paths, Text, is_token};
use crate::model::rule::rule::Rule;
use crate::model::rule::shared_tiers::SharedTiers;
use crate::model::rule::upstream::Upstream;
use crate::model::said::nearest;
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
}

/// The header fields that a script in a browser has to be let read: all that this crate writes, by their default names.
///
/// A browser shows a script of another origin none of them, `Retry-After` included, unless the server says
/// `Access-Control-Expose-Headers`. Where a site gives its fields other names, ask [`HeaderPolicy::exposed`].
///
/// # Examples
///
/// ```
/// use actix_cors::Cors;
///
/// let cors = Cors::default().allowed_origin("https://app.example").expose_headers(timebudget::EXPOSED_HEADERS);
/// # let _ = cors;
/// ```
pub const EXPOSED_HEADERS: [&str; 9] = [
    "Retry-After",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-RateLimit-Used",
    "X-RateLimit-Resource",
    "X-RateLimit-Unit",
    "RateLimit",
    "RateLimit-Policy",
];

/// Which headers tell clients where they stand; the default is Frappe's.
///
/// `Retry-After` is on every refusal, whatever this says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderPolicy {
    /// Whether there are any on answers. Refusals have `Retry-After` all the same.
    pub enabled: bool,
    /// How the window's end is written.
    pub reset: ResetStyle,
    /// What they are called.
    pub names: HeaderNames,
    /// Whose fields there are beside them, if anybody's.
    pub standard: Option<StandardHeaders>,
}

/// Who defines fields that say the same as ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StandardHeaders {
    /// draft-ietf-httpapi-ratelimit-headers-11: `RateLimit` and `RateLimit-Policy`.
    Draft11,
}

impl Default for HeaderPolicy {
    fn default() -> Self {
        Self { enabled: true, reset: ResetStyle::Seconds, names: HeaderNames::default(), standard: None }
    }
}

impl HeaderPolicy {
    /// The header fields that a script in a browser has to be let read, by the names that they have here.
    ///
    /// There are more than some responses bear: which of them do depends on the rules and on the answer.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::EXPOSED_HEADERS;
    /// use timebudget::HeaderPolicy;
    ///
    /// let mut policy = HeaderPolicy::default();
    /// assert!(policy.exposed().eq(EXPOSED_HEADERS));
    /// policy.names.limit = "X-Quota".to_owned();
    /// assert!(policy.exposed().any(|name| name == "X-Quota"));
    /// ```
    pub fn exposed(&self) -> impl Iterator<Item = &str> {
        let HeaderNames { limit, remaining, reset, used } = &self.names;
        EXPOSED_HEADERS.into_iter().map(move |name| match name {
            "X-RateLimit-Limit" => limit,
            "X-RateLimit-Remaining" => remaining,
            "X-RateLimit-Reset" => reset,
            "X-RateLimit-Used" => used,
            other => other,
        })
    }
}

/// How the window's end is written in the reset field; `Retry-After` is in seconds from now whatever this says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResetStyle {
    /// Whole seconds from now, rounded up, at least 1.
    Seconds,
    /// Whole seconds since 1970-01-01T00:00:00Z, rounded up.
    Unix,
}

/// The names of the headers that tell clients where they stand.
///
/// The site file's names are valid field names, and no two are equal in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderNames {
    /// What the window grants.
    pub limit: String,
    /// What is left of it, less what others who run are expected to take.
    pub remaining: String,
    /// When the window ends.
    pub reset: String,
    /// What this request was charged: of time, up to the moment at which its head leaves.
    pub used: String,
}

impl Default for HeaderNames {
    fn default() -> Self {
        Self {
            limit: "X-RateLimit-Limit".to_owned(),
            remaining: "X-RateLimit-Remaining".to_owned(),
            reset: "X-RateLimit-Reset".to_owned(),
            used: "X-RateLimit-Used".to_owned(),
        }
    }
}

/// Where in a request an API key is looked for.
///
/// # Examples
///
/// ```
/// use timebudget::KeySource;
/// assert_eq!("query:api_key".parse(), Ok(KeySource::Query("api_key".into())));
/// assert_eq!("bearer".parse(), Ok(KeySource::Bearer));
/// assert!("Authorization".parse::<KeySource>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySource {
    /// The value of a header, without the spaces around it.
    Header(String),
    /// The value of a parameter of the query, decoded.
    Query(String),
    /// `Authorization: Bearer KEY` (RFC 6750, section 2.1).
    Bearer,
    /// `Authorization: token KEY:SECRET`, as Frappe has it: both together, with the colon between them, are the key here.
    Token,
}

/// What a text is that says where a key is, for messages.
pub(crate) const SOURCE: &str = "\"header:NAME\", \"query:NAME\", \"bearer\" or \"token\"";

const AUTHORIZATION: &str = "authorization";
const HEADER: &str = "header:";
const QUERY: &str = "query:";
const BEARER: &str = "bearer";
const TOKEN: &str = "token";

/// Why a text does not say where a key is, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoSource(String);

impl KeySource {
    /// Where keys are looked for unless a site says otherwise, in this order.
    pub fn defaults() -> Vec<Self> {
        vec![Self::Header("X-Api-Key".to_owned()), Self::Query("api_key".to_owned()), Self::Bearer]
    }

    /// The source that a header is; `Authorization` has bearer tokens.
    pub fn from_header(name: &str) -> Self {
        match name.eq_ignore_ascii_case(AUTHORIZATION) {
            true => Self::Bearer,
            false => Self::Header(name.to_owned()),
        }
    }

    /// What a request has there, if it has something: the key without the scheme and the spaces around it.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Facts, KeySource};
    /// # struct Request(&'static [u8]);
    /// # impl Facts for Request {
    /// #     fn method(&self) -> &str { "GET" }
    /// #     fn path(&self) -> &str { "/" }
    /// #     fn ip(&self) -> Option<std::net::IpAddr> { None }
    /// #     fn header(&self, name: &str) -> Option<&[u8]> { (name == "authorization").then_some(self.0) }
    /// # }
    /// let request = Request(b"Bearer s3cret");
    /// assert_eq!(KeySource::Bearer.read(&request).as_deref(), Some(&b"s3cret"[..]));
    /// assert_eq!(KeySource::Token.read(&request), None);
    /// ```
    pub fn read<'a>(&self, facts: &'a dyn Facts) -> Option<Cow<'a, [u8]>> {
        let found = match self {
            Self::Header(name) => facts.header(name).map(<[u8]>::trim_ascii).map(Cow::Borrowed),
            Self::Query(name) => facts.query(name),
            Self::Bearer => of_scheme(facts, BEARER).map(Cow::Borrowed),
            Self::Token => of_scheme(facts, TOKEN).filter(|token| token.contains(&b':')).map(Cow::Borrowed),
        };
        found.filter(|key| !key.is_empty())
    }
}

impl FromStr for KeySource {
    type Err = NoSource;

    fn from_str(text: &str) -> Result<Self, NoSource> {
        match (text, text.strip_prefix(HEADER), text.strip_prefix(QUERY)) {
            (BEARER, ..) => Ok(Self::Bearer),
            (TOKEN, ..) => Ok(Self::Token),
            (_, Some(name), _) if name.eq_ignore_ascii_case(AUTHORIZATION) => {
                Err(NoSource("has a scheme before the key; expected \"bearer\" or \"token\"".to_owned()))
            }
            (_, Some(name), _) if is_token(name) => Ok(Self::Header(name.to_owned())),
            (.., Some(name)) if !name.is_empty() => Ok(Self::Query(name.to_owned())),
            _ => Err(no_source(text)),
        }
    }
}

impl fmt::Display for KeySource {
    /// Writes the source as it can be read again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "{HEADER}{name}"),
            Self::Query(name) => write!(f, "{QUERY}{name}"),
            Self::Bearer => f.write_str(BEARER),
            Self::Token => f.write_str(TOKEN),
        }
    }
}

fn no_source(text: &str) -> NoSource {
    let is_header = text.contains('-') && is_token(text);
    NoSource(match nearest(text, [BEARER, TOKEN]) {
        Some(meant) => format!("no such place; did you mean \"{meant}\"?"),
        None if is_header => format!("no such place; did you mean \"{HEADER}{text}\"?"),
        None => format!("no such place; expected {SOURCE}"),
    })
}

/// What stands in `Authorization` behind a scheme, whose case does not matter.
fn of_scheme<'a>(facts: &'a dyn Facts, scheme: &str) -> Option<&'a [u8]> {
    let value = facts.header(AUTHORIZATION)?.trim_ascii();
    let (found, rest) = value.split_at_checked(scheme.len())?;
    let is_it = found.eq_ignore_ascii_case(scheme.as_bytes()) && rest.first() == Some(&b' ');
    is_it.then(|| rest.trim_ascii())
}

impl Site {
    /// Whether code computes something for one of the rules, or for an exemption.
    pub(crate) fn is_computed(&self) -> bool {
        self.exempt.as_ref().is_some_and(Condition::is_computed) || self.rules.iter().any(Rule::is_computed)
    }
}

#[cfg(test)]
mod form_tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;
    use crate::model::condition::{EscapedSlash, Glob, Pattern, RuleIndex};
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
