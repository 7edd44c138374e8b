//! What is wrong with a rule by itself: asked by the site file's loader and by the builders in Rust alike.

use crate::model::action::Action;
use crate::model::answer::ChargeWhen;
use crate::model::contradiction::is_certain;
use crate::model::cost::Cost;
use crate::model::key_spec::{Component, KeySpec, Missing};
use crate::model::limit::Limit;
use crate::model::mistake::Mistake;
use crate::model::rate_error::RateFault;
use crate::model::rule::{Counts, Hold, Rule, tightest};
use crate::model::units::{Micros, Unit};

/// What a rule's name may be.
pub(crate) const NAME: &str = "1 to 64 letters, digits, and - _ . between them";
/// What a rule's cost may be.
pub(crate) const COST: &str = "whole requests from 0 to 9007199254740992";
/// What a condition by which every request is exempt leaves to do.
pub(crate) const EXEMPTS_ALL: &str = "every request is exempt; nothing is limited";
/// Limits of which the smaller one makes the other pointless.
pub(crate) const ONE_ACCOUNT: &str = "several limits of one unit and period; the smallest holds";

impl Rule {
    /// All that is wrong with the rule by itself, or suspect about it.
    ///
    /// What it takes others to tell is asked of [a site](crate::model::site::Site::check).
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Component, Cost, Rule};
    /// use timebudget::parse_rates;
    /// let rule = Rule { cost: Cost::Fixed(10), ..Rule::new("reports", Component::Ip, parse_rates("5 per minute")?) };
    /// let [mistake] = &rule.check()[..] else { panic!("it is too dear, and nothing else") };
    /// assert!(!mistake.is_wrong());
    /// assert!(mistake.fault().ends_with("for a request costs 10, and a window grants 5"));
    /// # Ok::<(), timebudget::RateError>(())
    /// ```
    pub fn check(&self) -> Vec<Mistake> {
        let mut found = Vec::new();
        found.extend((!Self::can_be_named(&self.name)).then(|| no_name(&self.name)));
        found.extend(self.key.mistakes());
        found.extend(self.missing_mistake());
        found.extend(self.key.can_be_rotated().then(|| Mistake::suspect(ROTATES)));
        self.check_limits(&mut found);
        found.extend(self.check_cost());
        self.check_fairness(&mut found);
        found.extend(self.when.mistakes());
        if let Some(exempt) = &self.exempt_when {
            found.extend(exempt.mistakes());
            found.extend(is_certain(exempt).then(|| Mistake::suspect(EXEMPTS_ALL)));
        }
        if let Some(ChargeWhen::Statuses(statuses)) = &self.charge_when {
            found.extend(statuses.mistakes());
        }
        found.extend(self.action.mistake());
        found
    }

    fn missing_mistake(&self) -> Option<Mistake> {
        match &self.missing {
            Missing::Use(component) => component.mistake(),
            Missing::Skip => None,
        }
    }

    fn check_limits(&self, found: &mut Vec<Mistake>) {
        if self.limits.is_empty() && self.limits_by.is_none() {
            found.push(Mistake::wrong("no limits; expected a rate string such as \"10 per hour\""));
        }
        let is_too_much = |limit: &&Limit| limit.quota() > Micros::MAX_QUOTA.0;
        let too_much = self.limits.iter().filter(is_too_much);
        found.extend(too_much.map(|limit| Mistake::wrong(RateFault::TooMuch.to_string()).of(limit)));
        if tightest(self.limits.clone()).len() < self.limits.len() {
            found.push(Mistake::suspect(ONE_ACCOUNT));
        }
        // What is refused takes no time and has no place, so that only requests can be counted of it.
        if self.counts == Counts::Refusals && !self.limits.iter().all(Limit::counts_requests) {
            found.push(Mistake::wrong("counts refusals, which take no time; expected limits of requests"));
        }
        let holds = self.hold != Hold::Auto;
        if holds && !self.may_have(|limit| limit.unit() == Unit::Time) {
            found.push(Mistake::suspect("has a hold, and no limit of time that it could be held of"));
        }
    }

    /// Whether it has such a limit, or code may give it one.
    fn may_have(&self, is_such: impl Fn(&Limit) -> bool) -> bool {
        self.limits_by.is_some() || self.limits.iter().any(is_such)
    }

    fn check_cost(&self) -> Option<Mistake> {
        match self.cost {
            Cost::Fixed(cost) if cost > Cost::MOST => {
                return Some(Mistake::wrong(format!("too large; expected {COST}")).of(cost));
            }
            Cost::Fixed(1) => return None,
            _ => {}
        }
        if !self.may_have(Limit::counts_requests) {
            let fault = "has a cost in requests, and no limit counts them; time costs what a request takes";
            return Some(Mistake::suspect(fault));
        }
        let (cost, granted) = self.too_dear()?;
        let fault = format!(
            "refuses whatever it applies to, for a request costs {cost}, and a window grants {granted}"
        );
        Some(Mistake::suspect(fault))
    }

    /// The cost of a request and the limit that can never pay for it; who means to refuse everything grants nothing.
    fn too_dear(&self) -> Option<(u64, u64)> {
        let Cost::Fixed(cost) = self.cost else { return None };
        let requests = self.limits.iter().filter(|limit| limit.counts_requests());
        let granted = requests.map(Limit::quota).find(|granted| (1..cost).contains(granted))?;
        (self.counts != Counts::Refusals).then_some((cost, granted))
    }

    /// A fair rule shares something out among those whom it serves.
    fn check_fairness(&self, found: &mut Vec<Mistake>) {
        let Some(fair) = &self.fair else { return };
        found.extend(fair.mistakes());
        if self.counts == Counts::Refusals {
            found.push(Mistake::wrong("fair, and counts refusals; expected one of them"));
        }
        if !self.may_have(|limit| limit.period().is_some()) {
            found.push(Mistake::wrong(
                "fair, but no limit has a window to share out; expected a limit per period",
            ));
        }
        if fair.0.iter().all(|component| self.key.0.contains(component)) {
            found.push(Mistake::suspect("fair among clients each of whom has an account of its own"));
        }
    }
}

const ROTATES: &str = "clients choose every component of the key, and so can change their account at will";

fn no_name(name: &str) -> Mistake {
    Mistake::wrong(format!("no name; expected {NAME}")).of_text(name)
}

/// The key of a rule that says none: time, and what may run at once, is the site's; requests are counted for each client
/// address.
///
/// # Errors
///
/// Limits of both kinds, whose keys would differ.
pub(crate) fn default_key(limits: &[Limit]) -> Result<KeySpec, Mistake> {
    match limits.iter().filter(|limit| limit.counts_requests()).count() {
        0 => Ok(Component::Site.into()),
        requests if requests == limits.len() => Ok(Component::Ip.into()),
        _ => Err(Mistake::wrong(
            "limits of requests beside others, whose keys would differ; expected a key, or two rules",
        )),
    }
}

impl Action {
    fn mistake(&self) -> Option<Mistake> {
        match self {
            Self::Block(block) => block.mistake(),
            Self::Rewrite(path) if Self::can_rewrite_to(path) => None,
            Self::Rewrite(path) => {
                Some(Mistake::wrong(format!("no such path; expected {TARGET}")).of_text(path))
            }
        }
    }
}

/// What requests can be rewritten to.
pub(crate) const TARGET: &str = "a path that begins with /, as it is written in a URL, without a query";
