//! Migrations: from an empty database, or one of an older version, to this program's schema.

use sqlx::{AnyConnection, Connection as _, Executor as _, Row as _};

use crate::db::database::Link;
use crate::db::{Database, Engine, Trouble, read};
use crate::thing::Secret;

/// The migrations in their order; a database of version n has had the first n.
const MIGRATIONS: [&str; 4] = [
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
];

/// In how many times the patience all of them are made: an index of a long audit takes a while.
const TIMES: u32 = 60;

/// The number of a lock that nobody else in a PostgreSQL server is likely to use.
const LOCK: i64 = 0x7469_6d65_6275_6467;

impl Database {
    /// Whether nothing has been made of it yet.
    pub(crate) async fn is_empty(&self) -> Result<bool, Trouble> {
        let text = match self.engine() {
            Engine::Sqlite => "SELECT COUNT(*) FROM sqlite_master WHERE name = 'timebudget_schema'",
            Engine::Postgres => "SELECT COUNT(to_regclass('timebudget_schema'))",
        };
        self.within(async {
            let mut link = self.link().await?;
            let count: i64 = link.fetch_one(text).await?.try_get(0)?;
            Ok(link.kept(count == 0))
        })
        .await
    }

    /// Brings the schema up to date, or finds that it is.
    ///
    /// All of it is one transaction, under a lock: of nodes that start at once one does it and the others find it done,
    /// and one that is killed in the middle has done nothing.
    ///
    /// # Errors
    ///
    /// It is of a newer version, or cannot be asked.
    pub(crate) async fn migrate(&self) -> Result<(), Trouble> {
        // Asked without the lock first: a database that can only be read may be up to date.
        if self.is_empty().await? || self.version().await? < known() {
            self.migrate_under_lock().await?;
        }
        match self.version().await? {
            found if found > known() => Err(Trouble::Newer { found, known: known() }),
            _ => Ok(()),
        }
    }

    async fn version(&self) -> Result<i64, Trouble> {
        self.within(async {
            let mut link = self.link().await?;
            let found = version(&mut link).await?;
            Ok(link.kept(found))
        })
        .await
    }

    async fn migrate_under_lock(&self) -> Result<(), Trouble> {
        let migrated = self.at_length(TIMES, async {
            // Not kept: others are not to wait as long for a lock.
            let mut link = self.link().await?;
            link.execute(sqlx::raw_sql(&self.waits(TIMES))).await?;
            migrate(&mut link, self.engine()).await
        });
        migrated.await.map_err(|trouble| match trouble {
            Trouble::Slow(why) => Trouble::Down(why),
            other => other,
        })
    }
}

fn known() -> i64 {
    MIGRATIONS.len() as i64
}

async fn migrate(link: &mut Link, engine: Engine) -> Result<(), sqlx::Error> {
    let begin = match engine {
        Engine::Sqlite => "BEGIN IMMEDIATE",
        Engine::Postgres => "BEGIN",
    };
    let mut transaction = link.begin_with(begin).await?;
    if engine == Engine::Postgres {
        transaction.execute(sqlx::query("SELECT CAST(pg_advisory_xact_lock($1) AS TEXT)").bind(LOCK)).await?;
    }
    transaction.execute("CREATE TABLE IF NOT EXISTS timebudget_schema (version BIGINT NOT NULL)").await?;
    let found = version(&mut transaction).await?;
    if found >= known() {
        // Another node was first.
        return transaction.rollback().await;
    }
    for migration in &MIGRATIONS[found as usize..] {
        let text = migration.replace("(BEGINNING,", &format!("(({}),", read::beginning(engine)));
        let text = text.replace("(KIND,", &format!("(({}),", read::kind(engine)));
        transaction.execute(sqlx::raw_sql(&text)).await?;
    }
    if found == 0 {
        let id = Secret::session().digest();
        let state =
            "INSERT INTO state (one, id, revision, history, audited, digest) VALUES (1, $1, 0, '', 0, '')";
        transaction.execute(sqlx::query(state).bind(id)).await?;
    }
    transaction.execute("DELETE FROM timebudget_schema").await?;
    transaction
        .execute(sqlx::query("INSERT INTO timebudget_schema (version) VALUES ($1)").bind(known()))
        .await?;
    transaction.commit().await
}

async fn version(connection: &mut AnyConnection) -> Result<i64, sqlx::Error> {
    let row = connection.fetch_optional("SELECT version FROM timebudget_schema").await?;
    row.map_or(Ok(0), |row| row.try_get(0))
}
