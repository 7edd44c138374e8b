//! Where a client stands, by rules that may be about its requests, without a request that is decided over.

use std::sync::Arc;

use crate::limiter::asking::{Asker, Claiming};
use crate::limiter::report::{LimitReport, Tightest};
use crate::limiter::share::Share;
use crate::limiter::{Claims, Client, Limiter};
use crate::model::{Component, Condition, Facts, Rule};
use crate::store::{Claim, Fault, Mode, Settlement};

/// The limits of a client that are not known to be about other requests than its own: each with its account, so that it
/// can be said where that stands.
///
/// It borrows nothing of the request that it was made for.
#[derive(Debug)]
pub struct Prospect {
    limiter: Arc<Limiter>,
    claims: Vec<Claim>,
}

impl Limiter {
    /// The limits that a client meets, or may meet with a request for another path, by another method or with another
    /// query than this one: nothing is decided, nothing is charged, and nobody is told.
    ///
    /// Who is exempt whatever it asks for has none. Rules in shadow are left out, and those that tell accounts apart by what such a request would ask for.
    pub fn prospect(self: &Arc<Self>, facts: &dyn Facts) -> Prospect {
        let terms = self.terms.load();
        let client = Client::under(facts, &self.site, &terms, self.now().wall());
        let mut claims = Claims::new();
        if self.site.exempt.as_ref().is_some_and(|exempt| possible(exempt, &client).0) {
            return Prospect { limiter: Arc::clone(self), claims: Vec::new() };
        }
        let asker = Asker { client: self.has_tiers.is_set().then_some(&client), mode: Mode::Decide };
        let mut asking = Claiming::new(&mut claims);
        for (rule, open) in self.site.rules.iter().zip(&self.rules) {
            if rule.shadow || is_keyed_by_request(rule) || !may_match(&rule.when, &client) {
                continue;
            }
            if let Some(key) = self.key(open, &client) {
                self.ask_rule(open, key, &client, asker, &mut asking);
            }
        }
        Prospect { limiter: Arc::clone(self), claims: claims.to_vec() }
    }
}

impl Prospect {
    /// The name of the site.
    pub fn site(&self) -> &str {
        &self.limiter.site.name
    }

    /// Where each limit stands, in the order of the rules.
    ///
    /// # Errors
    ///
    /// The store failed, or nobody knows the rules of the site.
    pub async fn read(mut self) -> Result<Vec<LimitReport>, Fault> {
        self.limiter.is_open()?;
        let mut reports = Vec::new();
        let now = self.limiter.now();
        for claim in &mut self.claims {
            let account = self.limiter.engine.store.read(claim.ask.book, claim.ask.key, now).await?;
            claim.standing = account.standing;
            claim.standing.spent = u64::try_from(account.net).unwrap_or(0);
            let share = match claim.ask.client {
                Some(client) => {
                    let store = &self.limiter.engine.store;
                    let out = store.read_shares(claim.ask.book, claim.ask.key, client, now).await?;
                    Some(Share::of(claim.ask.quota, claim.standing.spent, out))
                }
                None => None,
            };
            claim.standing.refuses = share.is_some_and(|share| share.refuses);
            claim.standing.is_shared_out = claim.standing.refuses;
            let report = LimitReport::of(&self.limiter, &Tightest::at(claim, &Settlement::NONE, &now));
            reports.extend(report.map(|report| LimitReport { share, ..report }));
        }
        reports.iter_mut().for_each(|report| report.report.used = 0);
        Ok(reports)
    }
}

/// Whether requests of one client have accounts of their own by what they ask for.
fn is_keyed_by_request(rule: &Rule) -> bool {
    let of_request = |part: &Component| {
        matches!(part, Component::Path | Component::Route | Component::Method | Component::Query(_))
    };
    rule.per_method || rule.key.0.iter().any(of_request)
}

/// Whether a request of the client may fulfil a condition, whatever it asks for.
fn may_match(condition: &Condition, client: &dyn Facts) -> bool {
    possible(condition, client).1
}

/// Whether every request of the client fulfils a condition, and whether any may.
fn possible(condition: &Condition, client: &dyn Facts) -> (bool, bool) {
    let all = |parts: &[Condition]| parts.iter().map(|part| possible(part, client)).collect::<Vec<_>>();
    match condition {
        Condition::Path(_) | Condition::Method(_) | Condition::Query(..) => (false, true),
        Condition::Computed(_) => (false, true),
        Condition::All(parts) => all(parts).into_iter().fold((true, true), |a, b| (a.0 && b.0, a.1 && b.1)),
        Condition::Any(parts) => all(parts).into_iter().fold((false, false), |a, b| (a.0 || b.0, a.1 || b.1)),
        Condition::Not(part) => {
            let (every, any) = possible(part, client);
            (!any, !every)
        }
        other => {
            let matches = other.matches(client);
            (matches, matches)
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::clock::ManualClock;
    use crate::limiter::Engine;
    use crate::limiter::samples::{PLAIN, Request, header, rule};
    use crate::model::{Site, Text, UnixMicros};
    use crate::store::memory::Memory;

    fn limiter(rules: Vec<Rule>) -> Arc<Limiter> {
        let engine = Engine::new(Memory::default(), ManualClock::at(UnixMicros::from_secs(1_700_000_000)));
        Arc::new(Limiter::new(Site { rules, ..Site::unlimited("demo.example") }, &engine))
    }

    fn told(limiter: &Arc<Limiter>, request: &Request) -> Vec<(String, u64)> {
        let read = limiter.prospect(request).read().now_or_never();
        let reports = read.expect("a memory store answers at once").unwrap();
        reports.iter().map(|limit| (limit.rule.to_string(), limit.report.remaining)).collect()
    }

    #[test]
    fn whatever_a_client_may_meet_is_told_and_nothing_is_charged() {
        let elsewhere = Condition::Path(Text::Equal("/elsewhere".into()));
        let of_gold = Condition::Header("x-plan".into(), Some(Text::Equal("gold".into())));
        let rules = vec![
            Rule { when: elsewhere.clone(), ..rule("elsewhere", "7/day") },
            Rule { when: Condition::Not(Box::new(elsewhere)), ..rule("not-there", "6/day") },
            Rule { when: of_gold, ..rule("gold", "5/day") },
            Rule { shadow: true, ..rule("shadow", "4/day") },
            Rule { otherwise: true, ..rule("otherwise", "3/day") },
        ];
        let limiter = limiter(rules);
        let names = |told: Vec<(String, u64)>| told.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        for _ in 0..2 {
            assert_eq!(names(told(&limiter, &PLAIN)), ["elsewhere", "not-there", "otherwise"]);
        }
        let gold = Request { header: Some("gold"), ..PLAIN };
        assert_eq!(names(told(&limiter, &gold)), ["elsewhere", "not-there", "gold", "otherwise"]);
        assert_eq!(told(&limiter, &PLAIN)[0].1, 7);
    }

    #[test]
    fn who_is_exempt_whatever_it_asks_for_has_no_limits() {
        let of_gold = Condition::Header("x-plan".into(), Some(Text::Equal("gold".into())));
        let health = Condition::Path(Text::Equal("/health".into()));
        let told_by = |exempt: Condition, request: &Request| {
            let engine =
                Engine::new(Memory::default(), ManualClock::at(UnixMicros::from_secs(1_700_000_000)));
            let site = Site {
                rules: vec![rule("all", "7/day")],
                exempt: Some(exempt),
                ..Site::unlimited("demo.example")
            };
            told(&Arc::new(Limiter::new(site, &engine)), request).len()
        };
        let gold = Request { header: Some("gold"), ..PLAIN };
        let found = [
            told_by(Condition::ALWAYS, &PLAIN),
            told_by(of_gold.clone(), &gold),
            told_by(of_gold, &PLAIN),
            told_by(health, &PLAIN),
        ];
        assert_eq!(found, [0, 0, 1, 1]);
    }

    #[test]
    fn a_client_is_told_of_its_own_account_alone() {
        let limiter = limiter(vec![Rule { key: header().into(), ..rule("each", "7/day") }]);
        let (ann, bob) = (Request { header: Some("ann"), ..PLAIN }, Request { header: Some("bob"), ..PLAIN });
        let crate::limiter::Admission::Admitted(served) = limiter.admit(&ann).unwrap() else { panic!() };
        drop(served);
        assert_eq!(
            (told(&limiter, &ann), told(&limiter, &bob)),
            (vec![("each".into(), 6)], vec![("each".into(), 7)])
        );
    }

    #[test]
    fn a_client_is_told_its_share_of_a_fair_account_and_whether_it_is_held_to_it() {
        let rule = Rule { key: Component::Site.into(), fair: Some(header().into()), ..rule("all", "10/day") };
        let limiter = limiter(vec![rule]);
        let of = |name| Request { header: Some(name), ..PLAIN };
        let ask = |name| drop(limiter.admit(&of(name)).unwrap());
        let told = |name| {
            let read = limiter.prospect(&of(name)).read().now_or_never().unwrap().unwrap();
            let share = read[0].share.expect("the rule is fair");
            let is_admitted = match limiter.admit(&of(name)).unwrap() {
                crate::limiter::Admission::Admitted(mut one) => {
                    one.waive();
                    true
                }
                _ => false,
            };
            assert_eq!(share.refuses, !is_admitted, "{name}");
            assert_eq!(read[0].refuses, share.refuses);
            (share.clients, share.granted, share.spent, read[0].report.remaining)
        };
        assert_eq!(told("ann"), (1, 10, 0, 10));
        (0..8).for_each(|_| ask("ann"));
        assert_eq!(told("ann"), (1, 10, 8, 2));
        ask("bob");
        assert_eq!(told("ann"), (2, 5, 8, 0), "half of ten were its own");
        assert_eq!(told("bob"), (2, 5, 1, 1));
    }

    #[test]
    fn accounts_by_what_is_asked_for_are_nobodys_before_it_is_asked() {
        let key = crate::model::KeySpec(vec![Component::Ip, Component::Route]);
        let limiter = limiter(vec![Rule { key, ..rule("each", "7/day") }]);
        assert_eq!(told(&limiter, &PLAIN), []);
    }
}
