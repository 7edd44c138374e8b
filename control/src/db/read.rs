//! What a database holds: its state, what is new, and the audit.

use std::collections::HashMap;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use crate::audit::{Chain, Entry, Filter, Mark, Page, Verified};
use crate::db::{Database, Engine, Trouble};
use crate::thing::{Kind, Thing, Time, Written};

/// Which database it is, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// Made with the database: another one has another.
    pub(crate) id: String,
    pub(crate) revision: u64,
    /// The digest of the row of the audit that made the revision: what has led to it.
    pub(crate) history: String,
    /// The last row of the audit, and its digest.
    pub(crate) audited: u64,
    pub(crate) digest: String,
}

/// What has been decided since a revision, all of it.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Kind, name, thing or nothing, and revision; in the order of revisions.
    pub(crate) things: Vec<(Kind, String, Option<Thing>, u64)>,
    /// Who has decided it, by revision, where anybody wants to know.
    pub(crate) actors: HashMap<u64, String>,
}

impl News {
    /// The revision that they lead to.
    pub(crate) fn revision(&self) -> Option<u64> {
        self.things.last().map(|(.., revision)| *revision)
    }
}

impl Database {
    /// Where the database stands.
    pub(crate) async fn state(&self) -> Result<State, Trouble> {
        self.within(async {
            let mut link = self.link().await?;
            let state = state(&mut link, "").await?;
            Ok(link.kept(state))
        })
        .await
    }

    /// Rows of the audit, the newest first, those below a number.
    pub(crate) async fn audit(
        &self,
        filter: &Filter,
        limit: u32,
        below: Option<u64>,
    ) -> Result<Page, Trouble> {
        self.at_length(1, async {
            let mut link = self.long_link(1).await?;
            let mut entries = audit(&mut link, (self.engine(), filter), limit + 1, below).await?;
            let is_more = entries.len() > limit as usize;
            entries.truncate(limit as usize);
            let next = entries.last().map(|last| last.number).filter(|_| is_more);
            link.committed(Page { entries, next }).await
        })
        .await
    }

    /// Whether the audit's chain is whole, and has the rows that are known to be there; read in parts, so that a long one
    /// takes no long question.
    pub(crate) async fn verify_audit(&self, known: Vec<Mark>) -> Result<Verified, Trouble> {
        const AT_ONCE: i64 = 5_000;
        let state = self.state().await?;
        let (mut chain, mut above) = (Chain::with(known), 0);
        loop {
            let rows = self.at_length(1, async {
                let mut link = self.long_link(1).await?;
                let rows = oldest(&mut link, above, state.audited as i64, AT_ONCE).await?;
                link.committed(rows).await
            });
            let rows = rows.await?;
            let Some(last) = rows.last() else { break };
            above = last.number as i64;
            rows.iter().for_each(|row| chain.add(row));
        }
        Ok(chain.finish(state.audited, &state.digest))
    }
}

/// The state; `lock` is what PostgreSQL is told so that nobody else changes it.
pub(crate) async fn state(connection: &mut AnyConnection, lock: &str) -> Result<State, sqlx::Error> {
    let text = format!("SELECT id, revision, history, audited, digest FROM state WHERE one = 1{lock}");
    let row = sqlx::query(&text).fetch_one(connection).await?;
    Ok(State {
        id: row.try_get(0)?,
        revision: row.try_get::<i64, _>(1)? as u64,
        history: row.try_get(2)?,
        audited: row.try_get::<i64, _>(3)? as u64,
        digest: row.try_get(4)?,
    })
}

pub(crate) async fn news(connection: &mut AnyConnection, since: u64) -> Result<News, sqlx::Error> {
    let text =
        "SELECT kind, name, body, revision FROM things WHERE revision > $1 ORDER BY revision, kind, name";
    let rows = sqlx::query(text).bind(since as i64).fetch_all(connection).await?;
    let things: Result<Vec<_>, _> = rows.iter().map(thing).collect();
    Ok(News { things: things?, actors: HashMap::new() })
}

/// Who has decided what is new since a revision: of so many changes that listeners can be told of.
pub(crate) async fn actors(
    connection: &mut AnyConnection,
    since: u64,
) -> Result<HashMap<u64, String>, sqlx::Error> {
    let text = "SELECT revision, actor FROM audit WHERE revision > $1 ORDER BY revision LIMIT 1000";
    let rows = sqlx::query(text).bind(since as i64).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get::<i64, _>(0)? as u64, row.try_get(1)?))).collect()
}

fn thing(row: &AnyRow) -> Result<(Kind, String, Option<Thing>, u64), sqlx::Error> {
    let (kind, name): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let unreadable = |error: String| sqlx::Error::Decode(format!("{kind}/{name}: {error}").into());
    let known = Kind::of_path(&kind).ok_or_else(|| unreadable("no such kind of thing".to_owned()))?;
    let body: Option<String> = row.try_get(2)?;
    let thing = body.map(|body| Thing::from_stored(known, &body)).transpose();
    let thing = thing.map_err(|error| unreadable(error.to_string()))?;
    Ok((known, name, thing, row.try_get::<i64, _>(3)? as u64))
}

pub(crate) async fn digest_of_revision(
    connection: &mut AnyConnection,
    revision: u64,
) -> Result<Option<String>, sqlx::Error> {
    let text = "SELECT digest FROM audit WHERE revision = $1";
    let row = sqlx::query(text).bind(revision as i64).fetch_optional(connection).await?;
    row.map(|row| row.try_get(0)).transpose()
}

pub(crate) async fn digest_of_row(
    connection: &mut AnyConnection,
    number: u64,
) -> Result<Option<String>, sqlx::Error> {
    let text = "SELECT digest FROM audit WHERE number = $1";
    let row = sqlx::query(text).bind(number as i64).fetch_optional(connection).await?;
    row.map(|row| row.try_get(0)).transpose()
}

const ENTRY: &str = "SELECT number, at, actor, address, what, action, before, after, reason, revision, previous, digest FROM audit";

async fn audit(
    connection: &mut AnyConnection,
    (engine, filter): (Engine, &Filter),
    limit: u32,
    below: Option<u64>,
) -> Result<Vec<Entry>, sqlx::Error> {
    let mut conditions = vec!["number < $1", "at >= $2", "at < $3"];
    let mut texts = Vec::new();
    if let Some(actor) = &filter.actor {
        conditions.push("actor = $4");
        texts.push(actor);
    }
    let is_about = filter.what.as_ref().map(|what| {
        texts.push(what);
        is_about(engine, 3 + texts.len(), what)
    });
    conditions.extend(is_about.as_deref());
    let except = filter
        .except
        .map(|kind| format!("substr(what || '/', 1, {}) <> '{}/'", kind.path().len() + 1, kind.path()));
    conditions.extend(except.as_deref());
    let text = format!("{ENTRY} WHERE {} ORDER BY number DESC LIMIT {limit}", conditions.join(" AND "));
    let micros = |time: Option<Time>, or: i64| time.map_or(or, |time| time.timestamp_micros());
    let query = sqlx::query(&text)
        .bind(below.map_or(i64::MAX, |below| below as i64))
        .bind(micros(filter.from, i64::MIN))
        .bind(micros(filter.to, i64::MAX));
    let query = texts.into_iter().fold(query, |query, text| query.bind(text.clone()));
    query.fetch_all(connection).await?.iter().map(entry).collect()
}

/// The condition that a row is about this thing, or this kind of things, which is the parameter of this number.
///
/// Rows of a kind stand in an index in their order. Those of a thing are few: they are found by their beginning, which lies
/// between two texts; of a longer one no more stands in the index.
fn is_about(engine: Engine, number: usize, what: &str) -> String {
    let told = format!("${number}");
    if !what.contains('/') {
        return format!("{} = {told}", kind(engine));
    }
    let begins = beginning(engine);
    format!(
        "{begins} >= substr({told}, 1, 200) AND {begins} <= substr({told}, 1, 200) || '0' \
         AND (what = {told} OR substr(what, 1, length({told}) + 1) = {told} || '/')"
    )
}

/// What kind a row is about: what stands before the first `/`.
pub(crate) const fn kind(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "substr(what, 1, instr(what || '/', '/') - 1)",
        Engine::Postgres => "split_part(what, '/', 1)",
    }
}

/// The beginning of what a row is about, compared by its bytes, in whatever order people put texts: `/` comes right before `0`.
pub(crate) const fn beginning(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "substr(what, 1, 200)",
        Engine::Postgres => "substr(what, 1, 200) COLLATE \"C\"",
    }
}

async fn oldest(
    connection: &mut AnyConnection,
    above: i64,
    to: i64,
    limit: i64,
) -> Result<Vec<Entry>, sqlx::Error> {
    let text = format!("{ENTRY} WHERE number > $1 AND number <= $2 ORDER BY number LIMIT {limit}");
    let rows = sqlx::query(&text).bind(above).bind(to).fetch_all(connection).await?;
    rows.iter().map(entry).collect()
}

fn entry(row: &AnyRow) -> Result<Entry, sqlx::Error> {
    let written = |at: usize| -> Result<Option<Written>, sqlx::Error> {
        let text: Option<String> = row.try_get(at)?;
        // What is no JSON was not written by this program; verifying finds it.
        Ok(text.map(|text| Written::of_text(&text)))
    };
    let at = Time::from_timestamp_micros(row.try_get(1)?).unwrap_or_default();
    Ok(Entry {
        number: row.try_get::<i64, _>(0)? as u64,
        at,
        actor: row.try_get(2)?,
        address: row.try_get(3)?,
        what: row.try_get(4)?,
        action: row.try_get(5)?,
        before: written(6)?,
        after: written(7)?,
        reason: row.try_get(8)?,
        revision: row.try_get::<Option<i64>, _>(9)?.map(|revision| revision as u64),
        previous: row.try_get(10)?,
        digest: row.try_get(11)?,
    })
}
