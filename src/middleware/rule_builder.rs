//! A rule that code describes: what its builder has been told, and the rule as it is in force or what is wrong with it.

mod methods;

use actix_web::dev::{ResponseHead, ServiceRequest};

pub use self::methods::IntoStatus;
pub use self::methods::Limits;
use crate::middleware::closures::{OnRefusal, component_by, cost_of_request, judge, of_request, under_scope};
use crate::model::wording::ONE_ACCOUNT;
use crate::model::{
    Action, Block, ChargeWhen, Component, Condition, Cost, Counts, Finding, Hold, KeySpec, KeyValue, Limit,
    LimitSet, Missing, Mistake, Overrun, Rule, Until, default_key,
};

/// A rule that code describes: made by [`TimeBudget::rule`](crate::TimeBudget::rule), and in the end built, or given to [`TimeBudget::rules`](crate::TimeBudget::rules).
///
/// What is not said is as in a site file. Each field that a request may decide has two methods: one for a value, and one
/// ending in `_by` for a closure.
///
/// Closures run within the decision, and some more than once: they are to be quick and without effects. One that panics
/// does so as a handler would, and its rule charges nothing.
///
/// # Examples
///
/// ```
/// use actix_web::{App, HttpResponse, web};
/// use timebudget::TimeBudget;
/// use timebudget::route_parameter;
///
/// let exports = TimeBudget::rule("exports", "60s per hour; 5 concurrent")
///     .key_by(|request| route_parameter(request, "team"))
///     .exempt_by(|request| request.headers().contains_key("x-internal"))
///     .message("Exports are made in turn.")
///     .build()?;
/// let app = App::new().service(
///     web::resource("/teams/{team}/export").wrap(exports.clone()).route(web::get().to(HttpResponse::Ok)),
/// );
/// # let _ = app;
/// # Ok::<(), timebudget::RuleError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a rule does nothing until it is built and wrapped around something"]
pub struct RuleBuilder {
    rule: Rule,
    limits: Limits,
    key: Option<KeySpec>,
    /// Conditions that must all hold.
    when: Vec<Condition>,
    /// Conditions of which one exempts.
    exempt: Vec<Condition>,
    block: Block,
    /// What is wrong with what was said, and leaves no trace in the rule.
    faults: Vec<Mistake>,
    hooks: OnRefusal,
}

impl RuleBuilder {
    pub(crate) fn new(name: &str, limits: Limits) -> Self {
        Self {
            rule: Rule::new(name, Component::Site, Vec::new()),
            limits,
            key: None,
            when: Vec::new(),
            exempt: Vec::new(),
            block: Block::default(),
            faults: Vec::new(),
            hooks: OnRefusal::default(),
        }
    }

    /// Whose account: components, each of which tells accounts apart.
    ///
    /// By default the site's where time, or what runs at once, is limited, and the client address's where requests are
    /// counted. Limits of both kinds need a key.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Component, TimeBudget};
    /// let by_tenant = TimeBudget::rule("api", "1000 per hour").key(Component::Header("x-tenant".into())).build()?;
    /// let by_user_and_route = TimeBudget::rule("writes", "60s per hour").key([Component::User, Component::Route]);
    /// # let _ = (by_tenant, by_user_and_route);
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub fn key(mut self, key: impl Into<KeySpec>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Whose account, by a closure; `None`, or an empty text, is [missing](Self::missing).
    ///
    /// A text, a number, an address: whatever is a [`KeyValue`]. Of a text that the request has,
    /// `KeyValue::from(text)` keeps a copy without a `String`.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{KeyValue, TimeBudget};
    /// let by_tenant = TimeBudget::rule("api", "1000 per hour")
    ///     .key_by(|request| request.headers().get("x-tenant")?.to_str().ok().map(KeyValue::from))
    ///     .build()?;
    /// # let _ = by_tenant;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub fn key_by<K: Into<KeyValue>>(
        self,
        key: impl Fn(&ServiceRequest) -> Option<K> + Send + Sync + 'static,
    ) -> Self {
        self.key(component_by(key))
    }

    /// What stands in for a component of the key that a request does not have; by default the client's address.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Component, Missing, TimeBudget};
    /// let tenants = TimeBudget::rule("tenants", "1000 per hour")
    ///     .key(Component::Header("x-tenant".into()))
    ///     .missing(Missing::Skip) // Who names no tenant is not limited by this rule.
    ///     .build()?;
    /// # let _ = tenants;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub fn missing(mut self, missing: Missing) -> Self {
        self.rule.missing = missing;
        self
    }

    /// Each method has an account of its own.
    ///
    /// HEAD draws on the account of GET, and methods that no standard knows share one.
    pub const fn per_method(mut self) -> Self {
        self.rule.per_method = true;
        self
    }

    /// Requests that the rule is about; of several conditions, those that fulfil all.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Condition, Method, TimeBudget, prefix};
    /// let writes = Condition::Method(["POST", "PUT", "DELETE"].into_iter().filter_map(Method::new).collect());
    /// let rule = TimeBudget::rule("writes", "100 per hour").when(prefix("/api")).when(writes).build()?;
    /// # let _ = rule;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub fn when(mut self, condition: Condition) -> Self {
        self.when.push(condition);
        self
    }

    /// Requests that the rule is about, by a closure; for paths and methods there is [`path`](Self::path) and its like.
    ///
    /// `request.path()` is the path as its client spells it; [`normal_path`](crate::normal_path) is the one that
    /// the router and other rules see.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    /// let uploads = TimeBudget::rule("uploads", "600s per hour")
    ///     .when_by(|request| request.headers().contains_key("content-range"))
    ///     .build()?;
    /// # let _ = uploads;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub fn when_by(self, is_meant: impl Fn(&ServiceRequest) -> bool + Send + Sync + 'static) -> Self {
        self.when(Condition::Computed(of_request(is_meant)))
    }

    /// Requests that the rule neither refuses nor counts; of several conditions, those that fulfil one.
    ///
    /// Rules that apply [otherwise](Self::otherwise) give way to it for them, too.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{TimeBudget, path};
    /// let pages = TimeBudget::rule("pages", "200 per day").exempt_when(path("/health")).exempt_when(path("/metrics")).build()?;
    /// # let _ = pages;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub fn exempt_when(mut self, condition: Condition) -> Self {
        self.exempt.push(condition);
        self
    }

    /// Requests that the rule neither refuses nor counts, by a closure.
    pub fn exempt_by(self, is_exempt: impl Fn(&ServiceRequest) -> bool + Send + Sync + 'static) -> Self {
        self.exempt_when(Condition::Computed(of_request(is_exempt)))
    }

    /// Leaves out a scope inside, such as one whose own budget is to replace this one.
    ///
    /// The pattern is that of the scope with those of the scopes around it, `/teams/{team}/reports`. What it takes is
    /// decided by the path, as a scope does, since an outer budget decides before any inner one is asked. So a resource
    /// of such a path that is registered beside the scope is left out as well.
    ///
    /// # Panics
    ///
    /// On a pattern that is none, as a scope of it would.
    pub fn except(self, scope: &str) -> Self {
        self.exempt_when(under_scope(scope))
    }

    /// Limits in place of those of the rate string, by a closure that gives some to a request; an empty list is no limit.
    ///
    /// Accounts are known by unit and period and not by what they grant: who is given another quota meets what was
    /// spent. Periods are to be few, since each one that was ever given is kept.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Limit, Period, TimeBudget};
    /// let by_plan = TimeBudget::rule("api", "100 per hour")
    ///     .limits_by(|request| {
    ///         let is_gold = request.headers().get("x-plan").is_some_and(|plan| plan == "gold");
    ///         is_gold.then(|| [Limit::requests(1_000).per(Period::HOUR)]) // Others have the 100 of the rule.
    ///     })
    ///     .build()?;
    /// # let _ = by_plan;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub fn limits_by<L: IntoIterator<Item = Limit>>(
        mut self,
        limits: impl Fn(&ServiceRequest) -> Option<L> + Send + Sync + 'static,
    ) -> Self {
        self.rule.limits_by = Some(of_request(move |request| Some(limits(request)?.into_iter().collect())));
        self
    }

    /// Requests that one request is charged, by default 1, and at most 2^53.
    ///
    /// It is of limits that count requests. Of a limit of time, a request is charged what it takes, whatever is said here.
    pub fn cost(mut self, requests: u64) -> Self {
        self.rule.cost = Cost::Fixed(requests);
        self
    }

    /// Requests that one request is charged, by a closure; of it at most 2^53.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    /// let batches = TimeBudget::rule("items", "10000 per day")
    ///     .cost_by(|request| {
    ///         let items = request.headers().get("x-items").and_then(|items| items.to_str().ok()?.parse().ok());
    ///         items.unwrap_or(1)
    ///     })
    ///     .build()?;
    /// # let _ = batches;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub fn cost_by(mut self, cost: impl Fn(&ServiceRequest) -> u64 + Send + Sync + 'static) -> Self {
        self.rule.cost = Cost::Computed(cost_of_request(cost));
        self
    }

    /// Which requests are counted, by default those that are served.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Component, Counts, TimeBudget};
    /// let ban = TimeBudget::rule("ban", "20 per hour").key(Component::Ip).counts(Counts::Refusals);
    /// let budget = TimeBudget::rules([TimeBudget::rule("login", "5 per minute").path("/login"), ban]).build()?;
    /// # let _ = budget;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub const fn counts(mut self, counts: Counts) -> Self {
        self.rule.counts = counts;
        self
    }

    /// Answers that are charged, such as `[401, 403]`; for others the reservation is returned.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    /// let failures = TimeBudget::rule("login", "10 per hour").path("/login").charge_when([401, 403]).build()?;
    /// # let _ = failures;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    ///
    /// Until a request is answered it is charged, so of thirty that come at once on a limit of ten, ten are admitted.
    pub fn charge_when(mut self, answers: impl Into<ChargeWhen>) -> Self {
        self.rule.charge_when = Some(answers.into());
        self
    }

    /// Answers that are charged, by a closure over their head.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    /// let misses = TimeBudget::rule("misses", "60 per minute")
    ///     .charge_by(|head| !head.headers().contains_key("x-cache-hit"))
    ///     .build()?;
    /// # let _ = misses;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub fn charge_by(mut self, is_charged: impl Fn(&ResponseHead) -> bool + Send + Sync + 'static) -> Self {
        self.rule.charge_when = Some(ChargeWhen::Judged(judge(is_charged)));
        self
    }

    /// How long a request's time runs, by default to the end of the body.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{TimeBudget, Until};
    /// let events = TimeBudget::rule("events", "60s per hour").path("/events").until(Until::Head).build()?;
    /// # let _ = events;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub const fn until(mut self, until: Until) -> Self {
        self.rule.until = until;
        self
    }

    /// Leaves the last fifth of a shared account to clients who have not spent their share of it.
    ///
    /// Clients are told apart by these components, such as their addresses.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Component, TimeBudget};
    /// let site = TimeBudget::rule("site", "600s per hour").key(Component::Site).fair(Component::Ip).build()?;
    /// # let _ = site;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub fn fair(mut self, clients: impl Into<KeySpec>) -> Self {
        self.rule.fair = Some(clients.into());
        self
    }

    /// What a running request holds of a time limit, by default what is expected of its route.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Hold, Micros, TimeBudget};
    /// let reports = TimeBudget::rule("reports", "600s per hour").hold(Hold::Fixed(Micros::from_secs(30))).build()?;
    /// # let _ = reports;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub const fn hold(mut self, hold: Hold) -> Self {
        self.rule.hold = hold;
        self
    }

    /// What becomes of requests that run when a budget of time is spent, by default that they finish.
    ///
    /// A guide to hard budgets is `docs/hard-budgets.md`.
    ///
    /// ```
    /// use timebudget::{Overrun, TimeBudget};
    /// let reports = TimeBudget::rule("reports", "600s per hour").overrun(Overrun::Cut).build()?;
    /// # let _ = reports;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub const fn overrun(mut self, overrun: Overrun) -> Self {
        self.rule.overrun = overrun;
        self
    }

    /// Decides, counts and logs, but never refuses.
    ///
    /// Observers are told of whom it would have refused, and clients of nothing: so a limit is tried out before anybody meets it.
    pub const fn shadow(mut self) -> Self {
        self.rule.shadow = true;
        self
    }

    /// Applies only where no other rule of the budget does that displaces it.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    /// let budget = TimeBudget::rules([
    ///     TimeBudget::rule("search", "1000 per hour").prefix("/search"),
    ///     TimeBudget::rule("default", "100 per hour").otherwise(), // Whatever is no search.
    /// ])
    /// .build()?;
    /// # let _ = budget;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub const fn otherwise(mut self) -> Self {
        self.rule.otherwise = true;
        self
    }

    /// Applies beside the rules that apply [otherwise](Self::otherwise), and not in place of them.
    ///
    /// For rules about everything, such as a cap on what runs at once, which would otherwise displace the default for every request.
    pub const fn beside(mut self) -> Self {
        self.rule.displaces = false;
        self
    }
}

/// A rule with what its builder has to say of it; what is wrong with it as a rule is yet to be asked.
pub(crate) struct Finished {
    /// `None` if it has no limits or no key, which has been found then.
    pub(crate) rule: Option<Rule>,
    pub(crate) hooks: OnRefusal,
    pub(crate) found: Vec<Finding>,
}

impl RuleBuilder {
    /// The rule, and what is done in the application's own way when it refuses.
    pub(crate) fn finish(self) -> Finished {
        let Self { mut rule, limits, key, when, exempt, block, mut faults, hooks } = self;
        rule.when = if when.is_empty() { Condition::ALWAYS } else { Condition::All(when) };
        rule.exempt_when = (!exempt.is_empty()).then_some(Condition::Any(exempt));
        match &mut rule.action {
            Action::Block(own) => *own = block,
            Action::Rewrite(_) if block != Block::default() => faults.push(Mistake::wrong(UNSHOWN)),
            Action::Rewrite(_) => {}
        }
        let limits = read(&limits, &mut faults);
        let key = limits.as_deref().and_then(|limits| own_or_default(key, limits, &mut faults));
        let found = faults.into_iter().map(|fault| Finding::of_rule(&rule.name, fault)).collect();
        let rule = limits.zip(key).map(|(limits, key)| Rule { limits, key, ..rule });
        Finished { rule, hooks, found }
    }
}

const UNSHOWN: &str = "a status or a message beside a rewrite that shows neither; expected one of them";

/// The limits; of those that would share an account the smallest.
fn read(limits: &Limits, faults: &mut Vec<Mistake>) -> Option<LimitSet> {
    match limits.read() {
        Ok(written) => {
            let count = written.len();
            let kept = LimitSet::from(written);
            faults.extend((kept.len() < count).then(|| Mistake::suspect(ONE_ACCOUNT).with(limits)));
            Some(kept)
        }
        Err(error) => {
            faults.push(Mistake::wrong(error.words()).with_text(error.part()));
            None
        }
    }
}

fn own_or_default(key: Option<KeySpec>, limits: &[Limit], faults: &mut Vec<Mistake>) -> Option<KeySpec> {
    match key.map_or_else(|| default_key(limits), Ok) {
        Ok(key) => Some(key),
        Err(fault) => {
            faults.push(fault);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Component;

    fn rule(rates: &str) -> Rule {
        RuleBuilder::new("a", rates.into()).finish().rule.expect("a rule")
    }

    #[test]
    fn the_default_key_is_that_of_a_site_file() {
        assert_eq!(rule("1s per hour; 5 concurrent").key, KeySpec::from(Component::Site));
        assert_eq!(rule("1 per hour; 5 per day").key, KeySpec::from(Component::Ip));
    }

    #[test]
    fn what_is_not_said_is_as_in_a_site_file() {
        let limits = vec![Limit::Concurrent { cap: 5 }];
        assert_eq!(rule("5 concurrent; 6 concurrent"), Rule::new("a", Component::Site, limits));
    }
}
