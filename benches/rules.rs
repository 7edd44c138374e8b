//! What rules cost that do not match: a site with one rule, with a hundred and with a thousand, of which three match.

#[expect(dead_code, reason = "other benchmarks use the rest")]
#[path = "harness/micro.rs"]
mod micro;
#[path = "harness/stats.rs"]
mod stats;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;

use timebudget::cookie_values;
use timebudget::{Admission, Engine, Facts, Limiter, Site, config};

use micro::nanos;

const MATCHING: &str = r#"
    { "name": "api", "when": { "path": { "prefix": "/api" }, "method": "GET" }, "key": "ip", "limits": "9h per day" },
    { "name": "gold", "when": { "header": { "x-plan": "gold" } }, "key": "ip", "limits": "9h per hour" },
    { "name": "all", "key": "site", "limits": "900h per hour" }"#;

fn main() {
    let one = decision(&site(r#"{ "name": "all", "key": "ip", "limits": "9h per day" }"#));
    let three = decision(&site(MATCHING));
    println!("| rules, of which three match | a decision | above one rule | a loop over all rules |");
    println!("|---|---:|---:|---:|");
    println!("| one alone | {one:.0} ns | | |");
    println!("| 3 | {three:.0} ns | {:.0} ns | |", three - one);
    for rules in [10, 100, 1_000, 10_000] {
        let site = site(&format!("{MATCHING}{}", others(rules - 3)));
        let (ours, looped) = (decision(&site), three + conditions(&site));
        println!("| {rules} | {ours:.0} ns | {:.0} ns | {looped:.0} ns |", ours - one);
    }
}

fn site(rules: &str) -> Site {
    let text = format!(r#"{{ "rate_limit_rules": [{rules}] }}"#);
    config::parse_site("bench", &text).expect("the rules are well formed").0
}

/// So many rules of every kind, none of which matches.
fn others(count: usize) -> String {
    (0..count).fold(String::new(), |mut rules, at| {
        let when = match at % 8 {
            0 | 1 => format!(r#"{{ "path": "/api/things/{at}", "method": "POST" }}"#),
            2 => format!(r#"{{ "path": {{ "prefix": "/shop/{at}" }} }}"#),
            3 => format!(r#"{{ "path": {{ "glob": "/users/{at}/*/photo" }} }}"#),
            4 => format!(r#"{{ "path": {{ "regex": "^/v{at}/(a|b)[0-9]+$" }} }}"#),
            5 => format!(r#"{{ "header": {{ "authorization": "Bearer {at}" }} }}"#),
            6 => format!(r#"{{ "ip": "10.{}.{}.0/24" }}"#, at / 256, at % 256),
            _ => format!(r#"{{ "cookie": {{ "plan": "p{at}" }} }}"#),
        };
        let rule = format!(r#", {{ "name": "r{at}", "when": {when}, "key": "ip", "limits": "5 per hour" }}"#);
        rules.write_str(&rule).expect("a string takes all that is written to it");
        rules
    })
}

/// Nanoseconds from admission to settlement.
fn decision(site: &Site) -> f64 {
    let limiter = Arc::new(Limiter::new(site.clone(), &Engine::in_memory()));
    nanos(|| match limiter.admit(black_box(&Request)) {
        Ok(Admission::Admitted(reservation)) => drop(reservation),
        other => panic!("the request is served, not {other:?}"),
    })
}

/// Nanoseconds to ask every rule, one after the other.
fn conditions(site: &Site) -> f64 {
    let matching = || site.rules.iter().filter(|rule| rule.when.matches(black_box(&Request))).count();
    assert_eq!(matching(), 3);
    let rounds = 100;
    let once = std::time::Instant::now();
    (0..rounds).for_each(|_| _ = black_box(matching()));
    once.elapsed().as_nanos() as f64 / f64::from(rounds)
}

/// What a browser sends, more or less.
#[derive(Debug)]
struct Request;

const HEADERS: [(&str, &str); 7] = [
    ("host", "bench.example"),
    ("user-agent", "bench/1.0"),
    ("accept", "application/json"),
    ("accept-encoding", "gzip, br"),
    ("authorization", "Bearer none-of-theirs"),
    ("cookie", "session=0123456789abcdef; plan=free"),
    ("x-plan", "gold"),
];

impl Facts for Request {
    fn method(&self) -> &str {
        "GET"
    }

    fn path(&self) -> &str {
        "/api/users/7/photos"
    }

    fn ip(&self) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, 7]))
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        HEADERS.iter().find(|(other, _)| name.eq_ignore_ascii_case(other)).map(|(_, value)| value.as_bytes())
    }

    fn cookie(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        cookie_values(self.header("cookie")?, name).next()
    }
}
