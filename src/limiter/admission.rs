//! What a limiter says of a request: that it is admitted, with a reservation, refused, exempt, or that others are asked first.
//!
//! A reservation is the right to run, and the duty to be settled. It is settled once, by whoever says so or when it is dropped, and
//! settlement neither waits nor fails: what has to reach a server is queued.

use std::sync::Arc;

use crate::limiter::decision::{Decision, Question};
use crate::limiter::event::What;
use crate::limiter::holding::Holding;
use crate::limiter::{LimitReport, Limiter, Refusal, Report, Untold};
use crate::model::{Answer, Facts, Micros};
use crate::store::Fault;

/// The decision before the handler.
#[derive(Debug)]
pub enum Admission {
    /// The request is none of the limiter's business: not decided, not charged, no headers.
    Exempt,
    /// The request may run; it is charged until the reservation is settled or dropped.
    Admitted(Reservation),
    /// The request is not to be served.
    Refused(Refusal),
    /// Others have to be asked first. A limiter over a memory store never says so.
    Pending(Pending),
}

impl Admission {
    /// Decides over a request with a limiter that the reservation is to hold on to.
    ///
    /// CORS preflights are never refused, since a browser would show its user an error that names no limit; their time
    /// is charged.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the store failed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use timebudget::{Admission, Component, Engine, Limit, Limiter, Period, Rule, Site};
    /// # use timebudget::Facts;
    /// # struct Request;
    /// # impl Facts for Request {
    /// #     fn method(&self) -> &str { "GET" }
    /// #     fn path(&self) -> &str { "/" }
    /// #     fn ip(&self) -> Option<std::net::IpAddr> { None }
    /// # }
    /// let rule = Rule::new("all", Component::Site, Limit::requests(1).per(Period::HOUR));
    /// let site = Site { rules: vec![rule], ..Site::unlimited("shop") };
    /// let limiter = Arc::new(Limiter::new(site, &Engine::in_memory()));
    ///
    /// let Admission::Admitted(first) = Admission::of(Arc::clone(&limiter), &Request)? else { panic!("it fits") };
    /// let Admission::Refused(refusal) = Admission::of(limiter, &Request)? else { panic!("it does not fit") };
    /// assert_eq!((&*refusal.rule, refusal.report.remaining), ("all", 0));
    /// # drop(first);
    /// # Ok::<(), timebudget::store::Fault>(())
    /// ```
    pub fn of(limiter: Arc<Limiter>, facts: &dyn Facts) -> Result<Self, Fault> {
        let mut reservation = Reservation::vacant(limiter);
        let decided = reservation.decide(|holding, limiter, untold| holding.admit(limiter, facts, untold));
        let (limiter, holding) = reservation.parts();
        Ok(match decided? {
            Decision::Exempt => Self::Exempt,
            Decision::Admitted => Self::Admitted(reservation),
            Decision::Refused => Self::Refused(holding.refusal(limiter, &holding.why_refused(limiter))),
            Decision::Open(question) => Self::Pending(Pending { reservation, question }),
        })
    }

    /// Waits where others have to be asked first: what comes is never [`Admission::Pending`].
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the store failed and is told to refuse then.
    pub async fn decided(self) -> Result<Self, Fault> {
        match self {
            Self::Pending(pending) => pending.decided().await,
            decided => Ok(decided),
        }
    }
}

/// A request about which the store asks others.
///
/// Its time runs already. Dropping it ends the request.
#[derive(Debug)]
#[must_use = "nothing is decided until it is awaited"]
pub struct Pending {
    reservation: Reservation,
    question: Box<Question>,
}

impl Pending {
    /// Waits for the decision.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the store failed and is told to refuse then.
    pub async fn decided(self) -> Result<Admission, Fault> {
        let Self { mut reservation, question } = self;
        let decided = reservation.conclude(*question).await?;
        let (limiter, holding) = reservation.parts();
        Ok(match decided {
            Decision::Refused => Admission::Refused(holding.refusal(limiter, &holding.why_refused(limiter))),
            _ => Admission::Admitted(reservation),
        })
    }
}

/// An admitted request that has not been settled: its time runs.
///
/// Dropping it settles it, whatever became of the request: settlement is synchronous, cannot fail, and happens
/// exactly once.
#[derive(Debug)]
#[must_use = "a reservation that is dropped at once charges next to nothing"]
pub struct Reservation {
    limiter: Arc<Limiter>,
    holding: Holding,
}

impl Reservation {
    /// One that is yet to be admitted. Nothing watches over its end, so those who have timers hear that it begins.
    pub(crate) fn vacant(limiter: Arc<Limiter>) -> Self {
        Self { limiter, holding: Holding { has_timer: false, ..Holding::vacant() } }
    }

    /// One of work on a request's behalf, which runs from now on.
    pub(crate) fn detached(limiter: &Arc<Limiter>, holding: Holding) -> Self {
        let mut detached = Self { limiter: Arc::clone(limiter), holding };
        // What the store could not even count is left uncharged, which observers hear.
        let _ = detached.decide(Holding::begin_detached);
        detached
    }

    /// Does something with what is held, and then tells what came of it.
    fn with<T>(&mut self, work: impl FnOnce(&mut Holding, &Limiter, &mut Untold) -> T) -> T {
        let mut untold = Untold::new();
        let done = work(&mut self.holding, &self.limiter, &mut untold);
        match &untold {
            Untold::Nothing => {}
            Untold::Whole(what) => self.tell(*what),
            Untold::More(more) => {
                more.tell_before(&self.limiter);
                more.whole.into_iter().for_each(|what| self.tell(what));
            }
        }
        done
    }

    #[inline(never)]
    fn tell(&self, what: What) {
        match what {
            What::Settled => self.holding.tell_of_end(&self.limiter),
            decided => self.holding.tell_of_decision(&self.limiter, decided),
        }
    }

    /// The same of a decision, which may fail.
    pub(crate) fn decide<T>(
        &mut self,
        decide: impl FnOnce(&mut Holding, &Limiter, &mut Untold) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.with(decide).map_err(|fault| self.limiter.failed(fault))
    }

    /// Waits for what others decide.
    pub(crate) async fn conclude(&mut self, question: Question) -> Result<Decision, Fault> {
        let Question { asking, now } = question;
        let answer = asking.await;
        self.decide(|holding, limiter, untold| Ok(holding.conclude(limiter, answer?, now, untold)))
    }

    pub(crate) const fn parts(&mut self) -> (&Arc<Limiter>, &mut Holding) {
        (&self.limiter, &mut self.holding)
    }

    /// The limiter that admitted the request.
    pub fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    /// Stops the time, since the request waits for its client. Without effect on a request that is paused.
    pub fn pause(&mut self) {
        self.holding.pause(&self.limiter);
    }

    /// Lets the time run again. Without effect on a request that runs.
    pub fn resume(&mut self) {
        self.holding.resume(&self.limiter);
    }

    /// Charges so much on top of the time that the request takes, for work that is done elsewhere.
    ///
    /// It is charged when the request ends, and lost where that [has happened](Self::takes_charges).
    ///
    /// All that is charged to one request comes to at most [`Micros::MAX_QUOTA`], which spends every quota: much more
    /// would take the account past the numbers that it can hold, and so make it look unspent.
    pub fn charge(&mut self, extra: Micros) {
        self.holding.charge(extra);
    }

    /// Whether what is charged now will be: not to a request that has ended or is free, nor where no limit is of time.
    pub fn takes_charges(&self) -> bool {
        self.holding.takes_charges()
    }

    /// Makes the request free: what it was charged is returned at once, it holds nothing any more, and what it does from
    /// now on costs nothing.
    ///
    /// Each limit returns what it was charged in the window that is in force now; what the request has cost windows that
    /// have ended stays there. A place under a cap is taken until the request ends.
    pub fn waive(&mut self) {
        self.with(Holding::waive);
    }

    /// How long the request has run.
    pub fn used(&self) -> Micros {
        self.holding.used(&self.limiter)
    }

    /// Where the tightest limit stands; `None` if no rule applies.
    pub fn report(&mut self) -> Option<Report> {
        self.holding.tightest(&self.limiter).map(Report::from)
    }

    /// How long the request can go on, at the pace at which its accounts are spent now, until the first of its budgets of
    /// time is spent; 0 where one is. `None` if no rule limits its time.
    ///
    /// A forecast, to the microsecond: it is less where others begin meanwhile, and more where they end. A window that
    /// ends first leaves the rest to the next one, which grants its quota anew. Of a request that is paused it says how
    /// long it could go on from now.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use timebudget::{Admission, Component, Engine, Limiter, ManualClock, Micros, Rule, Site, UnixMicros};
    /// # use timebudget::{Facts, store::memory::Memory, parse_rates};
    /// # struct Request;
    /// # impl Facts for Request {
    /// #     fn method(&self) -> &str { "GET" }
    /// #     fn path(&self) -> &str { "/" }
    /// #     fn ip(&self) -> Option<std::net::IpAddr> { None }
    /// # }
    /// let clock = std::sync::Arc::new(ManualClock::at(UnixMicros::from_secs(1_700_000_000)));
    /// let engine = Engine::new(Memory::default(), clock.clone());
    /// let rule = Rule::new("budget", Component::Site, parse_rates("60s per day")?);
    /// let limiter = Limiter::new(Site { rules: vec![rule], ..Site::unlimited("demo") }, &engine);
    /// let limiter = std::sync::Arc::new(limiter);
    ///
    /// let Ok(Admission::Admitted(mut first)) = limiter.admit(&Request) else { panic!() };
    /// clock.advance(Duration::from_secs(10));
    /// assert_eq!(first.time_left(), Some(Micros::from_secs(50)));
    /// let Ok(Admission::Admitted(second)) = limiter.admit(&Request) else { panic!() };
    /// assert_eq!(first.time_left(), Some(Micros::from_secs(25)));
    /// # drop(second);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn time_left(&mut self) -> Option<Micros> {
        self.holding.time_left(&self.limiter)
    }

    /// How long until the request is to be ended by rules that [cut](crate::Overrun::Cut) what runs, at the present pace: 0 if
    /// it is to be ended now, and `None` if no such rule limits its time.
    ///
    /// The middleware does so by itself. Whoever serves requests in another way asks again after that time, and whenever
    /// another request has begun; and drops what runs, and this reservation, once it is 0.
    pub fn cut_in(&mut self) -> Option<Micros> {
        self.holding.cut_in(&self.limiter)
    }

    /// Where each limit stands that applies to the request, also to one that was refused.
    pub fn limits(&mut self) -> Vec<LimitReport> {
        self.holding.limits(&self.limiter)
    }

    /// Ends the request and says where the tightest limit stands then; `None` if no rule applies.
    pub fn settle(&mut self) -> Option<Report> {
        self.with(Holding::settle_and_report)
    }

    /// Says what the answer is: rules may charge some answers only.
    pub fn answered(&mut self, answer: &dyn Answer) {
        let returned = self.limiter.returning(self.holding.rules(), answer);
        self.with(|holding, limiter, untold| holding.give_back(limiter, &returned, untold));
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.with(Holding::settle);
    }
}
