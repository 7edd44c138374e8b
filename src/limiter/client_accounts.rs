//! The accounts that a rule keeps for one client: read, granted more, and reset.

use std::time::Duration;

use crate::limiter::account::{AccountError, AccountId, AccountStanding};
use crate::limiter::books::OpenLimit;
use crate::limiter::engine::{Engine, Shared};
use crate::limiter::roster::{EnlistedRule, Known};
use crate::limiter::share::Share;
use crate::model::{Identity, Key, KeyHash, Limit, Micros, Now, Period, Site, Unit};
use crate::store::{Charge, Claim, Fault, Listed, Mode, Relief, Settlement};

/// How much more is granted: server time, or requests. A [`Duration`] is time.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use timebudget::{Amount, Micros};
/// assert_eq!(Amount::from(Duration::from_secs(30)), Amount::Time(Micros::from_secs(30)));
/// ```
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
    of_rule: EnlistedRule,
    key: Option<Key>,
    hash: KeyHash,
    known: Known,
    period: Option<Period>,
}

impl ClientAccounts {
    pub(crate) fn new(engine: Engine, of_rule: EnlistedRule, key: Option<Key>, hash: KeyHash) -> Self {
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

    /// The site that the rule is of.
    pub fn site(&self) -> &Site {
        self.of_rule.site()
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
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Amount, Component, Engine, TimeBudget};
    ///
    /// # futures_util::FutureExt::now_or_never(async {
    /// let engine = Engine::in_memory();
    /// let budget = TimeBudget::rule("jobs", "1 per day").key(Component::User).engine(&engine).build()?;
    /// drop(budget.charge("jobs", "ann").await?);
    /// assert!(budget.charge("jobs", "ann").await.is_err());
    ///
    /// let ann = engine.accounts().of("*", "jobs", "ann")?;
    /// let stands = ann.grant(Amount::Requests(5)).await?;
    /// assert_eq!((stands[0].credit, stands[0].remaining), (4, 5));
    /// assert!(budget.charge("jobs", "ann").await.is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).expect("a memory store answers at once").unwrap();
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Component, Engine, TimeBudget};
    ///
    /// # futures_util::FutureExt::now_or_never(async {
    /// let engine = Engine::in_memory();
    /// let budget = TimeBudget::rule("jobs", "1 per day").key(Component::User).engine(&engine).build()?;
    /// drop(budget.charge("jobs", "ann").await?);
    /// let stands = engine.accounts().of("*", "jobs", "ann")?.reset().await?;
    /// assert_eq!((stands[0].spent, stands[0].remaining), (0, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).expect("a memory store answers at once").unwrap();
    /// ```
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

    /// Lets these accounts, on an engine that nobody else uses, stand where those of the same client do on another: each by
    /// its limit, as it holds for the client. Says where they stand.
    ///
    /// What is held there counts as spent here, where nothing runs. Accounts that the other engine has not are untouched. Of an
    /// account that a client shares, what it has had stands here only where that makes it refused.
    pub(crate) async fn stand_as(
        &self,
        other: &Self,
        client: Option<AccountId>,
        limits: &[Limit],
    ) -> Result<Vec<AccountStanding>, Fault> {
        let mut standings = Vec::new();
        let (engine, theirs) = (self.engine.shared(), other.engine.shared());
        for limit in limits.iter().filter(|limit| other.of_rule.may_have(limit)) {
            let there = other.of_rule.open_one(limit, &*theirs.store);
            let account = theirs.store.read(there.ask.book, self.hash, theirs.clock.now()).await?;
            let mut standing = self.standing(there, &account);
            if let Some(AccountId(client)) = client.filter(|_| limit.period().is_some()) {
                let out =
                    theirs.store.read_shares(there.ask.book, self.hash, client, theirs.clock.now()).await?;
                standing.share = Some(Share::of(limit.quota(), standing.spent, out));
            }
            let (here, now) = (self.of_rule.open_one(limit, &*engine.store), engine.clock.now());
            if account.net < 0 {
                let credit = Relief::Grant(account.net.unsigned_abs());
                engine.store.relieve(here.ask.book, self.hash, credit, now).await?;
            }
            charge(engine, &here, self.hash, standing.spent.saturating_add(standing.held), now)?;
            if let (Some(share), Some(AccountId(client))) = (standing.share.filter(|own| own.refuses), client)
            {
                let count = |book, key, cost| {
                    let mut claim = [Claim::new(book, key, u64::MAX, Charge::Requests { cost })];
                    engine.store.admit(&mut claim, Mode::Force, now).map(drop)
                };
                count(here.ask.book.of_clients(), self.hash, share.clients)?;
                count(here.ask.book.of_shares(), client, share.spent)?;
            }
            standings.push(standing);
        }
        Ok(standings)
    }

    fn limits(&self) -> Vec<OpenLimit> {
        let engine = self.engine.shared();
        let (tiers, at) = (self.of_rule.tiers(), engine.clock.now().wall());
        let source = self.of_rule.source(&tiers, self.key.as_ref(), &self.known, at);
        let mut limits = self.of_rule.limits_of(&tiers, source, &*engine.store);
        limits.retain(|open| self.period.is_none_or(|period| open.limit.period() == Some(period)));
        limits
    }

    fn standing(&self, open: OpenLimit, account: &Listed) -> AccountStanding {
        AccountStanding::new(&self.of_rule, open, account, None)
    }
}

/// Charges an account so much of its limit's unit; of a cap, as many places, which nobody leaves.
fn charge(engine: &Shared, open: &OpenLimit, key: KeyHash, amount: u64, now: Now) -> Result<(), Fault> {
    let (charge, times) = match open.limit {
        Limit::Time { .. } => (Charge::Time { expected: Micros::ZERO }, 1),
        Limit::Requests { .. } => (Charge::Requests { cost: amount }, 1),
        Limit::Concurrent { cap } => (Charge::Place, amount.min(cap.into())),
    };
    let extra_micros = i64::try_from(amount).unwrap_or(i64::MAX);
    for _ in 0..if amount == 0 { 0 } else { times } {
        let mut claim = [Claim::new(open.ask.book, key, open.limit.quota(), charge)];
        engine.store.admit(&mut claim, Mode::Force, now)?;
        if charge != Charge::Place {
            engine.store.settle(&mut claim, &Settlement { extra_micros, ..Settlement::NONE }, now);
        }
    }
    Ok(())
}

impl From<Duration> for Amount {
    fn from(span: Duration) -> Self {
        Self::Time(span.into())
    }
}

impl From<Micros> for Amount {
    fn from(micros: Micros) -> Self {
        Self::Time(micros)
    }
}
