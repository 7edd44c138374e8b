[
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "fair": "yes"}]}"#,
        r#"rate_limit_rules[0].fair: "yes": no such component; expected site, ip, host, user, api_key, tier, groups, country, region, method, path, route, header:NAME, cookie:NAME or query:NAME"#,
    ),
    (
        r#"{"rate_limit_identity": "X-User"}"#,
        r#"rate_limit_identity: "X-User": not an object; expected an object of user or groups"#,
    ),
    (
        r#"{"rate_limit_identity": {"groups": "X-Groups"}}"#,
        r#"rate_limit_identity.user: missing; expected the name of a header, such as "X-Forwarded-User""#,
    ),
    (
        r#"{"rate_limit_identity": {"user": "X User"}}"#,
        r#"rate_limit_identity.user: "X User": not the name of a header; expected the name of a header, such as "X-Forwarded-User""#,
    ),
    (
        r#"{"rate_limit_identity": {"usr": "X-User", "user": "X-User"}}"#,
        r#"rate_limit_identity.usr: a text: no such field; did you mean user?"#,
    ),
    (
        r#"{"rate_limit_country": {}}"#,
        r#"rate_limit_country: {}: not exactly one source; expected {"header": name} or {"database": path}"#,
    ),
    (
        r#"{"rate_limit_country": {"header": "a", "database": "b"}}"#,
        r#"rate_limit_country: {"header": "a", "database": "b"}: not exactly one source; expected {"header": name} or {"database": path}"#,
    ),
    (
        r#"{"rate_limit_country": {"file": "b"}}"#,
        r#"rate_limit_country.file: a text: no such field; expected header or database"#,
    ),
    (
        r#"{"rate_limit_api_key_from": []}"#,
        r#"rate_limit_api_key_from: []: an empty list; expected a list of "header:NAME", "query:NAME", "bearer" and "token""#,
    ),
    (
        r#"{"rate_limit_api_key_from": ["Bearer"]}"#,
        r#"rate_limit_api_key_from[0]: "Bearer": no such place; did you mean "bearer"?"#,
    ),
    (
        r#"{"rate_limit_api_key_from": ["header:Authorization"]}"#,
        r#"rate_limit_api_key_from[0]: "header:Authorization": has a scheme before the key; expected "bearer" or "token""#,
    ),
    (
        r#"{"rate_limit_api_key_from": ["query:"]}"#,
        r#"rate_limit_api_key_from[0]: "query:": no such place; expected "header:NAME", "query:NAME", "bearer" or "token""#,
    ),
    (
        r#"{"rate_limit_api_key_from": ["bearer", "token", "bearer"]}"#,
        r#"rate_limit_api_key_from[2]: "bearer": bearer stands before; expected each place once"#,
    ),
    (
        r#"{"rate_limit_api_key_from": ["bearer"], "rate_limit_api_key_header": "X-Key"}"#,
        "rate_limit_api_key_header: both rate_limit_api_key_from and rate_limit_api_key_header say where keys are; expected one of them",
    ),
    (
        r#"{"rate_limit_api_key_header": 5}"#,
        r#"rate_limit_api_key_header: 5: not a text; expected the name of a header, such as "X-Api-Key""#,
    ),
    (
        r#"{"rate_limit_api_keys": ["hunter2"]}"#,
        r#"rate_limit_api_keys: a list: not an object; expected an object of API keys by their digest"#,
    ),
    (
        r#"{"rate_limit_api_keys": {"hunter2": {"name": "a"}}}"#,
        r#"rate_limit_api_keys: an object: the name of member 1 is not the digest of a key; expected "sha256:" and 64 hexadecimal digits"#,
    ),
    (
        r#"{"rate_limit_api_keys": {"sha256:000000000000000000000000000000000000000000000000000000000000000": {"name": "a"}}}"#,
        r#"rate_limit_api_keys: an object: the name of member 1 is not the digest of a key; expected "sha256:" and 64 hexadecimal digits"#,
    ),
    (
        r#"{"rate_limit_api_keys": {"sha256:000000000000000000000000000000000000000000000000000000000000000g": {"name": "a"}}}"#,
        r#"rate_limit_api_keys: an object: the name of member 1 is not the digest of a key; expected "sha256:" and 64 hexadecimal digits"#,
    ),
    (
        r#"{"rate_limit_api_keys": {"sha256:0000000000000000000000000000000000000000000000000000000000000000": {"tier": "gold"}}}"#,
        r#"rate_limit_api_keys["sha256:00000000000000000000000000000000000000000000000000000…"].name: missing; expected what to call the key"#,
    ),
    (
        r#"{"rate_limit_api_keys": {"sha256:0000000000000000000000000000000000000000000000000000000000000000": {"name": ""}}}"#,
        r#"rate_limit_api_keys["sha256:00000000000000000000000000000000000000000000000000000…"].name: "": empty; expected what to call the key"#,
    ),
    (
        r#"{"rate_limit_tiers": ["gold"]}"#,
        r#"rate_limit_tiers: ["gold"]: not an object; expected an object of tiers by name"#,
    ),
    (
        r#"{"rate_limit_tiers": {"": {}}}"#,
        r#"rate_limit_tiers: "": an empty name; expected an object of tiers by name"#,
    ),
    (
        r#"{"rate_limit_tiers": {"gold": 2}}"#,
        r#"rate_limit_tiers.gold: 2: not an object; expected an object of multiplier, priority or limits"#,
    ),
    (
        r#"{"rate_limit_tiers": {"gold": {"multiplier": 0}}}"#,
        r#"rate_limit_tiers.gold.multiplier: 0: not above 0; expected a number above 0 and at most 1000000, with at most six decimals"#,
    ),
    (
        r#"{"rate_limit_tiers": {"gold": {"multiplier": -2}}}"#,
        r#"rate_limit_tiers.gold.multiplier: -2: below zero; expected a number above 0 and at most 1000000, with at most six decimals"#,
    ),
    (
        r#"{"rate_limit_tiers": {"gold": {"multiplier": 1.0000001}}}"#,
        r#"rate_limit_tiers.gold.multiplier: 1.0000001: too fine; expected a number above 0 and at most 1000000, with at most six decimals"#,
    ),
    (
        r#"{"rate_limit_tiers": {"gold": {"multiplier": 1000000.5}}}"#,
        r#"rate_limit_tiers.gold.multiplier: 1000000.5: too large; expected a number above 0 and at most 1000000, with at most six decimals"#,
    ),
    (
        r#"{"rate_limit_tiers": {"gold": {"multiplier": 1e40}}}"#,
        r#"rate_limit_tiers.gold.multiplier: 1e40: too large; expected a number above 0 and at most 1000000, with at most six decimals"#,
    ),
    (
        r#"{"rate_limit_tiers": {"gold": {"multiplier": true}}}"#,
        r#"rate_limit_tiers.gold.multiplier: true: not a number; expected a number above 0 and at most 1000000, with at most six decimals"#,
    ),
    (
        r#"{"rate_limit_tiers": {"gold": {"priority": 1.5}}}"#,
        r#"rate_limit_tiers.gold.priority: 1.5: not whole; expected a whole number from 0 to 9007199254740992"#,
    ),
    (
        r#"{"rate_limit_tiers": {"gold": {"limits": {"a": "5 per fortnight"}}}}"#,
        r#"rate_limit_tiers.gold.limits.a: "5 per fortnight": no such period; expected second, minute, hour, day, week, month or year"#,
    ),
    (
        r#"{"rate_limit_groups": {"vips": {"tier": "gold"}}}"#,
        r#"rate_limit_groups.vips: {"tier": "gold"}: not a text; expected the name of a tier"#,
    ),
    (
        r#"{"rate_limit_users": {"alice": "gold"}}"#,
        r#"rate_limit_users.alice: "gold": not an object; expected an object of tier, from or until"#,
    ),
    (
        r#"{"rate_limit_users": {"alice": {}}}"#,
        r#"rate_limit_users.alice.tier: missing; expected the name of a tier"#,
    ),
    (
        r#"{"rate_limit_users": {"alice": {"tier": "gold", "until": "2027-01-01"}}}"#,
        r#"rate_limit_users.alice.until: "2027-01-01": not an instant; expected an instant such as "2027-01-01T00:00:00Z""#,
    ),
    (
        r#"{"rate_limit_overrides": {"user": "bob"}}"#,
        r#"rate_limit_overrides: {"user": "bob"}: not a list; expected a list of overrides"#,
    ),
    (
        r#"{"rate_limit_overrides": [{"user": "bob"}]}"#,
        r#"rate_limit_overrides[0].limits: missing; expected a rate string such as "10 per hour""#,
    ),
    (
        r#"{"rate_limit_overrides": [{"user": "", "limits": "1/day"}]}"#,
        r#"rate_limit_overrides[0].user: "": empty; expected the name of a user"#,
    ),
    (
        r#"{"rate_limit_overrides": [{"user": "bob", "limits": "1/day", "reason": 5}]}"#,
        r#"rate_limit_overrides[0].reason: 5: not a text; expected a text"#,
    ),
    (
        r#"{"rate_limit_exempt": {"country": "FRA"}}"#,
        r#"rate_limit_exempt.country: "FRA": not a country; expected a country's code of two letters such as "FR", or a list of them"#,
    ),
    (
        r#"{"rate_limit_exempt": {"country": ["FR", "XX"]}}"#,
        r#"rate_limit_exempt.country[1]: "XX": not a country; expected a country's code of two letters such as "FR", or a list of them"#,
    ),
    (
        r#"{"rate_limit_exempt": {"authenticated": "yes"}}"#,
        r#"rate_limit_exempt.authenticated: "yes": neither true nor false; expected one of them"#,
    ),
]
