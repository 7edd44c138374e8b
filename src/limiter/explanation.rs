//! Explanations: what a limiter makes of a request, rule by rule and in words, without charging anybody.
//!
//! An explanation is made by the same functions that decide, but every rule is asked and nothing is charged: so it says of each rule
//! whether the request fulfils its condition and which part of it decides, whose account it would be, and where that stands. A client's
//! key appears only as far as it may be shown.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::limiter::account::AccountId;
use crate::limiter::asking::{Asker, Claiming};
use crate::limiter::report::with_quota;
pub use crate::limiter::words::aligned;
pub use crate::limiter::words::{Local, Span, Utc};
use crate::limiter::{Claims, Client, Limiter};
use crate::model::{
    Component, Condition, Facts, Found, KeySpec, Limit, Missing, Rule, Site, Source, Tiers, UnixMicros,
    Window, Zone, is_credential, readable, shortened,
};
use crate::store::{Claim, Mode};

/// What a limiter makes of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The name of the site that answers.
    pub site: String,
    /// The zone whose clock its windows follow.
    pub zone: Arc<Zone>,
    /// When it was asked, by the wall clock.
    pub at: UnixMicros,
    /// The condition by which the request is exempt; then no rule is asked.
    pub exempt: Option<Condition>,
    /// Whether it is a CORS preflight, which is never refused, and charged to limits of time alone.
    pub is_preflight: bool,
    /// The rules in their order.
    pub rules: Vec<ExplainedRule>,
}

/// A rule, and what it has to do with the request.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplainedRule {
    /// The rule's name.
    pub name: Arc<str>,
    /// What it has to do with the request.
    pub bearing: Bearing,
    /// What the store knows its account by, if it charges the request to one.
    pub account: Option<AccountId>,
    /// What the store knows the client by among those that share the account, if the rule is [fair](Rule::fair).
    pub client: Option<AccountId>,
}

/// What a rule has to do with a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Bearing {
    /// It applies.
    Applies {
        /// Whose account it uses.
        key: Vec<KeyPart>,
        /// The limits that the request is charged to.
        limits: Vec<ExplainedLimit>,
        /// Why the client may spend something else than the rule says; `None` if it may not.
        terms: Option<Terms>,
    },
    /// Its condition does not hold.
    Differs {
        /// The first part that does not.
        part: Condition,
        /// What the request has there; `None` where the part is made of parts.
        found: Option<Found>,
    },
    /// It applies otherwise, and others do.
    Displaced {
        /// The rules that it gives way to.
        by: Vec<Arc<str>>,
    },
    /// It applies, but code or its site says that it neither refuses nor counts the request.
    Exempt,
    /// Its key needs something that the request does not have, and it is skipped then.
    Skipped {
        /// What is missing.
        component: Component,
    },
}

/// Why a client may spend something else than a rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Terms {
    /// It is in the tier of this name.
    Tier(String),
    /// Its user has an override, for this reason if one is given.
    Override(Option<String>),
}

/// A part of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPart {
    /// What the part is.
    pub component: Component,
    /// Its value, where what may be a credential is shortened; `None` if the request has none.
    pub value: Option<String>,
    /// What it stands in for, since the request does not have that.
    pub instead_of: Option<Component>,
}

/// A limit, and the window that is in force.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExplainedLimit {
    /// The limit, with the quota that holds for this request.
    pub limit: Limit,
    /// The window; a cap on running requests has none.
    pub window: Option<Window>,
}

impl Limiter {
    /// Says which rules are about a request and which not and why, and whose accounts they use; nothing is charged.
    pub fn explain(&self, facts: &dyn Facts) -> Explanation {
        let at = self.now().wall();
        let terms = self.terms.load();
        let client = Client::under(facts, &self.site, &terms, at);
        let exempt = self.site.exempt.clone().filter(|_| self.is_exempt(&client));
        let rules = if exempt.is_none() { self.explained(&client, at) } else { Vec::new() };
        let Site { name, zone, .. } = &*self.site;
        let (site, zone) = (name.clone(), Arc::clone(zone));
        Explanation { site, zone, at, exempt, is_preflight: facts.is_preflight(), rules }
    }

    fn explained(&self, facts: &Client<'_>, at: UnixMicros) -> Vec<ExplainedRule> {
        let mode = if facts.is_preflight() { Mode::Force } else { Mode::Decide };
        // What is claimed is taken from where decisions take it; only why the others claim nothing is found out here.
        let mut claims = Claims::new();
        let asker = Asker { client: self.has_tiers.is_set().then_some(facts), mode };
        self.ask(facts, asker, Claiming::new(&mut claims));
        let displacing = self.displacing(facts);
        let rules = self.site.rules.iter().enumerate();
        let explained = rules.map(|(position, rule)| {
            let name = self.shared_rule_name(position as u16);
            let bearing = idle(rule, facts, &displacing, &self.site).unwrap_or_else(|key| {
                let claims = claims.iter().filter(|claim| usize::from(claim.ask.rule) == position);
                Bearing::Applies {
                    key,
                    limits: claims.filter_map(|claim| self.explained_limit(claim, at)).collect(),
                    terms: told(facts.tiers(), facts.source(rule)),
                }
            });
            let own = claims.iter().find(|claim| usize::from(claim.ask.rule) == position);
            // A cap, which is not shared out, may stand before the others.
            let client = claims.iter().filter(|claim| usize::from(claim.ask.rule) == position);
            let client = client.filter_map(|claim| claim.ask.client).next().map(AccountId);
            ExplainedRule { name, bearing, account: own.map(|claim| AccountId(claim.ask.key)), client }
        });
        explained.collect()
    }

    /// The rules to which those give way that apply otherwise.
    fn displacing(&self, facts: &dyn Facts) -> Vec<Arc<str>> {
        let rules = self.site.rules.iter().zip(&self.rules);
        let displacing = rules.filter(|(rule, open)| {
            open.displaces && rule.when.matches(facts) && key(rule, facts, &self.site).is_ok()
        });
        displacing.map(|(_, open)| Arc::clone(&open.name)).collect()
    }

    fn explained_limit(&self, claim: &Claim, at: UnixMicros) -> Option<ExplainedLimit> {
        let limit = with_quota(self.limit_of(claim)?, claim.ask.quota);
        let window = limit.period().map(|period| Window::containing(&self.site.zone, period, at));
        Some(ExplainedLimit { limit, window })
    }
}

fn told(tiers: &Tiers, source: Source) -> Option<Terms> {
    match source {
        Source::Rule => None,
        Source::Tier(at) => Some(Terms::Tier(tiers.tiers()[at].name.clone())),
        Source::Override(at) => Some(Terms::Override(tiers.override_at(at)?.reason.clone())),
    }
}

/// Why a rule does not apply to a request; if it does, the key it uses.
fn idle(
    rule: &Rule,
    facts: &dyn Facts,
    displacing: &[Arc<str>],
    site: &Site,
) -> Result<Bearing, Vec<KeyPart>> {
    if let Some(part) = rule.when.first_failing(facts) {
        return Ok(Bearing::Differs { part: part.clone(), found: part.found(facts) });
    }
    if rule.otherwise && !displacing.is_empty() {
        return Ok(Bearing::Displaced { by: displacing.to_vec() });
    }
    match key(rule, facts, site) {
        Ok(_) if rule.is_exempt(facts) => Ok(Bearing::Exempt),
        Ok(key) => Err(key),
        Err(component) => Ok(Bearing::Skipped { component: component.clone() }),
    }
}

/// The parts of a request's key, or the component for want of which the rule is skipped.
fn key<'a>(rule: &'a Rule, facts: &dyn Facts, site: &Site) -> Result<Vec<KeyPart>, &'a Component> {
    let part = |component: &'a Component| match (value(component, facts, site), &rule.missing) {
        (None, Missing::Skip) => Err(component),
        (None, Missing::Use(other)) => {
            let (value, instead_of) = (value(other, facts, site), Some(component.clone()));
            Ok(KeyPart { component: other.clone(), value, instead_of })
        }
        (value, _) => Ok(KeyPart { component: component.clone(), value, instead_of: None }),
    };
    let mut parts = rule.key.0.iter().map(part).collect::<Result<Vec<_>, _>>()?;
    if rule.per_method {
        let component = Component::Method;
        parts.push(KeyPart { value: value(&component, facts, site), component, instead_of: None });
    }
    Ok(parts)
}

/// The value of a component as people read it, from the bytes that accounts are known by.
fn value(component: &Component, facts: &dyn Facts, site: &Site) -> Option<String> {
    let spec = KeySpec::from(component.clone());
    let bytes = spec.bytes(&Missing::Skip, facts, site.addresses.ipv6_prefix)?;
    // A kind and a length come before each part.
    let text = bytes.as_slice().get(5..).unwrap_or_default();
    Some(match component {
        Component::Ip => address(text, site.addresses.ipv6_prefix),
        Component::Site => site.name.clone(),
        Component::Groups => facts.groups().join(", "),
        Component::Header(name) => discreet("header", name, text),
        Component::Cookie(name) => discreet("cookie", name, text),
        Component::Query(name) => discreet("query", name, text),
        _ => readable(text).into_owned(),
    })
}

fn address(bytes: &[u8], ipv6_prefix: u8) -> String {
    match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
        (Ok(v4), _) => Ipv4Addr::from(v4).to_string(),
        (_, Ok(v6)) => format!("{}/{ipv6_prefix}", Ipv6Addr::from(v6)),
        _ => String::new(),
    }
}

fn discreet(kind: &str, name: &str, bytes: &[u8]) -> String {
    let text = readable(bytes);
    if is_credential(kind, name) { shortened(&text) } else { text.into_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::ManualClock;
    use crate::limiter::samples::{PLAIN, Request, any_request, any_site, header, rule};
    use crate::limiter::{Engine, Untold};
    use crate::model::{Condition, Found, Text};
    use crate::store::memory::Memory;

    fn limiter(rules: Vec<Rule>) -> Limiter {
        let engine = Engine::new(Memory::default(), ManualClock::at(UnixMicros::from_secs(1_700_000_000)));
        Limiter::new(Site { rules, ..Site::unlimited("demo.example") }, &engine)
    }

    fn bearings(rules: Vec<Rule>, request: &Request) -> Vec<Bearing> {
        limiter(rules).explain(request).rules.into_iter().map(|rule| rule.bearing).collect()
    }

    #[test]
    fn a_rule_that_differs_names_the_part_and_what_the_request_has_there() {
        let path = Condition::Path(Text::Equal("/a".into()));
        let plan = Condition::Header("x-plan".into(), Some(Text::Equal("gold".into())));
        let when = Condition::All(vec![path, plan.clone()]);
        let of =
            |request: &Request| bearings(vec![Rule { when: when.clone(), ..rule("a", "1/day") }], request);
        assert_eq!(of(&PLAIN), [Bearing::Differs { part: plan.clone(), found: Some(Found::Absent) }]);
        let found = Some(Found::Value("free".into()));
        assert_eq!(of(&Request { header: Some("free"), ..PLAIN }), [Bearing::Differs { part: plan, found }]);
    }

    #[test]
    fn a_rule_that_gives_way_names_all_that_it_gives_way_to() {
        let rules = || {
            let shadow = Rule { shadow: true, ..rule("shadow", "1/day") };
            let otherwise = Rule { otherwise: true, ..rule("otherwise", "1/day") };
            let skipped = Rule { key: header().into(), missing: Missing::Skip, ..rule("skipped", "1/day") };
            vec![otherwise, shadow, skipped, rule("one", "1/day"), rule("two", "1/day")]
        };
        let found = bearings(rules(), &PLAIN);
        assert_eq!(found[0], Bearing::Displaced { by: vec!["one".into(), "two".into()] });
        assert_eq!(found[2], Bearing::Skipped { component: header() });
    }

    #[test]
    fn a_key_shows_what_stands_in_for_what() {
        let ip = Some("2001:db8:1:2:3::4".parse().unwrap());
        let key = KeySpec(vec![header(), Component::Path]);
        let found =
            bearings(vec![Rule { key, ..rule("a", "5/hour; 2 concurrent") }], &Request { ip, ..PLAIN });
        let [Bearing::Applies { key, limits, terms: None }] = found.as_slice() else { panic!("{found:?}") };
        let stand_in = KeyPart {
            component: Component::Ip,
            value: Some("2001:db8:1:2::/64".into()),
            instead_of: Some(header()),
        };
        let path = KeyPart { component: Component::Path, value: Some("/a".into()), instead_of: None };
        assert_eq!(*key, [stand_in, path]);
        let hour =
            Window { start: UnixMicros::from_secs(1_699_999_200), end: UnixMicros::from_secs(1_700_002_800) };
        assert_eq!(limits.iter().map(|limit| limit.window).collect::<Vec<_>>(), [Some(hour), None]);
    }

    #[test]
    fn an_exempt_request_asks_no_rule() {
        let engine = Engine::in_memory();
        let site = Site { exempt: Some(Condition::ALWAYS), ..Site::unlimited("demo.example") };
        let limiter = Limiter::new(Site { rules: vec![rule("a", "1/day")], ..site }, &engine);
        let explanation = limiter.explain(&PLAIN);
        assert_eq!((explanation.exempt, explanation.rules.len()), (Some(Condition::ALWAYS), 0));
    }

    proptest! {
        #[test]
        fn what_is_explained_of_a_rule_is_what_the_limiter_claims_by_it(
            site in any_site(),
            request in any_request(),
        ) {
            let limiter = Limiter::new(site, &Engine::in_memory());
            let explanation = limiter.explain(&request);
            let mode = if request.preflight { Mode::Force } else { Mode::Decide };
            let mut claims = Claims::new();
            prop_assert_eq!(limiter.claims(&request, mode, true, &mut claims, &mut Untold::new()).is_none(), explanation.exempt.is_some());
            for (position, rule) in explanation.rules.iter().enumerate() {
                let own = claims.iter().filter(|claim| usize::from(claim.ask.rule) == position);
                let claimed: Vec<_> = own.map(|claim| claim.ask.quota).collect();
                match &rule.bearing {
                    Bearing::Applies { limits, .. } => {
                        let explained: Vec<_> = limits.iter().map(|explained| explained.limit.quota()).collect();
                        prop_assert_eq!(claimed, explained, "{:?}", rule);
                    }
                    other => prop_assert!(claimed.is_empty(), "{other:?}"),
                }
            }
            let exempt = explanation.exempt.is_some();
            prop_assert!(!exempt || claims.is_empty());
        }

        #[test]
        fn keys_that_read_alike_are_one_account(
            site in any_site(), one in any_request(), other in any_request(),
        ) {
            let always = |rule| Rule { when: Condition::ALWAYS, otherwise: false, limits_by: None, ..rule };
            let rules = site.rules.into_iter().take(1).map(always).collect();
            let limiter = Limiter::new(Site { rules, exempt: None, ..site }, &Engine::in_memory());
            let of = |request: &Request| {
                let mut claims = Claims::new();
                limiter.claims(request, Mode::Decide, true, &mut claims, &mut Untold::new());
                let bearing = limiter.explain(request).rules.swap_remove(0).bearing;
                let key = if let Bearing::Applies { key, .. } = bearing { Some(key) } else { None };
                (key, claims.first().map(|claim| claim.ask.key))
            };
            let ((one_key, one_hash), (other_key, other_hash)) = (of(&one), of(&other));
            prop_assert_eq!(one_key == other_key, one_hash == other_hash);
        }
    }
}
