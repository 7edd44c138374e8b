[
    // The file as a whole.
    (
        "",
        "line 1, column 1: not JSON: EOF while parsing a value",
    ),
    (
        "{\"rate_limit\": 1,\n  }",
        "line 2, column 3: not JSON: key must be a string",
    ),
    (
        "[]",
        "no object; expected one JSON object",
    ),
    (
        "600",
        "no object; expected one JSON object",
    ),
    // Top-level keys.
    (
        r#"{"rate_limits": "5 per hour"}"#,
        "rate_limits: a text: no such field; did you mean rate_limit?",
    ),
    (
        r#"{"rate_limit_xyzzyxyzzy": [1]}"#,
        "rate_limit_xyzzyxyzzy: a list: no such field; expected time_zone, rate_limit, rate_limit_headers, rate_limit_exempt, rate_limit_trusted_proxies, rate_limit_forwarded_header or rate_limit_ipv6_prefix",
    ),
    (
        r#"{"rate_limit_rules": []}"#,
        "rate_limit_rules: a list: not supported by this version; expected only time_zone, rate_limit, rate_limit_headers, rate_limit_exempt, rate_limit_trusted_proxies, rate_limit_forwarded_header or rate_limit_ipv6_prefix",
    ),
    (
        r#"{"rate_limit": "1/day", "rate_limit": "2/day"}"#,
        "rate_limit: stands more than once; expected once, for readers differ on which one counts",
    ),
    (
        r#"{"time_zone": "\ud800"}"#,
        "time_zone: half a character; expected texts of whole Unicode characters",
    ),
    (
        r#"{"rate_limit_exempt": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}"#,
        "rate_limit_exempt: too deep; expected at most 32 levels of lists and objects",
    ),
    // time_zone
    (
        r#"{"time_zone": "Europe/Pari"}"#,
        r#"time_zone: "Europe/Pari": no such time zone; did you mean "Europe/Paris"?"#,
    ),
    (
        r#"{"time_zone": "+05:30"}"#,
        r#"time_zone: "+05:30": no such time zone; expected an IANA name such as "Europe/Paris""#,
    ),
    (
        r#"{"time_zone": 5.5}"#,
        r#"time_zone: 5.5: no text; expected an IANA name such as "Europe/Paris""#,
    ),
    // rate_limit as an object
    (
        r#"{"rate_limit": true}"#,
        r#"rate_limit: true: neither an object nor a text; expected an object of limit and window, or a rate string such as "600s per hour""#,
    ),
    (
        r#"{"rate_limit": ["5 per hour"]}"#,
        r#"rate_limit: ["5 per hour"]: neither an object nor a text; expected an object of limit and window, or a rate string such as "600s per hour""#,
    ),
    (
        r#"{"rate_limit": {"window": 3600}}"#,
        "rate_limit.limit: missing; expected seconds from 0 to 9007199254.740992, with at most six decimals",
    ),
    (
        r#"{"rate_limit": {"limit": 600}}"#,
        r#"rate_limit.window: missing; expected whole seconds from 1 to 4294967295, or "hour", "day", "week", "month" or "year""#,
    ),
    (
        r#"{"rate_limit": {"limit": -1, "window": 3600}}"#,
        "rate_limit.limit: -1: below zero; expected seconds from 0 to 9007199254.740992, with at most six decimals",
    ),
    (
        r#"{"rate_limit": {"limit": "NaN", "window": 3600}}"#,
        r#"rate_limit.limit: "NaN": no number; expected seconds from 0 to 9007199254.740992, with at most six decimals"#,
    ),
    (
        r#"{"rate_limit": {"limit": null, "window": 3600}}"#,
        "rate_limit.limit: null: no number; expected seconds from 0 to 9007199254.740992, with at most six decimals",
    ),
    (
        r#"{"rate_limit": {"limit": 9007199254.740993, "window": 3600}}"#,
        "rate_limit.limit: 9007199254.740993: too large; expected seconds from 0 to 9007199254.740992, with at most six decimals",
    ),
    (
        r#"{"rate_limit": {"limit": 1e400, "window": 3600}}"#,
        "rate_limit.limit: 1e400: too large; expected seconds from 0 to 9007199254.740992, with at most six decimals",
    ),
    (
        r#"{"rate_limit": {"limit": 0.0000001, "window": 3600}}"#,
        "rate_limit.limit: 0.0000001: finer than a microsecond; expected seconds from 0 to 9007199254.740992, with at most six decimals",
    ),
    (
        r#"{"rate_limit": {"limit": 0.10000000000000000001, "window": 3600}}"#,
        "rate_limit.limit: 0.10000000000000000001: finer than a microsecond; expected seconds from 0 to 9007199254.740992, with at most six decimals",
    ),
    (
        r#"{"rate_limit": {"limit": 600, "window": 0}}"#,
        r#"rate_limit.window: 0: no time at all; expected whole seconds from 1 to 4294967295, or "hour", "day", "week", "month" or "year""#,
    ),
    (
        r#"{"rate_limit": {"limit": 600, "window": -60}}"#,
        r#"rate_limit.window: -60: below zero; expected whole seconds from 1 to 4294967295, or "hour", "day", "week", "month" or "year""#,
    ),
    (
        r#"{"rate_limit": {"limit": 600, "window": 1.5}}"#,
        r#"rate_limit.window: 1.5: not whole; expected whole seconds from 1 to 4294967295, or "hour", "day", "week", "month" or "year""#,
    ),
    (
        r#"{"rate_limit": {"limit": 600, "window": 4294967296}}"#,
        r#"rate_limit.window: 4294967296: too large; expected whole seconds from 1 to 4294967295, or "hour", "day", "week", "month" or "year""#,
    ),
    (
        r#"{"rate_limit": {"limit": 600, "window": "fortnight"}}"#,
        r#"rate_limit.window: "fortnight": no number; expected whole seconds from 1 to 4294967295, or "hour", "day", "week", "month" or "year""#,
    ),
    (
        r#"{"rate_limit": {"limit": 600, "window": 3600, "windw": 60}}"#,
        "rate_limit.windw: 60: no such field; did you mean window?",
    ),
    (
        r#"{"rate_limit": {"limit": 600, "window": 3600, "odd name": 60}}"#,
        r#"rate_limit["odd name"]: 60: no such field; expected limit or window"#,
    ),
    (
        r#"{"rate_limit": {"limit": 600, "limit": 700, "window": 3600}}"#,
        "rate_limit.limit: stands more than once; expected once, for readers differ on which one counts",
    ),
    // rate_limit as a rate string
    (
        r#"{"rate_limit": "5s per hour; 10 per fortnight"}"#,
        r#"rate_limit: "10 per fortnight": no such period; expected second, minute, hour, day, week, month or year"#,
    ),
    (
        r#"{"rate_limit": "600"}"#,
        r#"rate_limit: "600": no period; expected a rate such as 10 per hour, 600s per day or 5 concurrent"#,
    ),
    (
        r#"{"rate_limit": ""}"#,
        r#"rate_limit: "": nothing here; expected a rate such as 10 per hour"#,
    ),
    // rate_limit_headers
    (
        r#"{"rate_limit_headers": true}"#,
        "rate_limit_headers: true: no object; expected an object of enabled, reset, names or standard",
    ),
    (
        r#"{"rate_limit_headers": {"enabled": "yes"}}"#,
        r#"rate_limit_headers.enabled: "yes": neither true nor false; expected one of them"#,
    ),
    (
        r#"{"rate_limit_headers": {"reset": "second"}}"#,
        r#"rate_limit_headers.reset: "second": no such style; expected "seconds" or "unix""#,
    ),
    (
        r#"{"rate_limit_headers": {"standard": "draft-11"}}"#,
        r#"rate_limit_headers.standard: "draft-11": not supported by this version; expected false"#,
    ),
    (
        r#"{"rate_limit_headers": {"standard": true}}"#,
        "rate_limit_headers.standard: true: no such standard; expected false",
    ),
    (
        r#"{"rate_limit_headers": {"enable": true}}"#,
        "rate_limit_headers.enable: true: no such field; did you mean enabled?",
    ),
    (
        r#"{"rate_limit_headers": {"names": {"limit": "X Limit"}}}"#,
        r#"rate_limit_headers.names.limit: "X Limit": no name of a header; expected the name of a header, such as "X-RateLimit-Limit""#,
    ),
    (
        r#"{"rate_limit_headers": {"names": {"limit": 5}}}"#,
        r#"rate_limit_headers.names.limit: 5: no text; expected the name of a header, such as "X-RateLimit-Limit""#,
    ),
    (
        r#"{"rate_limit_headers": {"names": {"limit": "Content-Length"}}}"#,
        r#"rate_limit_headers.names.limit: "Content-Length": means something else; expected the name of a header, such as "X-RateLimit-Limit""#,
    ),
    (
        r#"{"rate_limit_headers": {"names": {"used": "x-ratelimit-reset"}}}"#,
        r#"rate_limit_headers.names: {"used": "x-ratelimit-reset"}: two headers of one name; expected four that differ"#,
    ),
    // rate_limit_exempt
    (
        r#"{"rate_limit_exempt": "/health"}"#,
        r#"rate_limit_exempt: "/health": no object; expected an object of path, method, all, any or not"#,
    ),
    (
        r#"{"rate_limit_exempt": {"path": "health"}}"#,
        r#"rate_limit_exempt.path: "health": no path; expected a path that begins with /"#,
    ),
    (
        r#"{"rate_limit_exempt": {"path": 5}}"#,
        r#"rate_limit_exempt.path: 5: no path; expected a path, a list of them, {"prefix": path} or {"glob": pattern}"#,
    ),
    (
        r#"{"rate_limit_exempt": {"path": []}}"#,
        r#"rate_limit_exempt.path: []: an empty list; expected a path, a list of them, {"prefix": path} or {"glob": pattern}"#,
    ),
    (
        r#"{"rate_limit_exempt": {"path": ["/a", ["/b"]]}}"#,
        r#"rate_limit_exempt.path[1]: ["/b"]: no path; expected a path, a list of them, {"prefix": path} or {"glob": pattern}"#,
    ),
    (
        r#"{"rate_limit_exempt": {"path": {}}}"#,
        "rate_limit_exempt.path: {}: not one matcher; expected either prefix or glob",
    ),
    (
        r#"{"rate_limit_exempt": {"path": {"prefix": "/a", "glob": "/b"}}}"#,
        r#"rate_limit_exempt.path: {"prefix": "/a", "glob": "/b"}: not one matcher; expected either prefix or glob"#,
    ),
    (
        r#"{"rate_limit_exempt": {"path": {"prefix": "api"}}}"#,
        r#"rate_limit_exempt.path.prefix: "api": no path; expected a path that begins with /"#,
    ),
    (
        r#"{"rate_limit_exempt": {"path": {"glob": "*.css"}}}"#,
        r#"rate_limit_exempt.path.glob: "*.css": matches no path; expected a pattern that begins with / or **"#,
    ),
    (
        r#"{"rate_limit_exempt": {"path": {"regex": "^/a"}}}"#,
        "rate_limit_exempt.path.regex: a text: not supported by this version; expected only prefix or glob",
    ),
    (
        r#"{"rate_limit_exempt": {"path": {"suffix": ".css"}}}"#,
        "rate_limit_exempt.path.suffix: a text: no such field; expected prefix or glob",
    ),
    (
        r#"{"rate_limit_exempt": {"method": "GET POST"}}"#,
        r#"rate_limit_exempt.method: "GET POST": no method; expected a method such as "GET", or a list of them"#,
    ),
    (
        r#"{"rate_limit_exempt": {"method": 5}}"#,
        r#"rate_limit_exempt.method: 5: no text; expected a method such as "GET", or a list of them"#,
    ),
    (
        r#"{"rate_limit_exempt": {"ip": "10.0.0.1"}}"#,
        "rate_limit_exempt.ip: a text: not supported by this version; expected only path, method, all, any or not",
    ),
    (
        r#"{"rate_limit_exempt": {"pth": "/a"}}"#,
        "rate_limit_exempt.pth: a text: no such field; did you mean path?",
    ),
    (
        r#"{"rate_limit_exempt": {"any": {"path": "/a"}}}"#,
        r#"rate_limit_exempt.any: {"path": "/a"}: no list; expected a list of conditions"#,
    ),
    (
        r#"{"rate_limit_exempt": {"all": []}}"#,
        "rate_limit_exempt.all: []: an empty list; expected a list of conditions",
    ),
    (
        r#"{"rate_limit_exempt": {"not": ["/a"]}}"#,
        r#"rate_limit_exempt.not: ["/a"]: no object; expected an object of path, method, all, any or not"#,
    ),
    (
        r#"{"rate_limit_exempt": {"any": [{"path": "/a"}, {"not": {"path": "b"}}]}}"#,
        r#"rate_limit_exempt.any[1].not.path: "b": no path; expected a path that begins with /"#,
    ),
    // How a client's address is found
    (
        r#"{"rate_limit_trusted_proxies": "10.0.0.0/8"}"#,
        r#"rate_limit_trusted_proxies: "10.0.0.0/8": no list; expected a list of addresses and ranges such as "10.0.0.0/8""#,
    ),
    (
        r#"{"rate_limit_trusted_proxies": ["155.255.355.0/24"]}"#,
        r#"rate_limit_trusted_proxies[0]: "155.255.355.0/24": no address; expected an address or a range such as "10.0.0.0/8""#,
    ),
    (
        r#"{"rate_limit_trusted_proxies": ["::1", "10.0.0.0/33"]}"#,
        r#"rate_limit_trusted_proxies[1]: "10.0.0.0/33": no such prefix; expected at most 32 bits for IPv4, 128 for IPv6"#,
    ),
    (
        r#"{"rate_limit_trusted_proxies": ["10.0.0.1/8"]}"#,
        r#"rate_limit_trusted_proxies[0]: "10.0.0.1/8": has bits beyond its prefix; did you mean 10.0.0.0/8?"#,
    ),
    (
        r#"{"rate_limit_forwarded_header": "X Forwarded"}"#,
        r#"rate_limit_forwarded_header: "X Forwarded": no name of a header; expected the name of a header, such as "X-Forwarded-For""#,
    ),
    (
        r#"{"rate_limit_ipv6_prefix": 0}"#,
        "rate_limit_ipv6_prefix: 0: not so many; expected whole bits from 1 to 128",
    ),
    (
        r#"{"rate_limit_ipv6_prefix": 56.5}"#,
        "rate_limit_ipv6_prefix: 56.5: not whole; expected whole bits from 1 to 128",
    ),
]
