//! `usage`: what was used, by what, and by whom.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use actix_web::web::ThinData;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::answer::{self, Answer};
use crate::api::paging::List;
use crate::api::parameters::Parameters;
use crate::api::problem::Problem;
use crate::control::Control;
use crate::db::{Asked, Grain, Of};
use crate::live::{HOUR, Histogram, Key, MINUTE, MINUTES_KEPT, OTHER, Outcome, Spender, Spending, Sum};
use crate::thing::{Time, Wrong};

/// How much of something there was.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Usage {
    /// The site, rule, route, method, outcome, client or tier; `other` of what is not told apart.
    key: String,
    /// Requests, those that were refused included.
    requests: u64,
    /// The time that they took.
    micros: u64,
    /// Those that were refused.
    refused: u64,
    /// Those that would have been refused, were the rule not in shadow.
    shadow: u64,
    /// What a request took that was served; `null` if none was.
    mean_micros: Option<u64>,
    /// What 95 of 100 took at most, to a thirtieth; `null` where that is not known, as of clients.
    p95_micros: Option<u64>,
    /// Its part of the time of all, or of their requests where none took time: 0 to 1.
    share: f64,
    /// How many requests took how long; empty where that is not known.
    histogram: Vec<Bucket>,
}

/// The requests that took at most so long, and longer than those of the bucket before.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Bucket {
    le_micros: u64,
    count: u64,
}

/// The usage of a minute or an hour.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct At {
    /// When it began.
    #[schema(value_type = DateTime)]
    at: Time,
    requests: u64,
    micros: u64,
    refused: u64,
}

/// By what usage is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Time,
    Route,
    Method,
    Outcome,
    Rule,
    Site,
    Client,
    Tier,
}

/// What is known of one key.
#[derive(Debug, Default)]
struct Sums {
    requests: u64,
    micros: u64,
    refused: u64,
    shadow: u64,
    served: u64,
    costs: Histogram,
}

/// Up to so many seconds are told apart by minutes, by default.
const BY_MINUTES: i64 = 6 * HOUR;
/// A line of so many seconds is drawn of minutes, by default.
const LINE_OF_MINUTES: i64 = 25 * HOUR;
/// No more than so many seconds are ever told apart by minutes.
const MOST_BY_MINUTES: i64 = 7 * 24 * HOUR;

/// Of so many seconds all rows of all sites are read: those of a quarter.
const MOST_OF_ALL: i64 = 92 * 24 * HOUR;

/// What was used: by `time` in steps of a minute or an hour, else the largest first.
///
/// A request counts once, whatever rules applied to it; by `rule`, or of one `rule`, it counts for each that did. Clients are
/// told apart by the hour: of each rule the largest spenders, and all others together. Without `rule` they are those of one
/// rule of each site, which has told most of them apart. Of more than 92 days, routes, methods, outcomes, rules and sites are told of
/// one `site` or `rule`. With `client`, a name or an id, it is what this one has spent.
#[utoipa::path(get, path = "/usage", params(
    ("site" = Option<String>, Query, description = "of this site alone"),
    ("rule" = Option<String>, Query, description = "of rules of this name alone"),
    ("client" = Option<String>, Query, description = "of this client alone, by name or by id: by time, site or rule"),
    ("by" = Option<String>, Query, description = "time (which is usual), route, method, outcome, rule, site, client or tier"),
    ("from" = Option<String>, Query, description = "not before; a day before `to` unless said"),
    ("to" = Option<String>, Query, description = "before; now unless said"),
    ("step" = Option<String>, Query, description = "minute or hour, by time"),
), responses((status = 200, body = List<Usage>)))]
pub(crate) async fn get(control: ThinData<Control>, mut parameters: Parameters) -> Answer {
    let (limit, after) = parameters.paging_by::<Place>();
    let by = by(&mut parameters);
    let client = parameters.text("client");
    let asked = asked(&mut parameters, by, client.is_some(), control.now().timestamp());
    parameters.finish()?;
    let revision = control.decided().revision();
    if by == By::Time {
        let points = points(&control, client.as_deref(), asked).await?;
        let points = points.into_iter().map(|point| (point.place(), point)).collect();
        return Ok(answer::json(&List::of_moving(points, (limit, after), revision)));
    }
    let sums = match (by, client) {
        (By::Client | By::Tier, None) => by_clients(&control, by, asked).await?,
        (By::Site | By::Rule, Some(client)) => {
            let spent = spending_of(&control, &client, by, asked).await?;
            add_up(spent.into_iter().map(|(spender, spending)| (name(by, &spender), spending)))
        }
        (_, Some(_)) => {
            let message = "what a client has spent is told by time, site or rule";
            return Err(Problem::parameters(vec![Wrong::new("by", message)]));
        }
        _ => control.usage(asked, move |sums, key, sum| add_row(by, sums, key, sum)).await?,
    };
    let usage = usage(sums).into_iter().map(|usage| (usage.place(), usage)).collect();
    Ok(answer::json(&List::of_moving(usage, (limit, after), revision)))
}

fn by(parameters: &mut Parameters) -> By {
    match parameters.text("by").as_deref() {
        None | Some("time") => By::Time,
        Some("route") => By::Route,
        Some("method") => By::Method,
        Some("outcome") => By::Outcome,
        Some("rule") => By::Rule,
        Some("site") => By::Site,
        Some("client") => By::Client,
        Some("tier") => By::Tier,
        Some(_) => {
            parameters.wrong("by", "expected time, route, method, outcome, rule, site, client or tier");
            By::Time
        }
    }
}

/// Which rows are asked for: whole minutes or hours.
fn asked(parameters: &mut Parameters, by: By, is_of_client: bool, now: i64) -> Asked {
    let site = parameters.text("site");
    let of = match parameters.text("rule") {
        Some(rule) => Of::Rule(rule),
        None if by == By::Rule => Of::Rules,
        None => Of::Requests,
    };
    let to = parameters.time("to").map_or(now + 1, |to| to.timestamp());
    let from = parameters.time("from").map_or(to.saturating_sub(24 * HOUR), |from| from.timestamp());
    if from >= to {
        parameters.wrong("to", "expected a time after `from`");
    }
    let step = parameters.text("step");
    let span = to.saturating_sub(from);
    let is_read_whole = !is_of_client && !matches!(by, By::Time | By::Client | By::Tier);
    if is_read_whole && site.is_none() && !matches!(of, Of::Rule(_)) && span > MOST_OF_ALL {
        parameters
            .wrong("from", "expected 92 days before `to` at most; of one site or rule it may be longer");
    }
    let few = if by == By::Time { LINE_OF_MINUTES } else { BY_MINUTES };
    let are_minutes_kept = from > now - MINUTES_KEPT;
    let grain = match step.as_deref() {
        _ if is_of_client || matches!(by, By::Client | By::Tier) => Grain::Hour,
        Some("minute") if span <= MOST_BY_MINUTES => Grain::Minute,
        Some("minute") => {
            parameters.wrong("step", "expected hour: of more than 7 days, minutes are too many");
            Grain::Minute
        }
        Some("hour") => Grain::Hour,
        Some(_) => {
            parameters.wrong("step", "expected minute or hour");
            Grain::Hour
        }
        None if span <= few && are_minutes_kept => Grain::Minute,
        None => Grain::Hour,
    };
    let length = if grain == Grain::Minute { MINUTE } else { HOUR };
    Asked { grain, from: from.div_euclid(length) * length, to, site, of }
}

async fn points(control: &Control, client: Option<&str>, asked: Asked) -> Result<Vec<At>, Problem> {
    let Some(client) = client else {
        let points = control.usage_points(asked).await?;
        let at = |(at, point): (i64, crate::db::Point)| At {
            at: time(at),
            requests: point.requests,
            micros: point.micros,
            refused: point.refused,
        };
        return Ok(points.into_iter().map(at).collect());
    };
    let mut hours = BTreeMap::<i64, Spending>::new();
    for (spender, spending) in spending_of(control, client, By::Time, asked).await? {
        *hours.entry(spender.hour).or_default() += spending;
    }
    let at = |(at, spending): (i64, Spending)| At {
        at: time(at),
        requests: spending.requests + spending.refused,
        micros: spending.micros,
        refused: spending.refused,
    };
    Ok(hours.into_iter().map(at).collect())
}

/// Adds a row to what is known of its key.
fn add_row(by: By, sums: &mut BTreeMap<String, Sums>, key: &Key, sum: &Sum) {
    let own = sums.entry(key_of(by, key)).or_default();
    match key.outcome {
        Outcome::Shadow => own.shadow += sum.requests,
        Outcome::Refused => {
            (own.refused, own.requests) = (own.refused + sum.requests, own.requests + sum.requests);
        }
        Outcome::Served | Outcome::Cut | Outcome::Failed => own.requests += sum.requests,
    }
    own.micros += sum.micros;
    own.served += sum.costs.count();
    own.costs.merge(&sum.costs);
}

fn key_of(by: By, key: &Key) -> String {
    match by {
        By::Route if &*key.route == OTHER => OTHER.to_owned(),
        By::Route => format!("{} {}", key.method, key.route).trim().to_owned(),
        By::Method => key.method.to_string(),
        By::Outcome => key.outcome.name().to_owned(),
        By::Rule => key.rule.to_string(),
        _ => key.site.to_string(),
    }
}

/// By clients, or by the tiers that they are assigned.
async fn by_clients(control: &Control, by: By, asked: Asked) -> Result<BTreeMap<String, Sums>, Problem> {
    let is_once = asked.of == Of::Requests;
    let spenders = control.spenders(asked).await?;
    let spenders = if is_once { of_one_rule(spenders) } else { spenders };
    let names = control.names_of(&spenders);
    let (decided, now) = (control.decided(), control.now());
    let named = |spender: &Spender| match names.get(spender) {
        None if by == By::Tier || spender.is_others() => OTHER.to_owned(),
        None => spender.client.to_string(),
        Some(name) if by == By::Client => name.clone(),
        Some(name) => decided.effective_tier(name, &[], now).tier.unwrap_or_else(|| "none".to_owned()),
    };
    Ok(add_up(spenders.iter().map(|(spender, spending)| (named(spender), *spending))))
}

/// What a client has spent, by the hour; each request once where it is not told by rules.
async fn spending_of(
    control: &Control,
    client: &str,
    by: By,
    asked: Asked,
) -> Result<Vec<(Spender, Spending)>, Problem> {
    let is_once = by != By::Rule && asked.of == Of::Requests;
    let spent = control.spending_of(client, asked).await?;
    Ok(if is_once { of_one_rule(spent) } else { spent })
}

/// Those of one rule of each site: which tells most clients apart, or of equal ones has seen most requests.
///
/// Each rule has seen a request of its own clients, who may be others than another rule's; so only within one rule are they
/// told once.
fn of_one_rule(spenders: Vec<(Spender, Spending)>) -> Vec<(Spender, Spending)> {
    let mut rules = BTreeMap::<(Arc<str>, Arc<str>), (BTreeSet<Arc<str>>, u64)>::new();
    for (spender, spending) in &spenders {
        let rule = (Arc::clone(&spender.site), Arc::clone(&spender.rule));
        let (clients, requests) = rules.entry(rule).or_default();
        clients.insert(Arc::clone(&spender.client));
        *requests += spending.requests + spending.refused;
    }
    let mut best = BTreeMap::<Arc<str>, (usize, u64, Reverse<Arc<str>>)>::new();
    for ((site, rule), (clients, requests)) in rules {
        let found = (clients.len(), requests, Reverse(rule));
        let of_site = best.entry(site).or_insert_with(|| found.clone());
        *of_site = found.max(of_site.clone());
    }
    spenders.into_iter().filter(|(spender, _)| best[&spender.site].2.0 == spender.rule).collect()
}

fn name(by: By, spender: &Spender) -> String {
    if by == By::Site { spender.site.to_string() } else { spender.rule.to_string() }
}

fn add_up(spent: impl Iterator<Item = (String, Spending)>) -> BTreeMap<String, Sums> {
    let mut sums = BTreeMap::<_, Sums>::new();
    for (key, spending) in spent {
        let own = sums.entry(key).or_default();
        own.requests += spending.requests + spending.refused;
        own.served += spending.requests;
        own.refused += spending.refused;
        own.micros += spending.micros;
    }
    sums
}

fn usage(sums: BTreeMap<String, Sums>) -> Vec<Usage> {
    let micros: u64 = sums.values().map(|sum| sum.micros).sum();
    let requests: u64 = sums.values().map(|sum| sum.requests).sum();
    let share = |sum: &Sums| match (micros, requests) {
        (0, 0) => 0.0,
        (0, all) => sum.requests as f64 / all as f64,
        (all, _) => sum.micros as f64 / all as f64,
    };
    let usage = |(key, sum): (String, Sums)| Usage {
        share: share(&sum),
        key,
        requests: sum.requests,
        micros: sum.micros,
        refused: sum.refused,
        shadow: sum.shadow,
        mean_micros: sum.micros.checked_div(sum.served),
        p95_micros: sum.costs.quantile(0.95),
        histogram: sum
            .costs
            .coarse()
            .into_iter()
            .map(|(le_micros, count)| Bucket { le_micros, count })
            .collect(),
    };
    sums.into_iter().map(usage).collect()
}

/// Where something stands in the list: the largest first, or by time; then by its key.
type Place = (Reverse<u64>, Reverse<u64>, i64, String);

impl Usage {
    fn place(&self) -> Place {
        (Reverse(self.micros), Reverse(self.requests), 0, self.key.clone())
    }
}

impl At {
    fn place(&self) -> Place {
        (Reverse(0), Reverse(0), self.at.timestamp(), String::new())
    }
}

fn time(secs: i64) -> Time {
    Time::from_timestamp(secs, 0).unwrap_or_default()
}
