//! Rules that code describes are told of the mistakes that a site file is told of, in the same words.

use std::fs;
use std::path::Path;

use timebudget::{
    Component, Condition, Country, Counts, Engine, Finding, Glob, Hold, Identity, KeySpec, Micros, Overrun,
    Site, StatusSet, Statuses, Text, TimeBudget, config,
};

use timebudget::{BudgetBuilder, RuleBuilder};

/// Mistakes that cannot be written in Rust, where types, or the parsers of what is in them, rule them out.
const OF_FILES_ALONE: &[&str] = &[
    "api-key-from-anywhere",
    "region-without-country", // `Region::new` makes none of it
    "domain-that-is-none",    // hosts are those of files
    "every-host",
    "every-host-a-preview",
    "half-a-wildcard",
    "key-of-all-sites",
    "port-in-a-host",
    "escape-in-a-glob",
    "not-json",
    "unknown-key",
    "key-twice",
    "unknown-zone", // `tzdata::zone` has no zone of that name
    "negative-limit",
    "window-of-nothing", // `Period` has none
    "number-as-text",
    "unknown-field",
    "reserved-name", // `rate_limit` makes no rules in Rust
    "unknown-component",
    "broken-regex",  // `Pattern::new` makes none of it
    "not-a-network", // nor does `Network`
    "bits-beyond-the-prefix",
    "api-key-in-clear",
    "unknown-tier", // of a user: tiers are read from files
    "override-of-no-rule",
    "multiplier-of-nothing",
    "term-that-ends-first",
    "identity-without-proxies", // of a site; see the test below
    "no-limits",                // a rule takes a rate string; see the test below
    "exempt-everything",        // of a site; see the test below
];

fn rule(name: &str, rates: &str) -> RuleBuilder {
    TimeBudget::rule(name, rates)
}

fn path(path: Text) -> Condition {
    Condition::Path(path)
}

fn equal(text: &str) -> Text {
    Text::Equal(text.to_owned())
}

/// Each mistake of `tests/mistakes` as code makes it.
fn in_rust(mistake: &str) -> Option<BudgetBuilder> {
    let one = |rule: RuleBuilder| Some(TimeBudget::rules([rule]));
    match mistake {
        "unknown-period" => one(rule("a", "10 per fortnight")),
        "period-cut-short" => one(rule("a", "5/min")),
        "period-of-nothing" => one(rule("a", "10 per 0 hours")),
        "hops-and-proxies" => Some(
            TimeBudget::rules([rule("ip", "5 per hour")]).trusted_proxies(["10.0.0.0/8"]).trusted_hops(2),
        ),
        "everybody-is-a-proxy" => {
            Some(TimeBudget::rules([rule("ip", "5 per hour")]).trusted_proxies(["0.0.0.0/0"]))
        }
        "name-twice" => Some(TimeBudget::rules([rule("api", "5 per hour"), rule("api", "9 per day")])),
        "keys-that-differ" => one(rule("api", "60s per hour; 5 per hour")),
        "rewrite-without-target" => one(rule("page", "5 per hour").rewrite("")),
        "status-that-is-none" => one(rule("api", "5 per hour").status(42)),
        "status-class-that-is-none" => {
            one(rule("api", "5 per hour").charge_when(Statuses(vec![StatusSet::Class(6)])))
        }
        "time-of-refusals" => one(rule("ban", "60s per hour").counts(Counts::Refusals)),
        "relative-path" => one(rule("api", "5 per hour").when(path(equal("api")))),
        "glob-without-slash" => one(rule("api", "5 per hour").when(path(Text::Glob(Glob::new("api/*")?)))),
        "query-in-a-path" => one(rule("api", "5 per hour").path("/search?page=1")),
        "pattern-as-a-path" => one(rule("api", "5 per hour").path("/api/*")),
        "name-of-no-header" => {
            one(rule("api", "5 per hour").when(Condition::Header("user agent".to_owned(), None)))
        }
        "user-of-nobody" => one(rule("each", "5 per hour").key(Component::User)),
        "country-without-source" => {
            one(rule("fr", "5 per hour").when(Condition::Country(vec![Country::new("FR")?])))
        }
        "host-of-nobody" => {
            let glob = Text::Glob(Glob::new("*.example.com")?);
            one(rule("api", "5 per hour").when(Condition::Host(glob)))
        }
        "key-that-rotates" => one(rule("api", "5 per hour").key(Component::Header("x-client".into()))),
        "key-of-many" => one(rule("search", "5 per hour").key([Component::Ip, Component::Query("q".into())])),
        "path-that-rotates" => {
            let site =
                Site { upstreams: vec!["http://127.0.0.1:3000".parse().ok()?], ..Site::unlimited("*") };
            Some(TimeBudget::rules([rule("api", "5 per hour").key(Component::Path)]).site(site))
        }
        "one-account-twice" => one(rule("api", "5 per hour; 9 per 60 minutes")),
        "never-otherwise" => {
            Some(TimeBudget::rules([rule("all", "9 per hour"), rule("rest", "5 per hour").otherwise()]))
        }
        "contradiction" => {
            one(rule("api", "5 per hour").when(path(equal("/api"))).when(path(Text::Below("/shop".into()))))
        }
        "behind-a-closed-door" => {
            Some(TimeBudget::rules([rule("closed", "0 per hour"), rule("api", "5 per hour")]))
        }
        "too-dear" => one(rule("report", "200 per day; 5 per hour").cost(10)),
        "cost-of-time" => one(rule("report", "60s per hour").cost(2)),
        "hold-of-no-time" => one(rule("report", "5 per hour").hold(Hold::Fixed(Micros::from_secs(2)))),
        "cut-of-no-time" => one(rule("report", "5 per hour").overrun(Overrun::Cut)),
        _ => None,
    }
}

/// What is said of a budget: its errors, or else its warnings.
fn said(budget: BudgetBuilder) -> Vec<Finding> {
    match budget.build() {
        Ok(budget) => budget.warnings(),
        Err(error) => error.findings().to_vec(),
    }
}

/// What the loader says of a file, without its place and what was found there.
fn said_of_file(mistake: &str) -> (bool, String) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/mistakes/{mistake}.json"));
    match config::load_file(&file) {
        Ok(loaded) => (false, loaded.warnings[0].to_string()),
        Err(errors) => (true, errors.to_string()),
    }
}

/// The fault without what was expected: code can tell who clients are in one way more.
fn fault(said: &str) -> &str {
    said.split_once("; expected").map_or(said, |(fault, _)| fault)
}

#[test]
fn every_mistake_of_the_table_is_told_of_in_rust_or_cannot_be_written_there() {
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes")).unwrap();
    let mut told = 0;
    for file in files {
        let mistake = file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned();
        let Some(budget) = in_rust(&mistake) else {
            assert!(OF_FILES_ALONE.contains(&mistake.as_str()), "{mistake} is not told of in Rust");
            continue;
        };
        let (is_wrong, of_file) = said_of_file(&mistake);
        let found = said(budget);
        let [finding] = &found[..] else { panic!("{mistake}: {found:?}") };
        // A file has the position of the other rule of a name, and who has no proxies yet may still tell who clients are.
        if mistake != "user-of-nobody" {
            assert_eq!(finding.mistake.is_wrong(), is_wrong, "{mistake}");
        }
        let words = if mistake == "name-twice" { "has this name" } else { fault(finding.mistake.fault()) };
        assert!(of_file.contains(words), "{mistake}: {words:?} is not in {of_file:?}");
        told += 1;
    }
    assert!(told > 15, "{told}");
}

#[test]
fn what_a_site_file_cannot_say_is_wrong_in_rust() {
    for (budget, expected) in [
        (
            rule("a b", "5 per hour"),
            r#"the rule "a b": "a b": not a name; expected 1 to 64 letters, digits, and - _ . between them"#,
        ),
        (rule("a", ""), r#"the rule a: "": nothing here; expected a rate such as 10 per hour"#),
        (
            rule("a", "5 per hour").charge_when([42]),
            r#"the rule a: 42: not a status; expected a status, a class such as "4xx", or a list of them"#,
        ),
        (
            rule("a", "5 per hour").methods(["GET", "A B"]),
            r#"the rule a: "A B": not a method; expected a method such as "GET", or a list of them"#,
        ),
        (
            rule("a", "5 per hour").methods([""; 0]),
            r#"the rule a: an empty list; expected a method such as "GET", or a list of them"#,
        ),
        (
            rule("a", "5 per hour").key([Component::Ip, Component::Ip]),
            r#"the rule a: "ip": stands more than once; expected each component once"#,
        ),
        (
            rule("a", "5 per hour").fair(Component::Ip).counts(Counts::Refusals),
            "the rule a: fair, and counts refusals; expected one of them",
        ),
        (
            rule("a", "5 concurrent").fair(Component::Ip),
            "the rule a: fair, but no limit has a window to share out; expected a limit per period",
        ),
        (
            rule("a", "5 per hour").cost(u64::MAX),
            "the rule a: 18446744073709551615: too large; expected whole requests from 0 to 9007199254740992",
        ),
        (
            rule("a", "5 per hour").rewrite("/busy").message("busy"),
            "the rule a: a status or a message beside a rewrite that shows neither; expected one of them",
        ),
        (
            rule("a", "5 per hour").key(Component::ApiKey),
            "the rule a: no API key is known; expected rate_limit_api_keys",
        ),
        (
            rule("a", "5 per hour").when(Condition::Tier(equal("gold"))),
            r#"the rule a: "gold": no such tier; there is none"#,
        ),
    ] {
        assert_eq!(budget.build().unwrap_err().to_string(), expected);
    }
    let nothing = rule("a", "5 per hour").key(KeySpec(Vec::new())).build().unwrap_err().to_string();
    assert!(nothing.starts_with("the rule a: an empty list; expected site, ip, host"), "{nothing}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let error = TimeBudget::rules([
        rule("one", "5 per fortnight").status(200),
        rule("two", "5s per hour").counts(Counts::Refusals).rewrite("page"),
    ])
    .build()
    .unwrap_err();
    let rules: Vec<_> = error.findings().iter().map(|finding| finding.rule.as_deref()).collect();
    assert_eq!(rules, [Some("one"), Some("two"), Some("two")], "{error}");
}

#[test]
fn a_budget_that_exempts_everything_says_so() {
    // The pattern of every path had been taken for that of a scope, and nothing was limited, without a word.
    let exempts_all = "every request is exempt; nothing is limited";
    for everything in ["/", "", "//", "/{tail:.*}"] {
        let ruled = rule("a", "5 per hour").except(everything).build().unwrap().warnings();
        assert_eq!(ruled[0].mistake.fault(), exempts_all, "{everything:?}");
        let budget = TimeBudget::per_ip("5 per hour").unwrap().except(everything);
        assert_eq!(budget.warnings()[0].to_string(), exempts_all, "{everything:?}");
    }
    let paths = rule("a", "5 per hour").exempt_when(path(Text::Below("/".into()))).build().unwrap();
    assert_eq!(paths.warnings()[0].mistake.fault(), exempts_all);
    assert!(rule("a", "5 per hour").except("/{team}").build().unwrap().warnings().is_empty());
}

#[test]
fn no_rules_are_no_limit_and_that_is_said() {
    let warnings = TimeBudget::rules([]).build().unwrap().warnings();
    assert_eq!(
        warnings.iter().map(Finding::to_string).collect::<Vec<_>>(),
        ["there is no rule; nothing is limited"]
    );
}

#[test]
fn who_clients_are_is_asked_for_until_somebody_tells_it() {
    for key in [Component::User, Component::Tier, Component::Groups] {
        let budget = rule("each", "5 per hour").key(key.clone()).build().unwrap();
        assert_eq!(budget.warnings().len(), 1, "{key}");
        let told = budget.identify(|_| Some(Identity::new("alice")));
        assert_eq!(told.warnings(), [], "{key}");
    }
    let (site, _) = config::Options::default()
        .with_identity_in_code()
        .parse_site(
            "shop",
            r#"{"rate_limit_rules": [{"name": "each", "key": "user", "limits": "5 per hour"}]}"#,
        )
        .unwrap();
    assert_eq!(TimeBudget::of_site(site, Engine::in_memory()).warnings().len(), 1);
}

#[test]
fn a_site_that_is_built_by_hand_is_checked_too() {
    let mut site = Site { exempt: Some(Condition::ALWAYS), ..Site::unlimited("shop") };
    site.clients.identity =
        Some(timebudget::IdentityHeaders { user: "X-Forwarded-User".into(), groups: None });
    let found: Vec<_> = site.check(false).iter().map(Finding::to_string).collect();
    let untrusted = r#""X-Forwarded-User": believed of trusted proxies only, of which there are none; expected rate_limit_trusted_proxies"#;
    assert_eq!(found, ["every request is exempt; nothing is limited", untrusted]);
    assert!(said_of_file("exempt-everything").1.ends_with(&found[0]));
    assert!(said_of_file("identity-without-proxies").1.ends_with(&found[1]));
}

#[test]
fn a_sound_budget_is_told_nothing() {
    let rules = [
        rule("login", "10 per hour").when(path(equal("/login"))),
        rule("export", "60s per hour; 5 concurrent").hold(Hold::Off),
        rule("default", "200 per day; 50 per hour").cost_by(|_| 2).beside(),
        rule("ban", "100 per hour").counts(Counts::Refusals),
    ];
    let budget = TimeBudget::rules(rules).build().unwrap();
    assert_eq!(budget.warnings(), []);
}

/// A file's tier with limits of its own for a rule in Rust could not be loaded.
#[test]
fn tiers_of_a_file_can_be_about_rules_in_rust() {
    let tiers = r#"{"rate_limit_tiers": {"gold": {"limits": {"exports": "30 per hour"}}}}"#;
    let options = config::Options::default().with_identity_in_code();
    assert!(options.parse_site("shop", tiers).is_err());
    let (site, _) = options.with_rules_in_code(["exports"]).parse_site("shop", tiers).unwrap();
    let build = |name: &str| {
        let budget = rule(name, "10 per hour").site(site.clone()).build().unwrap();
        budget.identify(|_| Some(Identity::new("alice"))).warnings()
    };
    assert_eq!(build("exports"), []);
    assert_eq!(build("export")[0].to_string(), r#""exports": no such rule; did you mean "export"?"#);
}
