//! The keys of a site file that are ours, by name.

use crate::config::clients::API_KEY_FROM;

/// Keys that begin so are ours, known or not.
pub(super) const PREFIX: &str = "rate_limit";

/// The keys that this version reads, in the order in which they are shown.
pub(super) const NOW: [&str; 24] = [
    "time_zone",
    "rate_limit",
    "rate_limit_rules",
    "rate_limit_headers",
    "rate_limit_exempt",
    "rate_limit_paths",
    "rate_limit_trusted_proxies",
    TRUSTED_HOPS,
    "rate_limit_forwarded_header",
    "rate_limit_ipv6_prefix",
    "rate_limit_identity",
    "rate_limit_country",
    "rate_limit_region",
    "rate_limit_api_keys",
    API_KEY_FROM,
    "rate_limit_api_key_header",
    "rate_limit_tiers",
    "rate_limit_groups",
    "rate_limit_users",
    "rate_limit_overrides",
    HOSTS,
    STORE,
    ON_ERROR,
    SITE_HEADER,
];

/// The keys that are read in the common file only, for they concern all sites.
pub(super) const OF_ALL: [&str; 3] = [STORE, ON_ERROR, SITE_HEADER];

pub(super) const STORE: &str = "rate_limit_store";
pub(super) const TRUSTED_HOPS: &str = "rate_limit_trusted_hops";
pub(super) const ON_ERROR: &str = "rate_limit_on_error";
pub(super) const SITE_HEADER: &str = "rate_limit_site_header";

/// The key that is read in the files of sites only.
pub(super) const HOSTS: &str = "rate_limit_hosts";

/// The key in which bench keeps a site's further names.
pub(super) const DOMAINS: &str = "domains";
