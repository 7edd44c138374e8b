//! The accounts that a rule keeps for one client: read, granted more, and reset; and the rules in which they are looked up.
//!
//! An account is known by site, rule and key. So that somebody who looks after accounts can name one without a request, the rules in
//! force are kept in a roster by site, with the books that have been opened: a rule that is no longer in force has no accounts
//! that could be found, though they last until their window ends and are there again if the rule comes back.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use crate::limiter::accounts::{AccountError, AccountId, AccountStanding};
use crate::limiter::engine::{Engine, Shared};
use crate::limiter::open_rule::{Books, OpenLimit, is_one_book};
use crate::limiter::terms::TermsInForce;
use crate::model::{
    Component, Identity, Key, KeyHash, KeySpec, KeyValue, Limit, Micros, Now, Period, Rule, SharedTiers,
    Site, Source, Unit, UnixMicros,
};
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
    /// What is held there counts as spent here, where nothing runs. Accounts that the other engine has not are untouched.
    pub(crate) async fn stand_as(
        &self,
        other: &Self,
        limits: &[Limit],
    ) -> Result<Vec<AccountStanding>, Fault> {
        let mut standings = Vec::new();
        let (engine, theirs) = (self.engine.shared(), other.engine.shared());
        for limit in limits.iter().filter(|limit| other.of_rule.may_have(limit)) {
            let there = other.of_rule.open_one(limit, theirs);
            let account = theirs.store.read(there.ask.book, self.hash, theirs.clock.now()).await?;
            let standing = self.standing(there, &account);
            let (here, now) = (self.of_rule.open_one(limit, engine), engine.clock.now());
            if account.net < 0 {
                let credit = Relief::Grant(account.net.unsigned_abs());
                engine.store.relieve(here.ask.book, self.hash, credit, now).await?;
            }
            charge(engine, &here, self.hash, standing.spent.saturating_add(standing.held), now)?;
            standings.push(standing);
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
        Self::Time(Micros(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl From<Micros> for Amount {
    fn from(micros: Micros) -> Self {
        Self::Time(micros)
    }
}

/// A site's rules in force, and the books that have been opened of them.
#[derive(Debug)]
pub(crate) struct Roster {
    site: Arc<Site>,
    /// For each rule the books of all limits that somebody has had of it.
    books: Vec<Arc<Books>>,
    /// Who may spend something else than the rules say.
    terms: Arc<TermsInForce>,
}

impl Roster {
    pub(crate) fn new(site: &Arc<Site>, books: Vec<Arc<Books>>, terms: &Arc<TermsInForce>) -> Self {
        Self { site: Arc::clone(site), books, terms: Arc::clone(terms) }
    }
}

/// Every site's rules that are in force on an engine.
#[derive(Debug, Default)]
pub(crate) struct Rosters(Mutex<BTreeMap<String, Vec<Weak<Roster>>>>);

impl Rosters {
    /// Notes a site's rules for as long as their limiter lives.
    pub(crate) fn enlist(&self, roster: Roster) -> Arc<Roster> {
        let roster = Arc::new(roster);
        let mut all = self.0.lock();
        let of_site = all.entry(roster.site.name.clone()).or_default();
        of_site.retain(|old| old.strong_count() > 0);
        of_site.push(Arc::downgrade(&roster));
        roster
    }

    /// The rules in force, in the order of their sites' names; of two of the same name the one that was made last.
    pub(crate) fn rules(&self, site: Option<&str>, rule: Option<&str>) -> Vec<OfRule> {
        let rosters = self.in_force(site);
        let mut found = Vec::<OfRule>::new();
        for roster in rosters {
            for (position, other) in roster.site.rules.iter().enumerate() {
                let is_known =
                    |known: &OfRule| known.rule().name == other.name && known.site().name == roster.site.name;
                if rule.is_none_or(|rule| rule == other.name) && !found.iter().any(is_known) {
                    found.push(OfRule { roster: Arc::clone(&roster), position });
                }
            }
        }
        found
    }

    /// The rosters of living limiters, of each site the newest first.
    fn in_force(&self, site: Option<&str>) -> Vec<Arc<Roster>> {
        let mut all = self.0.lock();
        all.retain(|_, of_site| of_site.iter().any(|roster| roster.strong_count() > 0));
        let wanted = all.iter().filter(|(name, _)| site.is_none_or(|site| site == name.as_str()));
        wanted.flat_map(|(_, of_site)| of_site.iter().rev().filter_map(Weak::upgrade)).collect()
    }
}

/// One rule in force.
#[derive(Clone, Debug)]
pub(crate) struct OfRule {
    roster: Arc<Roster>,
    position: usize,
}

impl OfRule {
    pub(crate) fn site(&self) -> &Site {
        &self.roster.site
    }

    pub(crate) fn rule(&self) -> &Rule {
        &self.roster.site.rules[self.position]
    }

    fn tiers(&self) -> SharedTiers {
        self.roster.terms.load().tiers.clone()
    }

    /// What tells the rule's accounts apart: where each method has its own, that comes last.
    pub(crate) fn key_spec(&self) -> KeySpec {
        let Rule { key, per_method, .. } = self.rule();
        KeySpec(key.0.iter().cloned().chain(per_method.then_some(Component::Method)).collect())
    }

    /// The hash of a key; `None` if the rule's keys are of other parts.
    pub(crate) fn hash(&self, key: &Key, engine: &Shared) -> Option<KeyHash> {
        let bytes = self.key_spec().bytes_of(key, self.site().addresses.ipv6_prefix)?;
        Some(engine.hasher.hash(bytes.as_slice()))
    }

    /// Every limit that somebody may have of the rule with its book, of a unit and period one: where `first` says one, that.
    pub(crate) fn limits(&self, first: Source, engine: &Arc<Shared>) -> Vec<OpenLimit> {
        let tiers = self.tiers();
        let overrides = tiers.overrides.iter().map(|(at, _)| Source::Override(at));
        let others = (0..tiers.tiers().len()).map(Source::Tier).chain(overrides);
        let about = |source: &Source| match source {
            Source::Override(at) => tiers.source(self.rule(), None, &[*at]) == *source,
            _ => true,
        };
        let sources = [first, Source::Rule].into_iter().chain(others.filter(about));
        self.open(sources.flat_map(|source| tiers.limits(self.rule(), source).into_owned()), engine)
    }

    /// Whether somebody may have a limit that draws on the account of this one.
    fn may_have(&self, limit: &Limit) -> bool {
        let tiers = self.tiers();
        let sources = (0..tiers.tiers().len()).map(Source::Tier);
        let sources = sources.chain(tiers.overrides.iter().map(|(at, _)| Source::Override(at)));
        let is_one = |other: &Limit| is_one_book(other, limit);
        let is_said = |source| tiers.limits(self.rule(), source).iter().any(is_one);
        let books = &self.roster.books[self.position];
        std::iter::once(Source::Rule).chain(sources).any(is_said)
            || books.all().iter().any(|open| is_one(&open.limit))
    }

    /// A limit with its book.
    fn open_one(&self, limit: &Limit, engine: &Arc<Shared>) -> OpenLimit {
        Books::new(self.rule(), self.position as u16, self.site(), engine).of(limit)
    }

    /// The limits that hold for a client, with their books.
    pub(crate) fn limits_of(&self, source: Source, engine: &Arc<Shared>) -> Vec<OpenLimit> {
        self.open(self.tiers().limits(self.rule(), source).into_owned(), engine)
    }

    fn open(&self, limits: impl IntoIterator<Item = Limit>, engine: &Arc<Shared>) -> Vec<OpenLimit> {
        let books = Books::new(self.rule(), self.position as u16, self.site(), engine);
        let mut open = Vec::<OpenLimit>::new();
        let all = limits.into_iter().map(|limit| books.of(&limit));
        for limit in all.chain(self.roster.books[self.position].all()) {
            if open.iter().all(|known| known.ask.book != limit.ask.book) {
                open.push(limit);
            }
        }
        open
    }

    /// Whose limits hold for the client of a key, by what the key and `client` tell.
    pub(crate) fn source(&self, key: Option<&Key>, client: &Known, at: UnixMicros) -> Source {
        let tiers = self.tiers();
        let of_key = |part| key.and_then(|key| self.value(key, &part)).and_then(text);
        let user = client.identity.as_ref().map(|who| who.user.clone()).or_else(|| of_key(Component::User));
        let tier = client.tier.clone().or_else(|| of_key(Component::Tier));
        let groups = client.identity.as_ref().map_or(&[][..], |who| &who.groups);
        let tier = match tier {
            Some(tier) => tiers.position(&tier),
            None => tiers.tier_of(None, user.as_deref(), groups, at),
        };
        let overrides: Vec<_> = user.map_or_else(Vec::new, |user| tiers.overrides_of(&user, at).collect());
        tiers.source(self.rule(), tier, &overrides)
    }

    /// The value of a component in a key.
    fn value<'a>(&self, key: &'a Key, part: &Component) -> Option<&'a KeyValue> {
        let spec = self.key_spec();
        let mut parts = spec.0.iter().filter(|part| **part != Component::Site);
        key.values().nth(parts.position(|other| *other == *part)?)
    }
}

fn text(value: &KeyValue) -> Option<String> {
    String::from_utf8(value.text()?.to_vec()).ok()
}

/// What is known of a client besides its key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) identity: Option<Identity>,
    pub(crate) tier: Option<String>,
}
