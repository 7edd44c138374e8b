//! What was used: added up by all nodes, kept for a while, and asked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use crate::db::{Database, Trouble, spenders};
use crate::live::{Batch, HOURS_KEPT, Key, MINUTES_KEPT, Outcome, Rows, Sum};

/// Of which length the rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grain {
    Minute,
    Hour,
}

/// Which usage is wanted: from a time on and before another, in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) grain: Grain,
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) site: Option<String>,
    pub(crate) of: Of,
}

/// What counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// Requests, each once; also those over which nobody could decide.
    Requests,
    /// What each rule has seen of them, so that a request counts once for each.
    Rules,
    /// What a rule of this name has.
    Rule(String),
}

/// The usage of one minute or hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) requests: u64,
    pub(crate) micros: u64,
    pub(crate) refused: u64,
}

/// In how many times the patience usage is written: it is more than a question.
pub(crate) const TIMES: u32 = 10;
/// How many rows are written by one statement.
pub(crate) const ROWS: usize = 100;

impl Grain {
    const fn table(self) -> &'static str {
        match self {
            Self::Minute => "usage_minute",
            Self::Hour => "usage_hour",
        }
    }
}

impl Database {
    /// Adds a node's usage to that of all, in one transaction: its batch of this number, unless it was added before.
    pub(crate) async fn add_usage(
        &self,
        node: &str,
        (number, batch): (u64, &Batch),
        now: i64,
    ) -> Result<(), Trouble> {
        self.at_length(TIMES, async {
            let mut link = self.long_writing(TIMES).await?;
            if is_news(&mut link, node, number, now).await? {
                add(&mut link, batch, now).await?;
            }
            link.committed(()).await
        })
        .await
    }

    /// Forgets what is older than it is kept, and those who are not among the largest spenders of an hour that has ended.
    pub(crate) async fn forget_usage(&self, now: i64) -> Result<(), Trouble> {
        self.at_length(TIMES, async {
            let mut link = self.long_writing(TIMES).await?;
            // Written, so that whoever adds meanwhile waits.
            sqlx::query("UPDATE usage_writers SET at = $1 WHERE node = 'lock'")
                .bind(now)
                .execute(&mut *link)
                .await?;
            spenders::fold_ended(&mut link, now).await?;
            let old = [
                ("DELETE FROM usage_minute WHERE at < $1", MINUTES_KEPT),
                ("DELETE FROM usage_hour WHERE at < $1", HOURS_KEPT),
                ("DELETE FROM spenders WHERE at < $1", HOURS_KEPT),
                ("DELETE FROM usage_writers WHERE at < $1 AND node <> 'lock'", MINUTES_KEPT),
            ];
            for (text, kept) in old {
                sqlx::query(text).bind(now - kept).execute(&mut *link).await?;
            }
            link.committed(()).await
        })
        .await
    }

    /// The usage of a time: each minute or hour of each rule, route and outcome, one after the other, so that nobody ever holds
    /// all of them.
    pub(crate) async fn usage(
        &self,
        asked: &Asked,
        mut add: impl FnMut(Key, Sum) + Send,
    ) -> Result<(), Trouble> {
        let (place, texts) = asked.place(3);
        let text = format!(
            "SELECT site, rule, method, route, outcome, requests, micros, costs FROM {} \
             WHERE at >= $1 AND at < $2{place}",
            asked.grain.table()
        );
        self.at_length(TIMES, async {
            let mut link = self.long_link(TIMES).await?;
            let mut query = sqlx::query(&text).bind(asked.from).bind(asked.to);
            for text in texts {
                query = query.bind(text);
            }
            {
                let mut rows = query.fetch(&mut *link);
                while let Some(row) = rows.try_next().await? {
                    let (key, sum) = read(&row)?;
                    add(key, sum);
                }
            }
            link.committed(()).await
        })
        .await
    }

    /// The usage of each minute or hour of a time, of those in which there was any.
    pub(crate) async fn usage_points(&self, asked: &Asked) -> Result<BTreeMap<i64, Point>, Trouble> {
        let (place, texts) = asked.place(3);
        let text = format!(
            "SELECT at, CAST(SUM(CASE WHEN outcome = 'shadow' THEN 0 ELSE requests END) AS BIGINT), \
             CAST(SUM(micros) AS BIGINT), \
             CAST(SUM(CASE WHEN outcome = 'refused' THEN requests ELSE 0 END) AS BIGINT) \
             FROM {} WHERE at >= $1 AND at < $2{place} GROUP BY at",
            asked.grain.table()
        );
        self.at_length(TIMES, async {
            let mut link = self.long_link(TIMES).await?;
            let mut query = sqlx::query(&text).bind(asked.from).bind(asked.to);
            for text in texts {
                query = query.bind(text);
            }
            let rows = query.fetch_all(&mut *link).await?;
            let point = |row: &AnyRow| {
                let (requests, micros, refused) = (count(row, 1)?, count(row, 2)?, count(row, 3)?);
                Ok((row.try_get(0)?, Point { requests, micros, refused }))
            };
            let points: Result<_, sqlx::Error> = rows.iter().map(point).collect();
            link.committed(points?).await
        })
        .await
    }
}

impl Point {
    pub(crate) fn add(&mut self, key: &Key, sum: &Sum) {
        if key.outcome != Outcome::Shadow {
            self.requests += sum.requests;
        }
        if key.outcome == Outcome::Refused {
            self.refused += sum.requests;
        }
        self.micros += sum.micros;
    }
}

impl Asked {
    /// Whether a minute or hour lies in the time that is asked for.
    pub(crate) fn has(&self, at: i64) -> bool {
        (self.from..self.to).contains(&at)
    }

    /// Whether a row is about what is asked for.
    pub(crate) fn is_about(&self, key: &Key) -> bool {
        let is =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        let is_counted = match &self.of {
            Of::Requests => key.rule.is_empty(),
            Of::Rules => !key.rule.is_empty(),
            Of::Rule(rule) => **rule == *key.rule,
        };
        is(&self.site, &key.site) && is_counted
    }

    /// The name of the rule, if it is one.
    pub(crate) fn rule(&self) -> Option<&str> {
        if let Of::Rule(rule) = &self.of { Some(rule) } else { None }
    }

    /// The conditions on site and rule, whose parameters begin with this number, and their values.
    fn place(&self, first: usize) -> (String, Vec<String>) {
        let (mut text, values) = self.place_of_spenders(first);
        match self.of {
            Of::Requests => text.push_str(" AND rule = ''"),
            Of::Rules => text.push_str(" AND rule <> ''"),
            Of::Rule(_) => {}
        }
        (text, values)
    }

    /// The same of spenders, all of whom are of rules.
    pub(crate) fn place_of_spenders(&self, first: usize) -> (String, Vec<String>) {
        let (mut text, mut values) = (String::new(), Vec::new());
        for (name, value) in [("site", self.site.as_deref()), ("rule", self.rule())] {
            if let Some(value) = value {
                text.push_str(&format!(" AND {name} = ${}", first + values.len()));
                values.push(value.to_owned());
            }
        }
        (text, values)
    }
}

/// Takes the lock, and notes the number of a node's batch; whether it was not noted before.
async fn is_news(link: &mut AnyConnection, node: &str, number: u64, now: i64) -> Result<bool, sqlx::Error> {
    // Written and not only read: in both databases whoever comes second waits for the first to end.
    sqlx::query("UPDATE usage_writers SET at = $1 WHERE node = 'lock'").bind(now).execute(&mut *link).await?;
    let last = sqlx::query("SELECT number FROM usage_writers WHERE node = $1").bind(node);
    let last = last.fetch_optional(&mut *link).await?;
    if last.map(|row| row.try_get::<i64, _>(0)).transpose()?.is_some_and(|last| last >= number as i64) {
        return Ok(false);
    }
    let text = "INSERT INTO usage_writers (node, number, at) VALUES ($1, $2, $3) \
                ON CONFLICT (node) DO UPDATE SET number = excluded.number, at = excluded.at";
    sqlx::query(text).bind(node).bind(number as i64).bind(now).execute(link).await?;
    Ok(true)
}

async fn add(link: &mut AnyConnection, batch: &Batch, now: i64) -> Result<(), sqlx::Error> {
    for (at, rows) in &batch.minutes {
        add_rows(link, Grain::Minute, *at, rows).await?;
    }
    let mut hours = crate::live::hours(&batch.minutes);
    for (at, rows) in &batch.hours {
        crate::live::merge(hours.entry(*at).or_default(), rows);
    }
    for (at, rows) in &hours {
        add_rows(link, Grain::Hour, *at, rows).await?;
    }
    spenders::add(link, batch, now).await
}

/// Adds rows to those that there are: histograms add up here, and not in the database.
async fn add_rows(link: &mut AnyConnection, grain: Grain, at: i64, rows: &Rows) -> Result<(), sqlx::Error> {
    let text = format!(
        "SELECT site, rule, method, route, outcome, requests, micros, costs FROM {} WHERE at = $1",
        grain.table()
    );
    let mut sums = rows.clone();
    for row in sqlx::query(&text).bind(at).fetch_all(&mut *link).await? {
        let (key, there) = read(&row)?;
        if let Some(sum) = sums.get_mut(&key) {
            sum.add(&there);
        }
    }
    let sums: Vec<_> = sums.iter().collect();
    for some in sums.chunks(ROWS) {
        let text = format!(
            "INSERT INTO {} (at, site, rule, method, route, outcome, requests, micros, costs) VALUES {} \
             ON CONFLICT (at, site, rule, method, route, outcome) DO UPDATE \
             SET requests = excluded.requests, micros = excluded.micros, costs = excluded.costs",
            grain.table(),
            places(some.len(), 9)
        );
        let mut query = sqlx::query(&text);
        for (key, sum) in some {
            query = query.bind(at).bind(key.site.to_string()).bind(key.rule.to_string());
            query = query.bind(key.method.to_string()).bind(key.route.to_string()).bind(key.outcome.name());
            query = query.bind(whole(sum.requests)).bind(whole(sum.micros)).bind(sum.costs.to_string());
        }
        query.execute(&mut *link).await?;
    }
    Ok(())
}

/// `($1, $2), ($3, $4)` for two rows of two columns.
pub(crate) fn places(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let places: Vec<_> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", places.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

fn read(row: &AnyRow) -> Result<(Key, Sum), sqlx::Error> {
    let outcome: String = row.try_get(4)?;
    let key = Key {
        site: text_of(row, 0)?,
        rule: text_of(row, 1)?,
        method: text_of(row, 2)?,
        route: text_of(row, 3)?,
        outcome: Outcome::named(&outcome).ok_or_else(|| wrong("an outcome"))?,
    };
    let costs: String = row.try_get(7)?;
    let costs = costs.parse().map_err(|_| wrong("a histogram"))?;
    Ok((key, Sum { requests: count(row, 5)?, micros: count(row, 6)?, costs }))
}

pub(crate) fn text_of(row: &AnyRow, at: usize) -> Result<Arc<str>, sqlx::Error> {
    row.try_get::<String, _>(at).map(Arc::from)
}

pub(crate) fn count(row: &AnyRow, at: usize) -> Result<u64, sqlx::Error> {
    row.try_get::<i64, _>(at).map(|count| u64::try_from(count).unwrap_or(0))
}

pub(crate) fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn wrong(what: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("expected {what} in a row of usage").into())
}
