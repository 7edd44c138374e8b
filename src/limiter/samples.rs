//! Sites and requests with few choices, so that random rules often meet a random request.

use std::borrow::Cow;
use std::net::IpAddr;

use proptest::prelude::*;

use crate::model::{
    Assignment, Component, Computed, Condition, Cost, Counts, Facts, Identity, KeySpec, KeyValue, LimitSet,
    Method, Missing, Multiplier, Override, Rule, Site, Term, Text, Tier, Tiers, parse_rates,
};

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) ip: Option<IpAddr>,
    pub(crate) header: Option<&'static str>,
    pub(crate) route: Option<&'static str>,
    pub(crate) user: Option<&'static str>,
    pub(crate) preflight: bool,
}

/// A request with nothing special about it.
pub(crate) const PLAIN: Request =
    Request { method: "GET", path: "/a", ip: None, header: None, route: None, user: None, preflight: false };

impl Facts for Request {
    fn method(&self) -> &str {
        self.method
    }

    fn path(&self) -> &str {
        self.path
    }

    fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    fn header(&self, _: &str) -> Option<&[u8]> {
        self.header.map(str::as_bytes)
    }

    fn pattern(&self) -> Option<Cow<'_, str>> {
        self.route.map(Cow::Borrowed)
    }

    fn identity(&self) -> Option<Identity> {
        self.user.map(|user| Identity::new(user).in_groups(["vips"]))
    }

    fn is_preflight(&self) -> bool {
        self.preflight
    }
}

/// The header that all requests have or have not.
pub(crate) fn header() -> Component {
    Component::Header("x-plan".to_owned())
}

/// A rule for the whole site.
pub(crate) fn rule(name: &str, rates: &str) -> Rule {
    Rule::new(name, Component::Site, limits(rates))
}

fn limits(rates: &str) -> LimitSet {
    parse_rates(rates).expect("a rate string").into()
}

pub(crate) fn any_request() -> impl Strategy<Value = Request> {
    let ip = prop::option::of(prop::sample::select(vec!["10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1"]));
    let texts = (
        prop::sample::select(vec!["GET", "HEAD", "POST", "FOO"]),
        prop::sample::select(vec!["/a", "/a/b", "/c"]),
    );
    let optional = || prop::option::of(prop::sample::select(vec!["", "x", "y"]));
    let user = prop::option::of(prop::sample::select(vec!["alice", "bob", "carol"]));
    (texts, ip, optional(), optional(), user, prop::bool::weighted(0.1)).prop_map(
        |((method, path), ip, header, route, user, preflight)| {
            let ip = ip.map(|ip| ip.parse().expect("an address"));
            Request { method, path, ip, header, route, user, preflight }
        },
    )
}

/// A site of one to five rules, with tiers or without.
pub(crate) fn any_site() -> impl Strategy<Value = Site> {
    let exempt = prop::option::weighted(0.1, any_condition());
    let tiers = prop::bool::weighted(0.6).prop_map(|has| if has { tiers() } else { Tiers::default() });
    (prop::collection::vec(any_rule(), 1..6), exempt, tiers).prop_map(|(rules, exempt, tiers)| {
        let named = |(at, rule)| Rule { name: format!("r{at}"), ..rule };
        let rules = rules.into_iter().enumerate().map(named).collect();
        Site { rules, exempt, tiers: tiers.into(), ..Site::unlimited("demo.example") }
    })
}

/// Gold for those in the group `vips`, iron for Alice, and overrides for Bob.
fn tiers() -> Tiers {
    let tier = |name: &str, millionths| Tier {
        name: name.to_owned(),
        multiplier: Multiplier(millionths),
        priority: 0,
        limits: [("r1".to_owned(), limits("7/day"))].into(),
    };
    let over = |rule: Option<&str>, rates| Override {
        user: "bob".to_owned(),
        rule: rule.map(str::to_owned),
        limits: limits(rates),
        term: Term::default(),
        reason: None,
    };
    let iron = Assignment { tier: "iron".to_owned(), term: Term::default() };
    let overrides = [over(None, "9/hour; 3s/week"), over(Some("r0"), "2/day; 2 concurrent")];
    let mut tiers = Tiers::new([tier("gold", 2_500_000), tier("iron", 1_000)], overrides);
    tiers.groups.insert("vips".to_owned(), "gold".to_owned());
    tiers.users.insert("alice".to_owned(), iron);
    tiers
}

fn any_condition() -> impl Strategy<Value = Condition> {
    let text = |text: &str| Text::Equal(text.into());
    let leaf = prop_oneof![
        Just(Condition::ALWAYS),
        Just(Condition::Path(Text::Below("/a".into()))),
        Just(Condition::Path(text("/c"))),
        Just(Condition::Method(vec![Method::new("GET").expect("a method")])),
        Just(Condition::Ip(vec!["10.0.0.0/8".parse().expect("a network")])),
        Just(Condition::Header("X-Plan".into(), Some(text("x")))),
        Just(Condition::Cookie("x".into(), None)),
        Just(Condition::User(text("bob"))),
        Just(Condition::Tier(text("gold"))),
        Just(Condition::Authenticated(true)),
        Just(Condition::Computed(Computed::new(|facts| facts.user() == Some("alice")))),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Condition::All),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Condition::Any),
            inner.prop_map(|part| Condition::Not(Box::new(part))),
        ]
    })
}

fn any_component() -> impl Strategy<Value = Component> {
    let components = [
        Component::Site,
        Component::Ip,
        Component::Method,
        Component::Path,
        Component::Route,
        Component::User,
        Component::Tier,
        header(),
        Component::Computed(Computed::new(|facts| facts.user().map(KeyValue::from))),
    ];
    prop::sample::select(components.to_vec())
}

/// Three a day for one header, none at all for another, and else the rule's own.
fn computed_limits() -> Computed<Option<LimitSet>> {
    Computed::new(|facts| match facts.header("x-plan") {
        Some(b"x") => Some(limits("3/day; 1/hour")),
        Some(b"y") => Some(LimitSet::EMPTY),
        _ => None,
    })
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let flags = prop::array::uniform4(any::<bool>());
    let missing = prop_oneof![Just(Missing::Skip), any_component().prop_map(Missing::Use)];
    let counts = prop::sample::select(vec![Counts::Served, Counts::All, Counts::Refusals]);
    let key = || prop::collection::vec(any_component(), 1..3).prop_map(KeySpec);
    let closures = (
        prop::option::weighted(0.2, any_condition()),
        prop::option::weighted(0.2, Just(computed_limits())),
        prop::option::weighted(0.3, key()),
        1..3u64,
    );
    (any_condition(), flags, missing, counts, key(), closures).prop_map(
        |(when, [otherwise, displaces, per_method, shadow], missing, counts, key, closures)| {
            let (exempt_when, limits_by, fair, cost) = closures;
            let cost = Cost::Fixed(cost);
            let plain = Rule { exempt_when, limits_by, fair, cost, ..rule("r", "5/hour; 1s/day") };
            Rule { when, otherwise, displaces, per_method, shadow, missing, counts, key, ..plain }
        },
    )
}
