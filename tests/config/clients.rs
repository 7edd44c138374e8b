//! What site files say of clients, over one and two layers.

use timebudget::config::{self, Options};
use timebudget::{Multiplier, Source};

use super::{Directory, errors, site};

const IDENTITY: &str = r#""rate_limit_trusted_proxies": ["10.0.0.1"], "rate_limit_identity": {"user": "X-User", "groups": "X-Groups"}"#;

#[test]
fn an_application_whose_code_knows_its_clients_says_so_to_the_loader() {
    let text = r#"{"rate_limit_rules": [{"name": "a", "key": ["user", "groups"], "limits": "1 per hour"}],
        "rate_limit_users": {}, "rate_limit_tiers": {"gold": {}}}"#;
    assert!(config::parse_site("test", text).is_err());
    let (site, _) = Options::default().with_identity_in_code().parse_site("test", text).unwrap();
    assert_eq!(site.tiers.tiers()[0].multiplier, Multiplier::ONE);
    let keys = text.replace("groups", "api_key");
    let errors =
        Options::default().with_identity_in_code().parse_site("test", &keys).unwrap_err().to_string();
    assert!(errors.ends_with("no API key is known; expected rate_limit_api_keys"), "{errors}");
}

#[test]
fn a_multiplier_is_read_from_its_digits() {
    let of = |text: &str| {
        let file = format!(r#"{{{IDENTITY}, "rate_limit_tiers": {{"gold": {{"multiplier": {text}}}}}}}"#);
        site(&file).tiers.tiers()[0].multiplier
    };
    assert_eq!(of("0.1"), Multiplier(100_000));
    assert_eq!(of("0.000001"), Multiplier(1));
    assert_eq!(of("1e6"), Multiplier(1_000_000_000_000));
}

#[test]
fn overrides_are_found_by_user_wherever_they_stand() {
    let file = format!(
        r#"{{{IDENTITY}, "rate_limit": "5 per hour", "rate_limit_overrides": [
            {{"user": "zoe", "limits": "1 per hour"}}, {{"user": "bob", "limits": "2 per hour"}},
            {{"user": "zoe", "rule": "site-requests", "limits": "3 per hour"}}]}}"#
    );
    let site = site(&file);
    let quota = |user: &str| {
        let overrides: Vec<_> = site.tiers.overrides_of(user, Default::default()).collect();
        let source = site.tiers.source(&site.rules[0], None, &overrides);
        site.tiers.limits(&site.rules[0], source)[0].quota()
    };
    assert_eq!(["alice", "bob", "zoe"].map(quota), [5, 2, 3]);
    assert_eq!(site.tiers.source(&site.rules[0], None, &[]), Source::Rule);
}

#[test]
fn tiers_of_the_common_file_may_name_a_rule_of_any_site() {
    let common = format!(
        r#"{{{IDENTITY}, "default_site": "a.example", "rate_limit_tiers": {{"gold": {{"limits": {{"export": "1/day"}}}}}}}}"#
    );
    let rules = r#"{"rate_limit_rules": [{"name": "export", "limits": "1/hour", "key": "user"}]}"#;
    let files = [
        ("common_site_config.json", common.as_str()),
        ("a.example/site_config.json", "{}"),
        ("b.example/site_config.json", rules),
    ];
    assert_eq!(Directory::with("common-tiers", &files).load().sites.len(), 2);
    let misspelt = common.replace("export", "exprt");
    let files = [("common_site_config.json", misspelt.as_str()), files[1], files[2]];
    assert_eq!(
        Directory::with("common-tiers-misspelt", &files).errors(),
        "sites/common_site_config.json: rate_limit_tiers.gold.limits.exprt: \"exprt\": no such rule; did you mean \"export\"?"
    );
}

#[test]
fn a_mistake_between_layers_is_reported_once_and_where_it_stands() {
    let files = [
        (
            "common_site_config.json",
            r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "key": "user"}]}"#,
        ),
        ("a.example/site_config.json", "{}"),
        ("b.example/site_config.json", r#"{"rate_limit": "1/day"}"#),
    ];
    assert_eq!(
        Directory::with("layers", &files).errors(),
        "sites/common_site_config.json: rate_limit_rules[0]: \"a\": nobody tells who clients are; expected rate_limit_identity or rate_limit_api_keys"
    );
}

#[test]
fn a_mistake_in_a_rule_does_not_make_others_of_what_names_it() {
    let file = format!(
        r#"{{{IDENTITY}, "rate_limit_rules": [{{"name": "a", "limits": 5}}],
            "rate_limit_overrides": [{{"user": "bob", "rule": "a", "limits": "1/day"}}]}}"#
    );
    assert_eq!(errors(&file).lines().count(), 1);
}

#[cfg(not(feature = "geo"))]
#[test]
fn a_database_of_countries_needs_the_feature_geo() {
    assert_eq!(
        super::error(r#"{"rate_limit_country": {"database": "GeoLite2-Country.mmdb"}}"#),
        "rate_limit_country.database: \"GeoLite2-Country.mmdb\": this program was built without databases of countries; \
         expected the feature geo, or a header"
    );
}
