//! `accounts`: where they stand, more for one of them, and one begun anew.

use std::cmp::Reverse;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::ThinData;
use serde::Serialize;
use serde_json::json;
use timebudget::{AccountError, AccountStanding, Amount, ClientAccounts, Component, Micros, Unit};
use utoipa::ToSchema;

use crate::api::answer::{self, Answer};
use crate::api::body::Body;
use crate::api::caller::Caller;
use crate::api::overview::Window;
use crate::api::paging::List;
use crate::api::parameters::Parameters;
use crate::api::problem::Problem;
use crate::control::{ChangeError, Control, Deed, Done, Idempotency};
use crate::live::unit;
use crate::thing::{Fields, Time, Written, Wrong};

/// Where an account stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Account {
    site: String,
    rule: String,
    #[schema(example = "600s per hour")]
    limit: String,
    /// What is limited: `microseconds` or `requests`.
    unit: &'static str,
    /// What the store knows the client by.
    id: String,
    /// Who it is, where that is known; `null` as well where all clients share the account.
    client: Option<String>,
    /// What was charged in the window, less what was granted.
    spent: u64,
    quota: u64,
    /// What may still be spent: the quota and the credit, less what is spent and held.
    remaining: u64,
    /// What was granted beyond what was spent.
    credit: u64,
    /// What requests that run are expected to cost yet.
    held: u64,
    /// The requests that run.
    running: u32,
    /// `null` of a cap on running requests, which has none.
    window: Option<Window>,
    /// When the window ends.
    #[schema(value_type = Option<DateTime>)]
    reset: Option<Time>,
}

/// Accounts after a change.
#[derive(Serialize, ToSchema)]
pub(crate) struct Changed {
    accounts: Vec<Account>,
}

/// More for an account, until its window ends.
#[derive(ToSchema)]
#[schema(example = json!({ "site": "shop.example", "rule": "export", "client": "ann", "amount": 60_000_000, "reason": "month end" }))]
#[expect(dead_code, reason = "the description of a body")]
pub(crate) struct GrantBody {
    site: String,
    rule: String,
    /// The client's name; without it and `id`, the account that all clients share.
    client: Option<String>,
    /// The client's id, in place of its name.
    id: Option<String>,
    /// How much more, in the unit.
    amount: u64,
    /// `microseconds` or `requests`; where it is absent, what the rule limits, and time if it limits both.
    unit: Option<String>,
    reason: String,
}

/// An account that is to begin anew.
#[derive(ToSchema)]
#[schema(example = json!({ "site": "shop.example", "rule": "export", "client": "ann", "reason": "a mistake of ours" }))]
#[expect(dead_code, reason = "the description of a body")]
pub(crate) struct ResetBody {
    site: String,
    rule: String,
    /// The client's name; without it and `id`, the account that all clients share.
    client: Option<String>,
    /// The client's id, in place of its name.
    id: Option<String>,
    reason: String,
}

/// Whose accounts are to be changed, and why.
struct Whose {
    site: String,
    rule: String,
    client: Option<String>,
    reason: String,
}

/// The most that is granted at once.
const MOST: u64 = 1 << 53;

/// Where accounts stand, the largest spenders first: those of time before those of requests.
///
/// Of each limit the largest thousand are known. A page goes on behind the place of the last account of the page before: one
/// that has spent more meanwhile may stand on neither. With `client`, a name or an id, it is where this one stands with each rule.
#[utoipa::path(get, path = "/accounts", params(
    ("site" = Option<String>, Query, description = "of this site alone"),
    ("rule" = Option<String>, Query, description = "of rules of this name alone"),
    ("client" = Option<String>, Query, description = "of this client alone, by name or by id"),
), responses((status = 200, body = List<Account>)))]
pub(crate) async fn list(control: ThinData<Control>, mut parameters: Parameters) -> Answer {
    let (limit, after) = parameters.paging_by::<Place>();
    let (site, rule, client) = (parameters.text("site"), parameters.text("rule"), parameters.text("client"));
    parameters.finish()?;
    let (site, rule) = (site.as_deref(), rule.as_deref());
    let standings = match client {
        Some(client) => standings_of(&control, site, rule, &client).await?,
        None => control.largest_accounts(site, rule).await?,
    };
    let revision = control.decided().revision();
    let placed = standings.into_iter().map(|standing| (place(&standing), standing));
    let page = List::of_moving(placed.collect(), (limit, after), revision);
    Ok(answer::json(&page.map(Account::from)))
}

/// Where an account stands in the list: limits of time first, then by what is spent, and by its names.
type Place = (bool, Reverse<u64>, String, String, String, String);

fn place(standing: &AccountStanding) -> Place {
    let AccountStanding { site, rule, limit, spent, id, .. } = standing;
    let is_of_requests = limit.unit() != Unit::Time;
    (is_of_requests, Reverse(*spent), site.clone(), rule.clone(), limit.to_string(), id.to_string())
}

/// Where a client stands with each rule that tells clients apart by what it is said by.
async fn standings_of(
    control: &Control,
    site: Option<&str>,
    rule: Option<&str>,
    client: &str,
) -> Result<Vec<AccountStanding>, Problem> {
    let mut all = Vec::new();
    let is_id = client.parse::<timebudget::AccountId>().is_ok();
    for (site, rule) in control.rules(site, rule) {
        let Some(accounts) = control.accounts_of(&site, &rule, Some(client)) else { continue };
        let name = Some(client.to_owned()).filter(|_| !is_id);
        all.extend(accounts.read().await?.into_iter().map(|mut standing| {
            standing.name.clone_from(&name);
            standing
        }));
    }
    Ok(all)
}

/// Grants more, until the windows end; what was spent is less by it on every node.
#[utoipa::path(post, path = "/accounts/grant", request_body = GrantBody, responses((status = 200, body = Changed)))]
pub(crate) async fn grant(
    request: HttpRequest,
    control: ThinData<Control>,
    caller: Caller,
    body: Body,
) -> Answer {
    let (whose, amount, unit) = Fields::read(&body, |fields| {
        let whose = Whose::read(fields);
        let amount = fields.required::<u64>("amount", "a whole number above 0");
        let amount = match amount {
            Some(amount) if !(1..=MOST).contains(&amount) => {
                fields.wrong("amount", format!("{amount}: expected a whole number from 1 to 2^53"))
            }
            amount => amount,
        };
        let unit = fields.optional::<String>("unit", "microseconds or requests");
        let unit = match unit?.as_deref() {
            None => Some(None),
            Some("microseconds") => Some(Some(Unit::Time)),
            Some("requests") => Some(Some(Unit::Requests)),
            Some(_) => fields.wrong("unit", "expected microseconds or requests"),
        };
        Some((whose?, amount?, unit?))
    })?;
    let accounts = whose.accounts(&control)?;
    let before = accounts.read().await?;
    let has = |unit: Unit| before.iter().any(|of| of.limit.period().is_some() && of.limit.unit() == unit);
    let unit = unit.unwrap_or(if has(Unit::Time) { Unit::Time } else { Unit::Requests });
    if !has(unit) {
        let message = "the rule has no limit of this unit that more could be granted of";
        return Err(Problem::wrong(vec![Wrong::new("unit", message)]));
    }
    let once = once(&request, &caller, &body)?;
    let amount = if unit == Unit::Time { Amount::Time(Micros(amount)) } else { Amount::Requests(amount) };
    let granted = json!({ "amount": amount_of(amount), "unit": self::unit(unit) });
    let called = whose.called(&control, &accounts, &before);
    let work = async move { accounts.grant(amount).await };
    let after = whose.change(&control, (&caller, called), ("grant", granted), before, once, work).await;
    answered(after?, &whose)
}

/// Begins accounts anew: nothing is spent of their windows any more, on every node.
#[utoipa::path(post, path = "/accounts/reset", request_body = ResetBody, responses((status = 200, body = Changed)))]
pub(crate) async fn reset(
    request: HttpRequest,
    control: ThinData<Control>,
    caller: Caller,
    body: Body,
) -> Answer {
    let whose = Fields::read(&body, Whose::read)?;
    let accounts = whose.accounts(&control)?;
    let before = accounts.read().await?;
    let once = once(&request, &caller, &body)?;
    let called = whose.called(&control, &accounts, &before);
    let work = async move { accounts.reset().await };
    let reset = ("reset", json!({ "spent": 0 }));
    let after = whose.change(&control, (&caller, called), reset, before, once, work).await;
    answered(after?, &whose)
}

impl Whose {
    fn read(fields: &mut Fields) -> Option<Self> {
        let site = fields.required::<String>("site", "a site's name");
        let rule = fields.required::<String>("rule", "a rule's name");
        let client = fields.optional::<String>("client", "a client's name");
        let id = fields.optional::<String>("id", "the id of an account");
        let reason = fields.required::<String>("reason", "why, for the audit");
        let reason = match reason {
            Some(reason) if reason.trim().is_empty() => {
                fields.wrong("reason", "empty; expected why, for the audit")
            }
            reason => reason,
        };
        let (client, id) = (client?, id?);
        let client = match (client, id) {
            (Some(_), Some(_)) => return fields.wrong("id", "stands beside client; expected one of them"),
            (_, Some(id)) if id.parse::<timebudget::AccountId>().is_err() => {
                return fields.wrong("id", timebudget::NoAccountId.to_string());
            }
            (client, id) => client.or(id),
        };
        Some(Self { site: site?, rule: rule?, client, reason: reason? })
    }

    fn accounts(&self, control: &Control) -> Result<ClientAccounts, Problem> {
        let Self { site, rule, client, .. } = self;
        if control.rules(Some(site), Some(rule)).is_empty() {
            return Err(Problem::not_found(format!("no rule {rule} of a site {site} is in force")));
        }
        control.accounts_of(site, rule, client.as_deref()).ok_or_else(|| {
            let message = match client {
                Some(_) => "the rule does not tell clients apart by one name",
                None => "missing; the rule tells clients apart: expected one's name, or its id",
            };
            Problem::wrong(vec![Wrong::new("client", message)])
        })
    }

    /// What the audit calls them: by name where that is a user's, an address, or a key's of ours, and else by id. What else
    /// rules know clients by, as a header, may be a credential.
    fn called(&self, control: &Control, accounts: &ClientAccounts, stood: &[AccountStanding]) -> String {
        let Some(client) = &self.client else { return "*".to_owned() };
        let rule = accounts.site().rules.iter().find(|rule| rule.name == self.rule);
        let is_name = match rule.map(|rule| &*rule.key.0) {
            Some([Component::User]) => true,
            Some([Component::Ip]) => client.parse::<std::net::IpAddr>().is_ok(),
            Some([Component::ApiKey]) => {
                control.decided().keys().values().any(|key| key.thing.name == *client)
            }
            _ => false,
        };
        let id = || stood.first().map_or_else(|| accounts.id(), |standing| standing.id).to_string();
        if is_name { client.clone() } else { id() }
    }

    /// Has it written down and done, whether or not the client still waits for it. What was done before under the same
    /// idempotency key, on whatever node, is not done again.
    async fn change(
        &self,
        control: &Control,
        (caller, called): (&Caller, String),
        (action, after): (&'static str, serde_json::Value),
        before: Vec<AccountStanding>,
        once: Option<Idempotency>,
        work: impl Future<Output = Result<Vec<AccountStanding>, AccountError>> + Send + 'static,
    ) -> Result<Vec<AccountStanding>, Problem> {
        let stood: Vec<_> = before.iter().cloned().map(Account::from).collect();
        let deed = Deed {
            actor: caller.actor(),
            what: format!("accounts/{}/{}/{called}", self.site, self.rule),
            action,
            before: Written::of_text(&json!(stood).to_string()),
            after: Written::of_text(&after.to_string()),
            reason: self.reason.clone(),
            once,
        };
        match control.carry_out(deed, work).await? {
            Done::Now(done) => Ok(done?),
            Done::Before => Ok(before),
            Done::OtherBody => Err(ChangeError::OtherBody.into()),
            Done::Unknown => Err(Problem::conflict(UNKNOWN)),
        }
    }
}

fn answered(standings: Vec<AccountStanding>, whose: &Whose) -> Answer {
    let is_name = |client: &String| client.parse::<timebudget::AccountId>().is_err();
    let client = whose.client.clone().filter(is_name);
    let accounts =
        standings.into_iter().map(|standing| Account { client: client.clone(), ..Account::from(standing) });
    Ok(answer::json(&Changed { accounts: accounts.collect() }))
}

const fn amount_of(amount: Amount) -> u64 {
    match amount {
        Amount::Time(micros) => micros.0,
        Amount::Requests(requests) => requests,
    }
}

/// What is said of something that was begun under the same key, and has not been heard of since.
const UNKNOWN: &str = "it was begun under this Idempotency-Key, and is not known to be done: it goes on yet, or its node \
    has ended meanwhile; look where the account stands, and ask under another key if it is to be done";

/// The idempotency key of a request with what it asks for; nobody meets another's.
fn once(request: &HttpRequest, caller: &Caller, body: &str) -> Result<Option<Idempotency>, Problem> {
    let key = crate::api::write::once(request)?;
    Ok(key.map(|key| Idempotency::new(&caller.name, &key, &format!("{}\n{body}", request.path()))))
}

impl From<AccountStanding> for Account {
    fn from(standing: AccountStanding) -> Self {
        let AccountStanding {
            site,
            rule,
            limit,
            id,
            name,
            spent,
            credit,
            held,
            remaining,
            running,
            window,
            ..
        } = standing;
        let window = limit.period().map(|_| Window::from(window));
        Self {
            unit: unit(limit.unit()),
            quota: limit.quota(),
            limit: limit.to_string(),
            id: id.to_string(),
            client: name,
            reset: window.map(Window::end),
            site,
            rule,
            spent,
            remaining,
            credit,
            held,
            running,
            window,
        }
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::NoSuchRule { .. } => Self::not_found(error.to_string()),
            AccountError::Fault(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
            _ => Self::wrong(vec![Wrong::new("", error.to_string())]),
        }
    }
}
