//! What the environment says, above all files, and who is said to have said what.

use std::fs;
use std::path::{Path, PathBuf};

use timebudget::config::{Configuration, Entry, Environment, Options};
use timebudget::store::StoreUri;
use timebudget::{Condition, Limit, Period};

const NO_VARIABLES: [(&str, &str); 0] = [];

fn read(text: &str, variables: &[(&str, &str)]) -> Configuration {
    let environment = Environment::read(variables.iter().copied());
    Configuration::from_text(text, &environment.into()).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The errors of an environment, without what each line begins with.
fn errors(variables: &[(&str, &str)]) -> Vec<String> {
    let environment = Environment::read(variables.iter().copied());
    let errors = Configuration::from_text("{}", &environment.into()).unwrap_err().to_string();
    errors.lines().map(|line| line.strip_prefix("environment: ").unwrap().to_owned()).collect()
}

fn warnings(configuration: &Configuration) -> Vec<String> {
    configuration.loaded.warnings.iter().map(ToString::to_string).collect()
}

/// The value and the origin of a key.
fn said<'a>(entries: impl IntoIterator<Item = &'a Entry>, key: &str) -> (&'a str, String) {
    let entry = entries.into_iter().find(|entry| entry.key == key).unwrap_or_else(|| panic!("no {key}"));
    (&entry.value, entry.origin.to_string())
}

struct Directory(PathBuf);

impl Directory {
    fn with(test: &str, files: &[(&str, &str)]) -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("environment-{test}"));
        for (name, text) in files {
            let path = dir.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(dir)
    }

    fn read(&self, variables: &[(&str, &str)]) -> Configuration {
        let environment = Environment::read(variables.iter().copied());
        Configuration::from_dir(&self.0, &environment.into()).unwrap_or_else(|errors| panic!("{errors}"))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_default_takes_the_place_of_every_rate_limit_and_of_nothing_else() {
    let file = r#"{"rate_limit": "5s per day", "rate_limit_rules": [{"name": "a", "limits": "1/day"}]}"#;
    let read = read(file, &[("RATELIMIT_DEFAULT", "50 per hour")]);
    let rules = &read.loaded.fallback.rules;
    let names: Vec<_> = rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["a", "site-requests"]);
    assert_eq!(rules[1].limits, [Limit::Requests { quota: 50, period: Period::HOUR }]);
}

#[test]
fn the_common_file_may_name_a_rule_that_the_default_makes() {
    let common = r#"{"rate_limit_trusted_proxies": ["10.0.0.1"], "rate_limit_identity": {"user": "X-User"},
        "rate_limit_overrides": [{"user": "bob", "rule": "site-requests", "limits": "90 per hour"}]}"#;
    let dir = Directory::with("override", &[("common_site_config.json", common)]);
    let read = dir.read(&[("RATELIMIT_DEFAULT", "50 per hour")]);
    assert_eq!(read.loaded.fallback.tiers.overrides().count(), 1);
}

#[test]
fn headers_are_turned_on_and_off_above_what_the_file_says_of_them() {
    let file = r#"{"rate_limit_headers": {"enabled": false, "reset": "unix"}}"#;
    let on = read(file, &[("RATELIMIT_HEADERS_ENABLED", "True")]).loaded.fallback.headers;
    assert_eq!((on.enabled, on.reset), (true, timebudget::ResetStyle::Unix));
    assert!(!read("{}", &[("RATELIMIT_HEADERS_ENABLED", "0")]).loaded.fallback.headers.enabled);
}

#[test]
fn what_is_not_enabled_exempts_every_request_of_every_site() {
    let dir = Directory::with("enabled", &[("a.example/site_config.json", r#"{"rate_limit": "0/day"}"#)]);
    let loaded = dir.read(&[("RATELIMIT_ENABLED", "false")]).loaded;
    let sites = loaded.sites.iter().map(|(_, site)| &**site).chain([&loaded.fallback]);
    assert!(sites.into_iter().all(|site| site.exempt == Some(Condition::ALWAYS)));
    let enabled = dir.read(&[("RATELIMIT_ENABLED", "1")]).loaded;
    assert_eq!(enabled.sites[0].1.exempt, None);
}

#[test]
fn the_store_is_the_command_lines_else_the_environments_else_the_common_files() {
    let dir = Directory::with(
        "store",
        &[("common_site_config.json", r#"{"rate_limit_store": "memory://?snapshot=a"}"#)],
    );
    let of = |read: &Configuration| (read.store.to_string(), said(&read.process, "rate_limit_store").1);
    let (uri, origin) = of(&dir.read(&[]));
    assert_eq!(uri, "memory://?snapshot=a");
    assert!(origin.ends_with("common_site_config.json"), "{origin}");
    let variables = [("RATELIMIT_STORAGE_URI", "memory://?snapshot=b")];
    let expected = ("memory://?snapshot=b".to_owned(), "environment RATELIMIT_STORAGE_URI".to_owned());
    assert_eq!(of(&dir.read(&variables)), expected);
    let argued = Environment::read(variables).with_store(StoreUri::default(), "--store");
    let read = Configuration::from_dir(&dir.0, &argued.into()).unwrap();
    assert_eq!(of(&read), ("memory://".to_owned(), "command line --store".to_owned()));
    assert_eq!(of(&Configuration::from_text("{}", &Options::default()).unwrap()).1, "default");
}

#[cfg(feature = "redis")]
#[test]
fn a_key_prefix_is_the_prefix_of_a_shared_store_unless_the_command_line_names_one() {
    let variables =
        [("RATELIMIT_STORAGE_URI", "redis://:pw@db?prefix=old"), ("RATELIMIT_KEY_PREFIX", "shop")];
    assert_eq!(read("{}", &variables).store.to_string(), "redis://…@db?prefix=shop");
    let of = |uri| {
        let environment = Environment::read(variables).with_store(StoreUri::parse(uri).unwrap(), "--store");
        Configuration::from_text("{}", &environment.into()).unwrap().store.to_string()
    };
    assert_eq!(of("redis://a?prefix=own"), "redis://a?prefix=own");
    assert_eq!(of("redis://a"), "redis://a?prefix=shop");
}

/// It was an error once: what each client spends was known to the memory store alone.
#[cfg(feature = "redis")]
#[test]
fn a_rule_may_be_fair_whatever_the_store() {
    let common = r#"{"rate_limit_store": "redis://:pw@db"}"#;
    let site = r#"{"rate_limit_rules": [{"name": "a", "key": "site", "fair": true, "limits": "5/day"}]}"#;
    let files = [("common_site_config.json", common), ("a.example/site_config.json", site)];
    let dir = Directory::with("fair", &files);
    assert!(Configuration::from_dir(&dir.0, &Options::default()).is_ok());
}

#[test]
fn a_key_prefix_for_a_store_that_is_not_shared_is_suspect() {
    let read = read("{}", &[("RATELIMIT_KEY_PREFIX", "shop")]);
    assert_eq!(
        warnings(&read),
        ["environment: RATELIMIT_KEY_PREFIX: means nothing to a store that is not shared"]
    );
}

#[test]
fn every_mistake_is_named_with_its_value_and_what_was_expected() {
    let table = [
        (
            ("RATELIMIT_ENABLED", "yes"),
            r#"RATELIMIT_ENABLED: "yes": neither true nor false; expected true, false, 1 or 0"#,
        ),
        (
            ("RATELIMIT_HEADERS_ENABLED", ""),
            r#"RATELIMIT_HEADERS_ENABLED: "": neither true nor false; expected true, false, 1 or 0"#,
        ),
        (
            ("RATELIMIT_DEFAULT", "10 per fortnight"),
            r#"RATELIMIT_DEFAULT: "10 per fortnight": no such period; expected second, minute, hour, day, week, month or year"#,
        ),
        (
            ("RATELIMIT_KEY_PREFIX", "a b"),
            r#"RATELIMIT_KEY_PREFIX: "a b": expected 1 to 64 printable ASCII characters without braces"#,
        ),
        (
            ("RATELIMIT_STORAGE_URI", "memcached://a"),
            "RATELIMIT_STORAGE_URI: memcached://…: scheme: no such store; expected memory:// or redis://…",
        ),
        (("RATELIMIT_ENABLD", "1"), "RATELIMIT_ENABLD: no such name; did you mean RATELIMIT_ENABLED?"),
        (
            ("RATELIMIT_UNHEARD_OF_NAME", "1"),
            "RATELIMIT_UNHEARD_OF_NAME: no such name; expected RATELIMIT_DEFAULT, RATELIMIT_ENABLED, RATELIMIT_HEADERS_ENABLED, RATELIMIT_KEY_PREFIX or RATELIMIT_STORAGE_URI",
        ),
    ];
    for (variable, expected) in table {
        assert_eq!(errors(&[variable]), [expected]);
    }
}

#[test]
fn all_mistakes_are_reported_at_once_and_with_those_of_the_files() {
    let environment = Environment::read([("RATELIMIT_ENABLED", "yes"), ("RATELIMIT_DEFAULT", "x")]);
    let errors = Configuration::from_text(r#"{"time_zone": 5}"#, &environment.into()).unwrap_err();
    assert_eq!(errors.problems().len(), 3, "{errors}");
}

#[test]
fn no_message_and_no_entry_repeats_a_password() {
    let uri = "redit://user:hunter2@db";
    let environment = Environment::read([("RATELIMIT_STORAGE_URI", uri), ("RATELIMIT_STORAGE_URL", uri)]);
    let errors = Configuration::from_text("{}", &environment.clone().into()).unwrap_err().to_string();
    assert_eq!(errors.lines().count(), 2, "{errors}");
    assert!(!errors.contains("hunter2") && !format!("{environment:?}").contains("hunter2"), "{errors}");
}

#[test]
fn a_name_of_flask_limiters_that_means_nothing_here_is_a_warning_with_its_like() {
    let read = read("{}", &[("RATELIMIT_STRATEGY", "moving-window"), ("RATELIMIT_HEADER_RESET", "X-Reset")]);
    assert_eq!(
        warnings(&read),
        [
            "environment: RATELIMIT_HEADER_RESET: is Flask-Limiter's and not read here; its like is rate_limit_headers.names",
            "environment: RATELIMIT_STRATEGY: is Flask-Limiter's and not read here; its like is always fixed windows, aligned to the site's clock",
        ]
    );
}

#[test]
fn what_kubernetes_says_of_a_service_of_that_name_is_left_alone() {
    let names = [
        "RATELIMIT_SERVICE_HOST",
        "RATELIMIT_SERVICE_PORT_HTTP",
        "RATELIMIT_PORT",
        "RATELIMIT_PORT_80_TCP_ADDR",
    ];
    let read = read("{}", &names.map(|name| (name, "10.0.0.1")));
    assert!(read.loaded.warnings.is_empty());
}

#[cfg(unix)]
#[test]
fn a_value_that_is_no_unicode_is_an_error_and_a_name_of_others_is_none() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let odd = OsStr::from_bytes(b"\xff");
    let environment = Environment::read([(OsStr::new("RATELIMIT_ENABLED"), odd), (odd, odd)]);
    let errors = Configuration::from_text("{}", &environment.into()).unwrap_err().to_string();
    assert_eq!(errors, "environment: RATELIMIT_ENABLED: not Unicode; expected a text");
}

#[test]
fn each_key_says_which_layer_it_is_from() {
    let dir = Directory::with(
        "origins",
        &[
            (
                "common_site_config.json",
                r#"{"time_zone": "Asia/Kolkata", "rate_limit": "1s/day", "db_password": "hunter2"}"#,
            ),
            ("a.example/site_config.json", r#"{"rate_limit_ipv6_prefix": 56, "time_zone": "Europe/Paris"}"#),
        ],
    );
    let read = dir.read(&[("RATELIMIT_HEADERS_ENABLED", "0")]);
    let hosts: Vec<_> = read.sites.iter().map(|(host, _)| host.as_str()).collect();
    assert_eq!(hosts, ["a.example", "*"]);
    let own = |key| {
        let (value, origin) = said(&read.sites[0].1, key);
        (value, origin.rsplit('/').take(2).collect::<Vec<_>>().join(" of "))
    };
    assert_eq!(own("time_zone"), ("\"Europe/Paris\"", "site_config.json of a.example".to_owned()));
    assert_eq!(own("rate_limit_ipv6_prefix").0, "56");
    assert_eq!(own("rate_limit").0, "\"1s/day\"");
    assert!(own("rate_limit").1.starts_with("common_site_config.json"));
    assert_eq!(own("rate_limit_forwarded_header"), ("\"X-Forwarded-For\"", "default".to_owned()));
    assert_eq!(
        own("rate_limit_headers.enabled"),
        ("false", "environment RATELIMIT_HEADERS_ENABLED".to_owned())
    );
    assert_eq!(said(&read.sites[1].1, "rate_limit_ipv6_prefix").1, "default");
    assert!(!format!("{:?}", read.sites).contains("hunter2"));
}

#[test]
fn a_null_of_a_site_hides_the_common_value_and_is_said_to() {
    let dir = Directory::with(
        "null",
        &[
            ("common_site_config.json", r#"{"rate_limit": "1s/day"}"#),
            ("a.example/site_config.json", r#"{"rate_limit": null}"#),
        ],
    );
    let read = dir.read(&[]);
    let (value, origin) = said(&read.sites[0].1, "rate_limit");
    assert!(value == "null" && origin.ends_with("a.example/site_config.json"), "{value} {origin}");
}

#[test]
fn credentials_in_conditions_are_shortened_and_each_rule_has_a_line() {
    let file = r#"{"rate_limit_rules": [
        {"name": "a", "limits": "1/day", "when": {"header": {"authorization": ["Bearer hunter2"], "accept": "text/html"}}},
        {"name": "b", "limits": "1/day", "when": {"not": {"cookie": {"x": {"prefix": "hunter2hunter2"}}}}}]}"#;
    let read = read(file, &[]);
    let (value, _) = said(&read.sites[0].1, "rate_limit_rules");
    let lines: Vec<_> = value.lines().collect();
    assert_eq!(lines.len(), 4, "{value}");
    assert_eq!(
        lines[1],
        r#"  {"name": "a", "limits": "1/day", "when": {"header": {"authorization": ["Bear…"], "accept": "text/html"}}},"#
    );
    assert!(!value.contains("hunter2"), "{value}");
}

#[test]
fn without_variables_a_configuration_is_what_its_files_say() {
    let read =
        Configuration::from_text(r#"{"rate_limit": "1/day"}"#, &Environment::read(NO_VARIABLES).into())
            .unwrap();
    assert_eq!(read.loaded.fallback.rules[0].name, "site-requests");
    assert!(read.loaded.warnings.is_empty());
    assert_eq!(said(&read.process, "enabled"), ("true", "default".to_owned()));
}
