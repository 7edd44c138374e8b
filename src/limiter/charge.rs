//! Charging a block of code, with no request at hand.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::limiter::{Admission, Claims, Limiter, Reservation};
use crate::model::{Facts, KeyHash, Rule};
use crate::store::Fault;

impl Limiter {
    /// Charges what runs until the reservation is dropped to the account that a rule keeps for `key`, or refuses it.
    ///
    /// The account is that of the requests whose key's only part has this value: a client's address of a rule by `ip`, the
    /// header of a rule by header. A rule for the whole site has one account, whatever the key. Of a rule by several
    /// parts, `key` names an account that no request has.
    ///
    /// Only this rule is asked, whatever its condition and its exemptions: a block is no request that could fulfil one. What
    /// code computes for it from a request falls back to the rule's own limits and a cost of 1. Of a [fair](Rule::fair) rule, all blocks of an account are one client. A block that runs within a request of the same rule is charged beside it: its time
    /// counts twice.
    ///
    /// # Errors
    ///
    /// [`ChargeError`] if the site has no rule of this name, or the store failed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use timebudget::{Component, Rule};
    /// use timebudget::store::memory::Memory;
    /// use timebudget::{Admission, Engine, Limiter, ManualClock, Site, UnixMicros, parse_rates};
    ///
    /// let clock = Arc::new(ManualClock::at(UnixMicros::from_secs(0)));
    /// let engine = Engine::new(Memory::default(), Arc::clone(&clock));
    /// let rule = Rule::new("exports", Component::Header("x-tenant".into()), parse_rates("10s per hour")?);
    /// let limiter = Arc::new(Limiter::new(Site { rules: vec![rule], ..Site::unlimited("jobs") }, &engine));
    ///
    /// let Admission::Admitted(mut running) = limiter.charge("exports", "acme")? else { panic!("nothing is spent") };
    /// clock.advance(Duration::from_secs(10)); // The work.
    /// assert_eq!(running.settle().map(|report| (report.used, report.remaining)), Some((10_000_000, 0)));
    ///
    /// let Admission::Refused(refusal) = limiter.charge("exports", "acme")? else { panic!("all is spent") };
    /// assert_eq!((&*refusal.rule, refusal.retry_after_secs), ("exports", 3_590));
    /// assert!(matches!(limiter.charge("exports", "others")?, Admission::Admitted(_)));
    /// assert!(limiter.charge("imports", "acme").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn charge(self: &Arc<Self>, rule: &str, key: &str) -> Result<Admission, ChargeError> {
        let position = self.site.rules.iter().position(|other| other.name == rule);
        let position = position.ok_or_else(|| ChargeError::NoSuchRule(rule.to_owned()))?;
        let mut reservation = Reservation::vacant(Arc::clone(self));
        let decision = reservation.admit_block(position, key).map_err(ChargeError::Fault)?;
        Ok(Admission::by(decision, reservation))
    }

    /// The claims of a block of code on the account that a rule keeps for `key`.
    #[cold]
    pub(super) fn claim_block(&self, position: usize, key: &str, claims: &mut Claims) {
        let (rule, open) = (&self.site.rules[position], &self.rules[position]);
        let key = open.constant_key.unwrap_or_else(|| self.key_of_text(rule, key));
        open.claim_block(rule, key, position as u16, &NoRequest, claims);
    }

    fn key_of_text(&self, rule: &Rule, key: &str) -> KeyHash {
        let bytes = rule.key.bytes_of_text(key, self.site.addresses.ipv6_prefix);
        self.engine.hasher.hash(bytes.as_slice())
    }
}

/// What a rule sees of a block of code: nothing.
struct NoRequest;

impl Facts for NoRequest {
    fn method(&self) -> &str {
        ""
    }

    fn path(&self) -> &str {
        ""
    }

    fn ip(&self) -> Option<IpAddr> {
        None
    }
}

/// A block of code was neither admitted nor refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChargeError {
    /// The site has no rule of this name.
    NoSuchRule(String),
    /// The store failed.
    Fault(Fault),
}

impl fmt::Display for ChargeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchRule(name) => write!(f, "the site has no rule {name:?}"),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for ChargeError {}
