//! A directory of many sites, as bench writes it.

use std::fs;
use std::path::{Path, PathBuf};

/// How many sites there are.
pub(crate) const SITES: usize = 3_000;

/// What bench writes into a site's file, and what a plan adds.
const SITE: &str = r#"{
 "db_name": "_0123456789abcdef", "db_password": "0123456789abcdef", "db_type": "mariadb", "encryption_key": "0123456789abcdef",
 "domains": ["shop{at}.example", { "domain": "www{at}.example", "ssl_certificate": "/etc/ssl/{at}.pem" }],
 "time_zone": "{zone}", "rate_limit": { "limit": 3960.5, "window": 86400 },
 "rate_limit_rules": [
  { "name": "export", "when": { "path": { "prefix": "/export" } }, "key": ["ip", "route"], "limits": "60s per hour; 5 concurrent" }
 ] }"#;

/// What all sites inherit.
const COMMON: &str = r#"{ "rate_limit_trusted_proxies": ["10.0.0.0/8"], "rate_limit_exempt": { "path": "/health" },
 "rate_limit_headers": { "reset": "unix" } }"#;

const ZONES: [&str; 6] =
    ["Asia/Kolkata", "Europe/Paris", "America/New_York", "America/Sao_Paulo", "Africa/Lagos", "UTC"];

/// Writes all of it, in the place of what was there.
pub(crate) fn write_all(dir: &Path) {
    let _ = fs::remove_dir_all(dir);
    (0..SITES).for_each(|at| write(dir, at, 1));
    write_common(dir);
}

/// Writes the common file, which says the same each time.
pub(crate) fn write_common(dir: &Path) {
    fs::write(dir.join("common_site_config.json"), COMMON).expect("the target directory can be written to");
}

/// Writes a site's file; another version has another limit.
pub(crate) fn write(dir: &Path, at: usize, version: usize) {
    let path = file(dir, at);
    let text = SITE
        .replace("{at}", &at.to_string())
        .replace("{zone}", ZONES[at % ZONES.len()])
        .replace("3960.5", &format!("396{version}.5"));
    fs::create_dir_all(path.parent().expect("a parent")).expect("the target directory can be written to");
    fs::write(path, text).expect("the target directory can be written to");
}

/// A site's file.
pub(crate) fn file(dir: &Path, at: usize) -> PathBuf {
    dir.join(format!("site{at}.example/site_config.json"))
}
