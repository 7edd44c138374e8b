//! The JSON Schema and the loader judge alike.

use serde_json::{Value, json};
use timebudget::config;

const SCHEMA: &str = include_str!("../docs/site_config.schema.json");

/// Files that load, each with something of its own.
const SOUND: [&str; 50] = [
    "{}",
    r#"{"db_password": "x", "limits": [1], "default_site": 5, "ratelimit": 1}"#,
    r#"{"time_zone": "Asia/Kolkata"}"#,
    r#"{"time_zone": "America/Argentina/Buenos_Aires"}"#,
    r#"{"time_zone": "Etc/GMT+5"}"#,
    r#"{"time_zone": null, "rate_limit": null, "rate_limit_headers": null, "rate_limit_exempt": null}"#,
    r#"{"rate_limit": {"limit": 600, "window": 3600}}"#,
    r#"{"rate_limit": {"limit": 0, "window": 1}}"#,
    r#"{"rate_limit": {"limit": 0.000001, "window": "day"}}"#,
    r#"{"rate_limit": {"limit": 1.234567, "window": "week"}}"#,
    r#"{"rate_limit": {"limit": 9007199254.740992, "window": 4294967295}}"#,
    r#"{"rate_limit": {"limit": "600", "window": "3600"}}"#,
    r#"{"rate_limit": {"limit": 6e2, "window": 3600.0}}"#,
    r#"{"rate_limit": "200 per day; 50 per hour; 600s per hour"}"#,
    r#"{"rate_limit": "10PER2HOURS:, 1.5 MS/m|7µs/s ; 2h per 3 Months;0 concurrent"}"#,
    r#"{"rate_limit": "1/s,1/second,1/d,1/week,1/w,1/years,1/h"}"#,
    r#"{"rate_limit_headers": {}}"#,
    r#"{"rate_limit_headers": {"enabled": false, "reset": "unix", "standard": "draft-11"}}"#,
    r#"{"rate_limit_headers": {"enabled": null, "reset": null, "standard": null, "names": null}}"#,
    r#"{"rate_limit_headers": {"names": {"limit": "RateLimit-Limit", "used": null}}}"#,
    r#"{"rate_limit_exempt": {}}"#,
    r#"{"rate_limit_exempt": {"path": "/health"}, "rate_limit_paths": "exact"}"#,
    r#"{"rate_limit_paths": "any_case"}"#,
    r#"{"rate_limit_exempt": {"path": ["/a", {"prefix": "/b"}, {"glob": "/c/*"}]}}"#,
    r#"{"rate_limit_exempt": {"path": {"glob": "**.css"}}}"#,
    r#"{"rate_limit_exempt": {"method": "GET"}}"#,
    r#"{"rate_limit_exempt": {"method": ["get", "M-SEARCH"]}}"#,
    r#"{"rate_limit_exempt": {"all": [{"path": "/a"}], "any": [{"method": "GET"}, {}]}}"#,
    r#"{"rate_limit_exempt": {"not": {"not": {"path": "/"}}}}"#,
    r#"{"rate_limit_trusted_proxies": ["10.0.0.0/8", "::1", "2001:db8::/32", "0.0.0.0/0", "::ffff:10.0.0.1"]}"#,
    r#"{"rate_limit_trusted_proxies": ["unix", "64:ff9b::/96"], "rate_limit_store": null}"#,
    r#"{"rate_limit_api_key_from": ["header:X-Api-Key", "query:api_key", "bearer", "token"]}"#,
    r#"{"rate_limit_trusted_hops": 2, "rate_limit_forwarded_header": "Forwarded"}"#,
    r#"{"rate_limit_trusted_proxies": [], "rate_limit_forwarded_header": "Forwarded", "rate_limit_ipv6_prefix": 56}"#,
    r#"{"rate_limit_hosts": ["a.example", "*.Preview.example.", "münchen.example", "[::1]", "::1", "192.0.2.7", "my_site"],
        "domains": ["b.example", {"domain": "c.example", "ssl_certificate": "/x"}], "rate_limit_on_error": null}"#,
    r#"{"rate_limit_unpublished_hosts": ["staging.example", "*.Preview.example."]}"#,
    r#"{"rate_limit_rules": []}"#,
    r#"{"rate_limit_rules": null}"#,
    r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "action": {"rewrite": "/rate_limit_page.html"}}]}"#,
    r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "when": {"host": "a.example", "ip": ["10.0.0.0/8", "::1"],
        "header": {"x-a": true}, "cookie": {"b": ["x", {"prefix": "y"}]}, "query": {"q": {"regex": "^[0-9]+$"}}}}]}"#,
    r#"{"rate_limit_rules": [{"name": "a.b-c_1", "limits": ["1/day", {"limit": 5, "window": 60, "unit": "requests"},
        {"limit": 0.5, "window": "hour"}], "key": ["ip", "header:X-Api-Key", "cookie:a b"], "missing": "skip", "cost": 0}]}"#,
    r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "counts": "refusals", "otherwise": true, "displaces": false,
        "charge_when": {"status": ["4xx", 500, "201"]}, "until": "head", "per_method": true, "hold": "1.5 s", "overrun": "finish", "shadow": true}]}"#,
    r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "action": "block"}, {"name": "b", "limits": "1s/day",
        "charge_when": {"status": 400}, "action": {"block": {"status": 503, "body": "{}", "content_type": "application/json"}}}]}"#,
    r#"{"rate_limit_trusted_proxies": ["10.0.0.1"], "rate_limit_identity": {"user": "X-User", "groups": "X-Groups"},
        "rate_limit_country": {"header": "CF-IPCountry"}, "rate_limit_region": {"header": "CF-Region-Code"}, "rate_limit_exempt": {"group": ["a", {"prefix": "b"}], "country": "fr", "region": ["us-ca", "UA-43"]},
        "rate_limit_rules": [{"name": "export", "limits": "1/day", "key": ["user", "groups", "country"], "missing": "tier",
            "fair": ["ip", "user"], "when": {"user": {"glob": "bot-*"}, "authenticated": true, "country": ["FR", "DE"]}}]}"#,
    r#"{"rate_limit_trusted_proxies": ["10.0.0.1"], "rate_limit_identity": {"user": "X-User", "groups": "X-Groups"},
        "rate_limit": "60s/hour", "rate_limit_rules": [{"name": "export", "limits": "1/day", "when": {"tier": "gold"}, "key": "tier"}],
        "rate_limit_tiers": {"gold": {"multiplier": 1.5, "priority": 10, "limits": {"export": "300s per hour", "site": ["1s/day"]}},
            "default": {"multiplier": "0.000001"}}, "rate_limit_groups": {"vips": "gold"},
        "rate_limit_users": {"alice": {"tier": "gold", "from": "2026-01-01T00:00:00+05:30", "until": "2027-01-01T00:00:00.5Z"}},
        "rate_limit_overrides": [{"user": "bob", "rule": "export", "limits": "900s per hour", "until": "2026-12-01T00:00:00Z",
            "reason": "month end"}, {"user": "bob", "limits": "2/day"}]}"#,
    r#"{"rate_limit_api_keys": {"sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b": {"name": "Acme", "tier": "gold",
        "user": "acme"}}, "rate_limit_tiers": {"gold": {}}, "rate_limit_api_key_header": "Authorization",
        "rate_limit_rules": [{"name": "a", "limits": "1/day", "key": "api_key"}]}"#,
    r#"{"rate_limit_upstream": "http://127.0.0.1:3000", "rate_limit_upstream_charges": true}"#,
    r#"{"rate_limit_upstream": ["http://[::1]/", "http://app", "unix:/run/app.sock"]}"#,
    r#"{"rate_limit_api_keys": {}, "rate_limit_tiers": {}, "rate_limit_groups": {}, "rate_limit_users": {}, "rate_limit_overrides": [],
        "rate_limit_identity": null, "rate_limit_country": null, "rate_limit_api_key_header": null}"#,
    r#"{"rate_limit_trusted_proxies": null, "rate_limit_forwarded_header": null, "rate_limit_ipv6_prefix": "48", "rate_limit_store": null}"#,
];

/// Beginnings of the loader's messages for what a schema cannot see.
const BEYOND_SCHEMAS: [&str; 21] = [
    // No JSON, or JSON of which a parsed value shows no trace.
    "line ",
    "time_zone: half a character",
    "rate_limit: stands more than once",
    "rate_limit.limit: stands more than once",
    // One schema for the common file and those of sites.
    "rate_limit_store: a text: is not a site's",
    "rate_limit_on_error: a text: is not a site's",
    "rate_limit_site_header: a text: is not a site's",
    // The schema knows no tz database and compares no fields.
    "time_zone: \"Europe/Pari\"",
    "rate_limit_headers.names: {\"used\": \"x-ratelimit-reset\"}",
    "rate_limit_headers.names.limit: \"Content-Length\"",
    // It reads no list as a whole.
    "rate_limit_rules[1].name: \"a\": rate_limit_rules[0]",
    "rate_limit_rules[0]: \"a\": limits of requests beside others",
    "rate_limit_rules[0]: \"a\": counts refusals",
    "rate_limit_rules[0].key[1]: \"ip\"",
    // It does not weigh patterns.
    "rate_limit_exempt.path.regex: \"((a{100})",
    "rate_limit_exempt.path.regex: \"^/(a\"",
    "rate_limit_exempt.header.authorization.regex: a text: unclosed",
    // It does not reckon with addresses.
    "rate_limit_trusted_proxies[0]: \"10.0.0.1/8\"",
    "rate_limit_api_key_header: both",
    // It does not know that 80 is the port where none is said.
    "rate_limit_upstream: [\"http://a\", \"http://a:80/\"]",
    // Beyond what a float can tell.
    "rate_limit.limit: 1e400",
];

fn validator() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn what_loads_is_valid() {
    let schema = validator();
    for text in SOUND {
        assert!(config::parse_site("demo.example", text).is_ok(), "{text}");
        let file: Value = serde_json::from_str(text).unwrap();
        assert!(schema.is_valid(&file), "{text}");
    }
}

#[test]
fn what_does_not_load_is_invalid_as_far_as_a_schema_can_see() {
    let schema = validator();
    // What one key says of another, which are the mistakes of another table, no schema sees.
    let of_clients = include!("config/mistakes_clients.rs");
    for (text, message) in include!("config/mistakes.rs").into_iter().chain(of_clients) {
        assert!(config::parse_site("demo.example", text).is_err(), "{text}");
        if BEYOND_SCHEMAS.iter().any(|fault| message.starts_with(fault)) {
            continue;
        }
        let file: Value = serde_json::from_str(text).unwrap();
        assert!(!schema.is_valid(&file), "{text}");
    }
}

/// What the fuzzer starts from is worth as much as it reaches: every key, and every field below them.
#[test]
fn the_full_seed_of_the_fuzzer_has_every_name_of_the_schema() {
    let seed = include_str!("../fuzz/seeds/site_file/full.json");
    let (_, warnings) = config::parse_site("demo.example", seed).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(warnings.is_empty(), "{warnings:?}");
    let mut names = Vec::new();
    collect_names(&serde_json::from_str(SCHEMA).unwrap(), &mut names);
    assert!(names.len() > 60, "only {} names were found", names.len());
    // A country is told by a header or by a database, and the seed has the header.
    names.retain(|name| name != "database");
    for name in names {
        assert!(seed.contains(&format!("\"{name}\":")), "{name}");
    }
}

/// The names of properties, at any depth of the schema.
fn collect_names(schema: &Value, names: &mut Vec<String>) {
    if let Some(Value::Object(properties)) = schema.get("properties") {
        names.extend(properties.keys().cloned());
    }
    match schema {
        Value::Object(members) => members.values().for_each(|member| collect_names(member, names)),
        Value::Array(items) => items.iter().for_each(|item| collect_names(item, names)),
        _ => {}
    }
}

/// A field is known by being asked for, and so it must be asked for whatever is wrong with the others.
#[test]
fn a_field_is_known_whatever_is_wrong_with_those_beside_it() {
    let seed: Value = serde_json::from_str(include_str!("../fuzz/seeds/site_file/full.json")).unwrap();
    let wrongs = [Value::Null, json!([[]]), json!({})];
    let mut places = Vec::new();
    collect_places(&seed, "", &mut places);
    assert!(places.len() > 100, "only {} places were found", places.len());
    for (place, wrong) in places.iter().flat_map(|place| wrongs.iter().map(move |wrong| (place, wrong))) {
        let mut file = seed.clone();
        *file.pointer_mut(place).unwrap() = wrong.clone();
        if let Err(errors) = config::parse_site("demo.example", &file.to_string()) {
            assert!(!errors.to_string().contains("no such field"), "{place}: {wrong}: {errors}");
        }
    }
}

/// Where values stand, at any depth, as JSON pointers.
fn collect_places(value: &Value, place: &str, places: &mut Vec<String>) {
    let mut below = |name: &str, value| {
        let place = format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"));
        places.push(place.clone());
        collect_places(value, &place, places);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| below(name, value)),
        Value::Array(items) => items.iter().enumerate().for_each(|(at, value)| below(&at.to_string(), value)),
        _ => {}
    }
}
