//! `overview`: where the budgets that all clients share stand, and where that leads.

use std::collections::BTreeMap;

use actix_web::web::ThinData;
use serde::Serialize;
use timebudget::{AccountStanding, Unit, UnixMicros};
use utoipa::ToSchema;

use crate::api::answer::{self, Answer};
use crate::api::paging::List;
use crate::api::parameters::Parameters;
use crate::api::problem::Problem;
use crate::control::Control;
use crate::db::{Asked, Grain, Of, Point};
use crate::live::{Budget, HOUR, time, unit};
use crate::thing::Time;

/// A budget that all clients of a rule share, in its current window.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BurnDown {
    site: String,
    rule: String,
    /// What is limited: `microseconds` or `requests`.
    unit: &'static str,
    #[schema(example = "600s per hour")]
    limit: String,
    /// The time zone that the window is by.
    zone: String,
    window: Window,
    /// The time that all this is of.
    #[schema(value_type = DateTime)]
    now: Time,
    quota: u64,
    spent: u64,
    /// What would be spent now, if it were spent evenly.
    even_pace: u64,
    /// When it is spent at the pace of the last quarter of an hour; `null` if the window ends before.
    #[schema(value_type = Option<DateTime>)]
    spent_at: Option<Time>,
    /// How many requests the rule has refused in the window.
    refused: u64,
    /// What was spent until when, from the window's beginning to now.
    points: Vec<Spent>,
}

/// From its beginning until before its end.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct Window {
    #[schema(value_type = DateTime)]
    start: Time,
    #[schema(value_type = DateTime)]
    end: Time,
}

/// What was spent until when.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Spent {
    #[schema(value_type = DateTime)]
    at: Time,
    spent: u64,
}

/// A window that has lasted up to so many seconds is drawn of minutes.
const OF_MINUTES: i64 = 48 * HOUR;

/// The budgets that all clients of a rule share.
#[utoipa::path(get, path = "/overview", params(
    ("site" = Option<String>, Query, description = "of this site alone"),
), responses((status = 200, body = List<BurnDown>)))]
pub(crate) async fn get(control: ThinData<Control>, mut parameters: Parameters) -> Answer {
    let (limit, after) = parameters.paging_by::<(String, String)>();
    let site = parameters.text("site");
    parameters.finish()?;
    let revision = control.decided().revision();
    let rules = control.rules(site.as_deref(), None).into_iter();
    let shared = rules.filter_map(|(site, rule)| {
        let accounts = control.accounts_of(&site, &rule, None)?;
        Some(((site, rule), accounts))
    });
    let page = List::of_moving(shared.collect(), (limit, after), revision);
    let mut items = Vec::new();
    for accounts in page.items {
        let zone = accounts.site().zone.name().to_owned();
        for standing in accounts.read().await? {
            if standing.limit.period().is_some() {
                items.push(burn_down(&control, standing, zone.clone()).await?);
            }
        }
    }
    Ok(answer::json(&List { items, next: page.next, revision }))
}

async fn burn_down(control: &Control, standing: AccountStanding, zone: String) -> Result<BurnDown, Problem> {
    let now = control.live().now();
    let AccountStanding { site, rule, limit, window, spent, .. } = standing;
    let budget = Budget { window, now, quota: limit.quota(), spent };
    let secs = |at: UnixMicros| at.0.div_euclid(1_000_000);
    let is_short = secs(now) - secs(window.start) <= OF_MINUTES;
    let grain = if is_short { Grain::Minute } else { Grain::Hour };
    let (from, to) = (secs(window.start), secs(now) + 1);
    let asked = Asked { grain, from, to, site: Some(site.clone()), of: Of::Rule(rule.clone()) };
    let points = control.usage_points(asked).await?;
    let amounts = amounts(&points, limit.unit());
    let line = budget.points(&amounts).into_iter();
    Ok(BurnDown {
        unit: unit(limit.unit()),
        limit: limit.to_string(),
        zone,
        window: Window::from(window),
        now: time(now),
        quota: budget.quota,
        spent,
        even_pace: budget.even_pace(),
        spent_at: budget.spent_at(&amounts).map(time),
        refused: points.values().map(|point| point.refused).sum(),
        points: line.map(|(at, spent)| Spent { at: time(at), spent }).collect(),
        site,
        rule,
    })
}

fn amounts(points: &BTreeMap<i64, Point>, unit: Unit) -> Vec<(UnixMicros, u64)> {
    let amount = |point: &Point| match unit {
        Unit::Time => point.micros,
        _ => point.requests - point.refused,
    };
    points.iter().map(|(at, point)| (UnixMicros::from_secs(*at), amount(point))).collect()
}

impl Window {
    pub(crate) const fn end(self) -> Time {
        self.end
    }
}

impl From<timebudget::Window> for Window {
    fn from(window: timebudget::Window) -> Self {
        Self { start: time(window.start), end: time(window.end) }
    }
}
