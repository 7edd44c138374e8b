//! What is seen of governed budgets: their accounts, and who clients are.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use timebudget::{AccountFilter, AccountId, AccountStanding, ClientAccounts, Component, Engine, KeySpec};

use crate::control::{Control, Unavailable};
use crate::db::{Asked, Database, Grain, Point};
use crate::live::{Hub, Key, Live, OTHER, Spender, Spending, Sum, hour_of};

impl Control {
    pub(crate) fn live(&self) -> &Live {
        &self.0.live
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.0.live.hub
    }

    /// The engines of governed budgets.
    pub(crate) fn engines(&self) -> Vec<Engine> {
        self.0.engines.lock().clone()
    }

    /// The names that are known of clients: users, and API keys.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let decided = self.decided();
        let users = decided.users().keys().cloned();
        let overridden = decided.overrides().values().map(|held| held.thing.user.clone());
        let keys = decided.keys().values().map(|held| &held.thing);
        let keys = keys.flat_map(|key| std::iter::once(key.name.clone()).chain(key.user.clone()));
        users.chain(overridden).chain(keys).collect()
    }

    /// The accounts that a rule keeps for a client, who is said by name or by id; for everybody where neither is said.
    /// `None` if no such rule is in force, or it tells clients apart by something else.
    pub(crate) fn accounts_of(&self, site: &str, rule: &str, client: Option<&str>) -> Option<ClientAccounts> {
        let id = client.and_then(|client| client.parse::<AccountId>().ok());
        self.engines().iter().map(Engine::accounts).find_map(|accounts| match (client, id) {
            (None, _) => accounts.of(site, rule, ()).ok(),
            // Nobody is called like that, and as a name it would be found with every rule.
            (_, Some(id)) => accounts.of_id(site, rule, id).ok(),
            (Some(client), None) => accounts.of(site, rule, client).ok(),
        })
    }

    /// The accounts of a user, with each rule that is keyed by `user` alone.
    pub(crate) fn accounts_of_user(&self, user: &str) -> Vec<ClientAccounts> {
        let by_user = KeySpec::from(Component::User);
        let mut all = Vec::new();
        for (site, rule) in self.rules(None, None) {
            let accounts =
                self.engines().iter().find_map(|engine| engine.accounts().of(&site, &rule, user).ok());
            let is_keyed = |accounts: &ClientAccounts| {
                accounts.site().rules.iter().any(|of| of.name == rule && of.key == by_user && !of.per_method)
            };
            all.extend(accounts.filter(is_keyed));
        }
        all
    }

    /// Where the largest accounts of all rules stand, or of those that are asked for.
    pub(crate) async fn largest_accounts(
        &self,
        site: Option<&str>,
        rule: Option<&str>,
    ) -> Result<Vec<AccountStanding>, timebudget::AccountError> {
        let mut filter = AccountFilter::new().most(AccountFilter::MOST).names(self.names());
        filter = site.into_iter().fold(filter, AccountFilter::site);
        filter = rule.into_iter().fold(filter, AccountFilter::rule);
        let mut all = Vec::new();
        for engine in self.engines() {
            if !engine.accounts().rules(site, rule).is_empty() {
                all.extend(engine.accounts().list(&filter).await?);
            }
        }
        Ok(all)
    }

    /// The rules of all governed budgets, by site and name.
    pub(crate) fn rules(&self, site: Option<&str>, rule: Option<&str>) -> BTreeSet<(String, String)> {
        self.engines().iter().flat_map(|engine| engine.accounts().rules(site, rule)).collect()
    }

    /// The ids that rules know a client by, who is said by name or by id.
    pub(crate) fn ids_of(&self, site: Option<&str>, rule: Option<&str>, client: &str) -> Vec<String> {
        let rules = self.rules(site, rule);
        let ids = rules.iter().filter_map(|(site, rule)| self.accounts_of(site, rule, Some(client)));
        let ids: BTreeSet<_> = ids.map(|accounts| accounts.id().to_string()).collect();
        if ids.is_empty() { vec![client.to_owned()] } else { ids.into_iter().collect() }
    }

    /// The names of spenders, of those whose names are known.
    pub(crate) fn names_of(&self, spenders: &[(Spender, Spending)]) -> HashMap<Spender, String> {
        let names = self.names();
        let mut by_rule = BTreeMap::<_, Vec<&Spender>>::new();
        for (spender, _) in spenders {
            by_rule.entry((&spender.site, &spender.rule)).or_default().push(spender);
        }
        let mut found = HashMap::new();
        for ((site, rule), spenders) in by_rule {
            let engines = self.engines();
            let ids = engines
                .iter()
                .find_map(|engine| engine.accounts().ids(site, rule, names.iter().map(String::as_str)).ok());
            let ids: HashMap<_, _> = ids.into_iter().flatten().collect();
            for spender in spenders {
                if let Some(name) = spender.id().and_then(|id| ids.get(&id)) {
                    found.insert(spender.clone(), (*name).to_owned());
                }
            }
        }
        found
    }

    /// The usage of a time, added up as it is read, with what has not been written down yet on this node.
    pub(crate) async fn usage<T: Default + Send + 'static>(
        &self,
        asked: Asked,
        add: impl Fn(&mut T, &Key, &Sum) + Copy + Send + Sync + 'static,
    ) -> Result<T, Unavailable> {
        let unwritten = self.live().unwritten();
        let question = asked.clone();
        let read = move |database: Database| async move {
            let mut sums = T::default();
            database.usage(&question, |key, sum| add(&mut sums, &key, &sum)).await?;
            Ok(sums)
        };
        let mut sums = self.ask(read).await?;
        for (_, more) in unwritten.into_iter().filter(|(at, _)| asked.has(*at)) {
            more.iter()
                .filter(|(key, _)| asked.is_about(key))
                .for_each(|(key, sum)| add(&mut sums, key, sum));
        }
        Ok(sums)
    }

    /// The same, of each minute or hour.
    pub(crate) async fn usage_points(&self, asked: Asked) -> Result<BTreeMap<i64, Point>, Unavailable> {
        let unwritten = self.live().unwritten();
        let question = asked.clone();
        let mut points =
            self.ask(move |database| async move { database.usage_points(&question).await }).await?;
        for (at, more) in unwritten {
            let at = if asked.grain == Grain::Hour { hour_of(at) } else { at };
            for (key, sum) in more.iter().filter(|(key, _)| asked.has(at) && asked.is_about(key)) {
                points.entry(at).or_default().add(key, sum);
            }
        }
        Ok(points)
    }

    /// What spenders have spent, the largest first.
    pub(crate) async fn spenders(&self, asked: Asked) -> Result<Vec<(Spender, Spending)>, Unavailable> {
        const MOST: usize = 10_000;
        self.ask(move |database| async move { database.spenders(&asked, MOST).await }).await
    }

    /// What a client has spent, by the hour.
    pub(crate) async fn spending_of(
        &self,
        client: &str,
        asked: Asked,
    ) -> Result<Vec<(Spender, Spending)>, Unavailable> {
        let ids = self.ids_of(asked.site.as_deref(), asked.rule(), client);
        self.ask(move |database| async move { database.spending_of(&ids, &asked).await }).await
    }
}

impl Spender {
    /// Whether it is those that are not told apart.
    pub(crate) fn is_others(&self) -> bool {
        &*self.client == OTHER
    }
}
