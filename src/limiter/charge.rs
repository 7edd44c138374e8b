//! Charging a block of code, with no request at hand.

use std::sync::Arc;
use std::{error, fmt};

use crate::limiter::{Decision, Limiter, Refusal, Reservation};
use crate::model::{Key, KeyHash, Rule};
use crate::store::Fault;

impl Limiter {
    /// Charges what runs until the reservation is dropped to the account that a rule keeps for `key`, unless it is refused.
    ///
    /// The account is that of the requests of this key: of a rule by `ip` it is an address, of one by a header what the header
    /// says, of one for the whole site `()`, and of one by several components a tuple of their values. Of one
    /// [per method](Rule::per_method) the method comes last. What a closure gives is given here as the same type.
    ///
    /// Only this rule is asked, whatever its condition and its exemptions: a block is no request that could fulfil one. What
    /// code computes for it from a request falls back to the rule's own limits and a cost of 1. Of a [fair](Rule::fair)
    /// rule, all blocks of an account are one client. A block that runs within a request of the same rule is charged beside it: its
    /// time counts twice.
    ///
    /// It waits only where a store asks others. Dropping the future ends the block.
    ///
    /// # Errors
    ///
    /// [`ChargeError::Refused`] if the block is not to run. The other errors are mistakes: the site has no rule of this name,
    /// or its key is another; or the store failed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use timebudget::{ChargeError, Component, Engine, Limiter, ManualClock, Rule, Site, UnixMicros, parse_rates};
    /// use timebudget::store::memory::Memory;
    ///
    /// # futures_util::FutureExt::now_or_never(async {
    /// let clock = Arc::new(ManualClock::at(UnixMicros::from_secs(0)));
    /// let engine = Engine::new(Memory::default(), Arc::clone(&clock));
    /// let rule = Rule::new("exports", Component::Header("x-tenant".into()), parse_rates("10s per hour")?);
    /// let limiter = Arc::new(Limiter::new(Site { rules: vec![rule], ..Site::unlimited("jobs") }, &engine));
    ///
    /// let mut running = limiter.charge("exports", "acme").await?;
    /// clock.advance(Duration::from_secs(10)); // The work.
    /// assert_eq!(running.settle().map(|report| (report.used, report.remaining)), Some((10_000_000, 0)));
    ///
    /// let Err(ChargeError::Refused(refusal)) = limiter.charge("exports", "acme").await else { panic!("all is spent") };
    /// assert_eq!((&*refusal.rule, refusal.retry_after_secs), ("exports", 3_590));
    /// assert!(limiter.charge("exports", "others").await.is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).expect("a memory store decides at once")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn charge(
        self: &Arc<Self>,
        rule: &str,
        key: impl Into<Key>,
    ) -> Result<Reservation, ChargeError> {
        let position = self.site.rules.iter().position(|other| other.name == rule);
        let position = position.ok_or_else(|| ChargeError::NoSuchRule(rule.to_owned()))?;
        let key = self.key_of_block(position, &key.into())?;
        let mut reservation = Reservation::vacant(Arc::clone(self));
        let decision = match reservation
            .decide(|holding, limiter, untold| holding.admit_block(limiter, position, key, untold))?
        {
            Decision::Open(question) => reservation.conclude(*question).await?,
            decided => decided,
        };
        let (limiter, holding) = reservation.parts();
        match decision {
            Decision::Refused => {
                Err(ChargeError::Refused(holding.refusal(limiter, &holding.why_refused(limiter))))
            }
            _ => Ok(reservation),
        }
    }

    fn key_of_block(&self, position: usize, key: &Key) -> Result<KeyHash, ChargeError> {
        let rule = &self.site.rules[position];
        let bytes = rule.key_of_accounts().bytes_of(key, self.site.addresses.ipv6_prefix);
        let bytes = bytes.ok_or_else(|| ChargeError::other_key(rule))?;
        Ok(self.engine.hasher.hash(bytes.as_slice()))
    }
}

/// A block of code is not to run.
///
/// A request that is refused is answered, so there a refusal is a value and only a fault is an error. A block of code has
/// nobody to answer: it runs or it does not, and `?` is what most callers want of either. So this enum holds both. Whoever
/// tells them apart matches [`Refused`](Self::Refused), which says when to come back; all others are to be mended, not waited
/// for, but for a [`Fault`](Self::Fault), which ends when the store answers again.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use timebudget::ChargeError;
///
/// fn again_after(error: &ChargeError) -> Option<Duration> {
///     match error {
///         ChargeError::Refused(refusal) => Some(Duration::from_secs(refusal.retry_after_secs)),
///         _ => None,
///     }
/// }
/// # assert_eq!(again_after(&ChargeError::NoSuchRule("exports".into())), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChargeError {
    /// The rule refuses it.
    Refused(Refusal),
    /// The site has no rule of this name.
    NoSuchRule(String),
    /// The rule's accounts have other keys.
    OtherKey {
        /// The rule's name.
        rule: String,
        /// What its accounts are keyed by, as a site file says it.
        keyed_by: String,
    },
    /// The store failed.
    Fault(Fault),
}

impl ChargeError {
    fn other_key(rule: &Rule) -> Self {
        Self::OtherKey { rule: rule.name.clone(), keyed_by: rule.key_of_accounts().to_string() }
    }
}

impl From<Fault> for ChargeError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl fmt::Display for ChargeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::NoSuchRule(name) => write!(f, "the site has no rule {name:?}"),
            Self::OtherKey { rule, keyed_by } => {
                write!(
                    f,
                    "the rule {rule} is keyed by {keyed_by}; expected a value for each part that tells accounts apart"
                )
            }
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl error::Error for ChargeError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Refused(refusal) => refusal.source(),
            Self::Fault(fault) => fault.source(),
            Self::NoSuchRule(_) | Self::OtherKey { .. } => None,
        }
    }
}
