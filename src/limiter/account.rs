//! An account, for those who look after it: its id, where it stands, and why it cannot be had.
//!
//! An id stays the same over restarts with a snapshot and, with Redis, for all processes. It has no client's name in it, for keys are
//! hashed: whoever knows the client asks by its key, and whoever has only a list goes on from an id.

use std::fmt;
use std::str::FromStr;

use crate::limiter::books::OpenLimit;
use crate::limiter::report::with_quota;
use crate::limiter::roster::EnlistedRule;
use crate::limiter::share::Share;
use crate::model::{KeyHash, Limit, Window, hold};
use crate::store::{Fault, Listed};

/// What a store knows a client's accounts by: a keyed hash. All rules with the same key know a client by the same one.
///
/// It is written as 32 hexadecimal digits, and means something only where keys are hashed with the same secret: in one
/// process, in those that share a Redis, or after a restart with a snapshot.
///
/// # Examples
///
/// ```
/// use timebudget::AccountId;
/// let id: AccountId = "000102030405060708090a0b0c0d0e0f".parse()?;
/// assert_eq!(id.to_string(), "000102030405060708090a0b0c0d0e0f");
/// assert!("ann".parse::<AccountId>().is_err());
/// # Ok::<(), timebudget::NoAccountId>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AccountId(pub(crate) KeyHash);

impl AccountId {
    /// The words that tell accounts apart: the first one says only where a store looks for it.
    pub(crate) const fn words(self) -> [u32; 3] {
        let KeyHash([_, a, b, c]) = self.0;
        [a, b, c]
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.0.iter().try_for_each(|word| write!(f, "{word:08x}"))
    }
}

/// The text is no [`AccountId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAccountId;

impl FromStr for AccountId {
    type Err = NoAccountId;

    fn from_str(text: &str) -> Result<Self, NoAccountId> {
        let is_hexadecimal = text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        let bits = u128::from_str_radix(text, 16).ok().filter(|_| is_hexadecimal).ok_or(NoAccountId)?;
        Ok(Self(KeyHash([96, 64, 32, 0].map(|shift| (bits >> shift) as u32))))
    }
}

impl fmt::Display for NoAccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no id of an account; expected 32 hexadecimal digits")
    }
}

impl std::error::Error for NoAccountId {}

/// Where an account stands.
///
/// Times are in microseconds, as the headers' are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountStanding {
    /// The name of its site.
    pub site: String,
    /// The name of its rule.
    pub rule: String,
    /// Its limit, with the quota in force for the client; where that is not known, as the rule says it.
    pub limit: Limit,
    /// What the store knows it by.
    pub id: AccountId,
    /// Whose it is, where that was told.
    pub name: Option<String>,
    /// Whether many newcomers share it, for want of room in the store.
    pub is_shared: bool,
    /// What has been charged in this window, less what was granted; never below 0. Of a cap, the requests that run.
    pub spent: u64,
    /// What was granted beyond that, and has not been spent.
    pub credit: u64,
    /// What requests that have not ended are still expected to cost.
    pub held: u64,
    /// What may still be spent: the quota and the credit, less what is spent and held.
    ///
    /// Headers never tell more than the quota.
    pub remaining: u64,
    /// The requests that have been admitted and have not ended.
    pub running: u32,
    /// What the client has of the account, if it shares it by a [fair](crate::Rule::fair) rule and it is known who asks.
    pub share: Option<Share>,
    /// The window; of a cap all time.
    pub window: Window,
    /// The seconds until the window ends, rounded up.
    pub reset_secs: u64,
}

impl AccountStanding {
    pub(crate) fn new(
        of_rule: &EnlistedRule,
        open: OpenLimit,
        account: &Listed,
        name: Option<String>,
    ) -> Self {
        let Listed { net, standing, is_shared, .. } = *account;
        let quota = open.limit.quota();
        let spent = u64::try_from(net).unwrap_or(0);
        let held = hold(quota, spent, standing.hold, standing.waiting);
        let left = i128::from(quota) - i128::from(net) - i128::from(held);
        Self {
            site: of_rule.site().name.clone(),
            rule: of_rule.rule().name.clone(),
            limit: with_quota(open.limit, quota),
            id: AccountId(account.key),
            name,
            is_shared,
            spent,
            credit: net.min(0).unsigned_abs(),
            held,
            remaining: u64::try_from(left.max(0)).unwrap_or(u64::MAX),
            running: standing.admitted,
            share: None,
            window: standing.window,
            reset_secs: standing.left.secs_rounded_up().max(1),
        }
    }
}

/// Accounts cannot be listed, read or changed.
///
/// # Examples
///
/// ```
/// use timebudget::{AccountError, Engine};
/// let none = Engine::in_memory().accounts().of("*", "exports", "ann").unwrap_err();
/// assert!(matches!(none, AccountError::NoSuchRule { .. }), "no limiter is on the engine");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccountError {
    /// No limiter on the engine has a site of this name, or it has no rule of this name.
    NoSuchRule {
        /// The site's name.
        site: String,
        /// The rule's name.
        rule: String,
    },
    /// The rule's accounts have other keys.
    OtherKey {
        /// The rule's name.
        rule: String,
        /// What its accounts are keyed by, as a site file says it.
        keyed_by: String,
    },
    /// The rule has no limit of this unit and period that more could be granted of.
    NoSuchLimit {
        /// The rule's name.
        rule: String,
    },
    /// The store failed.
    Fault(Fault),
}

impl From<Fault> for AccountError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl fmt::Display for AccountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchRule { site, rule } => write!(f, "no rule {rule} of a site {site} is in force"),
            Self::OtherKey { rule, keyed_by } => write!(
                f,
                "the rule {rule} is keyed by {keyed_by}; expected a value for each part that tells accounts apart"
            ),
            Self::NoSuchLimit { rule } => {
                write!(
                    f,
                    "the rule {rule} has no limit of this unit and period that more could be granted of"
                )
            }
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for AccountError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Fault(fault) => Some(fault),
            _ => None,
        }
    }
}
