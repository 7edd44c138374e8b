//! Which commands there are for a limiter that runs.

use clap::Subcommand;

use crate::output::Failure;
use crate::remote::args::To;
use crate::remote::clients::{self, Groups, Keys, Overrides, Tiers, Users};
use crate::remote::people::{self, Audit, Members};
use crate::remote::rules::{self, Policy, Rulesets, Sites};
use crate::remote::spent::{self, AccountsArgs, EventsArgs, GrantArgs, OfAccount, UsageArgs};
use crate::remote::top::{self, TopArgs};

/// The commands for a limiter that runs with `--admin` and `--database`.
#[derive(Debug, Subcommand)]
pub(crate) enum RemoteCommand {
    /// Rulesets: rules that hold for many sites
    Rulesets(To<Rulesets>),
    /// Which rulesets hold for all sites
    Policy(To<Policy>),
    /// Sites, their rules in force, and rulesets of their own
    Sites(To<Sites>),
    /// Tiers: who may spend more or less
    Tiers(To<Tiers>),
    /// Groups of users, and their tiers
    Groups(To<Groups>),
    /// Users, and their tiers
    Users(To<Users>),
    /// Overrides: other limits for a user, for a while
    Overrides(To<Overrides>),
    /// API keys
    Keys(To<Keys>),
    /// Who may see and change all this
    Members(To<Members>),
    /// Who has changed what
    Audit(To<Audit>),
    /// Where accounts stand, the largest spenders first
    Accounts(AccountsArgs),
    /// Give an account more, until its window ends
    Grant(GrantArgs),
    /// Forget what an account has spent
    Reset(OfAccount),
    /// What was spent: by route, method, outcome, client or tier
    Usage(UsageArgs),
    /// Refusals, near-limits and changes as they happen, a line of JSON each
    Events(EventsArgs),
    /// A live view: budgets, and who spends them
    Top(TopArgs),
}

/// Asks, and shows the answer.
///
/// # Errors
///
/// Nobody answers, or the answer says what is wrong.
pub(crate) fn run(command: &RemoteCommand) -> Result<(), Failure> {
    match command {
        RemoteCommand::Rulesets(to) => rules::rulesets(to),
        RemoteCommand::Policy(to) => rules::policy(to),
        RemoteCommand::Sites(to) => rules::sites(to),
        RemoteCommand::Tiers(to) => clients::tiers(to),
        RemoteCommand::Groups(to) => clients::groups(to),
        RemoteCommand::Users(to) => clients::users(to),
        RemoteCommand::Overrides(to) => clients::overrides(to),
        RemoteCommand::Keys(to) => clients::keys(to),
        RemoteCommand::Members(to) => people::members(to),
        RemoteCommand::Audit(to) => people::audit(to),
        RemoteCommand::Accounts(args) => spent::accounts(args),
        RemoteCommand::Grant(args) => spent::grant(args),
        RemoteCommand::Reset(args) => spent::reset(args),
        RemoteCommand::Usage(args) => spent::usage(args),
        RemoteCommand::Events(args) => spent::events(args),
        RemoteCommand::Top(args) => top::run(args),
    }
}
