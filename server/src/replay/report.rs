//! What a replay has found, as tables: printed here, drawn in [`page`](crate::replay::page).

use std::fmt;
use std::sync::Arc;

use chrono::DateTime;
use timebudget::{Limit, Micros, Zone};
use timebudget_control::replay::{Bounded, OfLimit, OfRule, OfWorld, Row, Spent, World, name_of};

use crate::replay::Replay;
use crate::replay::args::{Charged, ReplayArgs};
use crate::replay::logs::{Logs, is_command};

/// What a replay has found.
pub(crate) struct Report {
    /// What was replayed, a sentence a line.
    pub(crate) head: Vec<String>,
    /// What may not be meant.
    pub(crate) warnings: Vec<String>,
    /// What each configuration would have refused, a sentence each.
    pub(crate) verdicts: Vec<String>,
    pub(crate) tables: Vec<Table>,
    /// The windows of each limit, to be drawn.
    pub(crate) charts: Vec<Chart>,
}

/// A table. The first row has the titles.
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) rows: Vec<Vec<String>>,
    /// What was left out, or else is to be known.
    pub(crate) note: String,
}

/// The windows of a limit, each with the share that its worst account has spent.
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) bars: Vec<(String, f64)>,
}

impl Report {
    pub(crate) fn new(args: &ReplayArgs, names: Vec<String>, logs: &Logs, replay: &Replay) -> Self {
        let zone = replay.zone();
        let words = Words { zone: &zone, rows: args.rows, names };
        let limits: Vec<_> = replay.trial.worlds.iter().map(|world| world.windows.take()).collect();
        let mut tables = words.tables(replay, &limits);
        let suggested = replay.suggestions.as_ref().map(suggested);
        tables.extend(suggested.into_iter().filter(|table| table.rows.len() > 1));
        Self {
            head: words.head(args, logs, replay),
            warnings: warnings(logs, replay),
            verdicts: words.verdicts(replay),
            tables,
            charts: words.charts(&limits),
        }
    }
}

/// How things are said: in which zone times are, how many rows tables have, and what configurations are called.
struct Words<'a> {
    zone: &'a Zone,
    rows: usize,
    names: Vec<String>,
}

impl Words<'_> {
    fn head(&self, args: &ReplayArgs, logs: &Logs, replay: &Replay) -> Vec<String> {
        let (tally, order) = (&replay.trial.tally, &replay.order);
        let mut head: Vec<_> =
            logs.formats().map(|(path, format)| format!("{}: {}", path.display(), format.name)).collect();
        if tally.requests > 0 {
            let charged = match args.charge {
                Charged::Upstream if logs.formats().any(|(_, format)| format.tells.upstreams) => {
                    " of the upstream's time, of the whole request's where it had none"
                }
                _ => " of the requests' whole time",
            };
            head.push(format!(
                "{} from {} to {} ({}), {}{charged}",
                counted(tally.requests, "request"),
                self.instant(tally.first),
                self.instant(tally.last),
                self.zone.name(),
                span(tally.micros),
            ));
        } else {
            head.push("no requests".to_owned());
        }
        if tally.refused_then > 0 {
            head.push(format!(
                "{} refused when they were logged; where they are served, their route's mean is their time",
                counted(tally.refused_then, "of them was").replace("of them wass", "of them were")
            ));
        }
        if logs.unread.count > 0 {
            head.push(format!(
                "{} cannot be read{}",
                counted(logs.unread.count, "line"),
                if logs.unread.count > logs.unread.shown.len() as u64 { "; the first:" } else { ":" }
            ));
            head.extend(logs.unread.shown.iter().map(|line| format!("  {line}")));
        }
        if order.left_out > 0 {
            head.push(format!(
                "{} left out, more than a minute earlier than those before, or far from all others; give logs one by one, not joined in another order, and one that begins with its newest line by tac",
                counted(order.left_out, "request")
            ));
        }
        if order.late > 0 {
            head.push(format!(
                "{} ran for more than a minute and began later here than then; all of it is charged",
                counted(order.late, "request")
            ));
        }
        head
    }

    fn verdicts(&self, replay: &Replay) -> Vec<String> {
        let tally = &replay.trial.tally;
        let of_world = |(name, (of, world)): (&String, (&OfWorld, &World))| {
            let mut text = format!(
                "{name}: {} ({}) would have been refused, with {} ({}) of the time",
                counted(of.refused, "request"),
                percent(of.refused, tally.requests),
                span(of.refused_micros),
                percent(of.refused_micros, tally.micros),
            );
            let mut add = |count: u64, what: &str| {
                if count > 0 {
                    text += &format!("; {} {what}", thousands(count));
                }
            };
            add(of.exempt, "exempt");
            add(world.cut, "ended before their time");
            add(of.served_now, "served that were refused when they were logged");
            add(of.undecided, "not decided, since their site's file is wrong");
            for ((site, rule), count) in world.windows.shadows() {
                add(count, &format!("would be refused by {rule} of {site}, which is in shadow"));
            }
            text
        };
        let worlds = tally.worlds.iter().zip(&replay.trial.worlds);
        let mut verdicts: Vec<_> = self.names.iter().zip(worlds).map(of_world).collect();
        if let [one, other] = &tally.worlds
            && replay.trial.worlds.len() == 2
        {
            verdicts.push(format!(
                "both refuse {}; only {} {}, only {} {}",
                thousands(tally.both),
                self.names[0],
                thousands(one.refused - tally.both),
                self.names[1],
                thousands(other.refused - tally.both),
            ));
        }
        verdicts
    }

    fn tables(&self, replay: &Replay, limits: &[Vec<OfLimit>]) -> Vec<Table> {
        let mut tables = Vec::new();
        for (world, name) in self.names.iter().enumerate().take(replay.trial.worlds.len()) {
            let of = if self.names.len() > 1 { format!(" of {name}") } else { String::new() };
            let table = self.by_rule(&replay.trial.tally.worlds[world], &of, self.names.len() > 1);
            tables.extend(table.into_iter().filter(|_| replay.trial.tally.worlds[world].refused > 0));
        }
        let of_route = self.by("refused, by route", "route", &replay.trial.tally.routes, String::clone);
        let of_client = self.by("refused, by client", "client", &replay.trial.tally.clients, name_of);
        tables.extend([of_route, of_client].into_iter().flatten());
        for (limits, name) in limits.iter().zip(&self.names).filter(|(limits, _)| !limits.is_empty()) {
            let of = if self.names.len() > 1 { format!(" of {name}") } else { String::new() };
            tables.push(self.windows(&of, limits));
        }
        tables
    }

    fn by_rule(&self, of: &OfWorld, of_name: &str, compares: bool) -> Option<Table> {
        let rules = of.rules();
        let several_sites = rules.windows(2).any(|two| two[0].0 != two[1].0);
        let mut titles = texts(["rule", "refused", "share", "time", "while others ran", "first", "last"]);
        if compares {
            titles.insert(2, "only here".to_owned());
        }
        let row = |(site, rule, of_rule): &(&str, &str, OfRule)| {
            let name = if several_sites { format!("{rule} ({site})") } else { (*rule).to_owned() };
            let mut row = vec![
                name,
                thousands(of_rule.refused),
                percent(of_rule.refused, of.refused),
                span(of_rule.micros),
                thousands(of_rule.by_running),
                self.instant(of_rule.first),
                self.instant(of_rule.last),
            ];
            if compares {
                row.insert(2, thousands(of_rule.only_here));
            }
            row
        };
        let shown = rules.iter().take(self.rows).map(row);
        let rows: Vec<_> = [titles].into_iter().chain(shown).collect();
        let note = left_out(rules.len(), rows.len() - 1, "rule");
        Some(Table { title: format!("refused, by rule{of_name}"), rows, note })
    }

    /// What was refused by route or client.
    fn by<K: Ord + std::hash::Hash>(
        &self,
        title: &str,
        kind: &str,
        all: &Bounded<K>,
        name: impl Fn(&K) -> String,
    ) -> Option<Table> {
        let compares = self.names.len() > 1;
        let most = |row: &Row| row.refused[0].max(row.refused[1]);
        let largest = all.largest(most, self.rows);
        let mut titles = texts([kind, "requests", "time", "refused", "of it", "refused time"]);
        if compares {
            titles[3] = format!("refused by {}", self.names[0]);
            titles.splice(4.., [format!("by {}", self.names[1])]);
        }
        let row = |(key, row): &(&K, Row)| {
            let mut cells = vec![
                visible(&name(key)),
                thousands(row.requests),
                span(row.micros),
                thousands(row.refused[0]),
            ];
            match compares {
                true => cells.push(thousands(row.refused[1])),
                false => cells.extend([percent(row.refused[0], row.requests), span(row.refused_micros[0])]),
            }
            cells
        };
        let rows: Vec<_> = [titles].into_iter().chain(largest.iter().map(row)).collect();
        let mut note = left_out(all.count(|row| most(row) > 0), rows.len() - 1, kind);
        if all.others.requests > 0 {
            note += &format!(
                "; {} of {kind}s that were too many to be told apart",
                counted(all.others.requests, "request")
            );
        }
        (rows.len() > 1).then(|| Table {
            title: title.to_owned(),
            rows,
            note: note.trim_start_matches("; ").to_owned(),
        })
    }

    fn windows(&self, of: &str, limits: &[OfLimit]) -> Table {
        let titles =
            texts(["rule", "limit", "windows", "accounts", "full", "worst", "of", "in the window of"]);
        let several_sites = limits.windows(2).any(|two| two[0].site != two[1].site);
        let row = |of: &OfLimit| {
            let worst = of.worst.map(|worst| {
                [amount(&of.limit, worst.most), amount(&of.limit, worst.quota), self.instant(worst.start.0)]
            });
            let cells = [
                if several_sites { format!("{} ({})", of.rule, of.site) } else { of.rule.clone() },
                of.limit.to_string(),
                thousands(of.windows),
                thousands(of.accounts_seen),
                format!("{} ({})", thousands(of.full), percent(of.full, of.accounts_seen)),
            ];
            cells.into_iter().chain(worst.unwrap_or_default()).collect::<Vec<_>>()
        };
        let mut limits: Vec<_> = limits.iter().collect();
        limits.sort_by_key(|of| std::cmp::Reverse(of.full));
        let rows: Vec<_> =
            [titles].into_iter().chain(limits.iter().take(self.rows).map(|of| row(of))).collect();
        let mut note = left_out(limits.len(), rows.len() - 1, "limit");
        if limits.iter().any(|of| of.is_partial) {
            note += "; of windows with more than 65,536 accounts the first are told of";
        }
        Table { title: format!("windows{of}"), rows, note: note.trim_start_matches("; ").to_owned() }
    }

    fn charts(&self, limits: &[Vec<OfLimit>]) -> Vec<Chart> {
        let named = limits.iter().zip(&self.names);
        let all = named.flat_map(|(limits, name)| limits.iter().map(move |of| (name, of)));
        let mut all: Vec<_> = all.filter(|(_, of)| of.windows > 1).collect();
        all.sort_by_key(|(_, of)| std::cmp::Reverse(of.full));
        let of_name = |name: &str| if self.names.len() > 1 { format!(" of {name}") } else { String::new() };
        let chart = |(name, of): (&String, &OfLimit)| Chart {
            title: format!("{}{}: {}", of.rule, of_name(name), of.limit),
            bars: thinned(of).map(|(start, share)| (self.instant(start), share)).collect(),
        };
        all.into_iter().take(self.rows).map(chart).collect()
    }

    /// An instant as the zone's clocks show it.
    fn instant(&self, micros: i64) -> String {
        let secs = micros.div_euclid(1_000_000);
        let shown = DateTime::from_timestamp(secs + i64::from(self.zone.offset_at(secs)), 0);
        shown.map_or_else(|| secs.to_string(), |shown| shown.format("%Y-%m-%d %H:%M:%S").to_string())
    }
}

/// The worst of so many windows that follow each other as fit on a page.
fn thinned(of: &OfLimit) -> impl Iterator<Item = (i64, f64)> {
    const MOST: usize = 200;
    let each = of.ended.len().div_ceil(MOST).max(1);
    of.ended.chunks(each).filter_map(|some| {
        let worst = some.iter().map(Spent::share).fold(0.0, f64::max);
        some.first().map(|first| (first.start.0, worst))
    })
}

fn warnings(logs: &Logs, replay: &Replay) -> Vec<String> {
    let mut warnings: Vec<_> = logs.damaged().collect();
    if logs.formats().any(|(_, format)| !format.tells.spans) {
        warnings.push(
            "a log does not say how long requests took: only limits that count requests mean something"
                .to_owned(),
        );
    }
    let lacking = replay
        .trial
        .worlds
        .iter()
        .flat_map(|world| world.lacking.all())
        .collect::<std::collections::BTreeSet<_>>();
    if !lacking.is_empty() {
        let lacking: Vec<_> = lacking.iter().map(|what| visible(what)).collect();
        warnings.push(format!(
            "rules ask for what the log does not have, and find nothing: {}",
            lacking.join(", ")
        ));
    }
    let nameless = replay.trial.tally.clients.get(&None).map_or(0, |row| row.requests);
    if nameless > 0 {
        warnings.push(format!(
            "{} without a client's address, as where a log has names in its place: to rules by ip they are one client",
            counted(nameless, "request")
        ));
    }
    let crowded: u64 = replay.trial.worlds.iter().map(|world| world.crowded_out).sum();
    if crowded > 0 {
        warnings
            .push(format!("{} ended early, since more than 65,536 ran at once", counted(crowded, "request")));
    }
    if replay.suggestions.as_ref().is_some_and(|suggestions| suggestions.all().is_empty()) {
        warnings
            .push("no budget is suggested: 5 % of so few clients, and of their time, is nothing".to_owned());
    }
    if replay.suggestions.as_ref().is_some_and(|suggestions| suggestions.is_partial) {
        warnings.push("budgets are suggested for the first 16 sites".to_owned());
    }
    warnings
}

fn suggested(suggestions: &crate::replay::suggest::Suggestions) -> Table {
    let all = suggestions.all();
    let several_sites = all.windows(2).any(|two| two[0].site != two[1].site);
    let titles = texts(["key", "limits", "refuses at most", "clients", "of all", "of the time"]);
    let rows = all.iter().map(|one| {
        let key = if several_sites { format!("{} ({})", one.key, one.site) } else { one.key.to_owned() };
        vec![
            key,
            one.limit.to_string(),
            one.aim.clone(),
            thousands(one.clients.0),
            percent(one.clients.0, one.clients.1),
            format!("{:.2} %", one.time * 100.0),
        ]
    });
    let rows = [titles].into_iter().chain(rows).collect();
    let note = "each as the only limit, of clients who ask one request after another".to_owned();
    Table { title: "budgets that would have refused the top".to_owned(), rows, note }
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

fn left_out(all: usize, shown: usize, kind: &str) -> String {
    match all.saturating_sub(shown) {
        0 => String::new(),
        more => format!("and {}", counted(more as u64, &format!("other {kind}"))),
    }
}

/// A count with the name of what is counted, which takes an s.
fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", thousands(count), if count == 1 { "" } else { "s" })
}

/// A number with commas between its thousands.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn percent(part: u64, whole: u64) -> String {
    format!("{:.2} %", part as f64 * 100.0 / whole.max(1) as f64)
}

/// A span for people, three or four digits of it.
fn span(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{:.1} ms", micros as f64 / 1e3),
        1_000_000..100_000_000 => format!("{:.2} s", micros as f64 / 1e6),
        _ => format!("{} s", thousands(micros / 1_000_000)),
    }
}

fn amount(limit: &Limit, amount: u64) -> String {
    if limit.counts_requests() { thousands(amount) } else { span(Micros(amount).0) }
}

/// A text that strangers have chosen, without what a terminal or a page would obey.
fn visible(text: &str) -> String {
    let mut shown = String::new();
    for letter in text.chars().take(120) {
        match is_command(letter) {
            true => shown.extend(letter.escape_default()),
            false => shown.push(letter),
        }
    }
    shown
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        self.warnings.iter().try_for_each(|line| writeln!(f, "warning: {line}"))?;
        writeln!(f)?;
        self.verdicts.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        self.tables.iter().try_for_each(|table| write!(f, "\n{table}"))
    }
}

impl fmt::Display for Table {
    /// Writes the columns under each other; numbers end where their titles end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        let widths = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let columns = self.rows.first().map_or(0, Vec::len);
        let widths: Vec<_> = (0..columns).map(widths).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
                line += "  ";
                line +=
                    &if self.is_number(at) { format!("{cell:>width$}") } else { format!("{cell:width$}") };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        if self.note.is_empty() { Ok(()) } else { writeln!(f, "  {}", self.note) }
    }
}

impl Table {
    /// Whether a column has numbers: what begins with a digit and is not an instant or a limit.
    pub(crate) fn is_number(&self, column: usize) -> bool {
        let is_one = |cell: &String| {
            cell.starts_with(|letter: char| letter.is_ascii_digit())
                && !cell.contains(':')
                && !cell.contains("per ")
        };
        column > 0 && self.rows.iter().skip(1).filter_map(|row| row.get(column)).all(is_one)
    }
}

impl Replay {
    /// The zone in which times are told: that of the first world's site that answered last.
    fn zone(&self) -> Arc<Zone> {
        let met = self.trial.worlds.first().and_then(World::met);
        met.map_or_else(|| Arc::new(Zone::utc()), |(site, _)| Arc::clone(site.zone()))
    }
}
