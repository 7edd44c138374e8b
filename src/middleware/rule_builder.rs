//! A rule that code describes.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::dev::{ResponseHead, ServiceRequest};

use crate::limiter::{Engine, Refusal};
use crate::middleware::TimeBudget;
use crate::middleware::budget_builder::BudgetBuilder;
use crate::middleware::closures::{cost_of_request, judge, of_request, under_scope};
use crate::middleware::hooks::OnRefusal;
use crate::middleware::rule_error::RuleError;
use crate::model::action::{Action, Block};
use crate::model::answer::ChargeWhen;
use crate::model::condition::Condition;
use crate::model::limit::Limit;
use crate::model::method::Method;
use crate::model::rate::parse_rates;
use crate::model::rule::{Component, Cost, Counts, Hold, KeySpec, Missing, Rule, Until, tightest};
use crate::model::site::Site;

/// A rule that code describes: made by [`TimeBudget::rule`], and in the end built, or given to [`TimeBudget::rules`].
///
/// What is not said is as in a site file. Each field that a request may decide has two methods: one for a value, and one
/// ending in `_by` for a closure. A closure runs once for each request that the rule is about, before the decision; one
/// that panics does so as a handler would, and nothing is charged.
///
/// # Examples
///
/// ```
/// use actix_web::{App, HttpResponse, web};
/// use timebudget::TimeBudget;
///
/// let exports = TimeBudget::rule("exports", "60s per hour; 5 concurrent")
///     .key_by(|request| request.match_info().get("team").map(str::to_owned))
///     .exempt_by(|request| request.headers().contains_key("x-internal"))
///     .message("Exports are made in turn.")
///     .build()?;
/// let app = App::new().service(
///     web::resource("/teams/{team}/export").wrap(exports.clone()).route(web::get().to(HttpResponse::Ok)),
/// );
/// # let _ = app;
/// # Ok::<(), timebudget::middleware::RuleError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a rule does nothing until it is built and wrapped around something"]
pub struct RuleBuilder {
    rule: Rule,
    rates: String,
    key: Option<KeySpec>,
    /// Conditions that must all hold.
    when: Vec<Condition>,
    /// Conditions of which one exempts.
    exempt: Vec<Condition>,
    block: Block,
    fault: Option<RuleError>,
    hooks: OnRefusal,
}

impl RuleBuilder {
    pub(super) fn new(name: &str, rates: &str) -> Self {
        Self {
            rule: Rule::new(name, Component::Site, Vec::new()),
            rates: rates.to_owned(),
            key: None,
            when: Vec::new(),
            exempt: Vec::new(),
            block: Block::default(),
            fault: None,
            hooks: OnRefusal::default(),
        }
    }

    /// Whose account: components, each of which tells accounts apart.
    ///
    /// By default the site's where time, or what runs at once, is limited, and the client address's where requests are
    /// counted. Limits of both kinds need a key.
    pub fn key(mut self, key: impl Into<KeySpec>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Whose account, by a closure; `None`, or an empty text, is [missing](Self::missing).
    pub fn key_by(self, key: impl Fn(&ServiceRequest) -> Option<String> + Send + Sync + 'static) -> Self {
        self.key(Component::Computed(of_request(key)))
    }

    /// What stands in for a component of the key that a request does not have; by default the client's address.
    pub fn missing(mut self, missing: Missing) -> Self {
        self.rule.missing = missing;
        self
    }

    /// Each method has an account of its own.
    pub const fn per_method(mut self) -> Self {
        self.rule.per_method = true;
        self
    }

    /// Requests that the rule is about; of several conditions, those that fulfil all.
    pub fn when(mut self, condition: Condition) -> Self {
        self.when.push(condition);
        self
    }

    /// Requests that the rule is about, by a closure.
    pub fn when_by(self, is_meant: impl Fn(&ServiceRequest) -> bool + Send + Sync + 'static) -> Self {
        self.when(Condition::Computed(of_request(is_meant)))
    }

    /// Requests of these methods; HEAD is GET.
    pub fn methods<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut methods = Vec::new();
        for name in names {
            match Method::new(name) {
                Some(method) => methods.push(method),
                None => self.is_wrong(RuleError::Method(name.to_owned())),
            }
        }
        self.when(Condition::Method(methods))
    }

    /// Requests that the rule neither refuses nor counts; of several conditions, those that fulfil one.
    ///
    /// Rules that apply [otherwise](Self::otherwise) give way to it for them, too.
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
    pub fn limits_by<L: IntoIterator<Item = Limit>>(
        mut self,
        limits: impl Fn(&ServiceRequest) -> Option<L> + Send + Sync + 'static,
    ) -> Self {
        self.rule.limits_by = Some(of_request(move |request| Some(limits(request)?.into_iter().collect())));
        self
    }

    /// Requests that one request is charged, by default 1.
    pub fn cost(mut self, requests: u64) -> Self {
        self.rule.cost = Cost::Fixed(requests.min(Cost::MOST));
        self
    }

    /// Requests that one request is charged, by a closure; of it at most 2^53.
    pub fn cost_by(mut self, cost: impl Fn(&ServiceRequest) -> u64 + Send + Sync + 'static) -> Self {
        self.rule.cost = Cost::Computed(cost_of_request(cost));
        self
    }

    /// Which requests are counted, by default those that are served.
    pub const fn counts(mut self, counts: Counts) -> Self {
        self.rule.counts = counts;
        self
    }

    /// Answers that are charged, such as `[401, 403]`; for others the reservation is returned.
    pub fn charge_when(mut self, answers: impl Into<ChargeWhen>) -> Self {
        self.rule.charge_when = Some(answers.into());
        self
    }

    /// Answers that are charged, by a closure over their head.
    pub fn charge_by(mut self, is_charged: impl Fn(&ResponseHead) -> bool + Send + Sync + 'static) -> Self {
        self.rule.charge_when = Some(ChargeWhen::Judged(judge(is_charged)));
        self
    }

    /// How long a request's time runs, by default to the end of the body.
    pub const fn until(mut self, until: Until) -> Self {
        self.rule.until = until;
        self
    }

    /// What a running request holds of a time limit, by default what is expected of its route.
    pub const fn hold(mut self, hold: Hold) -> Self {
        self.rule.hold = hold;
        self
    }

    /// Decides, counts and logs, but never refuses.
    pub const fn shadow(mut self) -> Self {
        self.rule.shadow = true;
        self
    }

    /// Applies only where no other rule of the budget does that displaces it.
    pub const fn otherwise(mut self) -> Self {
        self.rule.otherwise = true;
        self
    }

    /// Applies beside the rules that apply [otherwise](Self::otherwise), and not in place of them.
    pub const fn beside(mut self) -> Self {
        self.rule.displaces = false;
        self
    }

    /// The status of a refusal, by default 429.
    pub fn status(mut self, status: u16) -> Self {
        match (400..=599).contains(&status) {
            true => self.block.status = Some(status),
            false => self.is_wrong(RuleError::Status(status)),
        }
        self
    }

    /// What a refusal says, in the form that the client asks for.
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.block.message = Some(message.into());
        self
    }

    /// What a refusal says, by a closure.
    pub fn message_by(
        mut self,
        message: impl Fn(&ServiceRequest, &Refusal) -> String + Send + Sync + 'static,
    ) -> Self {
        self.hooks.message = Some(Arc::new(message));
        self
    }

    /// Serves refused requests the page of another path of the application, under a wrap around the `App`.
    pub fn rewrite(mut self, path: &str) -> Self {
        match Action::can_rewrite_to(path) {
            true => self.rule.action = Action::Rewrite(path.to_owned()),
            false => self.is_wrong(RuleError::Target(path.to_owned())),
        }
        self
    }

    /// Answers refused requests, by a closure.
    ///
    /// `Retry-After`, `Cache-Control: no-store` and where the client stands are added, unless the response says them.
    pub fn respond_with(
        mut self,
        respond: impl Fn(&ServiceRequest, &Refusal) -> HttpResponse + Send + Sync + 'static,
    ) -> Self {
        self.hooks.respond = Some(Arc::new(respond));
        self
    }

    /// Tells of each refusal by this rule, before it is answered.
    pub fn on_refusal(mut self, told: impl Fn(&ServiceRequest, &Refusal) + Send + Sync + 'static) -> Self {
        self.hooks.told = Some(Arc::new(told));
        self
    }

    /// Goes on to the budget of this rule, on an engine that others share.
    pub fn engine(self, engine: &Arc<Engine>) -> BudgetBuilder {
        TimeBudget::rules([self]).engine(engine)
    }

    /// Goes on to the budget of this rule, as a site's.
    pub fn site(self, site: Site) -> BudgetBuilder {
        TimeBudget::rules([self]).site(site)
    }

    /// The budget of this rule alone, in UTC, in memory, by the machine's clocks.
    ///
    /// # Errors
    ///
    /// What is wrong with the rule.
    pub fn build(self) -> Result<TimeBudget, RuleError> {
        TimeBudget::rules([self]).build()
    }

    fn is_wrong(&mut self, fault: RuleError) {
        self.fault.get_or_insert(fault);
    }

    /// The rule, and what is done in the application's own way when it refuses.
    pub(super) fn finish(self) -> Result<(Rule, OnRefusal), RuleError> {
        let Self { mut rule, rates, key, when, exempt, block, fault, hooks } = self;
        let name = || rule.name.clone();
        if let Some(fault) = fault {
            return Err(fault);
        }
        if !Rule::can_be_named(&rule.name) {
            return Err(RuleError::Name(name()));
        }
        let limits = parse_rates(&rates).map_err(|error| RuleError::Rates(name(), error))?;
        if rule.counts == Counts::Refusals && !limits.iter().all(Limit::counts_requests) {
            return Err(RuleError::Counts(name()));
        }
        rule.key = key.or_else(|| default_key(&limits)).ok_or_else(|| RuleError::Key(name()))?;
        rule.limits = tightest(limits);
        rule.when = if when.is_empty() { Condition::ALWAYS } else { Condition::All(when) };
        rule.exempt_when = (!exempt.is_empty()).then_some(Condition::Any(exempt));
        if let Action::Block(own) = &mut rule.action {
            *own = block;
        }
        Ok((rule, hooks))
    }
}

/// Time, and what may run at once, is the site's; requests are counted for each client address.
fn default_key(limits: &[Limit]) -> Option<KeySpec> {
    match limits.iter().filter(|limit| limit.counts_requests()).count() {
        0 => Some(Component::Site.into()),
        counted if counted == limits.len() => Some(Component::Ip.into()),
        _ => None,
    }
}
