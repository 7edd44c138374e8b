//! Stores by their URIs.

use proptest::prelude::*;
use timebudget::store::{StoreUri, open};

#[test]
fn every_topology_has_a_uri() {
    for uri in [
        "memory://",
        "memory://?max_accounts=5000",
        "redis://localhost",
        "redis://:secret@localhost:6380/3?mode=batched&sync=1s&deadline=20ms",
        "rediss://user:p%40ss@redis.example/?prefix=shop&on_store_fault=refuse",
        "redis+unix:///run/redis/redis.sock?db=3&max_accounts=5000",
        "redis+unix://user:pass@/run/redis.sock?mode=batched",
        "redis+sentinel://a:26379,b,c:1/mymaster/0?sentinel_password=x",
        "redis+cluster://a,b:7001,[::1]:7002/?on_store_fault=allow&secret=s",
        "rediss+cluster://a,b?max_accounts=1",
    ] {
        assert!(open(uri).is_ok(), "{uri}: {}", open(uri).unwrap_err());
    }
}

#[test]
fn an_error_names_what_is_wrong() {
    for (uri, expected) in [
        ("", "a text without ://: scheme: no such store"),
        ("memory://x", "memory://…: parameters: expected none, or ?snapshot=FILE"),
        ("memory://?snapshot=", "memory://…: parameters: expected none, or ?snapshot=FILE"),
        ("memory://?max_accounts=0", "memory://…: max_accounts: \"0\": expected a whole number from 1 to"),
        ("memory://?snapshoot=x", "memory://…: sna…: no such parameter; did you mean snapshot?"),
        ("memory://?snapshot=/no such place/x", "memory://: snapshot: /no such place/x: cannot be written: "),
        ("redis://", "redis://: host: expected HOST or HOST:PORT"),
        ("redis://a,b", "redis://…: host: several"),
        ("redis://a:port", "redis://…: host: expected"),
        ("redis://::1", "redis://…: host: expected"),
        ("redis://a/x", "redis://…: database: expected a number"),
        ("redis://a?mode=fast", "redis://…: mode: \"fas…\": expected exact or batched"),
        (
            "redis://a?mode=batch",
            "redis://…: mode: \"bat…\": expected exact or batched; did you mean batched?",
        ),
        ("redis://a?mode=exact&mode=exact", "redis://…: mode: said twice; expected once"),
        ("redis://a?sync=5", "redis://…: sync: \"5\": expected 10ms to 1s"),
        ("redis://a?sync=2s", "redis://…: sync: \"2s\""),
        ("redis://a?deadline=0ms", "redis://…: deadline: \"0ms\": expected 1ms to 10s"),
        ("redis://a?sink=1s", "redis://…: sin…: no such parameter; did you mean sync?"),
        ("redis://a?max_account=1", "redis://…: max…: no such parameter; did you mean max_accounts?"),
        ("redis://a?xyzzy=1s", "redis://…: xyz…: no such parameter; expected mode, sync, deadline, "),
        ("redis://a?max_accounts=1e6", "redis://…: max_accounts: \"1e6\": expected a whole number from 1 to"),
        ("redis://a?prefix={}", "redis://…: prefix: \"{}\": expected"),
        ("redis://a?secret=", "redis://…: secret: empty; expected a text"),
        (
            "redis://a?on_store_fault=panic",
            "redis://…: on_store_fault: \"pan…\": expected local or allow or refuse",
        ),
        ("redis+cluster://a/1", "redis+cluster://…: path: a cluster has database 0 only"),
        ("redis+sentinel://a", "redis+sentinel://…: path: no service"),
        ("redis+unix://run/redis.sock", "redis+unix://…: path: expected that of a socket"),
        ("redis://a?db=1", "redis://…: db: is for redis+unix://; expected the database in the path"),
        ("redis://a?sentinel_user=x", "redis://…: sentinel_user: means nothing without sentinels"),
        ("redis://:%zz@a", "redis://…: password: a % that two hexadecimal digits"),
        ("redis://a?secret=%ff", "redis://…: secret: a % that two hexadecimal digits"),
        (
            "redis://:pass?word@a",
            "redis://…: password: a question mark, a hash or an at sign that is not encoded; expected %3F",
        ),
        (
            "redis://:pass#word@a",
            "redis://…: password: a question mark, a hash or an at sign that is not encoded; expected %3F",
        ),
        (
            "redis://a?secret=pass@word",
            "redis://…: password: a question mark, a hash or an at sign that is not encoded; expected %3F",
        ),
        (
            "redit://a",
            "red…://…: scheme: no such store; expected memory:// or redis://…; did you mean redis://?",
        ),
        ("redis+sentinels://a", "red…://…: scheme: no such store; "),
        (
            "unix:///run/x",
            "unix://…: scheme: no such store; expected memory:// or redis://…; did you mean redis+unix",
        ),
        (
            "valkeys://a",
            "valkeys://…: scheme: no such store; expected memory:// or redis://…; did you mean rediss",
        ),
        ("xyzzy://a", "xyz…://…: scheme: no such store; expected memory:// or redis://…"),
        ("redis://a?ca=x", "redis://…: ca: means nothing without TLS; expected a scheme with rediss"),
        ("rediss://a?cert=x", "rediss://…: cert: a certificate without its key; expected key=FILE too"),
        ("rediss://a?key=x", "rediss://…: key: a key without its certificate; expected cert=FILE too"),
        ("rediss://a?ca=/no/such", "rediss://…: ca: the file cannot be read: entity not found"),
        ("rediss://a?ca=/dev/null", "rediss://…: ca: no certificate in it; expected certificates in PEM"),
        ("rediss://a?cert=/dev/null&key=/dev/null", "rediss://…: cert: no certificate in it"),
    ] {
        let error = open(uri).err().unwrap_or_else(|| panic!("{uri} is sound")).to_string();
        assert!(error.starts_with(expected), "{uri}: {error}");
    }
}

#[test]
fn a_uri_is_shown_without_what_may_be_a_password() {
    for (text, shown, in_logs) in [
        (
            "redis://user:hunter2@db:6380/3?mode=batched",
            "redis://…@db:6380/3?mode=batched",
            "redis://…?mode=batched",
        ),
        ("redis://:hunter2@db", "redis://…@db", "redis://…"),
        (
            "redis+sentinel://a,b/shop?secret=x&sentinel_password=y&sync=1s",
            "redis+sentinel://a,b/shop?secret=…&sentinel_password=…&sync=1s",
            "redis+sentinel://…?secret=…&sentinel_password=…&sync=1s",
        ),
        ("redis://[::1]:7/?prefix=shop", "redis://[::1]:7?prefix=shop", "redis://…?prefix=…"),
        ("redis+unix:///run/a.sock?db=2", "redis+unix:///run/a.sock?db=2", "redis+unix://…?db=2"),
        ("memory://?snapshot=/a@b?c&d", "memory://?snapshot=/a@b?c&d", "memory://?snapshot=/a@b?c&d"),
    ] {
        let uri = StoreUri::parse(text).unwrap();
        assert_eq!(uri.to_string(), shown);
        assert_eq!(format!("{uri:?}"), format!("StoreUri({in_logs})"));
    }
}

#[test]
fn a_password_may_have_an_unencoded_slash_or_at() {
    for password in ["hun@ter2", "hun/ter2", "/@@/"] {
        let uri = StoreUri::parse(&format!("redis://user:{password}@db/1")).unwrap();
        assert_eq!(uri.to_string(), "redis://…@db/1", "{password}");
    }
}

/// A password with an unencoded `@` and `?` was partly printed: what stood behind the `?` passed for parameters.
#[test]
fn no_error_repeats_a_password() {
    for uri in [
        "redis://user:hunter2@a/x",
        "redis://user:hun?ter2@a",
        "redis://user:hun?ter2=x&mode=ter2@a",
        "redis://user:hun@x?sync=ter2",
        "redis://user:hun#ter2@a",
        "redis://user:hunter2/@a:port",
        "redis://user:hunter2",
        "redis://a/x?secret=hunter2",
        "redis://a/?sync=250mssecret=hunter2",
        "redis://a/?prefix=tbsecret=hunter2&mode=x",
        "rediss://a/?ca=/nonesecret=hunter2",
        "redis://a?sentinel_password=hunter2&mode=x",
        "redis://hunter2@a:port",
        "redis:/user:hunter2@a",
        "hunter2://a",
        "hunter2",
    ] {
        let error = open(uri).unwrap_err().to_string();
        assert!(!error.contains("ter2"), "{error}");
    }
}

/// What can be done to a URI by a slip of the hand or of a script.
#[derive(Clone, Debug)]
enum Slip {
    Insert(prop::sample::Index, char),
    Replace(prop::sample::Index, char),
    Drop(prop::sample::Index),
    Swap(prop::sample::Index),
    End(prop::sample::Index),
}

fn slip() -> impl Strategy<Value = Slip> {
    let letter = || prop::sample::select("@?/#%&=:,[]+ \\é0aZ".chars().collect::<Vec<_>>());
    prop_oneof![
        (any::<prop::sample::Index>(), letter()).prop_map(|(at, letter)| Slip::Insert(at, letter)),
        (any::<prop::sample::Index>(), letter()).prop_map(|(at, letter)| Slip::Replace(at, letter)),
        any::<prop::sample::Index>().prop_map(Slip::Drop),
        any::<prop::sample::Index>().prop_map(Slip::Swap),
        any::<prop::sample::Index>().prop_map(Slip::End),
    ]
}

fn slipped(text: &str, slips: &[Slip]) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for slip in slips {
        if letters.len() < 2 {
            break;
        }
        match slip {
            Slip::Insert(at, letter) => letters.insert(at.index(letters.len()), *letter),
            Slip::Replace(at, letter) => {
                let at = at.index(letters.len());
                letters[at] = *letter;
            }
            Slip::Drop(at) => drop(letters.remove(at.index(letters.len()))),
            Slip::Swap(at) => {
                let at = at.index(letters.len() - 1);
                letters.swap(at, at + 1);
            }
            Slip::End(at) => letters.truncate(at.index(letters.len())),
        }
    }
    letters.into_iter().collect()
}

/// A password of letters that no word of ours is made of, and of what has a meaning in URIs.
fn password() -> impl Strategy<Value = String> {
    "[G-Zjqvwxz4-9@?/#%&=:+]{4,24}"
}

/// Where passwords stand in URIs.
const PLACES: [&str; 10] = [
    "redis://user:PASSWORD@db.example:6380/3?mode=batched&sync=250ms",
    "redis://:PASSWORD@db",
    "redis://PASSWORD@db?prefix=shop",
    "rediss://user:PASSWORD@db/0?prefix=shop&secret=PASSWORD&deadline=20ms&ca=/none",
    "redis+unix://user:PASSWORD@/run/redis.sock?db=1&max_accounts=500",
    "redis+sentinel://:PASSWORD@a:26379,b/shop/0?sentinel_user=PASSWORD&sentinel_password=PASSWORD",
    "redis+cluster://user:PASSWORD@a,b:7001,[::1]:7002/?on_store_fault=allow&secret=PASSWORD",
    "redis://db?sync=1s&secret=PASSWORD&mode=exact",
    "redis://db?on_store_fault=local&max_accounts=9&secret=PASSWORD",
    "PASSWORD://user:PASSWORD@db",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn no_error_and_no_log_has_four_characters_of_a_password(
        password in password(),
        place in prop::sample::select(&PLACES[..]),
        slips in prop::collection::vec(slip(), 0..4),
    ) {
        let uri = slipped(&place.replace("PASSWORD", &password), &slips);
        let said = match StoreUri::parse(&uri) {
            Err(error) => format!("{error} {error:?}"),
            Ok(sound) => {
                let opened = sound.open().map(|store| store.census().degraded);
                format!("{sound:?} {} {}", sound.discreet(), opened.err().map(|e| e.to_string()).unwrap_or_default())
            }
        };
        let letters: Vec<char> = password.chars().collect();
        // Messages have signs of their own: `://` after a scheme, and a colon after the beginning of a name.
        let said = said.replace("://", " ").replace(": ", " ");
        let tells = |piece: &&[char]| piece.iter().any(|letter| letter.is_alphanumeric());
        for piece in letters.windows(4).filter(tells).map(|piece| piece.iter().collect::<String>()) {
            prop_assert!(!said.contains(&piece), "{uri:?} says {piece:?}: {said}");
        }
    }
}
