//! The keys about clients: who they are, and what they may spend.

use crate::config::api_keys::{api_key_from, api_key_header, api_keys};
use crate::config::identity::{country, identity, region};
use crate::config::node::Node;
use crate::config::overrides::overrides;
use crate::config::report::Report;
use crate::config::setting::{Setting, setting};
use crate::config::tiers::{groups, tiers, users};
use crate::model::{
    ApiKey, Assignment, ClientPolicy, CountrySource, IdentityHeaders, KeyDigest, KeySource, Override, Tier,
    Tiers,
};

/// Where API keys are looked for.
pub(super) const API_KEY_FROM: &str = "rate_limit_api_key_from";

const TWO_PLACES: &str =
    "both rate_limit_api_key_from and rate_limit_api_key_header say where keys are; expected one of them";

/// What one file says about clients.
#[derive(Clone, Debug, Default)]
pub(super) struct ClientLayer {
    identity: Setting<IdentityHeaders>,
    api_key_from: Setting<Vec<KeySource>>,
    country: Setting<CountrySource>,
    region: Setting<CountrySource>,
    tiers: Setting<Vec<Tier>>,
    groups: Setting<Vec<(String, String)>>,
    users: Setting<Vec<(String, Assignment)>>,
    overrides: Setting<Vec<Override>>,
    api_keys: Setting<Vec<(KeyDigest, ApiKey)>>,
}

impl ClientLayer {
    /// Reads a key; `false` if it is none of these.
    pub(super) fn read_member(&mut self, key: &str, node: &Node<'_>, report: &mut Report) -> bool {
        match key {
            "rate_limit_identity" => self.identity = setting(node, identity, report),
            "rate_limit_api_keys" => self.api_keys = setting(node, api_keys, report),
            "rate_limit_api_key_header" => {
                let said = setting(node, api_key_header, report);
                self.look_for_api_keys(key, said, report);
            }
            API_KEY_FROM => {
                let said = setting(node, api_key_from, report);
                self.look_for_api_keys(key, said, report);
            }
            "rate_limit_country" => self.country = setting(node, country, report),
            "rate_limit_region" => self.region = setting(node, region, report),
            "rate_limit_tiers" => self.tiers = setting(node, tiers, report),
            "rate_limit_groups" => self.groups = setting(node, groups, report),
            "rate_limit_users" => self.users = setting(node, users, report),
            "rate_limit_overrides" => self.overrides = setting(node, overrides, report),
            _ => return false,
        }
        true
    }

    /// Whether it depends on a file beside the site's own.
    pub(super) fn reads_others(&self) -> bool {
        let is_file = |source: &Setting<_>| matches!(source.get(), Some(CountrySource::Database(_)));
        is_file(&self.country) || is_file(&self.region)
    }

    /// Takes where API keys are looked for, which two keys can say.
    fn look_for_api_keys(&mut self, key: &str, said: Setting<Vec<KeySource>>, report: &mut Report) {
        match (&self.api_key_from, &said) {
            (Setting::Is(_), Setting::Is(_)) => report.wrong(key, None, TWO_PLACES),
            (Setting::Is(_), _) => {}
            _ => self.api_key_from = said,
        }
    }

    /// What this layer and the one below it say together, key by key.
    pub(super) fn or(self, below: Self) -> Self {
        Self {
            identity: self.identity.or(below.identity),
            api_key_from: self.api_key_from.or(below.api_key_from),
            country: self.country.or(below.country),
            region: self.region.or(below.region),
            tiers: self.tiers.or(below.tiers),
            groups: self.groups.or(below.groups),
            users: self.users.or(below.users),
            overrides: self.overrides.or(below.overrides),
            api_keys: self.api_keys.or(below.api_keys),
        }
    }

    /// How it is known who clients are, and what they may spend; overrides stand in the order of the file.
    pub(super) fn policy(self) -> (ClientPolicy, Tiers) {
        let default = ClientPolicy::default();
        let policy = ClientPolicy {
            identity: self.identity.value(),
            api_key_from: self.api_key_from.value().unwrap_or(default.api_key_from),
            country: self.country.value(),
            region: self.region.value(),
        };
        let overrides = self.overrides.value().unwrap_or_default();
        let mut tiers = Tiers::new(self.tiers.value().unwrap_or_default(), overrides);
        tiers.groups = self.groups.value().into_iter().flatten().collect();
        tiers.users = self.users.value().into_iter().flatten().collect();
        tiers.api_keys = self.api_keys.value().into_iter().flatten().collect();
        (policy, tiers)
    }
}
