//! What a request is claimed on: the rules that apply to it, and its accounts.

use crate::limiter::client::Client;
use crate::limiter::open_rule::OpenRule;
use crate::limiter::{Claims, Limiter};
use crate::model::{Component, Facts, KeyHash, Missing, Now, Rule};
use crate::store::Mode;

impl Limiter {
    /// The claims of all rules that apply to a request, and when it is; `None` if the request is exempt.
    ///
    /// `spared` says whether it may be.
    #[inline]
    pub(crate) fn claims(
        &self,
        facts: &dyn Facts,
        mode: Mode,
        spared: bool,
        claims: &mut Claims,
    ) -> Option<Now> {
        if self.asks_who {
            return self.claims_of_client(facts, mode, spared, claims);
        }
        if spared && self.is_exempt(facts) {
            return None;
        }
        self.claim(facts, None, mode, claims);
        Some(self.now())
    }

    /// The same where rules ask who the client is, which may depend on when it is.
    fn claims_of_client(
        &self,
        facts: &dyn Facts,
        mode: Mode,
        spared: bool,
        claims: &mut Claims,
    ) -> Option<Now> {
        let now = self.now();
        let client = Client::new(facts, &self.site, now.wall());
        if spared && self.is_exempt(&client) {
            return None;
        }
        self.claim(&client, self.has_tiers.then_some(&client), mode, claims);
        Some(now)
    }

    pub(super) fn is_exempt(&self, facts: &dyn Facts) -> bool {
        self.site.exempt.as_ref().is_some_and(|exempt| exempt.matches(facts))
    }

    #[inline]
    pub(super) fn claim(
        &self,
        facts: &dyn Facts,
        client: Option<&Client<'_>>,
        mode: Mode,
        claims: &mut Claims,
    ) {
        match &self.index {
            None => self.claim_of(0..self.rules.len(), (facts, client), mode, claims),
            Some(index) => {
                let candidates = index.candidates(facts);
                self.claim_of(candidates.iter().map(|at| usize::from(*at)), (facts, client), mode, claims);
            }
        }
    }

    /// The claims of those among the candidates that apply to a request.
    #[inline]
    fn claim_of(
        &self,
        candidates: impl Iterator<Item = usize> + Clone,
        (facts, client): (&dyn Facts, Option<&Client<'_>>),
        mode: Mode,
        claims: &mut Claims,
    ) {
        let displaced = self.has_otherwise && self.is_displaced(candidates.clone(), facts);
        for at in candidates {
            let (rule, open) = (&self.site.rules[at], &self.rules[at]);
            if (rule.otherwise && displaced) || !open.is_about(rule, facts) {
                continue;
            }
            if let Some(key) = self.key(rule, open, facts) {
                open.claim(rule, key, at as u16, (facts, client), mode, claims);
            }
        }
    }

    /// Whether a rule applies to which those give way that apply otherwise.
    fn is_displaced(&self, candidates: impl Iterator<Item = usize>, facts: &dyn Facts) -> bool {
        let rules = candidates.map(|at| (&self.site.rules[at], &self.rules[at]));
        let mut displacing = rules.filter(|(rule, open)| open.displaces && open.is_about(rule, facts));
        displacing.any(|(rule, open)| rule.missing != Missing::Skip || self.key(rule, open, facts).is_some())
    }

    /// The key of a request; `None` if the rule is skipped for want of one.
    #[inline]
    fn key(&self, rule: &Rule, open: &OpenRule, facts: &dyn Facts) -> Option<KeyHash> {
        open.constant_key.or_else(|| {
            let mut bytes = rule.key.bytes(&rule.missing, facts, self.site.addresses.ipv6_prefix)?;
            if rule.per_method {
                Component::Method.append(facts, &mut bytes);
            }
            Some(self.engine.hasher.hash(bytes.as_slice()))
        })
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
                let is_exempt = limiter.claims(&request, mode, true, &mut claims).is_none();
                (limiter.index.is_some(), is_exempt, claims)
            };
            let ((_, one_exempt, one), (is_indexed, other_exempt, other)) = (of(site.clone()), of(padded(&site)));
            prop_assert!(is_indexed);
            prop_assert_eq!((one_exempt, one), (other_exempt, other));
        }
    }
}
