//! What is asked for a request: the rules that apply to it, and its accounts.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::limiter::books::OpenLimit;
use crate::limiter::client::Client;
use crate::limiter::hashed_keys::{find, remember};
use crate::limiter::open_rule::{OpenKey, OpenRule};
use crate::limiter::untold::Untold;
use crate::limiter::{Claims, Limiter};
use crate::model::{
    Component, Facts, Hold, KeyBytes, KeyHash, Micros, Missing, Now, Rule, RuleIndex, UnixMicros,
};
use crate::store::{Charge, Mode};

/// For whom is asked.
///
/// It is handed on as it is, as are the facts of the request: kept with what is asked, both would be looked for in memory at every
/// question.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a, 'c> {
    /// Who asks, where limits depend on it.
    pub(crate) client: Option<&'a Client<'c>>,
    pub(crate) mode: Mode,
}

/// What is asked for a request.
pub(crate) struct Claiming<'a> {
    /// What has been asked so far.
    claims: &'a mut Claims,
    /// The route, once it was needed.
    route: Option<u32>,
}

impl<'a> Claiming<'a> {
    #[inline]
    pub(crate) const fn new(claims: &'a mut Claims) -> Self {
        Self { claims, route: None }
    }

    #[inline(always)]
    fn route(&mut self, facts: &dyn Facts) -> u32 {
        *self.route.get_or_insert_with(|| facts.route())
    }
}

impl Limiter {
    /// Claims what all rules that apply to a request ask for; says when that is, and the route if a rule depends on it.
    /// `None` if the request is exempt, which it may be if `spared`.
    #[inline]
    pub(crate) fn claims(
        &self,
        facts: &dyn Facts,
        mode: Mode,
        spared: bool,
        claims: &mut Claims,
        untold: &mut Untold,
    ) -> Option<(Now, u32)> {
        if self.asks_who.is_set() {
            return self.claims_of_client(facts, mode, spared, claims, untold);
        }
        if spared && self.is_exempt(facts) {
            return None;
        }
        let route = self.ask(facts, Asker { client: None, mode }, Claiming::new(claims));
        Some((self.now(), route))
    }

    /// The same where rules ask who the client is, which may depend on when it is.
    fn claims_of_client(
        &self,
        facts: &dyn Facts,
        mode: Mode,
        spared: bool,
        claims: &mut Claims,
        untold: &mut Untold,
    ) -> Option<(Now, u32)> {
        let (now, terms) = (self.now(), self.terms.load());
        let client = Client::under(facts, &self.site, &terms, now.wall());
        if spared && self.is_exempt(&client) {
            return None;
        }
        let tiered = self.has_tiers.is_set().then_some(&client);
        let route = self.ask(&client, Asker { client: tiered, mode }, Claiming::new(claims));
        // What is served another page was asked about before, and its key told.
        if let Some(key) = client.used_key().filter(|_| spared && !self.observer.is_nobody()) {
            untold.key(*key, now.wall());
        }
        Some((now, route))
    }

    /// The names of a request's client and of its API key, if anybody knows them, whether or not a rule asks.
    pub(crate) fn names_of(&self, facts: &dyn Facts) -> [Option<Arc<str>>; 2] {
        let terms = self.terms.load();
        // Who a client is depends on no time; the tier would.
        let client = Client::under(facts, &self.site, &terms, UnixMicros(0));
        [client.user(), client.api_key()].map(|name| name.map(Arc::from))
    }

    #[inline]
    pub(crate) fn is_exempt(&self, facts: &dyn Facts) -> bool {
        self.site.exempt.as_ref().is_some_and(|exempt| exempt.matches(facts))
    }

    /// Claims what the rules ask for; returns the route if one depends on it, else 0.
    #[inline]
    pub(crate) fn ask(&self, facts: &dyn Facts, asker: Asker<'_, '_>, mut asking: Claiming<'_>) -> u32 {
        match &self.index {
            _ if self.has_otherwise => self.ask_rules_in_force(facts, asker, &mut asking),
            None => self.rules.iter().for_each(|open| self.ask_if_about(open, facts, asker, &mut asking)),
            Some(index) => self.ask_found(index, facts, asker, &mut asking),
        }
        asking.route.unwrap_or_else(|| if self.observer.is_nobody() { 0 } else { facts.route() })
    }

    /// Asks those rules among many that can be about the request.
    #[inline(never)]
    fn ask_found(
        &self,
        index: &RuleIndex,
        facts: &dyn Facts,
        asker: Asker<'_, '_>,
        asking: &mut Claiming<'_>,
    ) {
        for at in index.candidates(facts).iter().map(|at| usize::from(*at)) {
            self.ask_if_about(&self.rules[at], facts, asker, asking);
        }
    }

    /// Asks a rule if it is about the request.
    ///
    /// Inlined with all below it: three calls would cost each request a hundred instructions.
    #[inline(always)]
    fn ask_if_about(
        &self,
        open: &OpenRule,
        facts: &dyn Facts,
        asker: Asker<'_, '_>,
        asking: &mut Claiming<'_>,
    ) {
        if self.is_about(open, facts)
            && let Some(key) = self.key(open, facts)
        {
            self.ask_rule(open, key, facts, asker, asking);
        }
    }

    /// Whether a rule is about the request.
    #[inline]
    fn is_about(&self, open: &OpenRule, facts: &dyn Facts) -> bool {
        open.applies_always || self.said(open).when.matches(facts)
    }

    /// What a rule says.
    #[inline]
    fn said(&self, open: &OpenRule) -> &Rule {
        &self.site.rules[open.at]
    }

    /// The same of all rules where some apply only if no other does. Each condition is evaluated once, and each key found once.
    #[inline(never)]
    fn ask_rules_in_force(&self, facts: &dyn Facts, asker: Asker<'_, '_>, asking: &mut Claiming<'_>) {
        let mut applying: SmallVec<[(usize, Option<KeyHash>); 8]> = SmallVec::new();
        let mut is_displaced = false;
        let candidates = match &self.index {
            None => (0..self.rules.len() as u16).collect(),
            Some(index) => index.candidates(facts),
        };
        for at in candidates.iter().map(|at| usize::from(*at)) {
            let (rule, open) = (&self.site.rules[at], &self.rules[at]);
            if (rule.otherwise && is_displaced) || !self.is_about(open, facts) {
                continue;
            }
            let key = if rule.otherwise { None } else { self.key(open, facts) };
            is_displaced |= open.displaces && (rule.missing != Missing::Skip || key.is_some());
            applying.push((at, key));
        }
        for (at, key) in applying {
            let (rule, open) = (&self.site.rules[at], &self.rules[at]);
            let key = match rule.otherwise {
                false => key,
                true if is_displaced => None,
                true => self.key(open, facts),
            };
            if let Some(key) = key {
                self.ask_rule(open, key, facts, asker, asking);
            }
        }
    }

    /// The key of a request; `None` if the rule is skipped for want of one.
    #[inline(always)]
    pub(crate) fn key(&self, open: &OpenRule, facts: &dyn Facts) -> Option<KeyHash> {
        match open.key {
            OpenKey::Constant(key) => Some(key),
            OpenKey::Address { kind, hashed } => {
                let known = match facts.ip() {
                    Some(IpAddr::V4(ip)) => find(hashed, ip),
                    _ => None,
                };
                known.or_else(|| self.key_of_address(open, kind, hashed, facts))
            }
            OpenKey::Other => self.other_key(self.said(open), facts),
        }
    }

    /// The key of a client's address that is not remembered. Most clients ask more than once.
    #[inline(never)]
    fn key_of_address(&self, open: &OpenRule, kind: u8, hashed: u64, facts: &dyn Facts) -> Option<KeyHash> {
        // Asked for once more: if it were handed on, each request would copy it, also where the key is known.
        let Some(ip) = facts.ip() else { return self.other_key(self.said(open), facts) };
        let key = self.engine.hasher.hash_address(kind, ip, self.site.addresses.ipv6_prefix);
        if let IpAddr::V4(v4) = ip {
            remember(hashed, v4, key);
        }
        Some(key)
    }

    #[inline(never)]
    fn other_key(&self, rule: &Rule, facts: &dyn Facts) -> Option<KeyHash> {
        let mut bytes = rule.key.bytes(&rule.missing, facts, self.site.addresses.ipv6_prefix)?;
        if rule.per_method {
            Component::Method.append(facts, &mut bytes);
        }
        Some(self.engine.hasher.hash(bytes.as_slice()))
    }

    /// Claims what a rule's limits are for a request.
    #[inline(always)]
    pub(crate) fn ask_rule(
        &self,
        open: &OpenRule,
        key: KeyHash,
        facts: &dyn Facts,
        asker: Asker<'_, '_>,
        asking: &mut Claiming<'_>,
    ) {
        if !open.is_plain.is_set() {
            return self.ask_rule_that_differs(open, key, facts, asker, asking);
        }
        open.ask(self.limits_said(open, asker.client), Whose::of(key), facts, asker.mode, asking);
    }

    /// The same of a rule whose limits are shared out, or depend on code.
    #[inline(never)]
    fn ask_rule_that_differs(
        &self,
        open: &OpenRule,
        key: KeyHash,
        facts: &dyn Facts,
        asker: Asker<'_, '_>,
        asking: &mut Claiming<'_>,
    ) {
        let rule = self.said(open);
        let client = if open.is_fair { self.sharing_client(rule, key, facts) } else { None };
        let cost = open.cost_differs.then(|| rule.cost.amount(facts));
        let limits = match open.limits_differ.is_set() {
            true => open.limits_of(rule, facts, asker.client, &self.engine),
            false => Cow::Borrowed(self.limits_said(open, asker.client)),
        };
        open.ask(&limits, Whose { key, client, cost }, facts, asker.mode, asking);
    }

    /// The limits that a rule, or a client's tier, says.
    #[inline(always)]
    fn limits_said<'o>(&self, open: &'o OpenRule, client: Option<&'o Client<'_>>) -> &'o [OpenLimit] {
        match client {
            None => &open.limits,
            Some(client) => open.limits_said(self.said(open), client),
        }
    }

    /// The claims of a block of code on the account of a key.
    pub(crate) fn claim_block(&self, position: usize, key: KeyHash, claims: &mut Claims) {
        self.ask_for_block(position, key, &NoRequest, Claiming::new(claims));
    }

    /// Claims a rule's own limits for a block of code: nothing exempts it, and no closure, which would look at a request
    /// that there is not, gives it other limits or another cost.
    #[cold]
    fn ask_for_block(&self, position: usize, key: KeyHash, facts: &dyn Facts, mut asking: Claiming<'_>) {
        let (rule, open) = (&self.site.rules[position], &self.rules[position]);
        let client = if open.is_fair { self.sharing_client(rule, key, facts) } else { None };
        let whose = Whose { client, ..Whose::of(key) };
        open.ask(&open.limits, whose, facts, Mode::Decide, &mut asking);
    }

    /// The key of a client among those that share an account: that of the account, and who the client is.
    ///
    /// It is hashed once more, so that the clients of one account lie in many shards of a store. Were they all in the shard
    /// of the account, its table would take long to grow and to be saved, and everybody would wait. Blocks of code, which
    /// have no address, are one client of each account.
    #[cold]
    fn sharing_client(&self, rule: &Rule, account: KeyHash, facts: &dyn Facts) -> Option<KeyHash> {
        let mut bytes = KeyBytes::default();
        bytes.account(ACCOUNT, account);
        let missing = Missing::Use(Component::Ip);
        rule.fair.as_ref()?.append(&missing, facts, self.site.addresses.ipv6_prefix, &mut bytes)?;
        Some(self.engine.hasher.hash(bytes.as_slice()))
    }
}

/// What a rule sees of a block of code: nothing.
struct NoRequest;

impl Facts for NoRequest {
    fn method(&self) -> &str {
        ""
    }

    fn path(&self) -> &str {
        ""
    }

    fn ip(&self) -> Option<IpAddr> {
        None
    }
}

/// Marks the account among the parts of a client's key.
const ACCOUNT: u8 = 0x7e;

/// Whose account a request draws on by a rule, and by how much.
#[derive(Clone, Copy)]
struct Whose {
    key: KeyHash,
    /// Which of the clients that share the account.
    client: Option<KeyHash>,
    /// What a closure says that the request costs.
    cost: Option<u64>,
}

impl Whose {
    #[inline(always)]
    const fn of(key: KeyHash) -> Self {
        Self { key, client: None, cost: None }
    }
}

impl OpenRule {
    /// Claims limits.
    #[inline(always)]
    fn ask(
        &self,
        limits: &[OpenLimit],
        whose: Whose,
        facts: &dyn Facts,
        mode: Mode,
        asking: &mut Claiming<'_>,
    ) {
        for open in limits {
            // What is never refused is charged its time, and is not counted.
            if mode == Mode::Force && !open.ask.is_timed() {
                continue;
            }
            let charge = match open.ask.charge {
                Charge::Time { .. } => Charge::Time { expected: self.held(open.ask.quota, facts, asking) },
                Charge::Requests { cost } => Charge::Requests { cost: whose.cost.unwrap_or(cost) },
                Charge::Place => {
                    asking.route(facts);
                    Charge::Place
                }
            };
            let ask = &mut asking.claims.push(&open.ask).ask;
            (ask.key, ask.charge) = (whose.key, charge);
            // Places are not shared out: who runs has one, however many others wait.
            ask.client = whose.client.filter(|_| charge != Charge::Place);
        }
    }

    #[inline(always)]
    fn held(&self, quota: u64, facts: &dyn Facts, asking: &mut Claiming<'_>) -> Micros {
        // What the request costs is learned for its route, whatever is held.
        let route = asking.route(facts);
        match self.hold {
            Hold::Auto => self.expected(route, Micros(quota)),
            Hold::Off => Micros::ZERO,
            Hold::Fixed(span) => span,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limiter::samples::{any_request, any_site, rule};
    use crate::limiter::{Engine, FEW_RULES};
    use crate::model::{Condition, Site, Text};

    /// The same rules, and after them more than are asked one by one, none of which any request fulfils.
    fn padded(site: &Site) -> Site {
        let text = |at: usize| Text::Equal(format!("/never/{at}"));
        let conditions = (0..FEW_RULES).map(|at| match at % 3 {
            0 => Condition::Path(text(at)),
            1 => Condition::User(text(at)),
            _ => Condition::Header("x-plan".into(), Some(text(at))),
        });
        let never = conditions
            .enumerate()
            .map(|(at, when)| Rule { when, ..rule(&format!("never{at}"), "1/day; 1s/day") });
        Site { rules: site.rules.iter().cloned().chain(never).collect(), ..site.clone() }
    }

    proptest! {
        #[test]
        fn rules_that_are_looked_up_claim_what_rules_that_are_asked_one_by_one_do(
            site in any_site(),
            request in any_request(),
        ) {
            let engine = Engine::in_memory();
            let mode = if request.is_preflight() { Mode::Force } else { Mode::Decide };
            let of = |site| {
                let (limiter, mut claims) = (Limiter::new(site, &engine), Claims::new());
                let is_exempt = limiter.claims(&request, mode, true, &mut claims, &mut Untold::new()).is_none();
                (limiter.index.is_some(), is_exempt, claims)
            };
            let ((_, one_exempt, one), (is_indexed, other_exempt, other)) = (of(site.clone()), of(padded(&site)));
            prop_assert!(is_indexed);
            prop_assert_eq!((one_exempt, one), (other_exempt, other));
        }
    }
}
