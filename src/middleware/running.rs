//! A request that runs: its reservation, in a place of its own that all share who have to do with it, and the site that it is for.
//!
//! Places are kept by the worker and used again, so that a request allocates none. A place holds the site of the last request that was
//! in it, for most servers answer for one; a worker that has seen other sites keeps no place of those before.

use std::cell::{Cell, OnceCell, Ref, RefCell, RefMut};
use std::iter;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use actix_web::HttpRequest;
use actix_web::dev::ResponseHead;
use actix_web::http::header::HeaderValue;

use crate::limiter::{
    Alarm, Decision, Holding, Limiter, More, Question, Refusal, Refused, Report, Untold, What,
};
use crate::middleware::classes::{Class, Classes};
use crate::middleware::closures::{HeadAnswer, Hooks};
use crate::middleware::route::Parameters;
use crate::middleware::standard::Standard;
use crate::middleware::told::{Form, LastRefusal};
use crate::middleware::wire::{RuleName, Wire};
use crate::sites::Answering;
use crate::store::Fault;

/// How many places a worker keeps for requests to come; those that more requests at once needed are given back.
const KEPT: usize = 256;

/// A request that runs under a budget.
#[derive(Debug)]
pub(crate) struct Running {
    /// In a place that is kept, that of the last request.
    site: WorkerSite,
    /// Never borrowed to be changed across the application's code: closures are asked before, and observers told after.
    holding: RefCell<Holding>,
    /// By what it is known which route the request would reach.
    pub(crate) class: Cell<Class>,
    /// Whether the request's body was asked for in this poll, and has to be waited for.
    pub(crate) waits_for_client: Cell<bool>,
    /// Whether it is the client that everything waits for now, since the last poll.
    pub(crate) is_with_client: Cell<bool>,
    /// Whether the handler has stopped its time, since it waits for something that costs nothing.
    pub(crate) is_paused: Cell<bool>,
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
    pub(crate) fn new(_: Fault) -> Self {
        Self
    }
}

/// What is told of a refused request that is served another page.
#[derive(Debug)]
pub(crate) struct Rewritten {
    pub(crate) report: Report,
    pub(crate) standard: Option<Standard>,
}

/// What a budget inside of another has told the client.
#[derive(Debug)]
pub(crate) struct Inner {
    /// Whether it has refused the request.
    pub(crate) is_refusal: bool,
    /// Where its tightest limit stands.
    pub(crate) report: Report,
    /// The rule of that limit.
    pub(crate) rule: RuleName,
    /// Whether it has written the fields of the draft.
    pub(crate) standard: bool,
    /// By whose spelling the fields are found.
    pub(crate) site: WorkerSite,
}

/// What is kept of a request that may be cut.
#[derive(Debug)]
pub(crate) struct Deadline {
    pub(crate) alarm: Alarm,
    /// Who polls it.
    pub(crate) waker: Option<Waker>,
    /// In what form its client is told.
    pub(crate) form: Form,
}

/// The places that a worker keeps.
#[derive(Debug, Default)]
pub(crate) struct Places {
    kept: RefCell<Vec<Rc<Running>>>,
    /// The view of sites that places are kept of.
    view: Cell<u64>,
}

/// A request's place, which ends the request when it is dropped, whoever else still knows of it.
#[derive(Debug)]
pub(crate) struct Guard(Rc<Running>);

impl Places {
    /// A place for a request that is yet to be admitted, inside of `outer`.
    #[inline(always)]
    pub(crate) fn take(&self, site: &WorkerSite, outer: Option<Rc<Running>>) -> Guard {
        let kept = self.kept.borrow_mut().pop();
        let mut place = kept.unwrap_or_else(|| Rc::new(Running::of(site.clone())));
        // A place that is kept has no other owner.
        if let Some(running) = Rc::get_mut(&mut place) {
            if !running.site.is(site) {
                running.site = site.clone();
            }
            running.outer = outer;
        }
        Guard(place)
    }

    #[inline(always)]
    fn keep(&self, place: Rc<Running>) {
        let mut kept = self.kept.borrow_mut();
        if kept.len() < KEPT && place.site.0.view == self.view.get() {
            kept.push(place);
        }
    }

    /// Keeps places of this view only: others would keep limiters that a reload has replaced.
    pub(crate) fn keep_those_of(&self, view: u64) {
        self.view.set(view);
        // Dropped when nothing is borrowed any more.
        let _others = self.kept.take();
    }
}

impl Deref for Guard {
    type Target = Rc<Running>;

    fn deref(&self) -> &Rc<Running> {
        &self.0
    }
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        match Rc::get_mut(&mut self.0) {
            Some(running) => {
                running.vacate();
                self.0.site.places().keep(Rc::clone(&self.0));
            }
            // Who still holds the request, such as a handler's `Budget`, drops its place.
            None => self.0.end(),
        }
    }
}

impl Running {
    fn of(site: WorkerSite) -> Self {
        Self {
            site,
            holding: RefCell::new(Holding::vacant()),
            class: Cell::default(),
            waits_for_client: Cell::new(false),
            is_with_client: Cell::new(false),
            is_paused: Cell::new(false),
            seldom: OnceCell::new(),
            outer: None,
        }
    }

    /// Ends the request, and leaves the place.
    #[inline]
    fn vacate(&mut self) {
        if !self.holding.get_mut().is_settled {
            self.settle_now();
        }
        self.holding.get_mut().clear();
        self.class.set(Class::default());
        self.waits_for_client.set(false);
        self.is_with_client.set(false);
        self.is_paused.set(false);
        if self.seldom.get().is_some() {
            self.seldom = OnceCell::new();
        }
        self.outer = None;
    }

    /// Ends the request that somebody keeps: it is nobody's to be cut any more.
    #[inline(never)]
    fn end(&self) {
        self.settle();
        if let Some(seldom) = self.seldom() {
            seldom.deadline.take();
        }
    }

    /// All that is to be said of why it is refused.
    pub(crate) fn refusal(&self, refused: &Refused) -> Refusal {
        self.held().refusal(self.site(), refused)
    }

    /// Whether a budget is around this one.
    #[inline]
    pub(crate) const fn is_inside(&self) -> bool {
        self.outer.is_some()
    }

    /// The rule on an account of which the request has a claim by a budget around this one, too.
    pub(crate) fn rule_charged_twice(&self) -> Option<&str> {
        let own = self.held();
        let outer = iter::successors(self.outer.as_ref(), |inner| inner.outer.as_ref());
        let twice = outer
            .into_iter()
            .filter(|outer| self.site().shares_accounts_with(outer.site()))
            .find_map(|outer| own.shared_with(&outer.held()));
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
        let (answer, mut untold) = (asking.await, Untold::new());
        let decided = answer.map(|answer| self.holding().conclude(self.site(), answer, now, &mut untold));
        self.decided(decided, untold)
    }

    /// Tells of a decision, which nothing is borrowed for any more.
    #[inline(always)]
    pub(crate) fn decided(
        &self,
        decided: Result<Decision, Fault>,
        untold: Untold,
    ) -> Result<Decision, Undecided> {
        self.tell_all(untold);
        decided.map_err(|fault| Undecided::new(self.site().failed(fault)))
    }

    /// Does something with what the request holds, and then tells what came of it.
    #[inline]
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Holding, &Limiter, &mut Untold) -> T) -> T {
        let mut untold = Untold::new();
        let done = work(&mut self.holding(), self.site(), &mut untold);
        self.tell_all(untold);
        done
    }

    #[inline(always)]
    fn tell_all(&self, untold: Untold) {
        match untold {
            Untold::Nothing => {}
            Untold::Whole(What::Settled) => self.tell_of_end(),
            Untold::Whole(decided) => self.tell_of_decision(decided),
            Untold::More(more) => self.tell_more(&more),
        }
    }

    #[inline(never)]
    fn tell_of_end(&self) {
        self.held().tell_of_end(self.site());
    }

    #[inline(never)]
    fn tell_of_decision(&self, what: What) {
        self.held().tell_of_decision(self.site(), what);
    }

    #[cold]
    fn tell_more(&self, more: &More) {
        more.tell_before(self.site());
        match more.whole {
            None => {}
            Some(What::Settled) => self.tell_of_end(),
            Some(decided) => self.tell_of_decision(decided),
        }
    }

    /// The same where the application asks, which may be an observer that is told of this very request. It is borrowed then, and
    /// nothing can be changed of it: nobody has the budget of a request that is being decided over, and one that has ended stays
    /// as it is. So an observer asks a copy.
    pub(crate) fn ask<T>(&self, work: impl FnOnce(&mut Holding, &Limiter, &mut Untold) -> T) -> T {
        if self.holding.try_borrow_mut().is_ok() {
            return self.with(work);
        }
        let mut copy = self.holding.borrow().clone();
        work(&mut copy, self.site(), &mut Untold::new())
    }

    /// What the request holds. Not to be kept across user code, which may ask for it, too.
    #[inline]
    pub(crate) fn holding(&self) -> RefMut<'_, Holding> {
        self.holding.borrow_mut()
    }

    /// The same, where nothing is to be changed of it.
    #[inline]
    pub(crate) fn held(&self) -> Ref<'_, Holding> {
        self.holding.borrow()
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

    /// The site that answers for it.
    #[inline]
    pub(crate) const fn site(&self) -> &WorkerSite {
        &self.site
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

    /// This one and those around it.
    pub(crate) fn and_around(&self) -> impl Iterator<Item = &Self> {
        iter::successors(Some(self), |running| running.outer.as_deref())
    }

    #[cold]
    pub(crate) fn answered(&self, head: &ResponseHead) {
        // Rules may ask the application's code, which may ask for this request's budget.
        let rules = self.held().rules();
        let returned = self.site().returning(rules, &HeadAnswer(head));
        self.with(|holding, site, untold| holding.give_back(site, &returned, untold));
    }

    /// Ends the request; a second time does nothing.
    #[inline]
    pub(crate) fn settle(&self) {
        if !self.holding.borrow().is_settled {
            self.settle_now();
        }
    }

    #[inline(never)]
    fn settle_now(&self) {
        self.with(Holding::settle);
    }
}

/// What the sites of a worker have in common.
#[derive(Debug, Default)]
pub(crate) struct Common {
    pub(crate) classes: Classes,
    pub(crate) parameters: Parameters,
    pub(crate) places: Places,
}

/// A site in one worker: cheap to clone, without a word that other workers write.
#[derive(Clone, Debug)]
pub(crate) struct WorkerSite(Rc<Parts>);

#[derive(Debug)]
struct Parts {
    /// What answers for the host that was asked for.
    answering: Arc<Answering>,
    /// Its limiter, one step nearer: a request asks it a hundred times.
    limiter: Arc<Limiter>,
    hooks: Option<Arc<Hooks>>,
    /// Whether the application's closures look at requests.
    is_computed: bool,
    /// Whether they do, or have a say in what becomes of them.
    is_adapted: bool,
    wire: Wire,
    last_refusal: LastRefusal,
    /// The names of rules as values, once a client has been told of one.
    rule_names: OnceCell<Box<[RuleName]>>,
    common: Rc<Common>,
    /// By which view of the sites the worker knows it.
    view: u64,
}

impl Deref for WorkerSite {
    type Target = Limiter;

    fn deref(&self) -> &Limiter {
        &self.0.limiter
    }
}

impl WorkerSite {
    pub(crate) fn new(answering: &Arc<Answering>, hooks: &Arc<Hooks>, common: &Rc<Common>) -> Self {
        let view = common.places.view.get();
        let wire = Wire::new(&answering.limiter.site().headers);
        let (limiter, answering) = (Arc::clone(&answering.limiter), Arc::clone(answering));
        let is_computed = answering.limiter.site().is_computed() || hooks.identity.is_some();
        let hooks = (!hooks.is_none()).then(|| Arc::clone(hooks));
        let is_adapted = is_computed || hooks.is_some();
        Self(Rc::new(Parts {
            answering,
            limiter,
            hooks,
            is_computed,
            is_adapted,
            wire,
            last_refusal: LastRefusal::default(),
            rule_names: OnceCell::new(),
            common: Rc::clone(common),
            view,
        }))
    }

    /// Whether it is this one.
    #[inline]
    fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// What a worker knows of requests, whatever site they are for.
    #[inline]
    pub(crate) fn common(&self) -> &Common {
        &self.0.common
    }

    pub(crate) fn places(&self) -> &Places {
        &self.0.common.places
    }

    /// The configured name or wildcard that the request asked for.
    pub(crate) fn host(&self) -> &str {
        &self.0.answering.host
    }

    /// What answers for the host that was asked for.
    pub(crate) fn answering(&self) -> &Arc<Answering> {
        &self.0.answering
    }

    pub(crate) fn limiter(&self) -> &Arc<Limiter> {
        &self.0.limiter
    }

    pub(crate) fn wire(&self) -> &Wire {
        &self.0.wire
    }

    /// What the application does in its own way, if it does anything.
    #[inline]
    pub(crate) fn hooks(&self) -> Option<&Hooks> {
        self.0.hooks.as_deref()
    }

    #[inline]
    pub(crate) fn is_computed(&self) -> bool {
        self.0.is_computed
    }

    /// Whether the application's closures look at requests, or have a say in what becomes of them.
    #[inline]
    pub(crate) fn is_adapted(&self) -> bool {
        self.0.is_adapted
    }

    /// The name of the rule at a position, as a value.
    pub(crate) fn rule_name(&self, position: u16) -> RuleName {
        let names = || self.site().rules.iter().map(|rule| HeaderValue::from_str(&rule.name).ok()).collect();
        let names = self.0.rule_names.get_or_init(names);
        // Every limit that is told of is one of a rule's.
        names.get(usize::from(position)).cloned().flatten()
    }

    pub(crate) fn last_refusal(&self) -> &LastRefusal {
        &self.0.last_refusal
    }
}
