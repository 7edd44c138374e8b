//! A write: one transaction, under the lock of the state.

use sqlx::{AnyConnection, Executor as _, Row as _};

use crate::audit::{Draft, Entry};
use crate::db::database::Link;
use crate::db::{Database, Engine, State, Trouble, read, sessions};
use crate::thing::{Kind, Thing, Time, Written};

/// The channel on which PostgreSQL tells of changes.
pub(crate) const CHANNEL: &str = "timebudget_control";

/// A transaction that holds the lock: nobody else writes until it ends. Dropped, it has changed nothing.
pub(crate) struct Writing<'a> {
    database: &'a Database,
    link: Link,
    state: State,
}

/// What is written for one change.
#[derive(Debug)]
pub(crate) struct Commit {
    /// The thing; without one, only the audit tells of what was done.
    pub(crate) thing: Option<(Kind, String, Option<Thing>)>,
    pub(crate) audit: Draft,
    /// The digests of an idempotency key and of the body that came with it.
    pub(crate) idempotency: Option<(String, String)>,
}

/// What was answered under an idempotency key before.
#[derive(Debug)]
pub(crate) struct Answered {
    /// The digest of the body.
    pub(crate) body: String,
    pub(crate) after: Option<Thing>,
    pub(crate) revision: u64,
    /// Of something that is no thing's change, whether it is known to be done.
    pub(crate) is_done: bool,
}

/// In the place of a kind: what is remembered is no thing's change.
const DEED: &str = "deed";
/// In the place of a thing: it is done.
const DONE: &str = "done";

impl Database {
    /// Notes that what was begun under an idempotency key is done, or forgets it.
    pub(crate) async fn finish_once(&self, key: &str, is_done: bool) -> Result<(), Trouble> {
        let text = match is_done {
            true => "UPDATE idempotency SET after = 'done' WHERE key = $1",
            false => "DELETE FROM idempotency WHERE key = $1",
        };
        self.within(async {
            let mut link = self.link().await?;
            sqlx::query(text).bind(key).execute(&mut *link).await?;
            link.keep();
            Ok(())
        })
        .await
    }

    /// Begins a write.
    pub(crate) async fn write(&self) -> Result<Writing<'_>, Trouble> {
        let (begin, lock) = match self.engine() {
            Engine::Sqlite => ("BEGIN IMMEDIATE", ""),
            Engine::Postgres => ("BEGIN", " FOR UPDATE"),
        };
        let begun = self.within(async {
            let mut link = self.link().await?;
            link.execute(begin).await?;
            let state = read::state(&mut link, lock).await?;
            Ok((link, state))
        });
        let (link, state) = begun.await?;
        Ok(Writing { database: self, link, state })
    }
}

impl Writing<'_> {
    /// The state at its beginning.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// The connection that it is on.
    pub(crate) fn connection(&mut self) -> &mut AnyConnection {
        &mut self.link
    }

    /// What was answered under an idempotency key since an instant.
    pub(crate) async fn answered(&mut self, key: &str, since: Time) -> Result<Option<Answered>, Trouble> {
        self.database.within(answered(&mut self.link, key, since)).await
    }

    /// Writes, and ends; returns the row of the audit.
    pub(crate) async fn commit(mut self, commit: Commit) -> Result<Entry, Trouble> {
        let engine = self.database.engine();
        let written = self.database.within(async {
            let entry = write(&mut self.link, &self.state, commit).await?;
            if engine == Engine::Postgres {
                self.link.execute(sqlx::raw_sql(&format!("NOTIFY {CHANNEL}"))).await?;
            }
            self.link.execute("COMMIT").await?;
            Ok(entry)
        });
        let entry = written.await?;
        self.link.keep();
        Ok(entry)
    }

    /// Writes what is there already, to see whether it can be written.
    pub(crate) async fn try_out(mut self) -> Result<(), Trouble> {
        let tried = self.database.within(async {
            self.link.execute("UPDATE state SET revision = revision WHERE one = 1").await?;
            self.link.execute("COMMIT").await
        });
        tried.await?;
        self.link.keep();
        Ok(())
    }

    /// Ends without having written.
    pub(crate) async fn give_up(mut self) {
        if self.database.within(async { self.link.execute("ROLLBACK").await.map(drop) }).await.is_ok() {
            self.link.keep();
        }
    }
}

async fn write(connection: &mut AnyConnection, state: &State, commit: Commit) -> Result<Entry, sqlx::Error> {
    let Commit { thing, audit, idempotency } = commit;
    let revision = state.revision + u64::from(thing.is_some());
    let entry = audit.chained(state.audited + 1, state.digest.clone());
    if let Some((key, body)) = idempotency {
        let (kind, after) =
            thing.as_ref().map_or((DEED, None), |(kind, _, after)| (kind.path(), after.as_ref()));
        remember(connection, &key, &body, entry.at, (kind, after), revision).await?;
    }
    if let Some((kind, name, after)) = thing {
        if kind == Kind::Member {
            let token = match &after {
                Some(Thing::Member(member)) => Some(member.digest.as_str()),
                _ => None,
            };
            sessions::end_sessions(connection, &name, token).await?;
        }
        let text = "INSERT INTO things (kind, name, body, revision) VALUES ($1, $2, $3, $4) \
                    ON CONFLICT (kind, name) DO UPDATE SET body = excluded.body, revision = excluded.revision";
        let query = sqlx::query(text).bind(kind.path()).bind(name).bind(after.map(|thing| thing.stored()));
        query.bind(revision as i64).execute(&mut *connection).await?;
    }
    insert(connection, &entry).await?;
    let history = entry.revision.map_or_else(|| state.history.clone(), |_| entry.digest.clone());
    let text = "UPDATE state SET revision = $1, history = $2, audited = $3, digest = $4 WHERE one = 1";
    let query = sqlx::query(text).bind(revision as i64).bind(history).bind(entry.number as i64);
    query.bind(entry.digest.clone()).execute(connection).await?;
    Ok(entry)
}

async fn insert(connection: &mut AnyConnection, entry: &Entry) -> Result<(), sqlx::Error> {
    let text = "INSERT INTO audit \
                (number, at, actor, address, what, action, before, after, reason, revision, previous, digest) \
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    let json = |written: &Option<Written>| written.as_ref().map(|written| written.text().to_owned());
    sqlx::query(text)
        .bind(entry.number as i64)
        .bind(entry.at.timestamp_micros())
        .bind(entry.actor.clone())
        .bind(entry.address.clone())
        .bind(entry.what.clone())
        .bind(entry.action.clone())
        .bind(json(&entry.before))
        .bind(json(&entry.after))
        .bind(entry.reason.clone())
        .bind(entry.revision.map(|revision| revision as i64))
        .bind(entry.previous.clone())
        .bind(entry.digest.clone())
        .execute(connection)
        .await
        .map(drop)
}

async fn remember(
    connection: &mut AnyConnection,
    key: &str,
    body: &str,
    at: Time,
    (kind, after): (&str, Option<&Thing>),
    revision: u64,
) -> Result<(), sqlx::Error> {
    let text = "INSERT INTO idempotency (key, body, at, kind, after, revision) VALUES ($1, $2, $3, $4, $5, $6) \
                ON CONFLICT (key) DO UPDATE SET body = excluded.body, at = excluded.at, kind = excluded.kind, \
                after = excluded.after, revision = excluded.revision";
    let query = sqlx::query(text).bind(key).bind(body).bind(at.timestamp_micros()).bind(kind);
    let query = query.bind(after.map(Thing::stored)).bind(revision as i64);
    query.execute(connection).await.map(drop)
}

async fn answered(
    connection: &mut AnyConnection,
    key: &str,
    since: Time,
) -> Result<Option<Answered>, sqlx::Error> {
    let forget = "DELETE FROM idempotency WHERE at < $1";
    sqlx::query(forget).bind(since.timestamp_micros()).execute(&mut *connection).await?;
    let text = "SELECT body, kind, after, revision FROM idempotency WHERE key = $1";
    let Some(row) = sqlx::query(text).bind(key).fetch_optional(connection).await? else { return Ok(None) };
    let (kind, after): (String, Option<String>) = (row.try_get(1)?, row.try_get(2)?);
    let is_done = kind == DEED && after.as_deref() == Some(DONE);
    let after = Kind::of_path(&kind).zip(after).map(|(kind, after)| Thing::from_stored(kind, &after));
    let after = after.transpose().map_err(|error| sqlx::Error::Decode(error.into()))?;
    let revision = row.try_get::<i64, _>(3)? as u64;
    Ok(Some(Answered { body: row.try_get(0)?, after, revision, is_done }))
}
