//! A request that runs: its reservation, in a place of its own that all share who have to do with it.
//!
//! Places are kept by the worker and used again, so that a request allocates none.

use std::cell::{Cell, OnceCell, RefCell, RefMut};
use std::iter;
use std::ops::Deref;
use std::rc::Rc;

use actix_web::HttpRequest;
use actix_web::dev::ResponseHead;

use crate::limiter::{Decision, Holding, LimitReport, Question, Refusal, Refused, Report};
use crate::middleware::body::Deadline;
use crate::middleware::classes::Class;
use crate::middleware::closures::HeadAnswer;
use crate::middleware::facts::RequestFacts;
use crate::middleware::standing::{Inner, Rewritten};
use crate::middleware::worker::WorkerSite;
use crate::store::Fault;

/// How many places a worker keeps for requests to come; those that more requests at once needed are given back.
const KEPT: usize = 256;

/// A request that runs under a budget.
#[derive(Debug)]
pub(crate) struct Running {
    /// None in a place that is kept.
    site: Option<WorkerSite>,
    /// Never borrowed across user code.
    holding: RefCell<Holding>,
    /// By what it is known which route the request would reach.
    class: Cell<Class>,
    /// Whether the request's body was asked for in this poll, and has to be waited for.
    waits_for_client: Cell<bool>,
    /// Whether it is the client that everything waits for now, since the last poll.
    is_with_client: Cell<bool>,
    /// Whether the handler has stopped its time, since it waits for something that costs nothing.
    is_paused: Cell<bool>,
    /// What few requests have.
    seldom: OnceCell<Box<Seldom>>,
    /// The budget around this one.
    pub(crate) outer: Option<Rc<Running>>,
}

/// What few requests have: it takes no room in the others, which only look whether there is any of it.
#[derive(Debug, Default)]
pub(crate) struct Seldom {
    /// What the budgets inside this one have told the client.
    pub(crate) inner: RefCell<Option<Inner>>,
    /// Why it was refused, if it is served another page.
    pub(crate) rewritten: RefCell<Option<Rewritten>>,
    /// What ends it, if a rule may; most rules let finish what runs.
    pub(crate) deadline: RefCell<Option<Deadline>>,
}

/// Nobody can decide over a request. Those who are to know why have been told, and the client is not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Undecided;

impl Undecided {
    #[cold]
    fn new(_: Fault) -> Self {
        Self
    }
}

/// The places that a worker keeps.
#[derive(Debug, Default)]
pub(crate) struct Places(RefCell<Vec<Rc<Running>>>);

/// A request's place, which ends the request when it is dropped, whoever else still knows of it.
#[derive(Debug)]
pub(crate) struct Guard(Rc<Running>);

impl Places {
    /// A place for a request that is yet to be admitted, inside of `outer`.
    #[inline(always)]
    pub(crate) fn take(&self, site: WorkerSite, outer: Option<Rc<Running>>) -> Guard {
        let mut place = self.0.borrow_mut().pop().unwrap_or_else(|| Rc::new(Running::nobodys()));
        // A place that is kept has no other owner.
        if let Some(running) = Rc::get_mut(&mut place) {
            (running.site, running.outer) = (Some(site), outer);
        }
        Guard(place)
    }

    #[inline(always)]
    fn keep(&self, place: Rc<Running>) {
        let mut kept = self.0.borrow_mut();
        if kept.len() < KEPT {
            kept.push(place);
        }
    }
}

impl Deref for Guard {
    type Target = Rc<Running>;

    fn deref(&self) -> &Rc<Running> {
        &self.0
    }
}

impl Drop for Guard {
    /// Lets go of the site and of the budgets around: a place that is kept must not keep a limiter that a reload has replaced.
    #[inline]
    fn drop(&mut self) {
        match Rc::get_mut(&mut self.0) {
            Some(running) => {
                if let Some(site) = running.vacate() {
                    site.places().keep(Rc::clone(&self.0));
                }
            }
            // Who still holds the request, such as a handler's `Budget`, drops its place.
            None => self.0.end(),
        }
    }
}

impl Running {
    fn nobodys() -> Self {
        Self {
            site: None,
            holding: RefCell::new(Holding::vacant()),
            class: Cell::default(),
            waits_for_client: Cell::new(false),
            is_with_client: Cell::new(false),
            is_paused: Cell::new(false),
            seldom: OnceCell::new(),
            outer: None,
        }
    }

    /// Ends the request, and leaves the place; returns the site that it was of.
    #[inline]
    fn vacate(&mut self) -> Option<WorkerSite> {
        let site = self.site.take()?;
        let holding = self.holding.get_mut();
        holding.settle(&site);
        holding.clear();
        self.class.set(Class::default());
        self.waits_for_client.set(false);
        self.is_with_client.set(false);
        self.is_paused.set(false);
        if self.seldom.get().is_some() {
            self.seldom = OnceCell::new();
        }
        self.outer = None;
        Some(site)
    }

    /// Ends the request that somebody keeps: it is nobody's to be cut any more.
    #[inline(never)]
    fn end(&self) {
        self.settle();
        if let Some(seldom) = self.seldom() {
            seldom.deadline.take();
        }
    }

    #[inline(always)]
    pub(crate) fn admit(&self, facts: &RequestFacts<'_>) -> Result<Decision, Undecided> {
        let decided = self.holding().admit(self.site(), facts);
        self.class.set(facts.class());
        decided.map_err(Undecided::new)
    }

    /// All that is to be said of why it is refused.
    pub(crate) fn refusal(&self, refused: &Refused) -> Refusal {
        self.holding().refusal(self.site(), refused)
    }

    /// Charges the request its time, though it was refused, since it is served another page.
    pub(crate) fn admit_rewritten(
        &self,
        facts: &RequestFacts<'_>,
        refused: &Refused,
    ) -> Result<Decision, Undecided> {
        let report = Report::from(self.holding().refused(refused));
        let rewritten = Rewritten { report, standard: self.refused_standard() };
        *self.to_have_seldom().rewritten.borrow_mut() = Some(rewritten);
        // It will not reach the route that it looks like.
        self.class.set(Class::default());
        self.holding().admit_rewritten(self.site(), facts).map_err(Undecided::new)
    }

    /// Whether a budget is around this one.
    #[inline]
    pub(crate) const fn is_inside(&self) -> bool {
        self.outer.is_some()
    }

    /// The rule on an account of which the request has a claim by a budget around this one, too.
    pub(crate) fn rule_charged_twice(&self) -> Option<&str> {
        let own = self.holding();
        let outer = iter::successors(self.outer.as_ref(), |inner| inner.outer.as_ref());
        let twice = outer
            .into_iter()
            .filter(|outer| self.site().shares_accounts_with(outer.site()))
            .find_map(|outer| own.shared_with(&outer.holding()));
        twice.map(|rule| self.site().rule_name_at(rule))
    }

    /// Whether the request was refused, and is served another page.
    pub(crate) fn is_rewritten(&self) -> bool {
        self.seldom().is_some_and(|seldom| seldom.rewritten.borrow().is_some())
    }

    /// Whether a budget around this one has refused the request and has it served another page.
    pub(crate) fn is_inside_of_rewritten(&self) -> bool {
        self.outer.as_ref().is_some_and(|outer| outer.and_around().any(Self::is_rewritten))
    }

    /// Waits until the store has asked others.
    pub(crate) async fn conclude(&self, question: Box<Question>) -> Result<Decision, Undecided> {
        let Question { asking, now } = *question;
        let answer = asking.await.map_err(|fault| Undecided::new(self.site().failed(fault)))?;
        Ok(self.holding().conclude(self.site(), answer, now))
    }

    /// What the request holds. Not to be kept across user code, which may ask for it, too.
    #[inline]
    pub(crate) fn holding(&self) -> RefMut<'_, Holding> {
        self.holding.borrow_mut()
    }

    /// What few requests have, if it has any of it.
    #[inline]
    pub(crate) fn seldom(&self) -> Option<&Seldom> {
        self.seldom.get().map(|seldom| &**seldom)
    }

    /// The same, of one that is to have some of it.
    #[cold]
    pub(crate) fn to_have_seldom(&self) -> &Seldom {
        self.seldom.get_or_init(Box::default)
    }

    /// The site that answers for it. A place that no request has taken is asked nothing.
    #[inline]
    pub(crate) const fn site(&self) -> &WorkerSite {
        self.site.as_ref().expect("a request has a site")
    }

    /// Hears which request was answered, of whose route its class learns.
    #[inline(always)]
    pub(crate) fn reached(&self, request: &HttpRequest) {
        let class = self.class.get();
        if class != Class::default() {
            let route = self.site().common().classes.reached(class, request);
            self.holding().reached(route);
        }
    }

    pub(crate) fn waits_for_client(&self, waits: bool) {
        self.waits_for_client.set(waits);
    }

    /// Begins a poll of the handler, or of the body that it has made; says whether the client was waited for.
    #[inline(always)]
    pub(crate) fn enter(&self) -> bool {
        self.waits_for_client.set(false);
        let was_with_client = self.is_with_client.take();
        if was_with_client {
            self.come_back();
        }
        was_with_client
    }

    #[inline(never)]
    fn come_back(&self) {
        if !self.is_paused.get() {
            self.holding().resume(self.site());
        }
    }

    /// Begins a poll of the handler; says whether it may go on, which it may not if its budget is spent.
    #[inline(always)]
    pub(crate) fn enter_handler(&self) -> bool {
        // Whether its client has come back, the handler has to see.
        self.enter() || !self.is_spent()
    }

    /// Ends a poll that has yielded nothing.
    ///
    /// Only here can it be known that it waits for its client: a handler that asked for the request's body may have
    /// gone on to work on something else.
    pub(crate) fn leave(&self) {
        if self.waits_for_client.get() {
            self.pause();
        }
    }

    /// Ends a poll after which the client is waited for.
    pub(crate) fn pause(&self) {
        self.is_with_client.set(true);
        self.holding().pause(self.site());
    }

    /// Stops the time, also under the budgets around this one, until the handler says that it is to run on.
    pub(crate) fn pause_for_handler(&self) {
        for running in self.and_around() {
            running.is_paused.set(true);
            running.holding().pause(running.site());
        }
    }

    /// Lets the time run again that the handler has stopped: at once, or where the client is waited for, with the next poll.
    pub(crate) fn resume_for_handler(&self) {
        for running in self.and_around().filter(|running| running.is_paused.take()) {
            if !running.is_with_client.get() {
                running.holding().resume(running.site());
                running.runs_again();
            }
        }
    }

    /// This one and those around it.
    pub(crate) fn and_around(&self) -> impl Iterator<Item = &Self> {
        iter::successors(Some(self), |running| running.outer.as_deref())
    }

    #[cold]
    pub(crate) fn answered(&self, head: &ResponseHead) {
        // Rules may ask the application's code, which may ask for this request's budget.
        let rules = self.holding().rules();
        let returned = self.site().returning(rules, &HeadAnswer(head));
        self.holding().give_back(self.site(), &returned);
    }

    /// Where each limit stands, of this budget and those around it, of the outermost first.
    pub(crate) fn limits_of_all(&self) -> Vec<LimitReport> {
        let mut limits = self.outer.as_ref().map_or_else(Vec::new, |outer| outer.limits_of_all());
        limits.extend(self.holding().limits(self.site()));
        limits
    }

    /// Ends the request; a second time does nothing.
    #[inline]
    pub(crate) fn settle(&self) {
        self.holding().settle(self.site());
    }
}
