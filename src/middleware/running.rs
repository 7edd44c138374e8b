//! A request that runs: its reservation, shared by all who have to do with it.

use std::cell::{Cell, RefCell};
use std::iter;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::dev::ResponseHead;
use actix_web::http::header::{CACHE_CONTROL, HeaderMap, HeaderValue};

use crate::limiter::{Decision, Holding, LimitReport, Question, Refusal, Refused, Report, Reservation};
use crate::middleware::closures::HeadAnswer;
use crate::middleware::inner::Inner;
use crate::middleware::standard::Standard;
use crate::middleware::wire::Said;
use crate::middleware::worker::WorkerSite;
use crate::model::{Facts, Micros};
use crate::store::Fault;

/// A request that runs under a budget.
#[derive(Debug)]
pub(super) struct Running {
    site: WorkerSite,
    /// Never borrowed across user code.
    holding: RefCell<Holding>,
    /// Whether the request's body was asked for in this poll, and has to be waited for.
    waits_for_client: Cell<bool>,
    /// Whether it is the client that everything waits for now, since the last poll.
    is_with_client: Cell<bool>,
    /// Whether the handler has stopped its time, since it waits for something that costs nothing.
    is_paused: Cell<bool>,
    /// What the budgets inside this one have told the client; few requests have any.
    inner: RefCell<Option<Box<Inner>>>,
    /// Why it was refused, if it is served another page; few are, and so it takes no room in the others.
    refusal: RefCell<Option<Box<Rewritten>>>,
    /// The budget around this one.
    outer: Option<Rc<Running>>,
}

/// What is told of a refused request that is served another page.
#[derive(Debug)]
struct Rewritten {
    report: Report,
    standard: Option<Standard>,
}

impl Running {
    /// The place of a request that is yet to be admitted, inside of `outer`.
    pub(super) fn new(site: WorkerSite, outer: Option<Rc<Self>>) -> Self {
        Self {
            site,
            holding: RefCell::new(Holding::vacant()),
            waits_for_client: Cell::new(false),
            is_with_client: Cell::new(false),
            is_paused: Cell::new(false),
            inner: RefCell::new(None),
            refusal: RefCell::new(None),
            outer,
        }
    }

    pub(super) fn admit(&self, facts: &dyn Facts) -> Result<Decision, Fault> {
        self.holding.borrow_mut().admit(&self.site, facts)
    }

    /// All that is to be said of why it is refused.
    pub(super) fn refusal(&self, refused: &Refused) -> Refusal {
        self.holding.borrow().refusal(&self.site, refused)
    }

    /// Charges the request its time, though it was refused, since it is served another page.
    pub(super) fn admit_rewritten(&self, facts: &dyn Facts, refusal: Report) -> Result<Decision, Fault> {
        let rewritten = Rewritten { report: refusal, standard: self.refused_standard() };
        *self.refusal.borrow_mut() = Some(Box::new(rewritten));
        self.holding.borrow_mut().admit_rewritten(&self.site, facts)
    }

    /// Whether a budget is around this one.
    #[inline]
    pub(super) const fn is_inside(&self) -> bool {
        self.outer.is_some()
    }

    /// The rule on an account of which the request has a claim by a budget around this one, too.
    pub(super) fn rule_charged_twice(&self) -> Option<&str> {
        let own = self.holding.borrow();
        let outer = iter::successors(self.outer.as_ref(), |inner| inner.outer.as_ref());
        let twice = outer
            .into_iter()
            .filter(|outer| self.site.shares_accounts_with(&outer.site))
            .find_map(|outer| own.shared_with(&outer.holding.borrow()));
        twice.map(|rule| self.site.rule_name_at(rule))
    }

    /// Whether the request was refused, and is served another page.
    pub(super) fn is_rewritten(&self) -> bool {
        self.refusal.borrow().is_some()
    }

    /// Whether a budget around this one has refused the request and has it served another page.
    pub(super) fn is_inside_of_rewritten(&self) -> bool {
        iter::successors(self.outer.as_ref(), |inner| inner.outer.as_ref()).any(|outer| outer.is_rewritten())
    }

    /// Waits until the store has asked others.
    pub(super) async fn conclude(&self, question: Question) -> Result<Decision, Fault> {
        let Question { asking, now } = question;
        let answer = asking.await.map_err(|fault| self.site.failed(fault))?;
        Ok(self.holding.borrow_mut().conclude(&self.site, answer, now))
    }

    /// Tells the budgets around this one, if there are any, that it refuses: a refused request costs nothing, or
    /// whoever is refused inside could still drain what all share outside.
    pub(super) fn refused(&self, report: &Report) {
        let nearest = self.outer.as_ref();
        if let Some(outer) = nearest {
            outer.hear(Inner::refused(&self.site, report, self.site.wire().is_standard()));
        }
        for outer in iter::successors(nearest, |inner| inner.outer.as_ref()) {
            outer.waive();
        }
    }

    pub(super) const fn site(&self) -> &WorkerSite {
        &self.site
    }

    pub(super) fn waits_for_client(&self, waits: bool) {
        self.waits_for_client.set(waits);
    }

    /// Begins a poll of the handler, or of the body that it has made.
    pub(super) fn enter(&self) {
        self.waits_for_client.set(false);
        self.is_with_client.set(false);
        if !self.is_paused.get() {
            self.holding.borrow_mut().resume(&self.site);
        }
    }

    /// Ends a poll that has yielded nothing.
    ///
    /// Only here can it be known that it waits for its client: a handler that asked for the request's body may have
    /// gone on to work on something else.
    pub(super) fn leave(&self) {
        if self.waits_for_client.get() {
            self.pause();
        }
    }

    /// Ends a poll after which the client is waited for.
    pub(super) fn pause(&self) {
        self.is_with_client.set(true);
        self.holding.borrow_mut().pause(&self.site);
    }

    /// Stops the time, also under the budgets around this one, until the handler says that it is to run on.
    pub(super) fn pause_for_handler(&self) {
        for running in self.and_around() {
            running.is_paused.set(true);
            running.holding.borrow_mut().pause(&running.site);
        }
    }

    /// Lets the time run again that the handler has stopped: at once, or where the client is waited for, with the next poll.
    pub(super) fn resume_for_handler(&self) {
        for running in self.and_around().filter(|running| running.is_paused.take()) {
            if !running.is_with_client.get() {
                running.holding.borrow_mut().resume(&running.site);
            }
        }
    }

    /// This one and those around it.
    fn and_around(&self) -> impl Iterator<Item = &Self> {
        iter::successors(Some(self), |running| running.outer.as_deref())
    }

    /// Whether it matters what the answer is.
    pub(super) fn judges_answers(&self) -> bool {
        self.site.judges_answers
    }

    #[cold]
    pub(super) fn answered(&self, head: &ResponseHead) {
        // Rules may ask the application's code, which may ask for this request's budget.
        let rules = self.holding.borrow().rules();
        let returned = self.site.returning(rules, &HeadAnswer(head));
        self.holding.borrow_mut().give_back(&self.site, &returned);
    }

    /// Tells that the head has left and a body follows.
    pub(super) fn head_left(&self) {
        self.holding.borrow_mut().head_left(&self.site);
    }

    /// Charges so much more, and says whether it will be.
    pub(super) fn charge(&self, extra: Micros) -> bool {
        let mut holding = self.holding.borrow_mut();
        holding.charge(extra);
        holding.takes_charges()
    }

    pub(super) fn detached(&self) -> Reservation {
        {
            let detached = self.holding.borrow().detached(&self.site);
            Reservation::new(Arc::clone(self.site.limiter()), detached)
        }
    }

    pub(super) fn waive(&self) {
        self.holding.borrow_mut().waive(&self.site);
    }

    pub(super) fn used(&self) -> Micros {
        self.holding.borrow().used(&self.site)
    }

    /// Where each limit stands, of this budget and those around it, of the outermost first.
    pub(super) fn limits_of_all(&self) -> Vec<LimitReport> {
        let mut limits = self.outer.as_ref().map_or_else(Vec::new, |outer| outer.limits_of_all());
        limits.extend(self.limits());
        limits
    }

    pub(super) fn limits(&self) -> Vec<LimitReport> {
        self.holding.borrow_mut().limits(&self.site)
    }

    pub(super) fn report(&self) -> Option<Report> {
        self.holding.borrow_mut().tightest(&self.site).map(Report::from)
    }

    /// Ends the request; a second time does nothing.
    pub(super) fn settle(&self) {
        self.holding.borrow_mut().settle(&self.site);
    }

    /// Ends the request and says where the client stands then.
    pub(super) fn settle_with_report(&self) -> Option<Report> {
        self.holding.borrow_mut().settle_and_look(&self.site).map(Report::from)
    }

    /// Ends the request and writes where the client stands then.
    pub(super) fn settle_with_headers(&self, headers: &mut HeaderMap) {
        if self.site.wire().is_enabled() {
            self.write_headers(headers, self.settle_with_report().as_ref());
        } else {
            self.settle();
            self.write_headers(headers, None);
        }
    }

    /// Writes where the client stands: the tightest of this budget's limits and of those inside.
    pub(super) fn write_headers(&self, headers: &mut HeaderMap, report: Option<&Report>) {
        if let (Some(told), Some(outer)) = (self.tell(headers, report), &self.outer) {
            outer.hear(told);
        }
    }

    /// Writes where the client stands whom this budget refuses.
    pub(super) fn write_refused(&self, headers: &mut HeaderMap, report: &Report) {
        let rule = self.rule_to_name(report);
        self.site.wire().write(headers, &Said { report, rule, served: false });
        if let Some(standard) = self.refused_standard() {
            standard.write(headers, false);
        }
    }

    /// The rule of a limit, where it could be another one: of this budget, or of one around it.
    #[inline]
    fn rule_to_name(&self, report: &Report) -> Option<&str> {
        let is_one_of_several = self.site.has_several_limits || self.is_beside_limits();
        is_one_of_several.then(|| self.site.rule_name_at(report.rule))
    }

    /// Whether a budget around this one limits the request, too.
    #[inline]
    fn is_beside_limits(&self) -> bool {
        let outer = iter::successors(self.outer.as_ref(), |inner| inner.outer.as_ref());
        outer.into_iter().any(|outer| outer.holding.borrow().limits_something())
    }

    fn refused_standard(&self) -> Option<Standard> {
        let is_standard = self.site.wire().is_standard();
        is_standard.then(|| Standard::of_refused(self.holding.borrow().applied(&self.site)))
    }

    /// Writes the fields of the draft, if there are any, beside those of the budgets inside; not where one of them has
    /// refused, for then this one says nothing of the answer.
    fn write_standard(&self, headers: &mut HeaderMap, inner: Option<&Inner>) {
        if self.site.wire().is_standard() && !inner.is_some_and(|inner| inner.is_refusal) {
            let standard = Standard::of_served(self.holding.borrow().applied(&self.site));
            standard.write(headers, inner.is_some_and(|inner| inner.standard));
        }
    }

    /// The tightest that the client has been told of so far; `None` if this budget says nothing.
    fn tell(&self, headers: &mut HeaderMap, report: Option<&Report>) -> Option<Inner> {
        if let Some(refusal) = &*self.refusal.borrow() {
            return Some(self.tell_of_rewritten(headers, refusal));
        }
        let report = report.filter(|_| self.site.wire().is_enabled())?;
        let Some(inner) = self.inner.take() else {
            self.write_standard(headers, None);
            self.site.wire().write(headers, &Said { report, rule: self.rule_to_name(report), served: true });
            // Who is told it is asked first: most budgets have none around them.
            self.outer.as_ref()?;
            return Some(Inner::served(&self.site, report, self.site.wire().is_standard()));
        };
        Some(self.tell_beside(headers, report, *inner))
    }

    /// Tells the tighter of this budget's limits and those inside, in one set of fields and in this budget's spelling.
    #[cold]
    fn tell_beside(&self, headers: &mut HeaderMap, report: &Report, inner: Inner) -> Inner {
        self.write_standard(headers, Some(&inner));
        let standard = self.site.wire().is_standard() || inner.standard;
        inner.site.wire().remove(headers);
        let told = inner.or_tighter(Inner::served(&self.site, report, standard));
        self.site.wire().write(headers, &told.said());
        told
    }

    #[cold]
    fn tell_of_rewritten(&self, headers: &mut HeaderMap, refusal: &Rewritten) -> Inner {
        // Under the URL of the page, and so kept from caches.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let Rewritten { report, standard } = refusal;
        self.site.wire().write(headers, &Said { report, rule: self.rule_to_name(report), served: false });
        if let Some(standard) = standard {
            standard.write(headers, false);
        }
        Inner::refused(&self.site, report, standard.is_some())
    }

    /// Hears what a budget inside has told the client, or lets the one around hear it.
    fn hear(&self, inner: Inner) {
        match &self.outer {
            Some(outer) if !self.speaks() => outer.hear(inner),
            _ => *self.inner.borrow_mut() = Some(Box::new(inner)),
        }
    }

    /// Whether it tells clients where they stand.
    pub(super) fn speaks(&self) -> bool {
        self.site.wire().is_enabled() && self.holding.borrow().limits_something()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.settle();
    }
}

/// Ends the request when it is dropped, whoever else still knows of it.
#[derive(Debug)]
pub(super) struct Guard(pub(super) Rc<Running>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.settle();
    }
}
