//! The limiter: joins a site's rules with the clock and the store.

mod admission;
mod books;
mod charge;
mod client;
mod engine;
mod explain;
pub mod explanation;
mod fair;
mod in_force;
mod limit_report;
mod open_limits;
mod open_rule;
mod reservation;
#[cfg(test)]
mod samples;

use std::sync::Arc;

use smallvec::SmallVec;

pub use self::admission::{Admission, Cause, Pending, Refusal, Report};
pub(crate) use self::admission::{Decision, Question};
pub use self::charge::ChargeError;
pub use self::client::Client;
pub use self::engine::Engine;
pub(crate) use self::in_force::InForce;
pub use self::limit_report::LimitReport;
use self::open_rule::OpenRule;
pub use self::reservation::Reservation;
use crate::model::answer::Answer;
use crate::model::condition::Condition;
use crate::model::facts::Facts;
use crate::model::key::KeyHash;
use crate::model::limit::Limit;
use crate::model::now::Now;
use crate::model::rule::{Component, Missing, Rule, Until};
use crate::model::rule_index::RuleIndex;
use crate::model::site::Site;
use crate::model::units::Micros;
use crate::store::{Charge, Claim, Fault, Mode, Verdict};

pub(crate) type Claims = SmallVec<[Claim; 2]>;

/// Positions of rules in their site.
pub(crate) type Positions = SmallVec<[u16; 4]>;

/// How many rules are sooner asked one by one than looked up.
const FEW_RULES: usize = 8;

/// A running limiter: one site's rules over an engine.
#[derive(Debug)]
pub struct Limiter {
    site: Site,
    rules: Vec<OpenRule>,
    /// Which rules a request can fulfil, where they are too many to ask each.
    index: Option<RuleIndex>,
    /// Whether headers must say which of several limits they describe.
    pub(crate) has_several_limits: bool,
    /// Whether a rule applies only where no other does.
    has_otherwise: bool,
    /// Whether a rule decides in shadow.
    has_shadow: bool,
    /// Whether rules charge some answers only.
    pub(crate) judges_answers: bool,
    /// Whether the claims of a request may have to be settled each in its own way.
    settles_apart: bool,
    /// Whether a rule asks who clients are.
    asks_who: bool,
    /// Whether some clients have other limits than the rules say.
    has_tiers: bool,
    pub(crate) engine: Arc<Engine>,
}

impl Limiter {
    /// The most rules that a site has.
    pub const MOST_RULES: usize = u16::MAX as usize + 1;

    /// A limiter of a site.
    ///
    /// A second limiter of the same site name on the same engine draws on the same accounts: that is how a reload works.
    ///
    /// # Panics
    ///
    /// If the site has more than [`Limiter::MOST_RULES`] rules, which no site file has: those beyond would limit nobody.
    pub fn new(site: Site, engine: &Arc<Engine>) -> Self {
        assert!(site.rules.len() <= Self::MOST_RULES, "{} rules; expected at most 65536", site.rules.len());
        let rules: Vec<_> = site.rules.iter().map(|rule| OpenRule::new(rule, &site, engine)).collect();
        let limits = rules.iter().map(|rule| rule.limits.most()).sum::<usize>();
        let conditions = site.rules.iter().map(|rule| &rule.when);
        let judges_answers = site.rules.iter().any(|rule| rule.charge_when.is_some());
        let computes_limits = site.rules.iter().any(|rule| rule.limits_by.is_some());
        Self {
            rules,
            index: (site.rules.len() > FEW_RULES).then(|| RuleIndex::new(conditions)),
            has_several_limits: limits > 1 || computes_limits,
            has_otherwise: site.rules.iter().any(|rule| rule.otherwise),
            has_shadow: site.rules.iter().any(|rule| rule.shadow),
            judges_answers,
            settles_apart: judges_answers || site.rules.iter().any(|rule| rule.until == Until::Head),
            asks_who: asks_who(&site),
            has_tiers: site.tiers.change_limits(),
            engine: Arc::clone(engine),
            site,
        }
    }

    /// The site.
    pub const fn site(&self) -> &Site {
        &self.site
    }

    /// Decides over a request: all rules whose condition it fulfils must admit it.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the store failed.
    pub fn admit(self: &Arc<Self>, facts: &dyn Facts) -> Result<Admission<Arc<Self>>, Fault> {
        Admission::of(Arc::clone(self), facts)
    }

    pub(crate) fn now(&self) -> Now {
        self.engine.clock.now()
    }

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

    fn is_exempt(&self, facts: &dyn Facts) -> bool {
        self.site.exempt.as_ref().is_some_and(|exempt| exempt.matches(facts))
    }

    #[inline]
    fn claim(&self, facts: &dyn Facts, client: Option<&Client<'_>>, mode: Mode, claims: &mut Claims) {
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

    pub(crate) fn decide(&self, claims: &mut [Claim], mode: Mode, now: Now) -> Result<Verdict, Fault> {
        if claims.is_empty() {
            return Ok(Verdict::Admitted);
        }
        self.engine.store.admit(claims, mode, now)
    }

    /// Logs which rules in shadow would have refused a request that is admitted.
    pub(crate) fn log_shadows(&self, claims: &[Claim]) {
        if !self.has_shadow {
            return;
        }
        let mut logged = None;
        for claim in claims.iter().filter(|claim| claim.shadow && claim.standing.refuses) {
            if logged.replace(claim.rule) != Some(claim.rule) {
                let (rule, site) = (self.rule_name_at(claim.rule), &self.site.name);
                log::info!("the rule {rule} of {site}, which is in shadow, would have refused a request");
            }
        }
    }

    /// Learns what a request has cost.
    pub(crate) fn learn(&self, claims: &[Claim], route: u32, cost: Micros) {
        let mut learned = None;
        for claim in claims.iter().filter(|claim| !matches!(claim.charge, Charge::Requests { .. })) {
            if learned != Some(claim.rule) {
                self.rules[usize::from(claim.rule)].expectations.record(route, cost);
                learned = Some(claim.rule);
            }
        }
    }

    /// The name of the rule at a position.
    pub(crate) fn rule_name_at(&self, position: u16) -> &str {
        &self.rules[usize::from(position)].name
    }

    /// The same, to keep.
    pub(crate) fn shared_rule_name(&self, position: u16) -> Arc<str> {
        Arc::clone(&self.rules[usize::from(position)].name)
    }

    /// Those of the rules that do not charge an answer.
    pub(crate) fn returning(&self, mut rules: Positions, answer: &dyn Answer) -> Positions {
        rules.retain(|rule| self.rule_at(*rule).returns(answer));
        rules
    }

    /// The limit that a claim is on.
    fn limit_of(&self, claim: &Claim) -> Option<Limit> {
        self.rules[usize::from(claim.rule)].limit_of(claim.book)
    }

    /// The rule at a position.
    pub(crate) fn rule_at(&self, position: u16) -> &Rule {
        &self.site.rules[usize::from(position)]
    }

    pub(crate) fn expected(&self, claim: &Claim, route: u32) -> Micros {
        self.rules[usize::from(claim.rule)].expectations.expected(route)
    }
}

/// Whether anything of a site depends on who clients are.
fn asks_who(site: &Site) -> bool {
    let asks = |condition: &Condition| condition.is_computed() || !condition.needs().is_empty();
    site.exempt.as_ref().is_some_and(asks)
        || site.tiers.change_limits()
        || site.rules.iter().any(|rule| rule.is_computed() || !rule.needs().is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limiter::samples::{any_request, any_site, rule};
    use crate::model::text::Text;

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

    #[test]
    #[should_panic = "65537 rules; expected at most 65536"]
    fn a_rule_whose_position_no_claim_can_hold_is_not_left_out() {
        let rules = vec![Rule::new("a", Component::Site, Vec::new()); Limiter::MOST_RULES + 1];
        let _ = Limiter::new(Site { rules, ..Site::unlimited("demo.example") }, &Engine::in_memory());
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
