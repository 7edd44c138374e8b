//! Entries: what a site's layers say together, key by key, to be shown.

use crate::config::layer::{Layer, NOW, STORE};
use crate::config::origin::{Entry, Origin};

impl Layer {
    /// What this layer and the common one below it say of a site, each key once, with its origin.
    pub(super) fn entries(&self, common: &Self) -> Vec<Entry> {
        let keys = NOW.into_iter().filter(|key| *key != STORE);
        let said = |key| self.said.of(key).or_else(|| common.said.of(key)).cloned();
        let default = |key| Entry::new(key, default_of(key), Origin::Default);
        let mut entries: Vec<_> = keys.map(|key| said(key).unwrap_or_else(|| default(key))).collect();
        if let Some(enabled) = self.headers_enabled.clone().value() {
            let origin = Origin::Environment("RATELIMIT_HEADERS_ENABLED");
            entries.push(Entry::new("rate_limit_headers.enabled", enabled, origin));
        }
        entries
    }

    /// Whether anything is limited.
    pub(super) fn enabled_entry(&self) -> Entry {
        match self.enabled.clone().value() {
            Some(enabled) => Entry::new("enabled", enabled, Origin::Environment("RATELIMIT_ENABLED")),
            None => Entry::new("enabled", true, Origin::Default),
        }
    }

    /// The site that answers for unknown hosts, if this layer names one.
    pub(super) fn default_site_entry(&self) -> Option<Entry> {
        self.said.of("default_site").cloned()
    }
}

/// The value of a key that nobody says, as JSON.
fn default_of(key: &str) -> &'static str {
    match key {
        "time_zone" => "\"UTC\"",
        "rate_limit_rules" | "rate_limit_trusted_proxies" => "[]",
        "rate_limit_headers" => "{\"enabled\": true, \"reset\": \"seconds\", \"standard\": false}",
        "rate_limit_forwarded_header" => "\"X-Forwarded-For\"",
        "rate_limit_ipv6_prefix" => "64",
        "rate_limit_paths" => "\"normal\"",
        "rate_limit_api_keys" | "rate_limit_tiers" | "rate_limit_groups" | "rate_limit_users" => "{}",
        "rate_limit_api_key_header" => "\"X-Api-Key\"",
        "rate_limit_overrides" => "[]",
        _ => "null",
    }
}
