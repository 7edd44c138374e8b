//! Observers: what is told of each decision, and of each settlement.

use std::fmt;
use std::sync::Arc;

use crate::limiter::event::{Event, What};
use crate::model::{KeyDigest, Site, UnixMicros};
use crate::store::Fault;

/// What is told of each decision and of each settlement, as they are made: for metrics, logs, and whoever keeps accounts of
/// accounts.
///
/// It is set by [`Engine::observe`](crate::Engine::observe) or by the [builder](crate::BudgetBuilder::observe). Nothing
/// is told of requests that are exempt, since nothing is decided over them.
///
/// It is called by the thread that decides, without any lock held, within the request: it is to be quick, and to wait for
/// nothing. It may ask a [`Watch`](crate::Watch) or a [`Budget`](crate::Budget) where that very request stands, which it sees as it
/// is after what it is told. It must not panic, for requests are settled also while a panic of the application goes on.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
/// use timebudget::{Event, Observe, TimeBudget};
///
/// /// How often anybody was refused, in shadow or not, and what all have cost.
/// #[derive(Default)]
/// struct Totals { refused: AtomicU64, micros: AtomicU64 }
///
/// impl Observe for Totals {
///     fn refused(&self, event: &Event<'_>) {
///         self.refused.fetch_add(1, Relaxed);
///     }
///
///     fn settled(&self, event: &Event<'_>) {
///         self.micros.fetch_add(event.used().0, Relaxed);
///     }
/// }
///
/// let totals = Arc::new(Totals::default());
/// let rule = TimeBudget::rule("site", "600s per hour");
/// let budget = TimeBudget::builder().rule(rule).observe(Arc::clone(&totals)).build()?;
/// # let _ = budget;
/// # Ok::<(), timebudget::RuleError>(())
/// ```
pub trait Observe: Send + Sync + 'static {
    /// Whether it wants to be told of admissions. It is asked once for each limiter; whoever says no spares a request the
    /// telling, and may be told of some all the same.
    fn hears_admissions(&self) -> bool {
        true
    }

    /// A request, or a block of code, is admitted: its time runs.
    fn admitted(&self, event: &Event<'_>) {
        let _ = event;
    }

    /// A request is refused, or would be if no rule were [in shadow](Event::is_shadow).
    ///
    /// In shadow it is told beside [`admitted`](Self::admitted), or beside the refusal by other rules.
    fn refused(&self, event: &Event<'_>) {
        let _ = event;
    }

    /// What a request is charged is final, of the limits that the event has: each is told once.
    ///
    /// That is mostly all of them, when the response's body has ended. Rules that charge up to the head, or that return what
    /// they have charged for an answer, are told before the others.
    fn settled(&self, event: &Event<'_>) {
        let _ = event;
    }

    /// A request has come with an API key that its site knows.
    ///
    /// It is told of requests over which something is decided, where a rule asks who clients are or some have other limits
    /// than the rules say; of others nobody looks for a key. The request is told of beside.
    fn key_used(&self, site: &Site, key: &KeyDigest, at: UnixMicros) {
        let _ = (site, key, at);
    }

    /// Nobody could decide over a request for a site: the store failed, or the site's rules are not known. It is answered
    /// by 503.
    fn failed(&self, site: &str, fault: &Fault) {
        let _ = (site, fault);
    }
}

impl<T: Observe + ?Sized> Observe for Arc<T> {
    fn hears_admissions(&self) -> bool {
        (**self).hears_admissions()
    }

    fn admitted(&self, event: &Event<'_>) {
        (**self).admitted(event);
    }

    fn refused(&self, event: &Event<'_>) {
        (**self).refused(event);
    }

    fn settled(&self, event: &Event<'_>) {
        (**self).settled(event);
    }

    fn key_used(&self, site: &Site, key: &KeyDigest, at: UnixMicros) {
        (**self).key_used(site, key, at);
    }

    fn failed(&self, site: &str, fault: &Fault) {
        (**self).failed(site, fault);
    }
}

/// All who are told, each of whom is told the same.
#[derive(Clone, Default)]
pub(crate) struct Observers(pub(crate) Vec<Arc<dyn Observe>>);

impl Observe for Observers {
    fn hears_admissions(&self) -> bool {
        self.0.iter().any(Observe::hears_admissions)
    }

    fn admitted(&self, event: &Event<'_>) {
        self.0.iter().for_each(|observer| observer.admitted(event));
    }

    fn refused(&self, event: &Event<'_>) {
        self.0.iter().for_each(|observer| observer.refused(event));
    }

    fn settled(&self, event: &Event<'_>) {
        self.0.iter().for_each(|observer| observer.settled(event));
    }

    fn key_used(&self, site: &Site, key: &KeyDigest, at: UnixMicros) {
        self.0.iter().for_each(|observer| observer.key_used(site, key, at));
    }

    fn failed(&self, site: &str, fault: &Fault) {
        self.0.iter().for_each(|observer| observer.failed(site, fault));
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observers").field(&self.0.len()).finish()
    }
}

/// Who is told, if anybody is: mostly one, who is told without a loop.
#[derive(Clone)]
pub(crate) struct Observer(Option<Arc<dyn Observe>>);

impl Observer {
    pub(crate) const fn is_nobody(&self) -> bool {
        self.0.is_none()
    }

    /// Whether it wants to be told of admissions.
    pub(crate) fn hears_admissions(&self) -> bool {
        self.0.as_ref().is_some_and(Observe::hears_admissions)
    }

    #[inline(always)]
    pub(crate) fn tell(&self, event: &Event<'_>) {
        if let Some(observer) = &self.0 {
            match event.what {
                What::Admitted => observer.admitted(event),
                What::Refused | What::RefusedInShadow => observer.refused(event),
                What::Settled => observer.settled(event),
            }
        }
    }

    #[cold]
    pub(crate) fn tell_of_key(&self, site: &Site, key: &KeyDigest, at: UnixMicros) {
        if let Some(observer) = &self.0 {
            observer.key_used(site, key, at);
        }
    }

    pub(crate) fn tell_of_fault(&self, site: &str, fault: &Fault) {
        if let Some(observer) = &self.0 {
            observer.failed(site, fault);
        }
    }
}

impl From<&Observers> for Observer {
    fn from(all: &Observers) -> Self {
        match &*all.0 {
            [] => Self(None),
            [only] => Self(Some(Arc::clone(only))),
            _ => Self(Some(Arc::new(all.clone()))),
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer").field("is_nobody", &self.is_nobody()).finish()
    }
}
