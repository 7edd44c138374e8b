//! `replay`: what a ruleset that is only a draft would have refused of the last hour.

use std::hash::BuildHasher as _;
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::web::{self, ThinData};
use foldhash::quality::RandomState;
use serde::Serialize;
use timebudget::config::Loaded;
use timebudget::{Component, Site, UnixMicros};
use utoipa::ToSchema;

use crate::api::answer::{self, Answer};
use crate::api::body::Body;
use crate::api::problem::Problem;
use crate::control::Control;
use crate::recent::{Hour, Kept, OfHour};
use crate::replay::{Bounded, OfRule, Row, Tally, Trial, Who, name_of};
use crate::thing::{Time, TryOut, Wrong, no_such};

/// How many routes and clients are told of, each.
const ROWS: usize = 20;

/// How long a replay may take: nobody waits longer, and it has a core meanwhile.
const LONGEST: Duration = Duration::from_secs(30);

/// What is to be tried on what.
#[derive(ToSchema)]
#[schema(as = ReplayBody, example = json!({ "site": "shop.example", "draft": { "rules": [{ "name": "export", "when": { "path": { "prefix": "/export" } }, "key": "ip", "limits": "100 per hour" }] }, "minutes": 60 }))]
#[expect(dead_code, reason = "the description of a body that `thing` reads")]
pub(crate) struct TryOutBody {
    /// The site whose requests they are, by its name; `*` are hosts that have no site.
    site: String,
    /// A ruleset that is to hold for it in the place of its own.
    #[schema(value_type = Object)]
    draft: (),
    /// Of so many minutes; 60 unless said, which is the most.
    minutes: Option<u8>,
}

/// What would have become of the requests.
#[derive(Serialize, ToSchema)]
#[schema(as = Replayed)]
pub(crate) struct Replayed {
    site: String,
    /// From when on requests were replayed.
    #[schema(value_type = DateTime)]
    from: Time,
    #[schema(value_type = DateTime)]
    to: Time,
    /// Whether older ones that were asked for are not known any more, or were never: that `from` is later than asked for.
    partial: bool,
    requests: u64,
    /// The time that they took.
    micros: u64,
    /// How many were refused when they came. What those would have cost is taken from the mean of their route.
    refused_then: u64,
    /// Under the rules in force, with nothing spent at the beginning.
    now: UnderRules,
    /// Under the draft, likewise.
    draft: UnderRules,
    /// How many both refuse.
    both: u64,
    /// Those of which most are refused.
    routes: Vec<Compared>,
    /// The same, by id: that by which accounts know addresses, where a rule in force is by address.
    clients: Vec<Compared>,
    /// What rules ask for that is not kept of requests, so that they find nothing there: `header X-Plan`, `query page`.
    not_known: Vec<String>,
}

/// What rules refuse.
#[derive(Serialize, ToSchema)]
struct UnderRules {
    refused: u64,
    /// The time that those took.
    refused_micros: u64,
    /// How many are exempt.
    exempt: u64,
    /// The rules that refuse something, the most first.
    rules: Vec<RuleReplayed>,
}

/// What a rule refuses.
#[derive(Serialize, ToSchema)]
struct RuleReplayed {
    rule: String,
    refused: u64,
    /// The time that those took.
    micros: u64,
    /// Of them, those that the other rules serve.
    only_here: u64,
    /// Of them, those that only running requests stood in the way of.
    while_others_ran: u64,
}

/// A route or a client, under both.
#[derive(Serialize, ToSchema)]
#[schema(as = RefusedBoth)]
struct Compared {
    key: String,
    requests: u64,
    /// The time that they took.
    micros: u64,
    refused_now: u64,
    refused_by_draft: u64,
}

/// Replays the requests of the last hour under a draft, and under the rules in force: what each would have refused. Nothing is
/// charged, and nobody is told.
///
/// Both begin with nothing spent. Of a request are known its time, method, path without the query, route, host, address
/// and user; rules that ask for more find nothing, which is told. It takes a core for a second or a few, so only one runs at a time.
#[utoipa::path(post, path = "/replay", request_body = TryOutBody, responses((status = 200, body = Replayed)))]
pub(crate) async fn post(control: ThinData<Control>, body: Body) -> Answer {
    let asked = TryOut::parse(&body)?;
    let recent = control.recent().ok_or_else(|| {
        Problem::conflict(
            "the requests of the last hour are not kept here; serve with --recent-requests, or open control with room for them",
        )
    })?;
    let control = control.clone();
    let replayed = web::block(move || replay(&control, &recent, &asked)).await;
    let replayed = replayed.map_err(|error| Problem::conflict(error.to_string()))??;
    Ok(answer::json(&replayed))
}

fn replay(control: &Control, recent: &Hour, asked: &TryOut) -> Result<Replayed, Problem> {
    let _alone = control
        .replaying()
        .ok_or_else(|| Problem::conflict("another draft is being replayed; ask again in a moment"))?;
    let sites = sites(control, asked)?;
    let name = sites[0].name.clone();
    let kept = recent.kept();
    let wanted = UnixMicros(kept.now.0 - i64::from(asked.minutes) * 60_000_000);
    let from = wanted.max(kept.since);
    let trial = tried(&kept, &name, from, sites, Instant::now() + LONGEST).ok_or_else(|| {
        let detail = format!(
            "the replay has taken longer than {} s, and was given up; ask for fewer minutes",
            LONGEST.as_secs()
        );
        Problem::new(StatusCode::GATEWAY_TIMEOUT, detail)
    })?;
    let known = |who: &Who| client(control, &name, who);
    Ok(Replayed { partial: from > wanted, ..Replayed::of(&trial, name.clone(), (from, kept.now), known) })
}

/// The site as it is in force, and as it would be.
fn sites(control: &Control, asked: &TryOut) -> Result<Vec<Site>, Problem> {
    let reloader = control.reloader().ok_or_else(|| Problem::conflict("no budget is governed here"))?;
    let unknown = || {
        let known = reloader.site_names();
        let known = known.iter().map(String::as_str).chain(["*"]);
        Problem::wrong(vec![Wrong::new("site", no_such("site", &asked.site, known))])
    };
    let in_force = reloader.site(&asked.site).ok_or_else(unknown)?.site;
    let drafted = reloader.with_code(&control.with_draft(&asked.site, &asked.draft)?);
    let drafted = drafted.site(&asked.site).ok_or_else(unknown)?.clone();
    Ok(vec![in_force, drafted])
}

/// Lets the requests of a site pass, in the order in which they began; `None` if they are not done by then.
fn tried(kept: &Kept, site: &str, from: UnixMicros, sites: Vec<Site>, until: Instant) -> Option<Trial> {
    const LOOK: usize = 256;
    let is_wanted = |of: &OfHour<'_>| of.passed.start >= from && of.site() == site;
    let mut all: Vec<_> = kept.requests().filter(is_wanted).collect();
    all.sort_by_key(|of| of.passed.start);
    let mut trial = Trial::new(sites.into_iter().map(Loaded::from_site).collect());
    for (at, of) in all.iter().enumerate() {
        if at % LOOK == 0 && Instant::now() >= until {
            return None;
        }
        trial.pass(of, "");
    }
    trial.finish();
    Some(trial)
}

/// What accounts know an address by; where no rule in force is by address, something else that tells it from others.
fn client(control: &Control, site: &str, who: &Who) -> String {
    let Some((ip, _)) = who else { return name_of(who) };
    let by_address = control.reloader().and_then(|reloader| reloader.site(site)).and_then(|in_force| {
        let is_by_address = |key: &timebudget::KeySpec| *key == timebudget::KeySpec::from(Component::Ip);
        in_force.site.rules.into_iter().find(|rule| is_by_address(&rule.key))
    });
    let ip = ip.to_string();
    let known = by_address.and_then(|rule| {
        let engines = control.engines();
        engines.iter().find_map(|engine| {
            engine.accounts().ids(site, &rule.name, [&*ip]).ok()?.first().map(|(id, _)| id.to_string())
        })
    });
    known.unwrap_or_else(|| {
        static SECRET: std::sync::OnceLock<RandomState> = std::sync::OnceLock::new();
        format!("{:016x}", SECRET.get_or_init(RandomState::default).hash_one(&ip))
    })
}

impl Replayed {
    fn of(
        trial: &Trial,
        site: String,
        (from, to): (UnixMicros, UnixMicros),
        client: impl Fn(&Who) -> String,
    ) -> Self {
        let tally = &trial.tally;
        let lacking = trial.worlds.iter().flat_map(|world| world.lacking.all());
        let not_known: std::collections::BTreeSet<_> = lacking.collect();
        Self {
            site,
            from: time(from),
            to: time(to),
            partial: false,
            requests: tally.requests,
            micros: tally.micros,
            refused_then: tally.refused_then,
            now: UnderRules::of(tally, 0),
            draft: UnderRules::of(tally, 1),
            both: tally.both,
            routes: compared(&tally.routes, String::clone),
            clients: compared(&tally.clients, client),
            not_known: not_known.into_iter().collect(),
        }
    }
}

impl UnderRules {
    fn of(tally: &Tally, world: usize) -> Self {
        let of = &tally.worlds[world];
        let rule = |(_, rule, of): (&str, &str, OfRule)| RuleReplayed {
            rule: rule.to_owned(),
            refused: of.refused,
            micros: of.micros,
            only_here: of.only_here,
            while_others_ran: of.by_running,
        };
        Self {
            refused: of.refused,
            refused_micros: of.refused_micros,
            exempt: of.exempt,
            rules: of.rules().into_iter().map(rule).collect(),
        }
    }
}

/// Those of which most are refused under either.
fn compared<K: Ord + std::hash::Hash>(rows: &Bounded<K>, name: impl Fn(&K) -> String) -> Vec<Compared> {
    let largest = rows.largest(|row: &Row| row.refused[0].max(row.refused[1]), ROWS);
    let compared = largest.into_iter().map(|(key, row)| Compared {
        key: name(key),
        requests: row.requests,
        micros: row.micros,
        refused_now: row.refused[0],
        refused_by_draft: row.refused[1],
    });
    compared.collect()
}

fn time(at: UnixMicros) -> Time {
    Time::from_timestamp_micros(at.0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use timebudget::ManualClock;

    use super::*;
    use crate::recent::Ended;

    /// Whoever asked could not be helped, and the core was gone.
    #[test]
    fn a_replay_that_takes_too_long_is_given_up() {
        let start = UnixMicros::from_secs(1_767_225_600);
        let hour = Hour::new(Arc::new(ManualClock::at(start)), 1 << 20);
        let ended = Ended { start, site: "shop", method: "GET", path: "/", status: 200, ..Ended::default() };
        hour.add(&ended);
        let kept = hour.kept();
        let try_until = |until| tried(&kept, "shop", UnixMicros(0), vec![Site::unlimited("shop")], until);
        let now = Instant::now();
        assert!(try_until(now).is_none());
        assert_eq!(try_until(now + LONGEST).map(|trial| trial.tally.requests), Some(1));
    }
}
