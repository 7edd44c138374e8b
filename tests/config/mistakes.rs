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
        "not an object; expected one JSON object",
    ),
    (
        "600",
        "not an object; expected one JSON object",
    ),
    // Exemptions.
    (
        r#"{"rate_limit_exempt": {"header": {"x y": true, "authorization": "Bearer s3cret"}}}"#,
        "rate_limit_exempt.header: \"x y\": not the name of a header; expected a name such as \"User-Agent\"",
    ),
    // Top-level keys.
    (
        r#"{"rate_limits": "5 per hour"}"#,
        "rate_limits: a text: no such field; did you mean rate_limit?",
    ),
    (
        r#"{"rate_limit_xyzzyxyzzy": [1]}"#,
        "rate_limit_xyzzyxyzzy: a list: no such field; expected time_zone, rate_limit, rate_limit_rules, rate_limit_headers, rate_limit_exempt, rate_limit_paths, rate_limit_trusted_proxies, rate_limit_trusted_hops, rate_limit_forwarded_header, rate_limit_ipv6_prefix, rate_limit_identity, rate_limit_country, rate_limit_region, rate_limit_api_keys, rate_limit_api_key_from, rate_limit_api_key_header, rate_limit_tiers, rate_limit_groups, rate_limit_users, rate_limit_overrides, rate_limit_upstream, rate_limit_upstream_charges, rate_limit_hosts, rate_limit_unpublished_hosts, rate_limit_store, rate_limit_on_error or rate_limit_site_header",
    ),
    (
        r#"{"rate_limit_store": []}"#,
        "rate_limit_store: a list: is not a site's to say, for all sites share a store; expected it in common_site_config.json or in RATELIMIT_STORAGE_URI",
    ),
    (
        r#"{"rate_limit_store": "redis://:hunter2@db"}"#,
        "rate_limit_store: a text: is not a site's to say, for all sites share a store; expected it in common_site_config.json or in RATELIMIT_STORAGE_URI",
    ),
    (
        r#"{"rate_limit_on_error": "open"}"#,
        "rate_limit_on_error: a text: is not a site's to say, for it concerns all of them; expected it in common_site_config.json",
    ),
    (
        r#"{"rate_limit_site_header": "X-Frappe-Site-Name"}"#,
        "rate_limit_site_header: a text: is not a site's to say, for it concerns all of them; expected it in common_site_config.json",
    ),
    // Upstreams.
    (
        r#"{"rate_limit_upstream": "127.0.0.1:3000"}"#,
        r#"rate_limit_upstream: "127.0.0.1:3000": not an upstream; expected "http://HOST:PORT" or "unix:/PATH""#,
    ),
    (
        r#"{"rate_limit_upstream": ["http://a", "https://b"]}"#,
        r#"rate_limit_upstream[1]: "https://b": upstreams are spoken to without TLS; expected "http://HOST:PORT" or "unix:/PATH""#,
    ),
    (
        r#"{"rate_limit_upstream": "http://me:secret@app"}"#,
        r#"rate_limit_upstream: a text: an upstream is told no user; expected "http://HOST:PORT" or "unix:/PATH""#,
    ),
    (
        r#"{"rate_limit_upstream": ["http://a", "http://a:80/"]}"#,
        r#"rate_limit_upstream: ["http://a", "http://a:80/"]: one upstream stands more than once; expected each once"#,
    ),
    // Hosts.
    (
        r#"{"rate_limit_hosts": "a.example"}"#,
        "rate_limit_hosts: \"a.example\": not a list; expected a list of names and wildcards such as \"*.example.com\"",
    ),
    (
        r#"{"rate_limit_hosts": ["a.example", 5]}"#,
        "rate_limit_hosts[1]: 5: not a text; expected a name or a wildcard such as \"*.example.com\"",
    ),
    (
        r#"{"rate_limit_hosts": ["*"]}"#,
        "rate_limit_hosts[0]: \"*\": every host there is; expected default_site in the common file",
    ),
    (
        r#"{"rate_limit_hosts": ["shop*.example"]}"#,
        "rate_limit_hosts[0]: \"shop*.example\": a * that is no whole first label; expected a wildcard such as \"*.example.com\"",
    ),
    (
        r#"{"rate_limit_hosts": ["https://shop.example/"]}"#,
        "rate_limit_hosts[0]: \"https://shop.example/\": not a name that a Host can be; did you mean \"shop.example\"?",
    ),
    (
        r#"{"rate_limit_hosts": ["my shop"]}"#,
        "rate_limit_hosts[0]: \"my shop\": not a name that a Host can be; expected one such as \"www.example.com\"",
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
        r#"time_zone: 5.5: not a text; expected an IANA name such as "Europe/Paris""#,
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
        r#"rate_limit.limit: "NaN": not a number; expected seconds from 0 to 9007199254.740992, with at most six decimals"#,
    ),
    (
        r#"{"rate_limit": {"limit": null, "window": 3600}}"#,
        "rate_limit.limit: null: not a number; expected seconds from 0 to 9007199254.740992, with at most six decimals",
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
        r#"{"rate_limit": {"limit": 0.10000000001, "window": 3600}}"#,
        "rate_limit.limit: 0.10000000001: finer than a microsecond; expected seconds from 0 to 9007199254.740992, with at most six decimals",
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
        r#"rate_limit.window: "fortnight": no such window; expected whole seconds from 1 to 4294967295, or "hour", "day", "week", "month" or "year""#,
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
        "rate_limit_headers: true: not an object; expected an object of enabled, reset, names or standard",
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
        r#"{"rate_limit_headers": {"standard": "draft-10"}}"#,
        r#"rate_limit_headers.standard: "draft-10": no such standard; expected false or "draft-11""#,
    ),
    (
        r#"{"rate_limit_headers": {"standard": true}}"#,
        "rate_limit_headers.standard: true: no such standard; expected false or \"draft-11\"",
    ),
    (
        r#"{"rate_limit_headers": {"enable": true}}"#,
        "rate_limit_headers.enable: true: no such field; did you mean enabled?",
    ),
    (
        r#"{"rate_limit_headers": {"names": {"limit": "X Limit"}}}"#,
        r#"rate_limit_headers.names.limit: "X Limit": not the name of a header; expected the name of a header, such as "X-RateLimit-Limit""#,
    ),
    (
        r#"{"rate_limit_headers": {"names": {"limit": 5}}}"#,
        r#"rate_limit_headers.names.limit: 5: not a text; expected the name of a header, such as "X-RateLimit-Limit""#,
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
        r#"rate_limit_exempt: "/health": not an object; expected an object of path, method, host, ip, header, cookie, query, user, group, tier, authenticated, country, region, all, any or not"#,
    ),
    (
        r#"{"rate_limit_exempt": {"path": "health"}}"#,
        r#"rate_limit_exempt.path: "health": not a path; expected a path that begins with /"#,
    ),
    (
        r#"{"rate_limit_exempt": {"path": 5}}"#,
        r#"rate_limit_exempt.path: 5: not a path; expected a path, a list of them, {"prefix": path}, {"glob": pattern} or {"regex": pattern}"#,
    ),
    (
        r#"{"rate_limit_exempt": {"path": []}}"#,
        r#"rate_limit_exempt.path: []: an empty list; expected a path, a list of them, {"prefix": path}, {"glob": pattern} or {"regex": pattern}"#,
    ),
    (
        r#"{"rate_limit_exempt": {"path": ["/a", ["/b"]]}}"#,
        r#"rate_limit_exempt.path[1]: ["/b"]: not a path; expected a path, a list of them, {"prefix": path}, {"glob": pattern} or {"regex": pattern}"#,
    ),
    (
        r#"{"rate_limit_exempt": {"path": {}}}"#,
        "rate_limit_exempt.path: {}: not exactly one matcher; expected one of prefix, glob or regex",
    ),
    (
        r#"{"rate_limit_exempt": {"path": {"prefix": "/a", "glob": "/b"}}}"#,
        r#"rate_limit_exempt.path: {"prefix": "/a", "glob": "/b"}: not exactly one matcher; expected one of prefix, glob or regex"#,
    ),
    (
        r#"{"rate_limit_exempt": {"path": {"prefix": "api"}}}"#,
        r#"rate_limit_exempt.path.prefix: "api": not a path; expected a path that begins with /"#,
    ),
    (
        r#"{"rate_limit_exempt": {"path": {"glob": "*.css"}}}"#,
        r#"rate_limit_exempt.path.glob: "*.css": matches not a path; expected a pattern that begins with / or **"#,
    ),
    (
        r#"{"rate_limit_exempt": {"path": {"regex": "^/(a"}}}"#,
        r#"rate_limit_exempt.path.regex: "^/(a": unclosed group; expected a regular expression such as "^/v[0-9]+/""#,
    ),
    (
        r#"{"rate_limit_exempt": {"path": {"suffix": ".css"}}}"#,
        "rate_limit_exempt.path.suffix: a text: no such field; expected prefix, glob or regex",
    ),
    (
        r#"{"rate_limit_exempt": {"method": "GET POST"}}"#,
        r#"rate_limit_exempt.method: "GET POST": not a method; expected a method such as "GET", or a list of them"#,
    ),
    (
        r#"{"rate_limit_exempt": {"method": 5}}"#,
        r#"rate_limit_exempt.method: 5: not a text; expected a method such as "GET", or a list of them"#,
    ),
    (
        r#"{"rate_limit_exempt": {"pth": "/a"}}"#,
        "rate_limit_exempt.pth: a text: no such field; did you mean path?",
    ),
    (
        r#"{"rate_limit_exempt": {"any": {"path": "/a"}}}"#,
        r#"rate_limit_exempt.any: {"path": "/a"}: not a list; expected a list of conditions"#,
    ),
    (
        r#"{"rate_limit_exempt": {"all": []}}"#,
        "rate_limit_exempt.all: []: an empty list; expected a list of conditions",
    ),
    (
        r#"{"rate_limit_exempt": {"not": ["/a"]}}"#,
        r#"rate_limit_exempt.not: ["/a"]: not an object; expected an object of path, method, host, ip, header, cookie, query, user, group, tier, authenticated, country, region, all, any or not"#,
    ),
    (
        r#"{"rate_limit_exempt": {"any": [{"path": "/a"}, {"not": {"path": "b"}}]}}"#,
        r#"rate_limit_exempt.any[1].not.path: "b": not a path; expected a path that begins with /"#,
    ),
    // How a client's address is found
    (
        r#"{"rate_limit_trusted_proxies": "10.0.0.0/8"}"#,
        r#"rate_limit_trusted_proxies: "10.0.0.0/8": not a list; expected a list of addresses, ranges such as "10.0.0.0/8", and "unix""#,
    ),
    (
        r#"{"rate_limit_trusted_proxies": ["155.255.355.0/24"]}"#,
        r#"rate_limit_trusted_proxies[0]: "155.255.355.0/24": not an address; expected an address, a range such as "10.0.0.0/8", or "unix""#,
    ),
    (
        r#"{"rate_limit_trusted_hops": 256}"#,
        "rate_limit_trusted_hops: 256: out of range; expected a whole number from 0 to 255",
    ),
    (
        r#"{"rate_limit_trusted_hops": -1}"#,
        "rate_limit_trusted_hops: -1: below zero; expected a whole number from 0 to 255",
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
        r#"rate_limit_forwarded_header: "X Forwarded": not the name of a header; expected the name of a header, such as "X-Forwarded-For""#,
    ),
    (
        r#"{"rate_limit_paths": "strict"}"#,
        "rate_limit_paths: \"strict\": not a form of paths; expected \"normal\", \"exact\" or \"any_case\"",
    ),
    (
        r#"{"rate_limit_paths": "any-case"}"#,
        "rate_limit_paths: \"any-case\": not a form of paths; did you mean \"any_case\"?",
    ),
    (
        r#"{"rate_limit_paths": true}"#,
        "rate_limit_paths: true: not a text; expected \"normal\", \"exact\" or \"any_case\"",
    ),
    (
        r#"{"rate_limit_ipv6_prefix": 0}"#,
        "rate_limit_ipv6_prefix: 0: out of range; expected whole bits from 1 to 128",
    ),
    (
        r#"{"rate_limit_ipv6_prefix": 56.5}"#,
        "rate_limit_ipv6_prefix: 56.5: not whole; expected whole bits from 1 to 128",
    ),
    (
        r#"{"rate_limit_exempt": {"ip": "155.255.355.0/24"}}"#,
        r#"rate_limit_exempt.ip: "155.255.355.0/24": not an address; expected an address or a range such as "10.0.0.0/8""#,
    ),
    (
        r#"{"rate_limit_exempt": {"header": {"x-a": false}}}"#,
        r#"rate_limit_exempt.header.x-a: false: not a text; expected a text, a list of them, {"prefix": text}, {"glob": pattern} or {"regex": pattern}"#,
    ),
    (
        r#"{"rate_limit_exempt": {"query": {}}}"#,
        r#"rate_limit_exempt.query: {}: an empty object; expected an object of names, each with a text, or with true for present"#,
    ),
    (
        r#"{"rate_limit_exempt": {"path": {"regex": "((a{100}){100}){100}"}}}"#,
        r#"rate_limit_exempt.path.regex: "((a{100}){100}){100}": too large; expected a pattern that compiles to a mebibyte at most; expected a regular expression such as "^/v[0-9]+/""#,
    ),
    // rate_limit_rules
    (
        r#"{"rate_limit_rules": {"name": "a"}}"#,
        r#"rate_limit_rules: {"name": "a"}: not a list; expected a list of rules"#,
    ),
    (
        r#"{"rate_limit_rules": [{"limits": "1/day"}]}"#,
        r#"rate_limit_rules[0].name: missing; expected 1 to 64 letters, digits, and - _ . between them"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a b", "limits": "1/day"}]}"#,
        r#"rate_limit_rules[0].name: "a b": not a name; expected 1 to 64 letters, digits, and - _ . between them"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "site", "limits": "1/day"}]}"#,
        r#"rate_limit_rules[0].name: "site": is the name of a rule of rate_limit; expected another"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day"}, {"name": "a", "limits": "1/day"}]}"#,
        r#"rate_limit_rules[1].name: "a": rate_limit_rules[0] has this name; expected another"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a"}]}"#,
        r#"rate_limit_rules[0].limits: missing; expected a rate string such as "10 per hour""#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": 5}]}"#,
        r#"rate_limit_rules[0].limits: 5: not limits; expected a rate string such as "10 per hour", or a list of them and of objects of limit, window and unit"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": ["1/day", "10 per fortnight"]}]}"#,
        r#"rate_limit_rules[0].limits[1]: "10 per fortnight": no such period; expected second, minute, hour, day, week, month or year"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": [{"limit": 1.5, "window": 60, "unit": "requests"}]}]}"#,
        r#"rate_limit_rules[0].limits[0].limit: 1.5: not whole; expected whole requests from 0 to 9007199254740992"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": [{"limit": 1, "window": 60, "unit": "seconds"}]}]}"#,
        r#"rate_limit_rules[0].limits[0].unit: "seconds": no such unit; expected "time" or "requests""#,
    ),
    (
        r#"{"rate_limit_exempt": {"header": "Authorization: Bearer hunter2"}}"#,
        r#"rate_limit_exempt.header: a text: not an object; expected an object of names, each with a text, or with true for present"#,
    ),
    (
        r#"{"rate_limit_exempt": {"header": {"authorization": {"regex": "^Bearer (hunter2"}}}}"#,
        r#"rate_limit_exempt.header.authorization.regex: a text: unclosed group; expected a regular expression such as "^/v[0-9]+/""#,
    ),
    (
        r#"{"rate_limit_exempt": {"cookie": {"sid": ["hunter2", {"prefix": "hun", "glob": "hunter*"}]}}}"#,
        r#"rate_limit_exempt.cookie.sid[1]: an object: not exactly one matcher; expected one of prefix, glob or regex"#,
    ),
    (
        r#"{"rate_limit_rules": [{"when": {"header": {"authorization": "Bearer hunter2"}}, "name": "a", "limits": "1/day; 1s/day"}]}"#,
        r#"rate_limit_rules[0]: "a": limits of requests beside others, whose keys would differ; expected a key, or two rules"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day; 1s/day"}]}"#,
        r#"rate_limit_rules[0]: "a": limits of requests beside others, whose keys would differ; expected a key, or two rules"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "wen": {}}]}"#,
        r#"rate_limit_rules[0].wen: an object: no such field; did you mean when?"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "when": {"methd": "GET"}}]}"#,
        r#"rate_limit_rules[0].when.methd: a text: no such field; did you mean method?"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "key": "usr"}]}"#,
        r#"rate_limit_rules[0].key: "usr": no such component; did you mean user?"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "key": "pth"}]}"#,
        r#"rate_limit_rules[0].key: "pth": no such component; did you mean path?"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "key": ["ip", "ip"]}]}"#,
        r#"rate_limit_rules[0].key[1]: "ip": stands more than once; expected each component once"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "key": "header:"}]}"#,
        r#"rate_limit_rules[0].key: "header:": no such component; did you mean header:NAME?"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "missing": "none"}]}"#,
        r#"rate_limit_rules[0].missing: "none": no such component; expected site, ip, host, user, api_key, tier, groups, country, region, method, path, route, header:NAME, cookie:NAME or query:NAME"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "otherwise": "yes"}]}"#,
        r#"rate_limit_rules[0].otherwise: "yes": neither true nor false; expected one of them"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "counts": "every"}]}"#,
        r#"rate_limit_rules[0].counts: "every": no such count; expected "served", "all" or "refusals""#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1s/day", "counts": "refusals"}]}"#,
        r#"rate_limit_rules[0]: "a": counts refusals, which take no time; expected limits of requests"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "cost": -1}]}"#,
        r#"rate_limit_rules[0].cost: -1: below zero; expected whole requests from 0 to 9007199254740992"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "charge_when": {"status": ["4xx", "6xx"]}}]}"#,
        r#"rate_limit_rules[0].charge_when.status[1]: "6xx": not a status; expected a status, a class such as "4xx", or a list of them"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "charge_when": {}}]}"#,
        r#"rate_limit_rules[0].charge_when.status: missing; expected a status, a class such as "4xx", or a list of them"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "until": "end"}]}"#,
        r#"rate_limit_rules[0].until: "end": no such end; expected "body", "head" or "close""#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1s/day", "overrun": true}]}"#,
        r#"rate_limit_rules[0].overrun: true: no such overrun; expected "finish" or "cut""#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "hold": "long"}]}"#,
        r#"rate_limit_rules[0].hold: "long": no such hold; expected "auto", "off" or a time such as "250ms""#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "action": "drop"}]}"#,
        r#"rate_limit_rules[0].action: "drop": no such action; expected "block", {"block": {…}} or {"rewrite": "/path"}"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "action": {"rewrite": "page.html"}}]}"#,
        r#"rate_limit_rules[0].action.rewrite: "page.html": no such path; expected a path that begins with /, as it is written in a URL, without a query"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "action": {"rewrite": "/a?b"}}]}"#,
        r#"rate_limit_rules[0].action.rewrite: "/a?b": no such path; expected a path that begins with /, as it is written in a URL, without a query"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "action": {"rewrite": null}}]}"#,
        r#"rate_limit_rules[0].action.rewrite: null: not a text; expected a path that begins with /, as it is written in a URL, without a query"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "action": {"rewrite": "/a", "block": {}}}]}"#,
        r#"rate_limit_rules[0].action: {"rewrite": "/a", "block": {}}: not exactly one action; expected "block", {"block": {…}} or {"rewrite": "/path"}"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "action": {"block": {"status": 200}}}]}"#,
        r#"rate_limit_rules[0].action.block.status: 200: not a status of a refusal; expected a status from 400 to 599"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "action": {"block": {"content_type": "text/html"}}}]}"#,
        r#"rate_limit_rules[0].action.block: {"content_type": "text/html"}: a content_type without a body; expected both or none"#,
    ),
    (
        r#"{"rate_limit_rules": [{"name": "a", "limits": "1/day", "action": {"block": {"message": "x", "body": "y"}}}]}"#,
        r#"rate_limit_rules[0].action.block: {"message": "x", "body": "y"}: a message beside a body that does not show it; expected one of them"#,
    ),
]
