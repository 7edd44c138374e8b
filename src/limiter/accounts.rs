//! Accounts, for those who look after them: listed by what they have spent, and found by who the client is or by an id.

use std::collections::HashMap;

use crate::limiter::account::{AccountError, AccountId, AccountStanding};
use crate::limiter::books::OpenLimit;
use crate::limiter::client_accounts::ClientAccounts;
use crate::limiter::engine::{Engine, Shared};
use crate::limiter::roster::{EnlistedRule, Known};
use crate::model::{Key, KeyHash, SharedTiers, Source, UnixMicros};
use crate::store::{Book, Listed};

/// The accounts of an engine, for those who look after them.
///
/// A store keeps no text of a key, only its hash with a secret. So a client's account is found by whoever can name the
/// client ([`of`](Self::of)); a [list](Self::list) tells an [`AccountId`] of each, by which the account can be read and
/// changed as well, and names those clients only that it is told the names of.
///
/// Only rules that are in force on this engine have accounts here: those of living [limiters](crate::Limiter).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use timebudget::{AccountFilter, Engine, TimeBudget};
///
/// # futures_util::FutureExt::now_or_never(async {
/// let engine = Engine::in_memory();
/// let budget = TimeBudget::rule("exports", "60s per hour").key(timebudget::Component::User).engine(&engine).build()?;
///
/// let ann = engine.accounts().of("*", "exports", "ann")?; // A budget in Rust that names no site is of the site `*`.
/// let granted = ann.grant(Duration::from_secs(30)).await?; // Of each limit of time; this rule has one.
/// assert_eq!((granted[0].spent, granted[0].remaining), (0, 90_000_000));
///
/// let largest = engine.accounts().list(&AccountFilter::new().rule("exports").names(["ann", "bob"])).await?;
/// assert_eq!(largest[0].name.as_deref(), Some("ann"));
/// # let _ = budget;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).expect("a memory store answers at once")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Accounts {
    engine: Engine,
}

/// Which accounts a [list](Accounts::list) is of; at first the hundred largest spenders of each limit of all rules.
///
/// # Examples
///
/// ```
/// use timebudget::AccountFilter;
/// let ten_of_exports = AccountFilter::new().site("shop.example").rule("exports").most(10);
/// # let _ = ten_of_exports;
/// ```
#[derive(Clone, Debug)]
pub struct AccountFilter {
    site: Option<String>,
    rule: Option<String>,
    most: usize,
    names: Vec<String>,
}

impl Engine {
    /// The accounts, for those who look after them.
    ///
    /// See [`Accounts`], which has an example.
    pub fn accounts(&self) -> Accounts {
        Accounts { engine: self.clone() }
    }
}

impl Accounts {
    /// Where accounts stand: of each limit those that have spent most, the largest first.
    ///
    /// Limits stand in the order of their sites' names and of their rules. A memory store looks at every account of the
    /// window's length once, with a thousandth of them locked at a time.
    ///
    /// # Errors
    ///
    /// [`AccountError::NoSuchRule`] if nothing is in force that is asked for; or the store failed.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{AccountFilter, Component, Engine, TimeBudget};
    ///
    /// # futures_util::FutureExt::now_or_never(async {
    /// let engine = Engine::in_memory();
    /// let budget = TimeBudget::rule("jobs", "100 per day").key(Component::User).engine(&engine).build()?;
    /// for user in ["ann", "bob", "ann"] {
    ///     drop(budget.charge("jobs", user).await?);
    /// }
    /// let listed = engine.accounts().list(&AccountFilter::new().names(["ann", "bob"])).await?;
    /// let spent: Vec<_> = listed.iter().map(|account| (account.name.as_deref(), account.spent)).collect();
    /// assert_eq!(spent, [(Some("ann"), 2), (Some("bob"), 1)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).expect("a memory store answers at once").unwrap();
    /// ```
    pub async fn list(&self, filter: &AccountFilter) -> Result<Vec<AccountStanding>, AccountError> {
        let engine = self.engine.shared();
        let rules = engine.rosters.rules(filter.site.as_deref(), filter.rule.as_deref());
        if rules.is_empty() && (filter.site.is_some() || filter.rule.is_some()) {
            return Err(filter.no_such_rule());
        }
        let now = engine.clock.now();
        let rules = rules.into_iter().map(|of_rule| ListedRule::new(of_rule, filter, engine, now.wall()));
        let rules: Vec<_> = rules.collect();
        let books: Vec<Book> = rules.iter().flat_map(|rule| &rule.limits).map(|open| open.ask.book).collect();
        let positions = rules
            .iter()
            .enumerate()
            .flat_map(|(at, rule)| rule.limits.iter().map(move |open| (open.ask.book, at)));
        let positions: HashMap<Book, usize> = positions.collect();
        let listed = engine.store.list(&books, filter.most, now).await?;
        let told = listed
            .iter()
            .filter_map(|account| rules[*positions.get(&account.book)?].told(account, engine, now.wall()));
        Ok(told.collect())
    }

    /// The rules that have accounts here, each by the names of its site and of itself, in this order: of a site alone, or of
    /// one name.
    pub fn rules(&self, site: Option<&str>, rule: Option<&str>) -> Vec<(String, String)> {
        let rules = self.engine.shared().rosters.rules(site, rule).into_iter();
        rules.map(|of_rule| (of_rule.site().name.clone(), of_rule.rule().name.clone())).collect()
    }

    /// The accounts that a rule keeps for a client.
    ///
    /// The key is a value for each component that tells the rule's accounts apart, as in [`Limiter::charge`](crate::Limiter::charge); an address may
    /// be given as a text. Where each method has an account of its own, the method comes last.
    ///
    /// # Errors
    ///
    /// If no such rule is in force, or its keys are of other components.
    pub fn of(&self, site: &str, rule: &str, key: impl Into<Key>) -> Result<ClientAccounts, AccountError> {
        let of_rule = self.rule(site, rule)?;
        let key = key.into();
        let hash = of_rule.hash(&key, &self.engine.shared().hasher).ok_or_else(|| {
            AccountError::OtherKey { rule: rule.to_owned(), keyed_by: of_rule.key_spec().to_string() }
        })?;
        Ok(self.of_hash(of_rule, Some(key), hash))
    }

    /// What the store knows clients of these names by, with a rule whose keys are of one component; those that cannot be a
    /// value of it are left out.
    ///
    /// # Errors
    ///
    /// If no such rule is in force.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Component, Engine, TimeBudget};
    ///
    /// let engine = Engine::in_memory();
    /// let budget = TimeBudget::rule("jobs", "100 per day").key(Component::User).engine(&engine).build()?;
    /// let ids = engine.accounts().ids("*", "jobs", ["ann"])?;
    /// assert_eq!((ids[0].1, ids[0].0.to_string().len()), ("ann", 32));
    /// # let _ = budget;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ids<'a>(
        &self,
        site: &str,
        rule: &str,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<(AccountId, &'a str)>, AccountError> {
        let (of_rule, engine) = (self.rule(site, rule)?, self.engine.shared());
        let id = |name: &'a str| Some((AccountId(of_rule.hash(&Key::from(name), &engine.hasher)?), name));
        Ok(names.into_iter().filter_map(id).collect())
    }

    /// The accounts that a rule keeps for a client of whom only an id is known.
    ///
    /// # Errors
    ///
    /// If no such rule is in force.
    pub fn of_id(&self, site: &str, rule: &str, id: AccountId) -> Result<ClientAccounts, AccountError> {
        Ok(self.of_hash(self.rule(site, rule)?, None, id.0))
    }

    fn of_hash(&self, of_rule: EnlistedRule, key: Option<Key>, hash: KeyHash) -> ClientAccounts {
        ClientAccounts::new(self.engine.clone(), of_rule, key, hash)
    }

    fn rule(&self, site: &str, rule: &str) -> Result<EnlistedRule, AccountError> {
        let found = self.engine.shared().rosters.rules(Some(site), Some(rule)).pop();
        found.ok_or_else(|| AccountError::NoSuchRule { site: site.to_owned(), rule: rule.to_owned() })
    }
}

impl AccountFilter {
    /// The most accounts of a limit that are listed.
    pub const MOST: usize = 1_000;

    /// The hundred largest spenders of each limit of all rules.
    pub fn new() -> Self {
        Self { site: None, rule: None, most: 100, names: Vec::new() }
    }

    /// Of this site alone.
    #[must_use]
    pub fn site(self, name: impl Into<String>) -> Self {
        Self { site: Some(name.into()), ..self }
    }

    /// Of rules of this name alone.
    #[must_use]
    pub fn rule(self, name: impl Into<String>) -> Self {
        Self { rule: Some(name.into()), ..self }
    }

    /// Of each limit so many, at most [`AccountFilter::MOST`].
    #[must_use]
    pub fn most(self, most: usize) -> Self {
        Self { most: most.min(Self::MOST), ..self }
    }

    /// Names that clients may have: where an account is that of one of them, it is told so.
    ///
    /// A name is taken for the value of a key of one component; of other keys nobody is named.
    #[must_use]
    pub fn names<N: Into<String>>(self, names: impl IntoIterator<Item = N>) -> Self {
        Self { names: names.into_iter().map(Into::into).collect(), ..self }
    }

    fn no_such_rule(&self) -> AccountError {
        let told = |name: &Option<String>| name.clone().unwrap_or_else(|| "*".to_owned());
        AccountError::NoSuchRule { site: told(&self.site), rule: told(&self.rule) }
    }
}

impl Default for AccountFilter {
    fn default() -> Self {
        Self::new()
    }
}

/// A rule whose accounts are listed.
struct ListedRule {
    of_rule: EnlistedRule,
    /// The tiers that were in force when the list was asked for.
    tiers: SharedTiers,
    /// Whose limits hold for a client of whom nothing is known.
    stranger: Source,
    /// Its limits, for such a client where it has them.
    limits: Vec<OpenLimit>,
    /// Names of clients, by the words of their ids.
    names: HashMap<[u32; 3], String>,
}

impl ListedRule {
    fn new(of_rule: EnlistedRule, filter: &AccountFilter, engine: &Shared, at: UnixMicros) -> Self {
        let tiers = of_rule.tiers();
        let stranger = of_rule.source(&tiers, None, &Known::default(), at);
        let hash = |name: &String| of_rule.hash(&Key::from(name), &engine.hasher);
        let named = |name: &String| Some((AccountId(hash(name)?).words(), name.clone()));
        let names = filter.names.iter().filter_map(named).collect();
        let limits = of_rule.limits(&tiers, stranger, &*engine.store);
        Self { of_rule, tiers, stranger, limits, names }
    }

    fn told(&self, account: &Listed, engine: &Shared, at: UnixMicros) -> Option<AccountStanding> {
        let open = *self.limits.iter().find(|open| open.ask.book == account.book)?;
        let name = self.names.get(&AccountId(account.key).words()).cloned();
        let own = name.as_ref().and_then(|name| self.limit_of(name, open.ask.book, engine, at));
        Some(AccountStanding::new(&self.of_rule, own.unwrap_or(open), account, name))
    }

    /// The limit with this book of a client of this name, where it has another than a stranger.
    fn limit_of(&self, name: &str, book: Book, engine: &Shared, at: UnixMicros) -> Option<OpenLimit> {
        let Self { of_rule, tiers, .. } = self;
        let source = of_rule.source(tiers, Some(&Key::from(name)), &Known::default(), at);
        let differs = source != self.stranger;
        let limits = if differs { of_rule.limits_of(tiers, source, &*engine.store) } else { Vec::new() };
        limits.into_iter().find(|open| open.ask.book == book)
    }
}
