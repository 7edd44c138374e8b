//! Entries: what a site's layers say together, key by key, to be shown.

use std::sync::Arc;

use crate::config::clients::API_KEY_FROM;
use crate::config::layer::Layer;
use crate::config::names::{DOMAINS, HOSTS, NOW, OF_ALL, ON_ERROR, SITE_HEADER, TRUSTED_HOPS};
use crate::config::origin::{Entry, Origin};

impl Layer {
    /// What this layer and the common one below it say of a site, each key once, with its origin.
    pub(super) fn entries(&self, common: &Self) -> Vec<Entry> {
        let keys = NOW.into_iter().filter(|key| !OF_ALL.contains(key));
        let said = |key| self.said.of(key).or_else(|| common.said.of(key)).cloned();
        let default = |key| Entry::new(key, default_of(key), Origin::Default);
        let mut entries: Vec<_> = keys.map(|key| said(key).unwrap_or_else(|| default(key))).collect();
        entries.extend(self.domains_entry());
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

    /// What this layer says of the keys that concern all sites.
    pub(super) fn common_entries(&self) -> impl Iterator<Item = Entry> {
        let said = |key| self.said.of(key).cloned();
        ["default_site", ON_ERROR, SITE_HEADER].into_iter().filter_map(said)
    }

    /// The names among what bench keeps of domains; the rest is its own.
    fn domains_entry(&self) -> Option<Entry> {
        let names: Vec<_> = self.domains().map(|claimed| format!("\"{}\"", claimed.host)).collect();
        let origin = Origin::File(Arc::clone(&self.file));
        (!names.is_empty()).then(|| Entry::new(DOMAINS, format_args!("[{}]", names.join(", ")), origin))
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
        TRUSTED_HOPS => "0",
        "rate_limit_paths" => "\"normal\"",
        "rate_limit_api_keys" | "rate_limit_tiers" | "rate_limit_groups" | "rate_limit_users" => "{}",
        API_KEY_FROM => "[\"header:X-Api-Key\", \"query:api_key\", \"bearer\"]",
        "rate_limit_overrides" | HOSTS => "[]",
        _ => "null",
    }
}
