//! Where clients are: told by a trusted proxy, or by a database.

use actix_web::App;
use actix_web::web;
use timebudget::TimeBudget;

use crate::harness::{Client, Listening, World, serve};

fn start(budget: &TimeBudget) -> Listening {
    let budget = budget.clone();
    serve(move || App::new().wrap(budget.clone()).default_service(web::to(async || "hello")))
}

async fn ask(client: &mut Client, fields: &str) -> u16 {
    client.get_with("/", fields).await.status
}

fn by_header(trusted: &str, rule: &str) -> String {
    format!(
        r#"{{"rate_limit_trusted_proxies": ["{trusted}"], "rate_limit_country": {{"header": "CF-IPCountry"}},
            "rate_limit_rules": [{{"name": "a", "limits": "1 per hour", {rule}}}]}}"#
    )
}

#[actix_web::test]
async fn each_country_has_an_account_and_those_of_no_country_have_another() {
    let world = World::new();
    let budget = world.budget_of(&by_header("127.0.0.1", r#""key": "country""#));
    let mut client = start(&budget).connect().await;
    for (code, status) in [
        ("FR", 200),
        ("DE", 200),
        ("fr", 429),
        ("XX", 200),
        ("T1", 429),
        ("", 429),
        ("FRA", 429),
        ("F\u{e9}", 429),
    ] {
        assert_eq!(ask(&mut client, &format!("CF-IPCountry: {code}\r\n")).await, status, "{code}");
    }
    assert_eq!(ask(&mut client, "").await, 429, "no country");
}

#[actix_web::test]
async fn a_condition_on_a_country_does_not_hold_where_it_is_unknown() {
    let world = World::new();
    let rule = r#""when": {"country": ["FR", "de"]}, "key": "site""#;
    let mut client = start(&world.budget_of(&by_header("127.0.0.1", rule))).connect().await;
    for (code, status) in [("FR", 200), ("DE", 429), ("GB", 200), ("XX", 200), ("", 200)] {
        assert_eq!(ask(&mut client, &format!("CF-IPCountry: {code}\r\n")).await, status, "{code}");
    }
    let twice = "CF-IPCountry: FR\r\nCF-IPCountry: GB\r\n";
    assert_eq!(ask(&mut client, twice).await, 200, "two countries are none");
}

fn by_headers(trusted: &str, rule: &str) -> String {
    format!(
        r#"{{"rate_limit_trusted_proxies": ["{trusted}"], "rate_limit_country": {{"header": "CF-IPCountry"}}, "rate_limit_region": {{"header": "CF-Region-Code"}},
            "rate_limit_rules": [{{"name": "a", "limits": "1 per hour", {rule}}}]}}"#
    )
}

/// Netlify's geolocation has states and regions; here there were countries only.
#[actix_web::test]
async fn each_region_has_an_account_however_a_proxy_tells_it() {
    let world = World::new();
    let budget = world.budget_of(&by_headers("127.0.0.1", r#""key": "region""#));
    let mut client = start(&budget).connect().await;
    for (country, region, status) in [
        ("US", "CA", 200),
        ("US", "ca", 429),
        ("FR", "US-CA", 429),
        ("", "USCA", 429),
        ("US", "NY", 200),
        ("GB", "ENG", 200),
        ("UA", "43", 200),
        ("FR", "43", 200),
        // Of these none is a region: they share the account of their address.
        ("", "CA", 200),
        ("XX", "CA", 429),
        ("US", "", 429),
        ("US", "California", 429),
        ("US", "C A", 429),
        ("US", "C\u{e9}", 429),
        ("US", "CA\r\nCF-Region-Code: NY", 429),
    ] {
        let fields = format!("CF-IPCountry: {country}\r\nCF-Region-Code: {region}\r\n");
        assert_eq!(ask(&mut client, &fields).await, status, "{country} {region}");
    }
}

#[actix_web::test]
async fn a_condition_on_a_region_holds_in_it_alone_and_where_a_proxy_tells_it() {
    let world = World::new();
    for (trusted, statuses) in [("127.0.0.1", [429, 200, 200, 429]), ("10.0.0.1", [200; 4])] {
        let rule = r#""when": {"country": "US", "region": ["us-ca", "UA-43"]}, "key": "site""#;
        let budget =
            World::beside(&world).budget_of(&by_headers(trusted, rule).replace("1 per hour", "0 per hour"));
        let mut client = start(&budget).connect().await;
        for (fields, status) in ["US,CA", "US,NY", "UA,43", "US,US-CA"].into_iter().zip(statuses) {
            let (country, region) = fields.split_once(',').unwrap();
            let fields = format!("CF-IPCountry: {country}\r\nCF-Region-Code: {region}\r\n");
            assert_eq!(ask(&mut client, &fields).await, status, "{trusted} {fields}");
        }
    }
}

#[actix_web::test]
async fn a_country_that_clients_tell_is_not_believed() {
    let world = World::new();
    let rule = r#""when": {"country": "FR"}"#;
    let mut client = start(&world.budget_of(&by_header("10.0.0.1", rule))).connect().await;
    for _ in 0..3 {
        assert_eq!(ask(&mut client, "CF-IPCountry: FR\r\n").await, 200);
    }
}

#[cfg(feature = "geo")]
mod database {
    use std::env::temp_dir;
    use std::fs;
    use std::net::Ipv4Addr;
    use std::path::PathBuf;

    use timebudget::Countries as _;
    use timebudget::geo::CountryDatabase;
    use timebudget::{Engine, config};

    use super::*;

    /// A database of three networks, written as the format's description has it: a binary tree over the bits of
    /// addresses, sixteen zeros, the data, and what is said of all that.
    fn written(kind: &str, name: &str) -> PathBuf {
        let networks = [
            ([192, 0, 2, 0], 24, "FR", "IDF"),
            ([198, 51, 100, 0], 24, "DE", "BE"),
            ([203, 0, 113, 128], 25, "de", "x y"),
        ];
        let mut data = Vec::new();
        let mut nodes = vec![[Record::Nothing; 2]];
        for (address, length, code, region) in networks {
            let at = data.len();
            let country = ("country", map(&[("iso_code", text(code))]));
            // A list of two, the larger region first.
            let region = [&[2, 4], &map(&[("iso_code", text(region))])[..], &map(&[])].concat();
            match kind.contains("City") {
                true => data.extend(map(&[country, ("subdivisions", region)])),
                false => data.extend(map(&[country])),
            }
            insert(&mut nodes, Ipv4Addr::from(address), length, at);
        }
        let count = nodes.len() as u32;
        let mut file: Vec<u8> = nodes.iter().flatten().flat_map(|record| record.bytes(count)).collect();
        file.extend([0; 16]);
        file.extend(data);
        file.extend(b"\xab\xcd\xefMaxMind.com");
        file.extend(map(&[
            ("node_count", number(6, count)),
            ("record_size", number(5, 24)),
            ("ip_version", number(5, 4)),
            ("database_type", text(kind)),
            ("languages", vec![0, 4]),
            ("binary_format_major_version", number(5, 2)),
            ("binary_format_minor_version", number(5, 0)),
            ("build_epoch", vec![0x01, 2, 1]),
            ("description", map(&[])),
        ]));
        let path = temp_dir().join(format!("timebudget-{}-{name}.mmdb", std::process::id()));
        fs::write(&path, file).expect("a place for temporary files");
        path
    }

    #[derive(Clone, Copy)]
    enum Record {
        Nothing,
        Node(u32),
        Data(u32),
    }

    impl Record {
        fn bytes(self, count: u32) -> [u8; 3] {
            let value = match self {
                Self::Nothing => count,
                Self::Node(node) => node,
                Self::Data(offset) => count + 16 + offset,
            };
            let [_, a, b, c] = value.to_be_bytes();
            [a, b, c]
        }
    }

    fn insert(nodes: &mut Vec<[Record; 2]>, address: Ipv4Addr, length: u32, data: usize) {
        let mut at = 0;
        for depth in 0..length {
            let side = (address.to_bits() >> (31 - depth)) as usize & 1;
            if depth == length - 1 {
                nodes[at][side] = Record::Data(data as u32);
                return;
            }
            at = match nodes[at][side] {
                Record::Node(next) => next as usize,
                _ => {
                    nodes.push([Record::Nothing; 2]);
                    nodes[at][side] = Record::Node(nodes.len() as u32 - 1);
                    nodes.len() - 1
                }
            };
        }
    }

    fn map(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = vec![7 << 5 | members.len() as u8];
        for (name, value) in members {
            bytes.extend(text(name));
            bytes.extend(value);
        }
        bytes
    }

    fn text(text: &str) -> Vec<u8> {
        match u8::try_from(text.len()).expect("short") {
            length @ 0..29 => [&[2 << 5 | length], text.as_bytes()].concat(),
            length => [&[2 << 5 | 29, length - 29], text.as_bytes()].concat(),
        }
    }

    fn number(kind: u8, value: u32) -> Vec<u8> {
        let bytes = value.to_be_bytes();
        let bytes = if kind == 5 { &bytes[2..] } else { &bytes[..] };
        [&[kind << 5 | bytes.len() as u8], bytes].concat()
    }

    fn file(path: &str) -> String {
        format!(
            r#"{{"rate_limit_trusted_proxies": ["127.0.0.1"], "rate_limit_country": {{"database": {path:?}}},
                "rate_limit_rules": [{{"name": "a", "limits": "1 per hour", "key": "country"}}]}}"#
        )
    }

    #[actix_web::test]
    async fn a_database_knows_where_addresses_are() {
        let world = World::new();
        let path = written("Test-Country", "addresses");
        let mut client = start(&world.budget_of(&file(&path.display().to_string()))).connect().await;
        for (address, status) in [
            ("192.0.2.1", 200),
            ("::ffff:192.0.2.255", 429),
            ("198.51.100.7", 200),
            ("203.0.113.200", 429),
            ("203.0.113.7", 200),
            ("203.0.113.8", 200),
            ("203.0.113.7", 429),
            ("2001:db8::1", 200),
        ] {
            let fields = format!("X-Forwarded-For: {address}\r\nCF-IPCountry: {address}\r\n");
            assert_eq!(ask(&mut client, &fields).await, status, "{address}");
        }
    }

    #[actix_web::test]
    async fn a_path_is_relative_to_the_file_that_names_it() {
        let path = written("Test-City", "relative");
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let beside = path.with_extension("json");
        fs::write(&beside, file(name)).expect("a place for temporary files");
        let loaded = config::load_file(&beside).expect("a site file");
        let budget = TimeBudget::of_site(loaded.fallback, Engine::in_memory());
        assert_eq!(ask(&mut start(&budget).connect().await, "").await, 200);
    }

    #[actix_web::test]
    async fn a_database_of_cities_knows_regions_too_for_whichever_key_names_it() {
        let path = written("Test-City", "regions").display().to_string();
        for key in ["rate_limit_country", "rate_limit_region"] {
            let world = World::new();
            let file = format!(
                r#"{{"rate_limit_trusted_proxies": ["127.0.0.1"], "{key}": {{"database": {path:?}}},
                    "rate_limit_rules": [{{"name": "a", "limits": "1 per hour", "key": "site", "when": {{"region": ["fr-idf", "DE-BE"]}}}}]}}"#
            );
            let mut client = start(&world.budget_of(&file)).connect().await;
            for (address, status) in [
                ("192.0.2.1", 200),
                ("198.51.100.7", 429),
                ("203.0.113.200", 200),
                ("203.0.113.7", 200),
                ("64:ff9b::c000:201", 429),
            ] {
                let fields = format!("X-Forwarded-For: {address}\r\n");
                assert_eq!(ask(&mut client, &fields).await, status, "{key} {address}");
            }
        }
    }

    #[test]
    fn a_database_of_countries_tells_no_regions() {
        let path = written("Test-Country", "countries-only").display().to_string();
        let of = |key: &str, rule: &str| {
            let text = format!(
                r#"{{"{key}": {{"database": {path:?}}}, "rate_limit_rules": [{{"name": "a", "limits": "1/day", {rule}}}]}}"#
            );
            config::parse_site("test", &text).unwrap_err().to_string()
        };
        let error = of("rate_limit_region", r#""key": "ip""#);
        assert!(
            error.contains("a database that tells countries only; expected the path of a database of cities"),
            "{error}"
        );
        let error = of("rate_limit_country", r#""key": "region""#);
        assert!(
            error.contains("nobody tells in which regions clients are; expected rate_limit_region"),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_database_of_countries_is_an_error() {
        let path = written("Test-ASN", "kind").display().to_string();
        for (path, fault) in [
            (path.as_str(), "a database of the kind \"test-asn\" tells no countries"),
            ("/nowhere/x.mmdb", "No such file"),
            (file!(), "invalid"),
        ] {
            let errors = config::parse_site("test", &file(path)).expect_err("no database").to_string();
            assert!(errors.starts_with("site_config.json: rate_limit_country.database: "), "{errors}");
            assert!(errors.to_lowercase().contains(&fault.to_lowercase()), "{errors}");
        }
    }

    #[test]
    fn a_database_that_is_cut_short_or_broken_is_an_error_or_knows_nothing() {
        let path = written("GeoLite2-City", "broken");
        let whole = fs::read(&path).expect("the database");
        let cut = (0..whole.len()).step_by(7).map(|length| whole[..length].to_vec());
        let broken = (0..whole.len()).step_by(3).map(|at| {
            let mut bytes = whole.clone();
            bytes[at] ^= 0xff;
            bytes
        });
        let addresses = ["192.0.2.1", "198.51.100.1", "255.255.255.255", "2001:db8::1"];
        for bytes in cut.chain(broken).chain([b"no database".to_vec()]) {
            fs::write(&path, bytes).expect("a place for temporary files");
            if let Ok(database) = CountryDatabase::open(&path) {
                for address in addresses {
                    let _ = database.country(address.parse().expect("an address"));
                    let _ = database.region(address.parse().expect("an address"));
                }
            }
        }
        fs::remove_file(path).expect("it was written");
    }
}
