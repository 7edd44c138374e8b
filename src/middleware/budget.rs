//! The extractor: how a handler asks and says something of its own request's budget; and what is left of it when the handler has ended.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use crate::limiter::{Holding, LimitReport, Limiter, Report, Reservation};
use crate::middleware::running::{Guard, Running};
use crate::model::Micros;

/// The budget that a handler runs under: an extractor that never fails.
///
/// Under several budgets it is the innermost one. Under none, nothing is charged and there is nothing to report.
///
/// ```
/// use actix_web::{HttpResponse, Responder};
/// use timebudget::{Budget, Micros};
///
/// async fn render(budget: Budget) -> impl Responder {
///     // What a worker elsewhere has taken.
///     if !budget.charge(Micros::from_millis(250)) {
///         log::warn!("a rendering was not charged");
///     }
///     HttpResponse::Ok().finish()
/// }
/// # let _ = render;
/// ```
#[derive(Clone, Debug)]
pub struct Budget(Option<Rc<Running>>);

impl Budget {
    /// Where the tightest limit stands now, this request's own time included and its own hold left out.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::Budget;
    ///
    /// async fn left(budget: Budget) -> String {
    ///     match budget.report() {
    ///         Some(report) => format!("{} of {} left for {} s", report.remaining, report.limit, report.reset_secs),
    ///         None => "no limit".to_owned(),
    ///     }
    /// }
    /// # let _ = left;
    /// ```
    pub fn report(&self) -> Option<Report> {
        let running = self.0.as_ref()?;
        running.ask(|holding, site, _| holding.tightest(site).map(Report::from))
    }

    /// Where each limit stands that applied to this request, those of the budgets around this one included and first.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::Budget;
    ///
    /// async fn page(budget: Budget) -> String {
    ///     budget.limits().iter().map(|told| format!("{}: {} left\n", told.limit, told.report.remaining)).collect()
    /// }
    /// # let _ = page;
    /// ```
    pub fn limits(&self) -> Vec<LimitReport> {
        self.0.as_ref().map_or_else(Vec::new, |running| running.limits_of_all())
    }

    /// The limiter that has decided over this request, to look at its [site](Limiter::site). `None` where none has, as over one that
    /// is exempt.
    ///
    /// It is the same to the end of the request, though a reload may have put another in force. There is nothing to look up, unlike
    /// for [`TimeBudget::limiter_of`](crate::TimeBudget::limiter_of), which knows the site of every request.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::Budget;
    ///
    /// async fn site(budget: Budget) -> String {
    ///     budget.limiter().map_or_else(String::new, |limiter| limiter.site().name.clone())
    /// }
    /// # let _ = site;
    /// ```
    pub fn limiter(&self) -> Option<&Arc<Limiter>> {
        self.0.as_ref().map(|running| running.site().limiter())
    }

    /// How long this request has run.
    ///
    /// Waiting for the client is not in it, and neither is time that the handler has [paused](Self::pause).
    pub fn used(&self) -> Micros {
        self.0.as_ref().map_or(Micros::ZERO, |running| running.held().used(running.site()))
    }

    /// How long this request can go on, at the pace at which its budgets are spent now, until the first of them is spent; 0
    /// where one is. `None` if none of its limits is of time.
    ///
    /// To hand on to what works for it, such as a database. It is a forecast: less where others begin meanwhile, and more
    /// where they end. A window that ends first leaves the rest to the next one, which grants its quota anew. What becomes of
    /// the request then, its rule's [`Overrun`](crate::Overrun) says; under several budgets it is the least of theirs.
    ///
    /// ```
    /// use timebudget::Budget;
    ///
    /// /// What the statements of a transaction may take, for Postgres; 0 would be no timeout at all.
    /// fn statement_timeout(budget: &Budget) -> Option<String> {
    ///     let left = budget.time_left()?.as_millis().max(1);
    ///     Some(format!("SET LOCAL statement_timeout = {left}"))
    /// }
    /// # let _ = statement_timeout;
    /// ```
    pub fn time_left(&self) -> Option<Duration> {
        self.0.as_ref()?.time_left().map(Duration::from)
    }

    /// How long until this request is ended by rules that [cut](crate::Overrun::Cut) what runs, at the present pace; 0 where it is to be
    /// ended now. `None` if no rule that cuts limits its time: other rules, such as those that are about other requests, or are in
    /// shadow, have no say in it.
    ///
    /// To hand on as a deadline to what would otherwise work for nobody. It is a forecast as [`Budget::time_left`] is.
    pub fn cut_in(&self) -> Option<Duration> {
        self.0.as_ref()?.cut_in_of_all().map(Duration::from)
    }

    /// Charges time that is spent elsewhere on this request's behalf, when the request ends.
    ///
    /// `X-RateLimit-Used` says it at once, `X-RateLimit-Remaining` where the body is complete with its head. One request
    /// is charged at most [`Micros::MAX_QUOTA`] so, which spends every quota.
    ///
    /// The answer is `false` where nothing will be charged: the request has ended, as one does whose body is complete when
    /// its handler has answered; or it is free; or none of its limits is of time. What goes on after the answer is charged
    /// by what is [detached](Self::detached) from the request.
    #[must_use = "nothing is charged to a request that has ended"]
    pub fn charge(&self, extra: Micros) -> bool {
        self.0.as_ref().is_some_and(|running| running.ask(|holding, _, _| holding.charge(extra)))
    }

    /// What charges work that goes on elsewhere, in a task or a thread, however soon this request ends.
    ///
    /// Its time runs beside the request's, from now until it is dropped: a handler that waits for the work is charged for
    /// both. It may be asked for after the answer as well.
    ///
    /// ```
    /// use actix_web::{HttpResponse, Responder, rt};
    /// use timebudget::Budget;
    ///
    /// async fn import(budget: Budget) -> impl Responder {
    ///     let work = budget.detached();
    ///     rt::task::spawn_blocking(move || {
    ///         // A minute of work, and then:
    ///         drop(work);
    ///     });
    ///     HttpResponse::Accepted().finish()
    /// }
    /// # let _ = import;
    /// ```
    pub fn detached(&self) -> Detached {
        let detached = |running: &Rc<Running>| {
            let holding = running.held().detached();
            Reservation::detached(running.site().limiter(), holding)
        };
        Detached::of(self.0.as_ref().map(detached))
    }

    /// Stops this request's time, while the handler waits for something that costs nothing: until [`Budget::resume`],
    /// however often it is polled in between.
    ///
    /// For long polls and streams of events, which otherwise spend their budget on waiting. Paused, a request holds as little
    /// as one that waits for its client, and keeps its place under a cap. Under several budgets its time stops in all of
    /// them. To pause twice is to do it once; who answers without resuming has the rest of the answer made for free.
    ///
    /// ```
    /// use timebudget::Budget;
    /// use tokio::sync::watch;
    ///
    /// async fn next_price(budget: Budget, mut prices: watch::Receiver<u32>) -> String {
    ///     budget.pause();
    ///     let changed = prices.changed().await; // Perhaps in an hour.
    ///     budget.resume();
    ///     match changed {
    ///         Ok(()) => prices.borrow().to_string(),
    ///         Err(_) => "no more prices".to_owned(),
    ///     }
    /// }
    /// # let _ = next_price;
    /// ```
    pub fn pause(&self) {
        if let Some(running) = &self.0 {
            running.pause_for_handler();
        }
    }

    /// Lets the time run again that [`Budget::pause`] has stopped. Without effect on a request that is not paused.
    ///
    /// Time in which the client is waited for stays free.
    pub fn resume(&self) {
        if let Some(running) = &self.0 {
            running.resume_for_handler();
        }
    }

    /// Makes this request free: what it was charged is returned at once, it holds nothing any more, and what it does from
    /// now on costs nothing.
    ///
    /// Each limit returns what it was charged in its window that is in force now; what the request has cost a window that
    /// has ended stays there. A place under a cap is taken until the request ends.
    ///
    /// # Examples
    ///
    /// A page that turned out to be cached costs its client nothing:
    ///
    /// ```
    /// use timebudget::Budget;
    ///
    /// async fn cached(budget: Budget) -> &'static str {
    ///     budget.waive();
    ///     "cached"
    /// }
    /// # let _ = cached;
    /// ```
    pub fn waive(&self) {
        if let Some(running) = &self.0 {
            running.ask(Holding::waive);
        }
    }
}

impl Running {
    /// Where each limit stands, of this budget and those around it, of the outermost first.
    fn limits_of_all(&self) -> Vec<LimitReport> {
        let mut limits = self.outer.as_ref().map_or_else(Vec::new, |outer| outer.limits_of_all());
        limits.extend(self.ask(|holding, site, _| holding.limits(site)));
        limits
    }
}

impl FromRequest for Budget {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(current())))
    }
}

thread_local! {
    /// Without a destructor, for which each access would ask whether it is registered. It is empty whenever nothing is
    /// worked on, so that there is nothing to drop when the thread ends.
    static CURRENT: Cell<Option<ManuallyDrop<Guard>>> = const { Cell::new(None) };
}

/// Works on a request, and then goes back to the one that was worked on before, also if the work panics.
///
/// Meanwhile its guard lies where the work finds it, which costs less than to count one more owner.
#[inline]
pub(crate) fn during<T>(guard: &mut Option<Guard>, work: impl FnOnce() -> T) -> T {
    let _back = Back { before: replace(guard.take()), guard };
    work()
}

/// The request that is worked on: the innermost one, where budgets are nested.
#[inline]
pub(crate) fn current() -> Option<Rc<Running>> {
    let guard = replace(None);
    let found = guard.as_deref().map(Rc::clone);
    replace(guard);
    found
}

#[inline]
fn replace(guard: Option<Guard>) -> Option<Guard> {
    CURRENT.replace(guard.map(ManuallyDrop::new)).map(ManuallyDrop::into_inner)
}

/// Puts back the guards of the request that was worked on and of the one before.
struct Back<'a> {
    guard: &'a mut Option<Guard>,
    before: Option<Guard>,
}

impl Drop for Back<'_> {
    #[inline]
    fn drop(&mut self) {
        *self.guard = replace(self.before.take());
    }
}

/// What charges work that goes on elsewhere to the accounts of the request that asked for it: made by
/// [`Budget::detached`](crate::Budget::detached), and sent to a task or a thread.
///
/// Its time counts while it runs, and ends when this is dropped, whatever the reason, in the windows in which it has run.
/// Limits of requests, and of what runs at once, have to do with the request alone. What rules return of answers, and
/// [`waive`](crate::Budget::waive), are about the request as well. Where no limit of time applied to it, nothing
/// is charged.
#[derive(Debug)]
#[must_use = "work that is dropped at once is charged next to nothing"]
pub struct Detached(Option<Reservation>);

impl Detached {
    pub(crate) fn of(reservation: Option<Reservation>) -> Self {
        Self(reservation.filter(Reservation::takes_charges))
    }

    /// Charges so much more than the time that it runs, when it ends; see [`Reservation::charge`].
    pub fn charge(&mut self, extra: Micros) {
        if let Some(reservation) = &mut self.0 {
            reservation.charge(extra);
        }
    }

    /// Stops the time, as while the work waits in a queue.
    pub fn pause(&mut self) {
        if let Some(reservation) = &mut self.0 {
            reservation.pause();
        }
    }

    /// Lets the time run again.
    pub fn resume(&mut self) {
        if let Some(reservation) = &mut self.0 {
            reservation.resume();
        }
    }

    /// How long it has run.
    pub fn used(&self) -> Micros {
        self.0.as_ref().map_or(Micros::ZERO, Reservation::used)
    }

    /// Ends it, and says where the tightest limit of time stands then.
    pub fn finish(mut self) -> Option<Report> {
        self.0.as_mut()?.settle()
    }
}
