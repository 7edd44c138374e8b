//! What is asked for a request: the rules that apply to it, and its accounts.
//!
//! Keys that a thread has hashed of late: most clients ask more than once.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};

use smallvec::SmallVec;

use crate::limiter::client::Client;
use crate::limiter::open_rule::{OpenKey, OpenLimit, OpenRule};
use crate::limiter::{Claims, Limiter};
use crate::model::{Component, Facts, Hold, KeyBytes, KeyHash, Micros, Missing, Now, Rule, RuleIndex};
use crate::store::{Charge, Mode};

/// A request that is asked for, and its claims so far.
pub(crate) struct Asking<'a, 'c> {
    facts: &'a dyn Facts,
    /// Who asks, where limits depend on it.
    client: Option<&'a Client<'c>>,
    mode: Mode,
    claims: &'a mut Claims,
    /// The route, once it was needed.
    route: Option<u32>,
}

impl<'a, 'c> Asking<'a, 'c> {
    pub(crate) const fn new(
        facts: &'a dyn Facts,
        client: Option<&'a Client<'c>>,
        mode: Mode,
        claims: &'a mut Claims,
    ) -> Self {
        Self { facts, client, mode, claims, route: None }
    }

    #[inline]
    fn route(&mut self) -> u32 {
        *self.route.get_or_insert_with(|| self.facts.route())
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
    ) -> Option<(Now, u32)> {
        if self.asks_who.is_set() {
            return self.claims_of_client(facts, mode, spared, claims);
        }
        if spared && self.is_exempt(facts) {
            return None;
        }
        let route = self.ask(Asking::new(facts, None, mode, claims));
        Some((self.now(), route))
    }

    /// The same where rules ask who the client is, which may depend on when it is.
    fn claims_of_client(
        &self,
        facts: &dyn Facts,
        mode: Mode,
        spared: bool,
        claims: &mut Claims,
    ) -> Option<(Now, u32)> {
        let (now, terms) = (self.now(), self.terms.load());
        let client = Client::under(facts, &self.site, &terms, now.wall());
        if spared && self.is_exempt(&client) {
            return None;
        }
        let tiered = self.has_tiers.is_set().then_some(&client);
        let route = self.ask(Asking::new(&client, tiered, mode, claims));
        if let Some(key) = client.used_key().filter(|_| !self.observers.is_empty()) {
            self.observers.tell_of_key(&self.site, key, now.wall());
        }
        Some((now, route))
    }

    #[inline]
    pub(crate) fn is_exempt(&self, facts: &dyn Facts) -> bool {
        self.site.exempt.as_ref().is_some_and(|exempt| exempt.matches(facts))
    }

    /// Claims what the rules ask for; returns the route if one depends on it, else 0.
    #[inline]
    pub(crate) fn ask(&self, mut asking: Asking<'_, '_>) -> u32 {
        match &self.index {
            _ if self.has_otherwise => self.ask_rules_in_force(&mut asking),
            None => (0..self.rules.len()).for_each(|at| self.ask_rule_at(at, &mut asking)),
            Some(index) => self.ask_found(index, &mut asking),
        }
        asking.route.unwrap_or_else(|| if self.observers.is_empty() { 0 } else { asking.facts.route() })
    }

    /// Asks those rules among many that can be about the request.
    #[inline(never)]
    fn ask_found(&self, index: &RuleIndex, asking: &mut Asking<'_, '_>) {
        let candidates = index.candidates(asking.facts);
        candidates.iter().for_each(|at| self.ask_rule_at(usize::from(*at), asking));
    }

    /// Asks a rule if it is about the request.
    ///
    /// Inlined with all below it: three calls would cost each request a hundred instructions.
    #[inline(always)]
    fn ask_rule_at(&self, at: usize, asking: &mut Asking<'_, '_>) {
        let open = &self.rules[at];
        if !open.applies_always && !self.site.rules[at].when.matches(asking.facts) {
            return;
        }
        let ip = if let OpenKey::Address(_) = open.key { asking.facts.ip() } else { None };
        let key = match (open.key, ip) {
            (OpenKey::Constant(key), _) => key,
            (OpenKey::Address(kind), Some(ip)) => self.key_of_address(kind, ip),
            _ => match self.other_key(&self.site.rules[at], asking.facts) {
                Some(key) => key,
                None => return,
            },
        };
        self.ask_rule(&self.site.rules[at], open, key, asking);
    }

    /// The same of all rules where some apply only if no other does. Each condition is evaluated once, and each key found once.
    #[inline(never)]
    fn ask_rules_in_force(&self, asking: &mut Asking<'_, '_>) {
        let mut applying: SmallVec<[(usize, Option<KeyHash>); 8]> = SmallVec::new();
        let mut is_displaced = false;
        let candidates = match &self.index {
            None => (0..self.rules.len() as u16).collect(),
            Some(index) => index.candidates(asking.facts),
        };
        for at in candidates.iter().map(|at| usize::from(*at)) {
            let (rule, open) = (&self.site.rules[at], &self.rules[at]);
            if (rule.otherwise && is_displaced) || !open.is_about(rule, asking.facts) {
                continue;
            }
            let key = if rule.otherwise { None } else { self.key(rule, open, asking.facts) };
            is_displaced |= open.displaces && (rule.missing != Missing::Skip || key.is_some());
            applying.push((at, key));
        }
        for (at, key) in applying {
            let (rule, open) = (&self.site.rules[at], &self.rules[at]);
            let key = match rule.otherwise {
                false => key,
                true if is_displaced => None,
                true => self.key(rule, open, asking.facts),
            };
            if let Some(key) = key {
                self.ask_rule(rule, open, key, asking);
            }
        }
    }

    /// The key of a request; `None` if the rule is skipped for want of one.
    #[inline(always)]
    pub(crate) fn key(&self, rule: &Rule, open: &OpenRule, facts: &dyn Facts) -> Option<KeyHash> {
        match open.key {
            OpenKey::Constant(key) => Some(key),
            OpenKey::Address(kind) => match facts.ip() {
                Some(ip) => Some(self.key_of_address(kind, ip)),
                None => self.other_key(rule, facts),
            },
            OpenKey::Other => self.other_key(rule, facts),
        }
    }

    /// The key of a client's address. Most clients ask more than once.
    #[inline(always)]
    fn key_of_address(&self, kind: u8, ip: IpAddr) -> KeyHash {
        let known = if let IpAddr::V4(v4) = ip { find(self.hashed_by(kind), v4) } else { None };
        known.unwrap_or_else(|| self.hash_address(kind, ip))
    }

    #[inline(never)]
    fn hash_address(&self, kind: u8, ip: IpAddr) -> KeyHash {
        let key = self.engine.hasher.hash_address(kind, ip, self.site.addresses.ipv6_prefix);
        if let IpAddr::V4(v4) = ip {
            remember(self.hashed_by(kind), v4, key);
        }
        key
    }

    #[inline]
    fn hashed_by(&self, kind: u8) -> u64 {
        self.engine.number << 8 | u64::from(kind)
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
    pub(crate) fn ask_rule(&self, rule: &Rule, open: &OpenRule, key: KeyHash, asking: &mut Asking<'_, '_>) {
        if open.is_plain.is_set() {
            return open.ask(open.limits_said(rule, asking.client), key, None, None, asking);
        }
        self.ask_rule_that_differs(rule, open, key, asking);
    }

    /// The same of a rule whose limits are shared out, or depend on code.
    #[inline(never)]
    fn ask_rule_that_differs(&self, rule: &Rule, open: &OpenRule, key: KeyHash, asking: &mut Asking<'_, '_>) {
        let client = if open.is_fair { self.sharing_client(rule, key, asking.facts) } else { None };
        let cost = open.cost_differs.then(|| rule.cost.amount(asking.facts));
        if open.limits_differ.is_set() {
            let limits = open.limits_of(rule, asking.facts, asking.client);
            return open.ask(&limits, key, client, cost, asking);
        }
        open.ask(open.limits_said(rule, asking.client), key, client, cost, asking);
    }

    /// Claims a rule's own limits for a block of code: nothing exempts it, and no closure, which would look at a request
    /// that there is not, gives it other limits or another cost.
    #[cold]
    pub(crate) fn ask_for_block(&self, position: usize, key: KeyHash, mut asking: Asking<'_, '_>) {
        let (rule, open) = (&self.site.rules[position], &self.rules[position]);
        let client = if open.is_fair { self.sharing_client(rule, key, asking.facts) } else { None };
        open.ask(open.limits_said(rule, None), key, client, None, &mut asking);
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

/// Marks the account among the parts of a client's key.
const ACCOUNT: u8 = 0x7e;

impl OpenRule {
    /// Claims limits; `cost` is what a closure says that a request costs.
    #[inline(always)]
    fn ask(
        &self,
        limits: &[OpenLimit],
        key: KeyHash,
        client: Option<KeyHash>,
        cost: Option<u64>,
        asking: &mut Asking<'_, '_>,
    ) {
        for open in limits {
            // What is never refused is charged its time, and is not counted.
            if asking.mode == Mode::Force && !open.ask.is_timed() {
                continue;
            }
            let charge = match open.ask.charge {
                Charge::Time { .. } => Charge::Time { expected: self.held(open.ask.quota, asking) },
                Charge::Requests { cost: own } => Charge::Requests { cost: cost.unwrap_or(own) },
                Charge::Place => {
                    asking.route();
                    Charge::Place
                }
            };
            let ask = &mut asking.claims.push(&open.ask).ask;
            (ask.key, ask.charge) = (key, charge);
            // Places are not shared out: who runs has one, however many others wait.
            ask.client = client.filter(|_| charge != Charge::Place);
        }
    }

    #[inline]
    fn held(&self, quota: u64, asking: &mut Asking<'_, '_>) -> Micros {
        // What the request costs is learned for its route, whatever is held.
        let route = asking.route();
        match self.hold {
            Hold::Auto => self.expected(route, Micros(quota)),
            Hold::Off => Micros::ZERO,
            Hold::Fixed(span) => span,
        }
    }
}

/// How many addresses a thread remembers. A power of two.
const PLACES: usize = 64;

/// An odd number whose bits are as good as random, to spread addresses of one network.
const FACTOR: u32 = 0x9e37_79b1;

/// The key of one address.
#[derive(Clone, Copy)]
struct Known {
    /// The engine that has hashed it, and of which kind the key is; 0 in a place that is free.
    hashed: u64,
    address: u32,
    key: KeyHash,
}

thread_local! {
    static KNOWN: [Cell<Known>; PLACES] =
        const { [const { Cell::new(Known { hashed: 0, address: 0, key: KeyHash([0; 4]) }) }; PLACES] };
}

/// The key of an address, if the thread remembers it; what it is hashed by, engine and kind, is one number.
#[inline(always)]
pub(crate) fn find(hashed: u64, address: Ipv4Addr) -> Option<KeyHash> {
    let known = KNOWN.with(|known| known[place_of(address)].get());
    (known.address == address.to_bits() && known.hashed == hashed).then_some(known.key)
}

/// Remembers the key of an address, in the place of another.
#[inline]
pub(crate) fn remember(hashed: u64, address: Ipv4Addr, key: KeyHash) {
    KNOWN.with(|known| known[place_of(address)].set(Known { hashed, address: address.to_bits(), key }));
}

#[inline]
const fn place_of(address: Ipv4Addr) -> usize {
    (address.to_bits().wrapping_mul(FACTOR) >> (u32::BITS - PLACES.trailing_zeros())) as usize
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
                let is_exempt = limiter.claims(&request, mode, true, &mut claims).is_none();
                (limiter.index.is_some(), is_exempt, claims)
            };
            let ((_, one_exempt, one), (is_indexed, other_exempt, other)) = (of(site.clone()), of(padded(&site)));
            prop_assert!(is_indexed);
            prop_assert_eq!((one_exempt, one), (other_exempt, other));
        }
    }

    #[test]
    fn a_key_is_remembered_for_the_engine_and_the_kind_that_it_is_of() {
        let address = Ipv4Addr::new(192, 0, 2, 7);
        remember(1, address, KeyHash([1; 4]));
        assert_eq!([1, 2].map(|hashed| find(hashed, address)), [Some(KeyHash([1; 4])), None]);
        remember(2, address, KeyHash([2; 4]));
        assert_eq!([1, 2].map(|hashed| find(hashed, address)), [None, Some(KeyHash([2; 4]))]);
    }

    #[test]
    fn those_that_share_a_place_keep_their_own_keys() {
        let mut known = 0;
        for n in (0..10 * PLACES as u32).cycle().take(30 * PLACES) {
            let (address, key) = (Ipv4Addr::from_bits(n), KeyHash([n; 4]));
            assert_eq!(find(9, address).unwrap_or(key), key);
            remember(9, address, key);
            known += u32::from(find(9, address) == Some(key));
        }
        assert_eq!(known, 30 * PLACES as u32);
    }
}
