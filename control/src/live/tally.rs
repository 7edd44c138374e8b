//! What was noted, counted by minute, rule, route and outcome, and who has spent it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use timebudget::{Route, UnixMicros};

use crate::live::record::{Outcome, Record, RuleName};
use crate::live::recorder::Lost;
use crate::live::rollup::{Batch, HOUR, Key, MINUTE, OTHER, Rows, Spender, Sum, hour_of, minute_of};
use crate::live::sketch::{Sketch, Spending};

/// The usage of the minutes that have not been written down, and the spenders of the hour.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    minutes: BTreeMap<i64, HashMap<Line, Sum>>,
    /// By the hour's beginning and the rule.
    hours: BTreeMap<i64, HashMap<u64, Sketch>>,
    /// How many clients all sketches know.
    clients: usize,
}

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Line {
    /// Requests of a rule on a route; without one, on all that are not told apart.
    Rule(u64, Option<Route>, Outcome),
    /// Requests of the rule's site, each once, by a rule that was in force for each; without a route as well.
    Whole(u64, Option<Route>, Outcome),
    /// Requests of a site that nobody could decide over.
    Failed(Arc<str>),
    /// What belongs to nobody any more, for want of room: of rules, or of requests, each once.
    Lost(Outcome, bool),
}

/// The most lines of a minute that routes are told apart in; beyond twice as many, nothing is.
const LINES: usize = 40_000;
/// The most rules of an hour whose spenders are known.
const RULES: usize = 10_000;
/// The most clients that all sketches know together: 32 MB.
const CLIENTS: usize = 262_144;
/// How many spenders of each rule are written down.
pub(crate) const LARGEST: usize = 50;
/// For so many seconds after its end a minute is waited for: what is noted in it comes a little later.
const GRACE: i64 = 2;

impl Tally {
    pub(crate) fn add(&mut self, record: &Record) {
        let minute = minute_of(record.at);
        let lines = self.minutes.entry(minute).or_default();
        count(lines, record, Line::Rule);
        if record.is_last {
            count(lines, &record.whole(), Line::Whole);
        }
        self.spend(hour_of(minute), record);
    }

    /// Counts requests of a site that nobody could decide over.
    pub(crate) fn add_failed(&mut self, site: Arc<str>, requests: u64, at: UnixMicros) {
        let lines = self.minutes.entry(minute_of(at)).or_default();
        lines.entry(Line::Failed(site)).or_default().requests += requests;
    }

    /// Counts what found no room to be noted.
    pub(crate) fn add_lost(&mut self, lost: Lost, at: UnixMicros) {
        if lost == Lost::default() {
            return;
        }
        let lines = self.minutes.entry(minute_of(at)).or_default();
        let of_rules = (lost.records, lost.micros, lost.refused);
        for ((requests, micros, refused), is_whole) in [(of_rules, false), (lost.whole, true)] {
            lines.entry(Line::Lost(Outcome::Refused, is_whole)).or_default().requests += refused;
            let served = lines.entry(Line::Lost(Outcome::Served, is_whole)).or_default();
            served.requests += requests.saturating_sub(refused);
            served.micros = served.micros.saturating_add(micros);
        }
    }

    fn spend(&mut self, hour: i64, record: &Record) {
        // Nothing is spent where a rule in shadow would have refused, and nobody is refused either.
        if record.outcome == Outcome::Shadow {
            return;
        }
        let rules = self.hours.entry(hour).or_default();
        if rules.len() >= RULES && !rules.contains_key(&record.rule) {
            return;
        }
        let sketch = rules.entry(record.rule).or_insert_with(|| Sketch::new(Sketch::CAPACITY));
        let before = sketch.len();
        let has_room = self.clients < CLIENTS || before < LARGEST;
        sketch.add_where(record.account, Spending::of(record), has_room);
        self.clients += sketch.len() - before;
    }

    /// What is known already of usage that has not been taken: rows by minute.
    pub(crate) fn rows(&self, name: impl Fn(u64) -> Option<RuleName>) -> BTreeMap<i64, Rows> {
        self.minutes.iter().map(|(at, lines)| (*at, rows(lines, &name))).collect()
    }

    /// Takes the minutes that have ended, and what spenders have spent since it was asked last.
    pub(crate) fn take_ended(&mut self, now: UnixMicros, name: impl Fn(u64) -> Option<RuleName>) -> Batch {
        let ended = minute_of(UnixMicros(now.0 - GRACE * 1_000_000));
        let open = self.minutes.split_off(&ended);
        let closed = std::mem::replace(&mut self.minutes, open);
        if closed.is_empty() {
            return Batch::default();
        }
        self.batch(&closed, ended, name)
    }

    /// Takes everything.
    pub(crate) fn take_all(&mut self, name: impl Fn(u64) -> Option<RuleName>) -> Batch {
        let closed = std::mem::take(&mut self.minutes);
        self.batch(&closed, i64::MAX, name)
    }

    fn batch(
        &mut self,
        closed: &BTreeMap<i64, HashMap<Line, Sum>>,
        ended: i64,
        name: impl Fn(u64) -> Option<RuleName>,
    ) -> Batch {
        let minutes = closed.iter().map(|(at, lines)| (*at, rows(lines, &name))).collect();
        let spenders = self.spenders(&name);
        // Whoever comes this late is counted anew, and added to what was written down.
        self.hours.retain(|hour, _| hour.saturating_add(HOUR + MINUTE) > ended);
        self.clients = self.hours.values().flat_map(HashMap::values).map(Sketch::len).sum();
        Batch { minutes, hours: BTreeMap::new(), spenders }
    }

    fn spenders(&mut self, name: &impl Fn(u64) -> Option<RuleName>) -> BTreeMap<Spender, Spending> {
        let mut spenders = BTreeMap::new();
        for (hour, rules) in &mut self.hours {
            for (rule, sketch) in rules {
                let RuleName { site, rule } = name(*rule).unwrap_or_else(RuleName::unknown);
                let of = |client| Spender {
                    hour: *hour,
                    site: Arc::clone(&site),
                    rule: Arc::clone(&rule),
                    client,
                };
                let (largest, others) = sketch.take_news(LARGEST);
                let largest = largest.into_iter().map(|(id, spending)| (of(id.to_string().into()), spending));
                spenders.extend(largest);
                if others != Spending::default() {
                    spenders.insert(of(OTHER.into()), others);
                }
            }
        }
        spenders
    }
}

/// What makes a line: a rule, a route where it is told apart, and an outcome.
type Kind = fn(u64, Option<Route>, Outcome) -> Line;

/// Counts a record on a line of a kind.
fn count(lines: &mut HashMap<Line, Sum>, record: &Record, kind: Kind) {
    let line = place(lines, record, kind);
    let sum = lines.entry(line).or_default();
    sum.micros = sum.micros.saturating_add(record.micros);
    if !record.is_request {
        return;
    }
    sum.requests += 1;
    if matches!(record.outcome, Outcome::Served | Outcome::Cut) {
        sum.costs.add(record.micros);
    }
}

/// Where a record is counted: on its own line, while there is room.
fn place(lines: &HashMap<Line, Sum>, record: &Record, kind: Kind) -> Line {
    let Record { rule, route, outcome, .. } = *record;
    let own = kind(rule, Some(route), outcome);
    if lines.len() < LINES || lines.contains_key(&own) {
        return own;
    }
    let of_all = kind(rule, None, outcome);
    let has_room = lines.len() < 2 * LINES || lines.contains_key(&of_all);
    if has_room { of_all } else { Line::Lost(outcome, matches!(of_all, Line::Whole(..))) }
}

fn rows(lines: &HashMap<Line, Sum>, name: &impl Fn(u64) -> Option<RuleName>) -> Rows {
    let mut rows = Rows::new();
    for (line, sum) in lines {
        rows.entry(key(line, name)).or_default().add(sum);
    }
    rows
}

fn key(line: &Line, name: &impl Fn(u64) -> Option<RuleName>) -> Key {
    let other = || (Arc::from(""), Arc::from(OTHER));
    match line {
        Line::Rule(rule, route, outcome) => {
            let RuleName { site, rule } = name(*rule).unwrap_or_else(RuleName::unknown);
            let (method, route) = route.map_or_else(other, split);
            Key { site, rule, method, route, outcome: *outcome }
        }
        Line::Failed(site) => {
            let (rule, method, route) = Default::default();
            Key { site: Arc::clone(site), rule, method, route, outcome: Outcome::Failed }
        }
        Line::Whole(rule, route, outcome) => {
            let RuleName { site, .. } = name(*rule).unwrap_or_else(RuleName::unknown);
            let (method, route) = route.map_or_else(other, split);
            Key { site, rule: Arc::default(), method, route, outcome: *outcome }
        }
        Line::Lost(outcome, is_whole) => {
            let (RuleName { site, rule }, (method, route)) = (RuleName::unknown(), other());
            let rule = if *is_whole { Arc::default() } else { rule };
            Key { site, rule, method, route, outcome: *outcome }
        }
    }
}

/// The method and the pattern of a route; both empty where nobody knows.
fn split(route: Route) -> (Arc<str>, Arc<str>) {
    let name = route.name().unwrap_or_default();
    let (method, pattern) = name.split_once(' ').unwrap_or((&name, ""));
    (method.into(), pattern.into())
}

impl RuleName {
    /// What is recorded of rules whose names nobody knows any more.
    fn unknown() -> Self {
        Self { site: Arc::from(OTHER), rule: Arc::from(OTHER) }
    }
}

impl Spending {
    fn of(record: &Record) -> Self {
        match record.outcome {
            Outcome::Refused => Self { refused: 1, ..Self::default() },
            _ => Self { cost: record.cost(), requests: 1, micros: record.micros, refused: 0 },
        }
    }
}
