//! Sites: a time zone and its rules.

use std::sync::Arc;

use crate::model::client_address::AddressPolicy;
use crate::model::condition::Condition;
use crate::model::country::CountrySource;
use crate::model::header_policy::HeaderPolicy;
use crate::model::host::Host;
use crate::model::identity::IdentityHeaders;
use crate::model::key_source::KeySource;
use crate::model::path::Paths;
use crate::model::rule::Rule;
use crate::model::tiers::Tiers;
use crate::model::zone::Zone;

/// One configured host: a time zone and its rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// The name that its accounts bear.
    pub name: String,
    /// The hosts that it answers for, besides that of its name; which of them a request asked for is what rules see as
    /// its host.
    pub hosts: Vec<Host>,
    /// The zone whose clock the windows follow; shared by the sites that name it.
    pub zone: Arc<Zone>,
    /// The rules in their order; all that match apply.
    pub rules: Vec<Rule>,
    /// Requests that are not decided, charged or given headers.
    pub exempt: Option<Condition>,
    /// Which paths are one.
    pub paths: Paths,
    /// How a client's address is found.
    pub addresses: AddressPolicy,
    /// Which headers tell clients where they stand.
    pub headers: HeaderPolicy,
    /// How it is known who clients are.
    pub clients: ClientPolicy,
    /// Who may spend something else than the rules say.
    pub tiers: Tiers,
}

/// How it is known who clients are, and where.
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
    /// The site, whose conditions are written in the form in which its rules see paths.
    pub(crate) fn in_form(mut self) -> Self {
        if self.paths == Paths::Normal {
            let rules =
                self.rules.iter_mut().flat_map(|rule| [Some(&mut rule.when), rule.exempt_when.as_mut()]);
            rules.flatten().chain(&mut self.exempt).for_each(Condition::merge_slashes);
        }
        self
    }

    /// The site that an empty site file describes: UTC, and no limit.
    pub fn unlimited(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            hosts: Vec::new(),
            zone: Arc::new(Zone::utc()),
            rules: Vec::new(),
            exempt: None,
            paths: Paths::Normal,
            addresses: AddressPolicy::default(),
            headers: HeaderPolicy::default(),
            clients: ClientPolicy::default(),
            tiers: Tiers::default(),
        }
    }
}
