[
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "5 concurrent", "fair": true}]}"#,
        r#"rate_limit_rules[0]: "a": fair, but no limit has a window to share out; expected a limit per period"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "5/day", "fair": true, "counts": "refusals"}]}"#,
        r#"rate_limit_rules[0]: "a": fair, and counts refusals; expected one of them"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "5/day", "key": "site", "fair": "user"}]}"#,
        r#"rate_limit_rules[0]: "a": nobody tells who clients are; expected rate_limit_identity or rate_limit_api_keys"#,
    ),
    (
        r#"{"rate_limit_identity": {"user": "X-User"}}"#,
        r#"rate_limit_identity: "X-User": believed of trusted proxies only, of which there are none; expected rate_limit_trusted_proxies"#,
    ),
    (
        r#"{"rate_limit_country": {"header": "CF-IPCountry"}}"#,
        r#"rate_limit_country: "CF-IPCountry": believed of trusted proxies only, of which there are none; expected rate_limit_trusted_proxies"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "key": ["ip", "user"]}]}"#,
        r#"rate_limit_rules[0]: "a": nobody tells who clients are; expected rate_limit_identity or rate_limit_api_keys"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "missing": "tier"}]}"#,
        r#"rate_limit_rules[0]: "a": nobody tells who clients are; expected rate_limit_identity or rate_limit_api_keys"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "when": {"not": {"any": [{"authenticated": true}]}}}]}"#,
        r#"rate_limit_rules[0]: "a": nobody tells who clients are; expected rate_limit_identity or rate_limit_api_keys"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "key": "api_key"}]}"#,
        r#"rate_limit_rules[0]: "a": no API key is known; expected rate_limit_api_keys"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "key": "region"}]}"#,
        r#"rate_limit_rules[0]: "a": nobody tells in which regions clients are; expected rate_limit_region, or a database of cities"#,
    ),
    (
        r#"{"rate_limit_region": {"header": "CF-Region-Code"}}"#,
        r#"rate_limit_region: "CF-Region-Code": believed of trusted proxies only, of which there are none; expected rate_limit_trusted_proxies"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "key": "country"}]}"#,
        r#"rate_limit_rules[0]: "a": nobody tells where clients are; expected rate_limit_country"#,
    ),
    (
        r#"{"rate_limit_trusted_proxies": ["10.0.0.1"], "rate_limit_identity": {"user": "X-User"}, "rate_limit_rules": [{"name": "a", "limits": "1/day", "when": {"group": "vips"}}]}"#,
        r#"rate_limit_rules[0]: "a": nobody tells which groups clients are in; expected rate_limit_identity with groups"#,
    ),
    (
        r#"{"rate_limit_exempt": {"user": "alice"}}"#,
        r#"rate_limit_exempt: nobody tells who clients are; expected rate_limit_identity or rate_limit_api_keys"#,
    ),
    (
        r#"{"rate_limit_tiers": {"gold": {"multiplier": 2}}}"#,
        r#"rate_limit_tiers: nobody tells who clients are; expected rate_limit_identity or rate_limit_api_keys"#,
    ),
    (
        r#"{"rate_limit_overrides": [{"user": "bob", "limits": "1/day"}]}"#,
        r#"rate_limit_overrides: nobody tells who clients are; expected rate_limit_identity or rate_limit_api_keys"#,
    ),
    (
        r#"{"rate_limit_trusted_proxies": ["10.0.0.1"], "rate_limit_identity": {"user": "X-User", "groups": "X-Groups"}, "rate_limit_tiers": {"gold": {}, "premium": {}}, "rate_limit_groups": {"vips": "glod"}}"#,
        r#"rate_limit_groups.vips: "glod": no such tier; did you mean "gold"?"#,
    ),
    (
        r#"{"rate_limit_trusted_proxies": ["10.0.0.1"], "rate_limit_identity": {"user": "X-User", "groups": "X-Groups"}, "rate_limit_tiers": {"gold": {}, "premium": {}}, "rate_limit_users": {"alice": {"tier": "silver"}}}"#,
        r#"rate_limit_users.alice.tier: "silver": no such tier; expected one of gold, premium"#,
    ),
    (
        r#"{"rate_limit_trusted_proxies": ["10.0.0.1"], "rate_limit_identity": {"user": "X-User", "groups": "X-Groups"}, "rate_limit_users": {"alice": {"tier": "gold"}}}"#,
        r#"rate_limit_users.alice.tier: "gold": no such tier; there is none"#,
    ),
    (
        r#"{"rate_limit_tiers": {"gold": {}, "premium": {}}, "rate_limit_api_keys": {"sha256:0000000000000000000000000000000000000000000000000000000000000000": {"name": "Acme", "tier": "Gold "}}}"#,
        r#"rate_limit_api_keys.Acme.tier: "Gold ": no such tier; did you mean "gold"?"#,
    ),
    (
        r#"{"rate_limit_trusted_proxies": ["10.0.0.1"], "rate_limit_identity": {"user": "X-User", "groups": "X-Groups"}, "rate_limit_tiers": {"gold": {}, "premium": {}}, "rate_limit_rules": [{"name": "a", "limits": "1/day", "when": {"tier": ["gold", "premum"]}}]}"#,
        r#"rate_limit_rules[0].when: "premum": no such tier; did you mean "premium"?"#,
    ),
    (
        r#"{"rate_limit_trusted_proxies": ["10.0.0.1"], "rate_limit_identity": {"user": "X-User", "groups": "X-Groups"}, "rate_limit_rules": [{"name": "export", "limits": "1/day"}], "rate_limit_tiers": {"gold": {"limits": {"exprt": "1/day"}}}}"#,
        r#"rate_limit_tiers.gold.limits.exprt: "exprt": no such rule; did you mean "export"?"#,
    ),
    (
        r#"{"rate_limit_trusted_proxies": ["10.0.0.1"], "rate_limit_identity": {"user": "X-User", "groups": "X-Groups"}, "rate_limit_rules": [{"name": "export", "limits": "1/day"}], "rate_limit_overrides": [{"user": "bob", "rule": "Expert", "limits": "1/day"}]}"#,
        r#"rate_limit_overrides[0].rule: "Expert": no such rule; did you mean "export"?"#,
    ),
    (
        r#"{"rate_limit_trusted_proxies": ["10.0.0.1"], "rate_limit_identity": {"user": "X-User", "groups": "X-Groups"}, "rate_limit_rules": [{"name": "ban", "counts": "refusals", "limits": "1/day"}], "rate_limit_overrides": [{"user": "bob", "rule": "ban", "limits": "1s/day"}]}"#,
        r#"rate_limit_overrides[0].rule: "ban": this rule counts refusals, which take no time; expected limits of requests"#,
    ),
    (
        r#"{"rate_limit_trusted_proxies": ["10.0.0.1"], "rate_limit_identity": {"user": "X-User", "groups": "X-Groups"}, "rate_limit_rules": [{"name": "export", "limits": "1/day"}], "rate_limit_overrides": [{"user": "bob", "limits": "1/day", "until": "2027-01-01T00:00:00Z"}, {"user": "bob", "limits": "2/day", "from": "2026-12-31T23:59:59Z"}]}"#,
        r#"rate_limit_overrides[1]: "bob": rate_limit_overrides[0] holds for this user and rule at the same time; expected one that does"#,
    ),
    (
        r#"{"rate_limit_trusted_proxies": ["10.0.0.1"], "rate_limit_identity": {"user": "X-User", "groups": "X-Groups"}, "rate_limit_rules": [{"name": "export", "limits": "1/day"}], "rate_limit_overrides": [{"user": "bob", "limits": "1/day", "from": "2027-01-01T00:00:00Z", "until": "2027-01-01T01:00:00+01:00"}]}"#,
        r#"rate_limit_overrides[0].until: "2027-01-01T01:00:00+01:00": not after from; expected a later instant, for it holds until before this one"#,
    ),
    (
        r#"{"rate_limit_trusted_proxies": ["10.0.0.1"], "rate_limit_identity": {"user": "X-User", "groups": "X-Groups"}, "rate_limit_tiers": {"gold": {}, "premium": {}}, "rate_limit_users": {"alice": {"tier": "gold", "until": "2027-02-30T00:00:00Z"}}}"#,
        r#"rate_limit_users.alice.until: "2027-02-30T00:00:00Z": not an instant; expected an instant such as "2027-01-01T00:00:00Z""#,
    ),
    (
        r#"{"rate_limit_api_keys": {"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": {"name": "a"}, "sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA": {"name": "b"}}}"#,
        r#"rate_limit_api_keys: an object: one digest stands more than once; expected each once"#,
    ),
]
