//! What a client is told of where it stands, by one budget or by several, one inside of the other; also by the responses that errors
//! become.

use std::rc::Rc;
use std::{fmt, iter};

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderMap, HeaderValue};
use actix_web::{Error, HttpResponse, ResponseError};

use crate::limiter::{Holding, Refused, Report};
use crate::middleware::running::{Inner, Rewritten, Running, Seldom, WorkerSite};
use crate::middleware::standard::Standard;
use crate::middleware::wire::RuleName;

impl Running {
    /// Ends the request and writes where the client stands then.
    #[inline]
    pub(crate) fn settle_with_headers(&self, headers: &mut HeaderMap) {
        let (site, wire) = (self.site(), self.site().wire());
        if !self.speaks_alone() {
            return self.settle_among_others(headers);
        }
        self.with(|holding, _, untold| {
            holding.settle_and_look(site, untold);
            // From where the account stands: a report of all that could be said would cost as much as what is said.
            if wire.is_enabled()
                && let Some(tightest) = holding.tightest_at_end()
            {
                let rule = site.has_several_limits.is_set().then(|| site.rule_name(tightest.rule()));
                wire.write(headers, &wire.said(&tightest, rule, true));
            }
        });
    }

    /// Whether nobody else has told, or will tell, the client of this request.
    #[inline]
    fn speaks_alone(&self) -> bool {
        let is_told =
            |seldom: &Seldom| seldom.inner.borrow().is_some() || seldom.rewritten.borrow().is_some();
        self.outer.is_none() && !self.site().wire().is_standard() && !self.seldom().is_some_and(is_told)
    }

    #[cold]
    fn settle_among_others(&self, headers: &mut HeaderMap) {
        let report = self.settle_and_report();
        self.write_headers(headers, report.as_ref());
    }

    /// Ends the request and says where its tightest limit stands then.
    fn settle_and_report(&self) -> Option<Report> {
        self.with(Holding::settle_and_report)
    }

    /// Writes where the client stands: the tightest of this budget's limits and of those inside.
    pub(crate) fn write_headers(&self, headers: &mut HeaderMap, report: Option<&Report>) {
        if let (Some(told), Some(outer)) = (self.tell(headers, report), &self.outer) {
            outer.hear(told);
        }
    }

    /// Writes where the client stands whom this budget refuses.
    #[inline]
    pub(crate) fn write_refused(&self, headers: &mut HeaderMap, refused: &Refused) {
        let wire = self.site().wire();
        if !wire.is_enabled() {
            return;
        }
        let holding = self.held();
        let tightest = holding.refused(refused);
        wire.write(headers, &wire.said(&tightest, self.rule_to_name(tightest.rule()), false));
        drop(holding);
        if wire.is_standard()
            && let Some(standard) = self.refused_standard()
        {
            standard.write(headers, false);
        }
    }

    /// The rule of a limit, where it could be another one: of this budget, or of one around it.
    #[inline]
    fn rule_to_name(&self, rule: u16) -> Option<RuleName> {
        let is_one_of_several = self.site().has_several_limits.is_set() || self.is_beside_limits();
        is_one_of_several.then(|| self.site().rule_name(rule))
    }

    /// Whether a budget around this one limits the request, too.
    #[inline]
    fn is_beside_limits(&self) -> bool {
        let outer = iter::successors(self.outer.as_ref(), |inner| inner.outer.as_ref());
        outer.into_iter().any(|outer| outer.held().limits_something())
    }

    pub(crate) fn refused_standard(&self) -> Option<Standard> {
        let is_standard = self.site().wire().is_standard();
        is_standard.then(|| Standard::of_refused(self.held().applied(self.site())))
    }

    /// Writes the fields of the draft, if there are any, beside those of the budgets inside; not where one of them has
    /// refused, for then this one says nothing of the answer.
    fn write_standard(&self, headers: &mut HeaderMap, inner: Option<&Inner>) {
        if self.site().wire().is_standard() && !inner.is_some_and(|inner| inner.is_refusal) {
            let standard = Standard::of_served(self.held().applied(self.site()));
            standard.write(headers, inner.is_some_and(|inner| inner.standard));
        }
    }

    /// The tightest that the client has been told of so far; `None` if this budget says nothing.
    fn tell(&self, headers: &mut HeaderMap, report: Option<&Report>) -> Option<Inner> {
        if let Some(seldom) = self.seldom()
            && let Some(refusal) = &*seldom.rewritten.borrow()
        {
            return Some(self.tell_of_rewritten(headers, refusal));
        }
        let report = report.filter(|_| self.site().wire().is_enabled())?;
        let Some(inner) = self.seldom().and_then(|seldom| seldom.inner.take()) else {
            self.write_standard(headers, None);
            let wire = self.site().wire();
            wire.write_reported(headers, report, self.rule_to_name(report.rule), true);
            // Who is told it is asked first: most budgets have none around them.
            self.outer.as_ref()?;
            return Some(Inner::served(self.site(), report, self.site().wire().is_standard()));
        };
        Some(self.tell_beside(headers, report, inner))
    }

    /// Tells the tighter of this budget's limits and those inside, in one set of fields and in this budget's spelling.
    #[cold]
    fn tell_beside(&self, headers: &mut HeaderMap, report: &Report, inner: Inner) -> Inner {
        self.write_standard(headers, Some(&inner));
        let standard = self.site().wire().is_standard() || inner.standard;
        inner.site.wire().remove(headers);
        let told = inner.or_tighter(Inner::served(self.site(), report, standard));
        let wire = self.site().wire();
        wire.write_reported(headers, &told.report, Some(told.rule.clone()), !told.is_refusal);
        told
    }

    #[cold]
    fn tell_of_rewritten(&self, headers: &mut HeaderMap, refusal: &Rewritten) -> Inner {
        // Under the URL of the page, and so kept from caches.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let Rewritten { report, standard } = refusal;
        let wire = self.site().wire();
        wire.write_reported(headers, report, self.rule_to_name(report.rule), false);
        if let Some(standard) = standard {
            standard.write(headers, false);
        }
        Inner::refused(self.site(), report, standard.is_some())
    }

    /// Hears what a budget inside has told the client, or lets the one around hear it.
    fn hear(&self, inner: Inner) {
        match &self.outer {
            Some(outer) if !self.speaks() => outer.hear(inner),
            _ => *self.to_have_seldom().inner.borrow_mut() = Some(inner),
        }
    }

    /// Whether it tells clients where they stand.
    pub(crate) fn speaks(&self) -> bool {
        self.site().wire().is_enabled() && self.held().limits_something()
    }

    /// Tells the budget around this one, if there is any, what it tells the client whom it refuses.
    #[cold]
    pub(crate) fn tells_of(&self, refused: &Refused) {
        if let Some(nearest) = &self.outer {
            let report = Report::from(self.held().refused(refused));
            nearest.hear(Inner::refused(self.site(), &report, self.site().wire().is_standard()));
        }
    }

    /// Tells the budgets around this one, if there are any, that it refuses: a refused request costs nothing, or
    /// whoever is refused inside could still drain what all share outside.
    #[inline]
    pub(crate) fn refuses(&self, refused: &Refused) {
        if let Some(nearest) = &self.outer {
            self.tells_of(refused);
            for outer in iter::successors(Some(nearest), |inner| inner.outer.as_ref()) {
                outer.ask(Holding::waive);
            }
        }
    }
}

impl Inner {
    pub(crate) fn served(site: &WorkerSite, report: &Report, standard: bool) -> Self {
        let (site, rule) = (site.clone(), site.rule_name(report.rule));
        Self { is_refusal: false, report: report.clone(), rule, standard, site }
    }

    pub(crate) fn refused(site: &WorkerSite, report: &Report, standard: bool) -> Self {
        Self { is_refusal: true, ..Self::served(site, report, standard) }
    }

    /// The tighter of the two as the outer one tells it: in its spelling, by which whoever is around it finds the fields.
    pub(crate) fn or_tighter(self, outer: Self) -> Self {
        match self.is_tighter_than(&outer) {
            true => Self { is_refusal: self.is_refusal, report: self.report, rule: self.rule, ..outer },
            false => outer,
        }
    }

    /// Whether it refuses, or its remaining share is the smaller one, or of equal ones its window the longer.
    fn is_tighter_than(&self, other: &Self) -> bool {
        let share = |a: &Report, b: &Report| u128::from(a.remaining) * u128::from(b.limit);
        let (own, others) = (share(&self.report, &other.report), share(&other.report, &self.report));
        self.is_refusal || own < others || (own == others && self.report.length > other.report.length)
    }
}

/// An error of inner middleware, whose response says where the client stands.
///
/// It stands in for the error, and not a response mapper on it, since [`HttpResponse::from_error`] drops mappers. Outer
/// middleware that looks for an error of its own type finds it by [`LimitedError::error`]. Where headers are off, or no rule
/// applies, there is nothing to say, and the error arrives as it was made.
pub struct LimitedError {
    error: Error,
    running: Rc<Running>,
    report: Option<Report>,
}

impl LimitedError {
    /// Ends the request with an error; one to which there is nothing to say stays as it is.
    pub(crate) fn wrap(error: Error, running: &Rc<Running>) -> Error {
        if running.site().judges_answers {
            running.answered(error.error_response().head());
        }
        let report = running.settle_and_report();
        match running.speaks() || running.is_rewritten() {
            true => Self { error, running: Rc::clone(running), report }.into(),
            false => error,
        }
    }

    /// The error as the inner middleware made it.
    pub const fn error(&self) -> &Error {
        &self.error
    }
}

impl ResponseError for LimitedError {
    fn status_code(&self) -> StatusCode {
        self.error.as_response_error().status_code()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = self.error.error_response();
        self.running.write_headers(response.headers_mut(), self.report.as_ref());
        response
    }
}

impl fmt::Display for LimitedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl fmt::Debug for LimitedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.error, f)
    }
}
