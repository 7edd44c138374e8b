//! Which hosts the sites of a directory answer for, and what is said of those that they cannot.

use super::*;

const COMMON: (&str, &str) = ("common_site_config.json", r#"{"rate_limit": "1s per hour"}"#);

fn hosts(loaded: &Loaded) -> Vec<(&str, String)> {
    let hosts = |site: &Site| site.hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    loaded.sites.iter().map(|(name, site)| (name.as_str(), hosts(site))).collect()
}

#[test]
fn a_site_has_the_hosts_of_links_of_its_file_and_of_bench() {
    let site = r#"{"rate_limit_hosts": ["*.A.example.", "two.example"], "domains": ["ü.example", {"domain": "two.example"}, "A.example"]}"#;
    let dir = Directory::with("hosts", &[COMMON, ("A.Example/site_config.json", site)]);
    dir.link("A.Example", "link.example");
    dir.link("no-such-directory", "dangling.example");
    let loaded = dir.load();
    assert_eq!(
        hosts(&loaded),
        [("a.example", "link.example *.a.example two.example xn--tda.example".to_owned())]
    );
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

/// `dev:8010` as a directory loaded, and was never reached, without a word.
#[test]
fn a_directory_that_no_host_can_be_called_by_is_suspect_unless_it_can_be_reached_otherwise() {
    let site = |name: &str, text| (format!("{name}/site_config.json"), text);
    let files = [
        site("dev:8010", "{}"),
        site("my shop", "{}"),
        site("my_site", "{}"),
        site("b:1", r#"{"domains": ["b.example"]}"#),
    ];
    let mut files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    files.push(COMMON);
    let dir = Directory::with("unreachable", &files);
    let begin = "no request reaches this site, for its directory's name is not a name that a Host can be";
    assert_eq!(
        dir.warnings(),
        [
            format!("sites/dev:8010/site_config.json: \"dev:8010\": {begin}; did you mean \"dev\"?"),
            format!(
                "sites/my shop/site_config.json: \"my shop\": {begin}; expected one such as \"www.example.com\""
            ),
        ]
    );
    for common in [
        r#"{"default_site": "Dev:8010"}"#,
        r#"{"rate_limit_site_header": "X-Site", "rate_limit_trusted_proxies": ["::1"], "rate_limit": "1s/hour"}"#,
    ] {
        let files = [("dev:8010/site_config.json", "{}"), ("common_site_config.json", common)];
        let dir = Directory::with("reachable", &files);
        assert_eq!(dir.warnings(), Vec::<String>::new(), "{common}");
    }
}

#[test]
fn a_host_that_two_sites_claim_is_the_first_ones_and_both_are_named() {
    let shop = r#"{"rate_limit_hosts": ["shop.example"]}"#;
    let files = [
        COMMON,
        ("a.example/site_config.json", shop),
        ("b.example/site_config.json", r#"{"domains": ["Shop.example", "a.example"]}"#),
    ];
    let dir = Directory::with("claimed", &files);
    assert_eq!(hosts(&dir.load()), [("a.example", "shop.example".to_owned()), ("b.example", String::new())]);
    let fault = "is a host of the site a.example, which keeps it; expected it in one site's file alone";
    assert_eq!(
        dir.warnings(),
        [
            format!("sites/b.example/site_config.json: domains[0]: \"Shop.example\": {fault}"),
            format!("sites/b.example/site_config.json: domains[1]: \"a.example\": {fault}"),
        ]
    );
}

#[test]
fn what_is_odd_in_benchs_domains_is_left_out_and_not_shown() {
    let domains = r#"{"domains": [{"ssl_certificate": "/etc/hunter2"}, 7, "a b", {"domain": ["hunter2"]}, {"domain": "b.example:443"}, "c.example"]}"#;
    let dir = Directory::with("odd-domains", &[COMMON, ("a.example/site_config.json", domains)]);
    assert_eq!(hosts(&dir.load()), [("a.example", "c.example".to_owned())]);
    let warnings = dir.warnings();
    assert_eq!(warnings.len(), 5, "{warnings:?}");
    assert!(
        warnings.iter().all(|warning| warning.ends_with("It is left out") && !warning.contains("hunter2")),
        "{warnings:?}"
    );
    assert!(warnings[4].contains(
        "domains[4]: \"b.example:443\": not a name that a Host can be; did you mean \"b.example\"?"
    ));
    for domains in [r#"{"domains": "b.example"}"#, r#"{"domains": {"b.example": {"password": "hunter2"}}}"#] {
        let dir = Directory::with("no-domains", &[COMMON, ("a.example/site_config.json", domains)]);
        let [warning] = &dir.warnings()[..] else { panic!("one warning") };
        assert!(warning.contains(": domains: ") && !warning.contains("hunter2"), "{warning}");
    }
}

#[test]
fn the_common_file_is_nobodys_and_has_no_hosts() {
    let common = r#"{"rate_limit_hosts": ["a.example"], "domains": [5]}"#;
    let dir = Directory::with("common-hosts", &[("common_site_config.json", common)]);
    assert_eq!(
        dir.errors(),
        "sites/common_site_config.json: rate_limit_hosts: a list: no two sites answer for one host; expected it in the file of the site that answers"
    );
}

#[test]
fn of_two_directories_that_are_one_host_the_one_that_is_written_like_it_is_the_site() {
    let at = |name: &str, limit| {
        (format!("{name}/site_config.json"), format!(r#"{{"rate_limit": "{limit}s/hour"}}"#))
    };
    let files =
        [at("B.example", 1), at("b.example", 2), at("ü.example", 3), at("xn--tda.example", 4), at("*", 5)];
    let files: Vec<_> =
        files.iter().map(|(name, text)| (name.as_str(), text.as_str())).chain([COMMON]).collect();
    let dir = Directory::with("twins", &files);
    let read = config::Files::from_dir(&dir.0, &config::Options::default()).read().unwrap();
    let limits: Vec<_> =
        read.loaded.sites.iter().map(|(name, site)| (name.as_str(), site.rules[0].limits[0])).collect();
    assert_eq!(
        limits,
        [("b.example", time(2_000_000, Period::HOUR)), ("xn--tda.example", time(4_000_000, Period::HOUR))]
    );
    assert_eq!(
        dir.errors(),
        "sites/*/site_config.json: \"*\": hosts without a site are called so; expected another name of the directory\n\
         sites/B.example/site_config.json: \"B.example\": another directory is the site b.example; expected one for each host\n\
         sites/ü.example/site_config.json: \"ü.example\": another directory is the site xn--tda.example; expected one for each host"
    );
}

#[test]
fn the_default_site_is_named_by_its_directory_or_a_link_to_it_in_any_form() {
    let default = |text: &str| format!(r#"{{"default_site": "{text}", "rate_limit": "1s/hour"}}"#);
    for text in ["münchen.example", "MÜNCHEN.example.", "xn--mnchen-3ya.example", "Link.example"] {
        let (common, site) = (default(text), r#"{"domains": ["shop.example"]}"#);
        let files =
            [("common_site_config.json", common.as_str()), ("münchen.example/site_config.json", site)];
        let dir = Directory::with("default-site", &files);
        dir.link("münchen.example", "link.example");
        assert_eq!(dir.load().default_site.as_deref(), Some("xn--mnchen-3ya.example"), "{text}");
    }
    let (common, site) = (default("Shop.example"), r#"{"domains": ["shop.example"]}"#);
    let dir = Directory::with(
        "default-domain",
        &[("common_site_config.json", &common), ("a.example/site_config.json", site)],
    );
    assert_eq!(
        dir.errors(),
        "sites/common_site_config.json: default_site: \"Shop.example\": a host of the site a.example; expected the name of its directory"
    );
}

#[test]
fn a_header_that_names_the_site_is_believed_of_trusted_proxies_only() {
    let dir = Directory::with(
        "site-header",
        &[("common_site_config.json", r#"{"rate_limit_site_header": "X-Site"}"#)],
    );
    assert_eq!(
        dir.errors(),
        "sites/common_site_config.json: rate_limit_site_header: \"X-Site\": believed of trusted proxies only, of which there are none; expected rate_limit_trusted_proxies"
    );
    let wrong = r#"{"rate_limit_site_header": "X Site", "rate_limit_on_error": "close"}"#;
    let dir = Directory::with("site-header", &[("common_site_config.json", wrong)]);
    assert_eq!(
        dir.errors(),
        "sites/common_site_config.json: rate_limit_site_header: \"X Site\": not the name of a header; expected the name of a header, such as \"X-Frappe-Site-Name\"\n\
         sites/common_site_config.json: rate_limit_on_error: \"close\": expected \"refuse\" or \"open\""
    );
}

#[test]
fn a_rule_of_a_site_may_ask_for_its_own_hosts_and_one_of_the_common_file_for_those_of_all_sites() {
    let rule = |host: &str| {
        format!(
            r#"{{"rate_limit_rules": [{{"name": "r", "when": {{"host": {{"glob": "{host}"}}}}, "limits": "1/day"}}]}}"#
        )
    };
    let (own, common) = (rule("*.B.example"), rule("shop.*"));
    let files = [
        ("a.example/site_config.json", own.as_str()),
        ("b.example/site_config.json", r#"{"rate_limit_hosts": ["shop.b.example"]}"#),
        ("common_site_config.json", common.as_str()),
    ];
    let fault = "rate_limit_rules[0].when: \"r\": no configured host is such a one; expected the name of a site, or one of rate_limit_hosts";
    let dir = Directory::with("asked", &files);
    assert_eq!(dir.warnings(), [format!("sites/a.example/site_config.json: {fault}")]);

    let common = rule("none.*");
    let dir = Directory::with("asked-of-all", &[files[1], ("common_site_config.json", &common)]);
    assert_eq!(dir.warnings(), [format!("sites/common_site_config.json: {fault}")]);
}
