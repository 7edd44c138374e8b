//! A request that runs: its reservation, shared by all who have to do with it.

use std::cell::{Cell, RefCell};
use std::iter;
use std::rc::Rc;

use actix_web::dev::ResponseHead;
use actix_web::http::header::{CACHE_CONTROL, HeaderMap, HeaderValue};

use crate::limiter::{Decision, LimitReport, Question, Report, Reservation};
use crate::middleware::closures::HeadAnswer;
use crate::middleware::standard::Standard;
use crate::middleware::worker::WorkerSite;
use crate::model::facts::Facts;
use crate::model::units::Micros;
use crate::store::Fault;

/// A request that runs under a budget.
#[derive(Debug)]
pub(super) struct Running {
    site: WorkerSite,
    /// Never borrowed across user code.
    reservation: RefCell<Reservation<WorkerSite>>,
    /// Whether the request's body was asked for in this poll, and has to be waited for.
    waits_for_client: Cell<bool>,
    /// The tightest limit of the budgets inside this one.
    inner: Cell<Option<Inner>>,
    /// Why it was refused, if it is served another page; few are, and so it takes no room in the others.
    refusal: RefCell<Option<Box<Rewritten>>>,
    /// The budget around this one.
    outer: Option<Rc<Running>>,
}

/// What a budget inside has already told the client.
#[derive(Clone, Copy, Debug)]
struct Inner {
    refused: bool,
    remaining: u64,
    limit: u64,
    /// Whether it has written the fields of the draft.
    standard: bool,
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
            reservation: RefCell::new(Reservation::vacant(site.clone())),
            site,
            waits_for_client: Cell::new(false),
            inner: Cell::new(None),
            refusal: RefCell::new(None),
            outer,
        }
    }

    pub(super) fn admit(&self, facts: &dyn Facts) -> Result<Decision, Fault> {
        self.reservation.borrow_mut().admit(facts)
    }

    /// Charges the request its time, though it was refused, since it is served another page.
    pub(super) fn admit_rewritten(&self, facts: &dyn Facts, refusal: Report) -> Result<Decision, Fault> {
        let rewritten = Rewritten { report: refusal, standard: self.refused_standard() };
        *self.refusal.borrow_mut() = Some(Box::new(rewritten));
        self.reservation.borrow_mut().admit_rewritten(facts)
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
        let answer = asking.await?;
        Ok(self.reservation.borrow_mut().conclude(answer, now))
    }

    /// Tells the budgets around this one, if there are any, that it refuses: a refused request costs nothing, or
    /// whoever is refused inside could still drain what all share outside.
    pub(super) fn refused(&self, report: &Report) {
        let nearest = self.outer.as_ref();
        if let Some(outer) = nearest {
            let standard = self.site.wire().is_standard();
            outer.hear(Inner { refused: true, remaining: report.remaining, limit: report.limit, standard });
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
        self.reservation.borrow_mut().resume();
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

    pub(super) fn pause(&self) {
        self.reservation.borrow_mut().pause();
    }

    /// Whether it matters what the answer is.
    pub(super) fn judges_answers(&self) -> bool {
        self.site.judges_answers
    }

    #[cold]
    pub(super) fn answered(&self, head: &ResponseHead) {
        // Rules may ask the application's code, which may ask for this request's budget.
        let rules = self.reservation.borrow().rules();
        let returned = self.site.returning(rules, &HeadAnswer(head));
        self.reservation.borrow_mut().give_back(&returned);
    }

    /// Tells that the head has left and a body follows.
    pub(super) fn head_left(&self) {
        self.reservation.borrow_mut().head_left();
    }

    pub(super) fn charge(&self, extra: Micros) {
        self.reservation.borrow_mut().charge(extra);
    }

    pub(super) fn waive(&self) {
        self.reservation.borrow_mut().waive();
    }

    pub(super) fn used(&self) -> Micros {
        self.reservation.borrow().used()
    }

    /// Where each limit stands, of this budget and those around it, of the outermost first.
    pub(super) fn limits_of_all(&self) -> Vec<LimitReport> {
        let mut limits = self.outer.as_ref().map_or_else(Vec::new, |outer| outer.limits_of_all());
        limits.extend(self.limits());
        limits
    }

    pub(super) fn limits(&self) -> Vec<LimitReport> {
        self.reservation.borrow_mut().limits()
    }

    pub(super) fn report(&self) -> Option<Report> {
        self.reservation.borrow_mut().report()
    }

    /// Ends the request; a second time does nothing.
    pub(super) fn settle(&self) {
        self.reservation.borrow_mut().close();
    }

    /// Ends the request and says where the client stands then.
    pub(super) fn settle_with_report(&self) -> Option<Report> {
        self.reservation.borrow_mut().settle()
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

    /// Writes where the client stands, unless a budget inside has said something tighter.
    pub(super) fn write_headers(&self, headers: &mut HeaderMap, report: Option<&Report>) {
        if let (Some(told), Some(outer)) = (self.tell(headers, report), &self.outer) {
            outer.hear(told);
        }
    }

    /// Writes the fields of the draft on the answer to a refused request, if there are any.
    pub(super) fn write_refused_standard(&self, headers: &mut HeaderMap) {
        if let Some(standard) = self.refused_standard() {
            standard.write(headers, false);
        }
    }

    fn refused_standard(&self) -> Option<Standard> {
        let is_standard = self.site.wire().is_standard();
        is_standard.then(|| Standard::of_refused(self.reservation.borrow().in_force()))
    }

    /// Writes the fields of the draft, if there are any, beside those of the budgets inside; not where one of them has
    /// refused, for then this one says nothing of the answer.
    fn write_standard(&self, headers: &mut HeaderMap, inner: Option<Inner>) {
        if self.site.wire().is_standard() && !inner.is_some_and(|inner| inner.refused) {
            let standard = Standard::of_served(self.reservation.borrow().in_force());
            standard.write(headers, inner.is_some_and(|inner| inner.standard));
        }
    }

    /// The tightest that the client has been told of so far; `None` if this budget, and those inside, say nothing.
    fn tell(&self, headers: &mut HeaderMap, report: Option<&Report>) -> Option<Inner> {
        let inner = self.inner.get();
        if let Some(refusal) = &*self.refusal.borrow() {
            // Under the URL of the page, and so kept from caches.
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            self.site.wire().write(headers, &self.site, &refusal.report, false);
            if let Some(standard) = &refusal.standard {
                standard.write(headers, false);
            }
            let standard = refusal.standard.is_some();
            return Some(Inner { refused: true, remaining: 0, limit: refusal.report.limit, standard });
        }
        let Some(report) = report.filter(|_| self.site.wire().is_enabled()) else { return inner };
        self.write_standard(headers, inner);
        let standard = self.site.wire().is_standard() || inner.is_some_and(|inner| inner.standard);
        let own = Inner { refused: false, remaining: report.remaining, limit: report.limit, standard };
        if let Some(inner) = inner.filter(|inner| inner.is_tighter_than(own)) {
            return Some(Inner { standard, ..inner });
        }
        self.site.wire().write(headers, &self.site, report, true);
        Some(own)
    }

    fn hear(&self, inner: Inner) {
        self.inner.set(Some(inner));
    }
}

impl Inner {
    /// Whether it refuses, or its remaining share is the smaller one.
    fn is_tighter_than(self, other: Self) -> bool {
        let share = |a: Self, b: Self| u128::from(a.remaining) * u128::from(b.limit);
        self.refused || share(self, other) < share(other, self)
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
