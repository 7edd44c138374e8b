//! Where the accounts stand that all requests of a site share.

use futures_util::future;
use timebudget::{AccountStanding, ClientAccounts, Engine};

/// The most rules whose accounts are read for a page.
const MOST: usize = 1_000;

/// Where the accounts of rules stand that have one for the whole site, as far as the store tells.
pub(crate) async fn read(engine: &Engine) -> Vec<AccountStanding> {
    let accounts = engine.accounts();
    let rules = accounts.rules(None, None).into_iter();
    // A rule that tells clients apart has no account without a key.
    let shared = rules.filter_map(|(site, rule)| accounts.of(&site, &rule, ()).ok()).take(MOST);
    let shared: Vec<_> = shared.collect();
    let read = future::join_all(shared.iter().map(ClientAccounts::read)).await;
    let standings = read.into_iter().flatten().flatten();
    standings.filter(|standing| standing.limit.period().is_some()).collect()
}
