//! The accounts that a rule keeps for one client: read, granted more, and reset.

use std::time::Duration;

use crate::limiter::account::{AccountError, AccountId, AccountStanding};
use crate::limiter::engine::Engine;
use crate::limiter::open_limits::OpenLimit;
use crate::limiter::roster::{Known, OfRule};
use crate::model::{Identity, Key, KeyHash, Limit, Micros, Period, Unit};
use crate::store::{Listed, Relief};

/// How much more is granted: server time, or requests. A [`Duration`] is time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Server time.
    Time(Micros),
    /// So many requests.
    Requests(u64),
}

/// The accounts that a rule keeps for one client: one for each of its limits.
#[derive(Clone, Debug)]
pub struct ClientAccounts {
    engine: Engine,
    of_rule: OfRule,
    key: Option<Key>,
    hash: KeyHash,
    known: Known,
    period: Option<Period>,
}

impl ClientAccounts {
    pub(crate) fn new(engine: Engine, of_rule: OfRule, key: Option<Key>, hash: KeyHash) -> Self {
        Self { engine, of_rule, key, hash, known: Known::default(), period: None }
    }

    /// Only of limits with this period.
    #[must_use]
    pub fn per(self, period: Period) -> Self {
        Self { period: Some(period), ..self }
    }

    /// Who the client is, where the key does not tell: what it may spend can depend on it.
    #[must_use]
    pub fn whose(mut self, identity: Identity) -> Self {
        self.known.identity = Some(identity);
        self
    }

    /// The tier that the client is in, where neither the key nor the user tells: as that of an API key.
    #[must_use]
    pub fn in_tier(mut self, tier: impl Into<String>) -> Self {
        self.known.tier = Some(tier.into());
        self
    }

    /// What the store knows the client by.
    pub const fn id(&self) -> AccountId {
        AccountId(self.hash)
    }

    /// Where they stand, in the order of the rule's limits.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn read(&self) -> Result<Vec<AccountStanding>, AccountError> {
        let mut standings = Vec::new();
        for open in self.limits() {
            let (store, now) = (&self.engine.shared().store, self.engine.shared().clock.now());
            let account = store.read(open.ask.book, self.hash, now).await?;
            standings.push(self.standing(open, &account));
        }
        Ok(standings)
    }

    /// Grants so much more until their windows end, to the accounts of all limits of that unit; says where these stand then.
    ///
    /// What the client has spent is less from now on, and headers tell so. What runs goes on running. At most 2^53 are ever
    /// granted beyond what has been spent.
    ///
    /// # Errors
    ///
    /// [`AccountError::NoSuchLimit`] if the rule has no limit of the unit; or the store failed, and some accounts may have
    /// been granted it.
    pub async fn grant(&self, amount: impl Into<Amount>) -> Result<Vec<AccountStanding>, AccountError> {
        let (unit, amount) = match amount.into() {
            Amount::Time(Micros(micros)) => (Unit::Time, micros),
            Amount::Requests(requests) => (Unit::Requests, requests),
        };
        let granted = self.relieve(Relief::Grant(amount), |limit| limit.unit() == unit).await?;
        if granted.is_empty() {
            return Err(AccountError::NoSuchLimit { rule: self.of_rule.rule().name.clone() });
        }
        Ok(granted)
    }

    /// Forgets what they have spent; says where they stand then. What was granted beyond that stays.
    ///
    /// What clients have had of an account that they share by a [fair](crate::Rule::fair) rule is not forgotten.
    ///
    /// # Errors
    ///
    /// The store failed, and some accounts may have been reset.
    pub async fn reset(&self) -> Result<Vec<AccountStanding>, AccountError> {
        self.relieve(Relief::Reset, |_| true).await
    }

    async fn relieve(
        &self,
        relief: Relief,
        is_wanted: impl Fn(&Limit) -> bool,
    ) -> Result<Vec<AccountStanding>, AccountError> {
        let mut standings = Vec::new();
        for open in self.limits() {
            if open.limit.period().is_some() && is_wanted(&open.limit) {
                let (store, now) = (&self.engine.shared().store, self.engine.shared().clock.now());
                let account = store.relieve(open.ask.book, self.hash, relief, now).await?;
                standings.push(self.standing(open, &account));
            }
        }
        Ok(standings)
    }

    fn limits(&self) -> Vec<OpenLimit> {
        let engine = self.engine.shared();
        let source = self.of_rule.source(self.key.as_ref(), &self.known, engine.clock.now().wall());
        let mut limits = self.of_rule.limits_of(source, engine);
        limits.retain(|open| self.period.is_none_or(|period| open.limit.period() == Some(period)));
        limits
    }

    fn standing(&self, open: OpenLimit, account: &Listed) -> AccountStanding {
        AccountStanding::new(&self.of_rule, open, account, None)
    }
}

impl From<Duration> for Amount {
    fn from(span: Duration) -> Self {
        Self::Time(Micros(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl From<Micros> for Amount {
    fn from(micros: Micros) -> Self {
        Self::Time(micros)
    }
}
