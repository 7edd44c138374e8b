//! What site files mean, and what is said about those that mean nothing.

#[path = "kit/asked.rs"]
mod asked;

#[path = "config/clients.rs"]
mod clients;
#[path = "config/hosts.rs"]
mod hosts;
#[path = "config/in_parts.rs"]
mod in_parts;
#[path = "config/layer_changes.rs"]
mod layer_changes;
#[path = "config/layers.rs"]
mod layers;
#[path = "config/many_sites.rs"]
mod many_sites;
#[path = "config/secrets.rs"]
mod secrets;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use proptest::prelude::*;
use timebudget::config::{self, Loaded};
use timebudget::{Component, HeaderPolicy, KeySpec, Limit, Micros, Period, ResetStyle, Rule, Site};

use crate::asked::Asked;

fn site(text: &str) -> Site {
    match config::parse_site("demo.example", text) {
        Ok((site, _)) => site,
        Err(errors) => panic!("{errors}"),
    }
}

fn errors(text: &str) -> String {
    config::parse_site("demo.example", text).unwrap_err().to_string()
}

fn warnings(text: &str) -> Vec<String> {
    let (_, warnings) = config::parse_site("demo.example", text).unwrap();
    warnings.iter().map(ToString::to_string).collect()
}

/// The text of the one error in a file, without the file's name.
fn error(text: &str) -> String {
    let errors = errors(text);
    assert_eq!(errors.lines().count(), 1, "{errors}");
    errors.strip_prefix("site_config.json: ").unwrap().to_owned()
}

fn time(quota: u64, period: Period) -> Limit {
    Limit::Time { quota: Micros(quota), period }
}

fn keyed_by(component: Component) -> KeySpec {
    KeySpec(vec![component])
}

fn limit_of(text: &str) -> Limit {
    site(&format!(r#"{{"rate_limit": {{"limit": {text}, "window": 3600}}}}"#)).rules[0].limits[0]
}

fn window_of(text: &str) -> Option<Period> {
    site(&format!(r#"{{"rate_limit": {{"limit": 1, "window": {text}}}}}"#)).rules[0].limits[0].period()
}

#[test]
fn the_example_of_frappes_documentation_loads() {
    let site = site(r#"{"rate_limit": {"limit": 600, "window": 3600}}"#);
    assert_eq!(site.zone.name(), "UTC");
    assert_eq!(site.headers, HeaderPolicy::default());
    let [Rule { name, key, limits, .. }] = site.rules.as_slice() else { panic!("{:?}", site.rules) };
    assert_eq!(name, "site");
    assert_eq!(*key, keyed_by(Component::Site));
    assert_eq!(*limits, [time(600_000_000, Period::HOUR)]);
}

#[test]
fn an_empty_file_is_a_site_without_limits() {
    assert_eq!(site("{}"), Site::unlimited("demo.example"));
}

#[test]
fn a_rate_string_makes_a_rule_for_the_site_and_one_for_each_client() {
    let site = site(r#"{"rate_limit": "200 per day; 50/hour; 600s per hour; 5 concurrent"}"#);
    let rules: Vec<_> =
        site.rules.iter().map(|rule| (rule.name.as_str(), &rule.key, &*rule.limits)).collect();
    let day = Limit::Requests { quota: 200, period: Period::DAY };
    let hour = Limit::Requests { quota: 50, period: Period::HOUR };
    let shared = [time(600_000_000, Period::HOUR), Limit::Concurrent { cap: 5 }];
    assert_eq!(rules[0], ("site", &keyed_by(Component::Site), shared.as_slice()));
    assert_eq!(rules[1], ("site-requests", &keyed_by(Component::Ip), [day, hour].as_slice()));
    assert_eq!(rules.len(), 2);
}

#[test]
fn limits_are_read_from_their_text_to_the_microsecond() {
    assert_eq!(limit_of("0"), time(0, Period::HOUR));
    assert_eq!(limit_of("0.1"), time(100_000, Period::HOUR));
    assert_eq!(limit_of("0.000001"), time(1, Period::HOUR));
    assert_eq!(limit_of("6e2"), time(600_000_000, Period::HOUR));
    assert_eq!(limit_of("9007199254.740992"), time(1 << 53, Period::HOUR));
    assert_eq!(limit_of("9007199254.740991"), time((1 << 53) - 1, Period::HOUR));
}

#[test]
fn a_window_is_whole_seconds_or_a_calendar_period() {
    assert_eq!(window_of("90"), Period::seconds(90));
    assert_eq!(window_of("3600.0"), Some(Period::HOUR));
    assert_eq!(window_of("4294967295"), Period::seconds(u32::MAX));
    assert_eq!(window_of(r#""day""#), Some(Period::DAY));
    assert_eq!(window_of(r#""week""#), Some(Period::WEEK));
    assert_eq!(window_of(r#""month""#), Some(Period::MONTH));
    assert_eq!(window_of(r#""year""#), Some(Period::YEAR));
}

#[test]
fn a_number_in_quotation_marks_is_taken_with_a_warning() {
    let text = r#"{"rate_limit": {"limit": "600", "window": " 3600 "}}"#;
    assert_eq!(site(text).rules[0].limits, [time(600_000_000, Period::HOUR)]);
    assert_eq!(
        warnings(text),
        [
            r#"site_config.json: rate_limit.limit: "600": a text; taken as the number it holds"#,
            r#"site_config.json: rate_limit.window: " 3600 ": a text; taken as the number it holds"#,
        ]
    );
}

#[test]
fn of_two_limits_that_share_an_account_the_smaller_holds_with_a_warning() {
    let text = r#"{"rate_limit": "20 per hour; 10 per 60 minutes"}"#;
    assert_eq!(site(text).rules[0].limits, [Limit::Requests { quota: 10, period: Period::HOUR }]);
    assert_eq!(
        warnings(text),
        [
            r#"site_config.json: rate_limit: "20 per hour; 10 per 60 minutes": several limits of one unit and period; the smallest holds"#
        ]
    );
}

#[test]
fn null_is_as_if_the_key_were_not_there() {
    let text =
        r#"{"time_zone": null, "rate_limit": null, "rate_limit_exempt": null, "rate_limit_headers": null}"#;
    assert_eq!(site(text), Site::unlimited("demo.example"));
}

#[test]
fn keys_of_others_are_left_alone() {
    let others =
        r#"{"db_password": "hunter2", "db_password": [1e999, "\ud800"], "default_site": 5, "timezone": 1}"#;
    assert_eq!(site(others), Site::unlimited("demo.example"));
    assert!(warnings(others).is_empty());
}

#[test]
fn a_byte_order_mark_is_no_error() {
    assert_eq!(site("\u{feff}{}"), Site::unlimited("demo.example"));
}

#[test]
fn headers_can_be_renamed_and_tell_the_time_as_unix_does() {
    let headers = site(r#"{"rate_limit_headers": {"reset": "unix", "names": {"limit": "RateLimit-Limit"}, "standard": false}}"#).headers;
    assert!(headers.enabled);
    assert_eq!(headers.reset, ResetStyle::Unix);
    assert_eq!(headers.names.limit, "RateLimit-Limit");
    assert_eq!(headers.names.used, "X-RateLimit-Used");
    assert!(!site(r#"{"rate_limit_headers": {"enabled": false}}"#).headers.enabled);
}

/// A request of this method for this path.
fn asked<'a>(method: &'a str, path: &'a str) -> Asked<'a> {
    Asked { method, path, ..Asked::USUAL }
}

fn exempts(condition: &str, method: &'static str, path: &'static str) -> bool {
    let exempt = site(&format!(r#"{{"rate_limit_exempt": {condition}}}"#)).exempt;
    exempt.unwrap().matches(&asked(method, path))
}

#[test]
fn a_path_is_matched_whole_by_prefix_by_glob_or_by_any_of_a_list() {
    assert!(exempts(r#"{"path": "/health"}"#, "GET", "/health"));
    assert!(!exempts(r#"{"path": "/health"}"#, "GET", "/health/"));
    assert!(exempts(r#"{"path": {"prefix": "/api"}}"#, "GET", "/api/x"));
    assert!(!exempts(r#"{"path": {"prefix": "/api"}}"#, "GET", "/apiary"));
    assert!(exempts(r#"{"path": {"glob": "/users/*/photo"}}"#, "GET", "/users/a/photo"));
    assert!(exempts(r#"{"path": ["/a", {"glob": "**.css"}]}"#, "GET", "/x/y.css"));
    assert!(!exempts(r#"{"path": ["/a", {"glob": "**.css"}]}"#, "GET", "/b"));
}

#[test]
fn fields_of_one_object_must_all_hold() {
    let condition = r#"{"path": "/a", "method": ["GET", "post"]}"#;
    assert!(exempts(condition, "HEAD", "/a") && exempts(condition, "POST", "/a"));
    assert!(!exempts(condition, "DELETE", "/a") && !exempts(condition, "GET", "/b"));
}

#[test]
fn conditions_nest() {
    let condition = r#"{"any": [{"path": "/a"}, {"all": [{"method": "PUT"}, {"not": {"path": "/b"}}]}]}"#;
    assert!(exempts(condition, "GET", "/a") && exempts(condition, "PUT", "/c"));
    assert!(!exempts(condition, "PUT", "/b") && !exempts(condition, "GET", "/c"));
}

#[test]
fn an_exemption_of_everything_is_suspect() {
    assert_eq!(
        warnings(r#"{"rate_limit_exempt": {}}"#),
        ["site_config.json: rate_limit_exempt: {}: every request is exempt; nothing is limited"]
    );
}

#[test]
fn rules_come_before_those_of_rate_limit() {
    let text = r#"{"rate_limit": "5 per hour", "rate_limit_rules": [
        {"name": "b", "limits": "1s per hour; 3 concurrent"}, {"name": "a", "limits": "1 per hour"}]}"#;
    let site = site(text);
    let rules: Vec<_> = site.rules.iter().map(|rule| (rule.name.as_str(), &rule.key.0[0])).collect();
    assert_eq!(rules, [("b", &Component::Site), ("a", &Component::Ip), ("site-requests", &Component::Ip)]);
}

#[test]
fn limits_of_a_rule_are_rates_and_objects() {
    let text = r#"{"rate_limit_rules": [{"name": "a", "key": "ip", "limits": [
        "2 concurrent; 5/day", {"limit": 1.5, "window": 60}, {"limit": 7, "window": "hour", "unit": "requests"}]}]}"#;
    let day = Limit::Requests { quota: 5, period: Period::DAY };
    let hour = Limit::Requests { quota: 7, period: Period::HOUR };
    let expected = [Limit::Concurrent { cap: 2 }, day, time(1_500_000, Period::MINUTE), hour];
    assert_eq!(site(text).rules[0].limits, expected);
}

#[test]
fn a_key_that_clients_can_rotate_is_suspect() {
    let text = r#"{"rate_limit_rules": [{"name": "a", "key": "header:x", "limits": "1 per hour"},
        {"name": "b", "key": "ip", "limits": "1 per hour"}]}"#;
    let [warning] = &warnings(text)[..] else { panic!("one warning") };
    let fault = "clients choose what tells their accounts apart, and so can change them at will";
    assert_eq!(*warning, format!("site_config.json: rate_limit_rules[0]: \"a\": {fault}"));
}

/// Nothing was said of it: an address that writes another value each time had an account for each.
#[test]
fn a_key_of_which_each_client_can_have_many_is_suspect_unless_a_rule_beside_it_bounds_them() {
    let fault = "clients choose a part of what tells their accounts apart, and so each can have as many as it likes; \
                 expected a rule beside it whose key is without that part";
    for part in ["query:q", "header:x", "cookie:c"] {
        let rule = format!(
            r#"{{"name": "a", "when": {{"path": "/a"}}, "key": ["ip", "{part}"], "limits": "1 per hour"}}"#
        );
        let of = |other: &str| warnings(&format!(r#"{{"rate_limit_rules": [{rule}{other}]}}"#));
        let expected = [format!("site_config.json: rate_limit_rules[0]: \"a\": {fault}")];
        assert_eq!(of(""), expected);
        for other in [
            r#", {"name": "b", "when": {"path": "/b"}, "key": "ip", "limits": "9 per hour"}"#,
            r#", {"name": "b", "shadow": true, "key": "ip", "limits": "9 per hour"}"#,
            r#", {"name": "b", "otherwise": true, "key": "ip", "limits": "9 per hour"}"#,
            r#", {"name": "b", "counts": "refusals", "key": "ip", "limits": "9 per hour"}"#,
        ] {
            assert_eq!(of(other), expected, "{other}");
        }
        for bound in [
            r#", {"name": "b", "when": {"path": "/a"}, "key": "ip", "limits": "9 per hour"}"#,
            r#", {"name": "b", "key": "ip", "limits": "9 per hour"}"#,
            r#", {"name": "b", "limits": "600s per hour"}"#,
        ] {
            assert_eq!(of(bound), [""; 0], "{bound}");
        }
    }
}

#[test]
fn a_rule_that_never_applies_is_suspect() {
    let text = r#"{"rate_limit_rules": [{"name": "a", "limits": "1 per hour"},
        {"name": "b", "otherwise": true, "limits": "1 per day"}]}"#;
    assert_eq!(
        warnings(text),
        [r#"site_config.json: rate_limit_rules[1]: "b": never applies, for the rule a always does"#]
    );
}

/// Whether `/Login` lies in `/login` is for the site to say, which may be in another file than the rule.
#[test]
fn a_rule_that_never_applies_is_one_by_what_the_site_says_of_paths() {
    let of = |paths: &str, when: &str| {
        let rule = format!(r#"{{"name": "a", "limits": "1 per hour", "when": {{"all": [{when}]}}}}"#);
        warnings(&format!(r#"{{"rate_limit_rules": [{rule}], "rate_limit_paths": "{paths}"}}"#))
    };
    let never =
        r#"site_config.json: rate_limit_rules[0]: "a": never applies, for no request fulfils its condition"#;
    let within = r#"{"path": "/Login"}, {"path": {"prefix": "/login"}}"#;
    let both = r#"{"path": "/Login"}, {"not": {"path": "/login/"}}"#;
    let ever = r#"{"path": "/a"}, {"path": "/b"}"#;
    for (paths, when, is_in_vain) in [
        ("normal", within, true),
        ("exact", within, true),
        ("any_case", within, false),
        ("normal", both, false),
        ("any_case", both, true),
        ("normal", ever, true),
        ("any_case", ever, true),
    ] {
        let expected = is_in_vain.then_some(never);
        assert!(of(paths, when).iter().eq(expected), "{paths} {when}: {:?}", of(paths, when));
    }
    // One rule bounds another that is about the same paths.
    let bounded = |paths: &str| {
        warnings(&format!(
            r#"{{"rate_limit_paths": "{paths}", "rate_limit_rules": [
            {{"name": "a", "when": {{"path": "/Find"}}, "key": ["ip", "query:q"], "limits": "1 per hour"}},
            {{"name": "b", "when": {{"path": "/find"}}, "key": "ip", "limits": "9 per hour"}}]}}"#
        ))
    };
    assert_eq!((bounded("any_case").len(), bounded("normal").len()), (0, 1));
}

#[test]
fn every_mistake_has_its_message() {
    let table = include!("config/mistakes.rs");
    let of_clients = include!("config/mistakes_clients.rs");
    let references = include!("config/mistakes_references.rs");
    for (text, message) in table.into_iter().chain(of_clients).chain(references) {
        assert_eq!(error(text), message, "{text}");
    }
}

#[test]
fn all_errors_are_reported_at_once() {
    let text = r#"{
        "rate_limit": {"limit": -1, "window": 0, "windw": 1},
        "db_password": "hunter2",
        "rate_limit_exempt": {"path": ["a", {"prefix": "b"}], "methd": "GET"},
        "time_zone": "Europe/Pari"
    }"#;
    let places: Vec<_> =
        errors(text).lines().map(|line| line.split(": ").nth(1).unwrap().to_owned()).collect();
    assert_eq!(
        places,
        [
            "rate_limit.windw",
            "rate_limit.limit",
            "rate_limit.window",
            "rate_limit_exempt.methd",
            "rate_limit_exempt.path[0]",
            "rate_limit_exempt.path[1].prefix",
            "time_zone",
        ]
    );
}

/// A rule about paths by their names has as many accounts as it names, whatever clients ask an upstream for.
#[test]
fn a_key_by_path_rotates_behind_an_upstream_unless_the_paths_are_named() {
    for (upstream, when, is_warned_of) in [
        (r#""http://127.0.0.1:3000""#, r#"{}"#, true),
        (r#""http://127.0.0.1:3000""#, r#"{"path": {"prefix": "/a"}}"#, true),
        (r#""http://127.0.0.1:3000""#, r#"{"path": ["/a", {"glob": "/b/*"}]}"#, true),
        (r#""http://127.0.0.1:3000""#, r#"{"not": {"path": "/a"}}"#, true),
        (r#""http://127.0.0.1:3000""#, r#"{"any": [{"path": "/a"}, {"method": "GET"}]}"#, true),
        (r#""http://127.0.0.1:3000""#, r#"{"path": "/a"}"#, false),
        (r#""http://127.0.0.1:3000""#, r#"{"path": ["/a", "/b"], "method": "GET"}"#, false),
        (r#""http://127.0.0.1:3000""#, r#"{"any": [{"path": "/a"}, {"path": "/b"}]}"#, false),
        ("null", r#"{"path": {"prefix": "/a"}}"#, false),
    ] {
        let when = if when == "{}" { String::new() } else { format!(r#""when": {when}, "#) };
        let rule = format!(r#"{{"name": "a", {when}"limits": "1 per hour", "key": ["site", "path"]}}"#);
        let text = format!(r#"{{"rate_limit_upstream": {upstream}, "rate_limit_rules": [{rule}]}}"#);
        let (_, warnings) = config::parse_site("test", &text).unwrap();
        let told: Vec<_> = warnings.iter().map(|warning| warning.message().ends_with("at will")).collect();
        assert_eq!(told, vec![true; usize::from(is_warned_of)], "{text}: {warnings:?}");
    }
}

#[test]
fn what_may_be_a_secret_is_in_no_message() {
    let text = r#"{
        "rate_limit_store": "redis://:hunter2@db",
        "rate_limit_stor": "redis://:hunter2@db",
        "rate_limit_api_keys": {"hunter2": {}},
        "rate_limit": {"limits": "hunter2", "limit": 1, "window": 1},
        "password": "hunter2"
    }"#;
    let errors = errors(text);
    assert_eq!(errors.lines().count(), 4, "{errors}");
    assert!(!errors.contains("hunter2"), "{errors}");
}

#[test]
fn a_long_value_is_cut() {
    let text = format!(r#"{{"time_zone": "{}"}}"#, "x".repeat(100_000));
    assert_eq!(
        error(&text),
        format!(
            "time_zone: \"{}…: no such time zone; expected an IANA name such as \"Europe/Paris\"",
            "x".repeat(59)
        )
    );
}

/// A directory that is removed at the end of its test.
struct Directory(PathBuf);

impl Directory {
    fn with(test: &str, files: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (process, count) = (std::process::id(), COUNT.fetch_add(1, Relaxed));
        let dir = std::env::temp_dir().join(format!("timebudget-config-{test}-{process}-{count}"));
        for (name, text) in files {
            let path = dir.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::create_dir_all(dir.join("assets")).unwrap();
        Self(dir)
    }

    fn load(&self) -> Loaded {
        config::load_dir(&self.0).unwrap_or_else(|errors| panic!("{errors}"))
    }

    fn link(&self, directory: &str, name: &str) {
        std::os::unix::fs::symlink(directory, self.0.join(name)).unwrap();
    }

    /// The errors, with the directory's own path taken out.
    fn errors(&self) -> String {
        let errors = config::load_dir(&self.0).unwrap_err().to_string();
        errors.replace(self.0.to_str().unwrap(), "sites")
    }

    /// The warnings, with the directory's own path taken out.
    fn warnings(&self) -> Vec<String> {
        let warnings = self.load().warnings;
        warnings
            .iter()
            .map(|warning| warning.to_string().replace(self.0.to_str().unwrap(), "sites"))
            .collect()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_site_takes_from_the_common_file_what_its_own_does_not_say() {
    let common = r#"{"default_site": "a.example", "time_zone": "Asia/Kolkata", "rate_limit": "5s per hour"}"#;
    let dir = Directory::with(
        "layers",
        &[
            ("common_site_config.json", common),
            ("a.example/site_config.json", "{}"),
            ("B.example/site_config.json", r#"{"rate_limit": {"limit": 1, "window": 60}}"#),
            ("c.example/site_config.json", r#"{"rate_limit": null, "default_site": 7}"#),
        ],
    );
    let loaded = dir.load();
    let hosts: Vec<_> = loaded.sites.iter().map(|(host, site)| (host.as_str(), site.name.as_str())).collect();
    assert_eq!(hosts, [("a.example", "a.example"), ("b.example", "b.example"), ("c.example", "c.example")]);
    assert_eq!(loaded.sites[0].1.rules[0].limits, [time(5_000_000, Period::HOUR)]);
    assert_eq!(loaded.sites[1].1.rules[0].limits, [time(1_000_000, Period::MINUTE)]);
    assert_eq!(loaded.sites[1].1.zone.name(), "Asia/Kolkata");
    assert!(loaded.sites[2].1.rules.is_empty());
    assert_eq!(loaded.default_site.as_deref(), Some("a.example"));
    assert_eq!(loaded.fallback.rules, loaded.sites[0].1.rules);
    assert!(loaded.warnings.is_empty());
}

#[test]
fn an_error_names_the_file_that_the_key_is_in_and_is_reported_once() {
    let dir = Directory::with(
        "files",
        &[
            ("common_site_config.json", r#"{"rate_limit": 5, "default_site": "a.exampel"}"#),
            ("a.example/site_config.json", r#"{"time_zone": 5}"#),
            ("b.example/site_config.json", "{"),
        ],
    );
    assert_eq!(
        dir.errors(),
        "sites/common_site_config.json: rate_limit: 5: neither an object nor a text; expected an object of limit \
         and window, or a rate string such as \"600s per hour\"\n\
         sites/a.example/site_config.json: time_zone: 5: not a text; expected an IANA name such as \"Europe/Paris\"\n\
         sites/b.example/site_config.json: line 1, column 1: not JSON: EOF while parsing an object\n\
         sites/common_site_config.json: default_site: \"a.exampel\": no such site; did you mean \"a.example\"?"
    );
}

#[test]
fn hosts_that_have_no_site_and_so_no_limit_are_suspect() {
    let dir =
        Directory::with("unlimited", &[("a.example/site_config.json", r#"{"rate_limit": "1s per hour"}"#)]);
    let warnings: Vec<_> = dir.load().warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].ends_with(
        "common_site_config.json: default_site: missing, and no rate_limit here: \
         requests for hosts that have no site are not limited"
    ));
}

#[test]
fn a_directory_without_any_file_of_ours_is_an_error() {
    let dir = Directory::with("empty", &[("apps.txt", "frappe")]);
    assert_eq!(dir.errors(), "sites: no site; expected common_site_config.json or a <host>/site_config.json");
}

#[test]
fn a_file_that_cannot_be_read_is_an_error() {
    let dir = Directory::with("unreadable", &[("a.example/site_config.json/x", "")]);
    assert_eq!(
        dir.errors(),
        "sites/a.example/site_config.json: cannot be read: Is a directory (os error 21)"
    );
    let missing = config::load_file("no/such/file.json").unwrap_err().to_string();
    assert_eq!(missing, "no/such/file.json: cannot be read: No such file or directory (os error 2)");
    let no_dir = config::load_dir("no/such").unwrap_err().to_string();
    assert_eq!(no_dir, "no/such: cannot be read: No such file or directory (os error 2)");
}

#[test]
fn a_single_file_answers_for_every_host() {
    let dir = Directory::with("single", &[("mine.json", r#"{"rate_limit": "1s per hour"}"#)]);
    let loaded = config::load_file(dir.0.join("mine.json")).unwrap();
    assert!(loaded.sites.is_empty() && loaded.default_site.is_none());
    assert_eq!(loaded.fallback.rules[0].limits, [time(1_000_000, Period::HOUR)]);
}

#[test]
fn the_examples_load_without_a_warning() {
    for example in ["site_config.example.json", "examples/site_config.rules.json"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(example);
        let loaded = config::load_file(path).unwrap_or_else(|errors| panic!("{errors}"));
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        assert!(!loaded.fallback.rules.is_empty());
    }
}

proptest! {
    #[test]
    fn no_value_of_ours_panics(
        key in "time_zone|rate_limit(_headers|_exempt|_rules|_tiers|_groups|_users|_overrides|_api_keys|_identity|_country|s)?",
        value in r#"([\[{]|"(limit|window|path|prefix|glob|any|not|names|enabled|user|tier|until|multiplier|header)":){0,5}("[a-z/*0-9; ]{0,12}"|-?[0-9.eE]{1,20}|null|true)?[\]},]{0,5}"#,
    ) {
        let _ = config::parse_site("demo.example", &format!("{{\"{key}\": {value}}}"));
    }
}

#[test]
fn the_common_file_says_where_accounts_are_kept() {
    let of = |test: &str, text: &str| Directory::with(test, &[("common_site_config.json", text)]);
    let dir = of("store", r#"{"rate_limit": "1s/day", "rate_limit_store": "memory://?snapshot=x"}"#);
    let read = config::Configuration::from_dir(&dir.0, &config::Options::default()).unwrap();
    assert_eq!(read.store.to_string(), "memory://?snapshot=x");
    for (text, fault) in [
        (
            r#""radish://:hunter2@db""#,
            "rad…://…: scheme: no such store; expected memory:// or redis://…; did you mean redis://?",
        ),
        (r#"["redis://:hunter2@db"]"#, "a list: not a text; expected a URI such as \"redis://localhost\""),
    ] {
        let dir = of("wrong-store", &format!("{{\"rate_limit_store\": {text}}}"));
        assert_eq!(dir.errors(), format!("sites/common_site_config.json: rate_limit_store: {fault}"));
    }
}

/// Frappe Cloud computes hours × 3600 in floats: the file was refused.
#[test]
fn a_number_that_floats_have_missed_by_a_hair_is_the_one_that_was_meant() {
    let of = |text: &str| config::parse_site("demo.example", text).unwrap().0;
    let daily = |quota: &str| format!(r#"{{"rate_limit": {{"limit": {quota}, "window": 86400}}}}"#);
    for (written, meant) in
        [("3960.0000000000005", "3960"), ("8279.999999999999", "8280"), ("0.30000000000000004", "0.3")]
    {
        assert_eq!(of(&daily(written)), of(&daily(meant)), "{written}");
    }
    let rule = |quota: &str, unit: &str, multiplier: &str| {
        format!(
            r#"{{"rate_limit_rules": [{{"name": "a", "key": "ip", "limits": ["3960.0000000000005s per day", {{"limit": {quota}, "window": 3600, "unit": "{unit}"}}]}}],
                "rate_limit_tiers": {{"gold": {{"multiplier": {multiplier}}}}}, "rate_limit_groups": {{"vips": "gold"}}, "rate_limit_trusted_proxies": ["10.0.0.0/8"],
                "rate_limit_identity": {{"user": "X-User", "groups": "X-Groups"}}}}"#
        )
    };
    for unit in ["time", "requests"] {
        assert_eq!(of(&rule("2.0000000000000004", unit, "1.1000000000000003")), of(&rule("2", unit, "1.1")));
    }
    assert!(config::parse_site("demo.example", &daily("3960.0000001")).is_err());
}

/// Python's json writes NaN, and the whole file was refused for it.
#[test]
fn what_python_writes_of_no_number_is_nobodys_business_in_a_key_of_others() {
    let text = "{\"a\": NaN, \"b\": {\"c\": [Infinity, -Infinity, \"NaN\"]},\n\"rate_limit\": {\"limit\": 600, \"window\": 3600}, \"d\": NaN}";
    let plain = r#"{"rate_limit": {"limit": 600, "window": 3600}}"#;
    let of = |text| config::parse_site("demo.example", text).unwrap();
    assert_eq!(of(text), of(plain));
    let broken = text.replace("\"d\"", "d");
    let error = config::parse_site("demo.example", &broken).unwrap_err().to_string();
    assert_eq!(error, "site_config.json: line 2, column 47: not JSON: key must be a string");
}

#[test]
fn what_is_no_number_in_a_key_of_ours_is_named_with_its_place() {
    for (text, message) in [
        (
            r#"{"rate_limit": {"limit": NaN, "window": 3600}}"#,
            "rate_limit.limit: NaN: not a number; expected seconds from 0 to 9007199254.740992, with at most six decimals",
        ),
        (
            r#"{"rate_limit_rules": [{"name": "a", "limits": [{"limit": 1, "window": -Infinity}]}]}"#,
            "rate_limit_rules[0].limits[0].window: -Infinity: not a number; expected whole seconds from 1 to 4294967295, or \"hour\", \"day\", \"week\", \"month\" or \"year\"",
        ),
        (
            r#"{"rate_limit_tiers": {"gold": {"multiplier": Infinity}}}"#,
            "rate_limit_tiers.gold.multiplier: Infinity: not a number; expected a number above 0 and at most 1000000, with at most six decimals",
        ),
    ] {
        let error = config::parse_site("demo.example", text).unwrap_err().to_string();
        assert_eq!(error, format!("site_config.json: {message}"));
    }
}

/// `{"host": {"glob": "*.example.com"}}` in a single file never applied, and nothing was said.
#[test]
fn a_host_that_nothing_is_called_by_is_suspect() {
    let of = |hosts: &str, when: &str| {
        warnings(&format!(
            r#"{{"rate_limit_hosts": {hosts}, "rate_limit_rules": [{{"name": "a", "when": {when}, "limits": "1/day"}}]}}"#
        ))
    };
    let fault = "site_config.json: rate_limit_rules[0].when: \"a\": no configured host is such a one; \
        expected the name of a site, or one of rate_limit_hosts";
    for when in [
        r#"{"host": {"glob": "*.example.com"}}"#,
        r#"{"host": ["demo.example", "typo.example"]}"#,
        r#"{"any": [{"not": {"host": {"prefix": "api."}}}]}"#,
    ] {
        assert_eq!(of(r#"["a.example"]"#, when), [fault], "{when}");
    }
    for when in [
        r#"{"host": {"glob": "*.EXAMPLE.com"}}"#,
        r#"{"host": ["Demo.Example", "Ä.münchen.example"]}"#,
        r#"{"host": {"glob": "*.München.*"}, "path": "/a"}"#,
        r#"{"host": {"regex": "^(XN--|DEMO)"}}"#,
    ] {
        let hosts = r#"["a.example.com", "ä.münchen.example"]"#;
        assert_eq!(of(hosts, when), Vec::<String>::new(), "{when}");
    }
}
