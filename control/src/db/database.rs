//! Connections, and the time within which they answer.

use std::fs::OpenOptions;
use std::io;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, ConnectOptions as _, Executor as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::db::trouble::is_given_up;
use crate::db::{Engine, Trouble, Uri};

/// A database that may be asked.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    uri: Arc<Uri>,
    patience: Duration,
    connections: Arc<Mutex<Connections>>,
    /// A seat for each long question at once.
    long: Arc<Semaphore>,
}

/// Connections, and the file that they are of.
#[derive(Debug)]
struct Connections {
    pool: AnyPool,
    file: Option<FileId>,
}

/// A file, whatever its name: its device and its number there.
type FileId = (u64, u64);

/// Readers and writers of one node.
const CONNECTIONS: u32 = 6;
/// How many of them long questions have at most; the others follow, and write, and answer what is quick.
const LONG: usize = 2;

impl Database {
    /// A database that is asked for a connection when it is needed, and given up after `patience`.
    ///
    /// # Errors
    ///
    /// It cannot be read as a place.
    pub(crate) fn new(uri: Uri, patience: Duration) -> Result<Self, Trouble> {
        sqlx::any::install_default_drivers();
        let pool = pool(&uri, patience).map_err(|_| Trouble::Down("no database".to_owned()))?;
        let connections = Arc::new(Mutex::new(Connections { pool, file: None }));
        let long = Arc::new(Semaphore::new(LONG));
        Ok(Self { uri: Arc::new(uri), patience, connections, long })
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(crate) fn engine(&self) -> Engine {
        self.uri.engine
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// Waits for an answer no longer than the patience lasts.
    pub(crate) async fn within<T>(
        &self,
        question: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, Trouble> {
        match tokio::time::timeout(self.patience, question).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.trouble(&error)),
            Err(_) => Err(Trouble::Down(self.silence())),
        }
    }

    /// Waits for the answer to a question that may be about much, on a [connection for such](Self::long_link): no longer than the
    /// patience lasts so many times. That it takes longer says nothing of the database, and is told of the question alone.
    pub(crate) async fn at_length<T>(
        &self,
        times: u32,
        question: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, Trouble> {
        let patience = self.patience * times;
        let slow = || {
            Trouble::Slow(format!(
                "the database has not answered this question within {} ms",
                patience.as_millis()
            ))
        };
        match tokio::time::timeout(patience, question).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) if is_given_up(&error) => Err(slow()),
            Ok(Err(error)) => Err(self.trouble(&error)),
            Err(_) => Err(slow()),
        }
    }

    /// A connection of one's own.
    pub(crate) async fn link(&self) -> Result<Link, sqlx::Error> {
        let pool = self.pool()?;
        if let Some(path) = self.uri.file.as_ref().filter(|_| self.connections.lock().file.is_none()) {
            make_private(path);
        }
        let link = Link { connection: Some(pool.acquire().await?), seat: None };
        if let Some(path) = &self.uri.file {
            let mut connections = self.connections.lock();
            connections.file = connections.file.or_else(|| file_id(path));
        }
        Ok(link)
    }

    /// A connection of one's own, in a transaction that only reads, for a question that may take so many times the patience.
    ///
    /// Of such there are a few at once, and whoever comes next waits: what is quick finds a connection at any time.
    pub(crate) async fn long_link(&self, times: u32) -> Result<Link, sqlx::Error> {
        let seat = Arc::clone(&self.long).acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
        let mut link = self.link().await?;
        link.seat = Some(seat);
        let begin = match self.engine() {
            Engine::Sqlite => "BEGIN".to_owned(),
            Engine::Postgres => format!("BEGIN READ ONLY; {}", self.lasts(times)),
        };
        link.execute(sqlx::raw_sql(&begin)).await?;
        Ok(link)
    }

    /// A connection of one's own, in a transaction that writes so much that it may take so many times the patience.
    pub(crate) async fn long_writing(&self, times: u32) -> Result<Link, sqlx::Error> {
        let mut link = self.link().await?;
        let begin = match self.engine() {
            Engine::Sqlite => "BEGIN IMMEDIATE".to_owned(),
            Engine::Postgres => format!("BEGIN; {}", self.lasts(times)),
        };
        link.execute(sqlx::raw_sql(&begin)).await?;
        Ok(link)
    }

    /// Lets all statements of a connection take so many times the patience.
    pub(crate) fn waits(&self, times: u32) -> String {
        let millis = (self.patience * times).as_millis() * 9 / 10;
        match self.engine() {
            Engine::Sqlite => format!("PRAGMA busy_timeout = {millis}"),
            Engine::Postgres => format!("SET statement_timeout = {millis}; SET lock_timeout = {millis}"),
        }
    }

    /// Lets the statements of a transaction of PostgreSQL take longer than others; a little less than they are waited for.
    fn lasts(&self, times: u32) -> String {
        let millis = (self.patience * times).as_millis() * 9 / 10;
        format!("SET LOCAL statement_timeout = {millis}; SET LOCAL lock_timeout = {millis}")
    }

    /// Ends: nothing is asked any more. What SQLite has put beside its file is written into it first.
    pub(crate) async fn close(&self) {
        if self.engine() == Engine::Sqlite {
            // What other nodes read meanwhile stays beside it, and is written by whoever ends last.
            let _ = self
                .within(async {
                    let mut link = self.link().await?;
                    link.execute("PRAGMA wal_checkpoint(TRUNCATE)").await?;
                    link.keep();
                    Ok(())
                })
                .await;
        }
        let pool = self.connections.lock().pool.clone();
        let _ = tokio::time::timeout(self.patience, pool.close()).await;
    }

    /// The connections of the file that is there now. Those of a file that was removed, or that another one was put in the
    /// place of, would go on as if nothing had happened, and what is written there is lost.
    fn pool(&self) -> Result<AnyPool, sqlx::Error> {
        let mut connections = self.connections.lock();
        let (Some(path), Some(known)) = (&self.uri.file, connections.file) else {
            return Ok(connections.pool.clone());
        };
        match file_id(path) {
            Some(found) if found == known => {}
            Some(found) => {
                *connections = Connections { pool: pool(&self.uri, self.patience)?, file: Some(found) }
            }
            None => return Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::NotFound, "its file is gone"))),
        }
        Ok(connections.pool.clone())
    }
}

fn pool(uri: &Uri, patience: Duration) -> Result<AnyPool, sqlx::Error> {
    // What is asked may hold names of clients.
    let options = uri.url.parse::<AnyConnectOptions>()?.disable_statement_logging();
    let setup = setup(uri.engine, patience);
    let pool = AnyPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(patience);
    let pool = pool.after_connect(move |connection, _| {
        let setup = setup.clone();
        Box::pin(async move { connection.execute(sqlx::raw_sql(&setup)).await.map(drop) })
    });
    Ok(pool.connect_lazy_with(options))
}

/// Makes the file, if there is none, so that its owner alone can read it: it holds digests of tokens and keys. What SQLite
/// puts beside it can be read by nobody else then, either.
fn make_private(path: &Path) {
    // What is in the way is told by whoever opens it next.
    let _ = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
}

fn file_id(path: &Path) -> Option<FileId> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

/// A connection while it is used.
///
/// It is closed when it is dropped, for nobody knows what it still waits for, unless it was [kept](Self::keep).
pub(crate) struct Link {
    connection: Option<PoolConnection<Any>>,
    /// What it has of those that long questions have.
    seat: Option<OwnedSemaphorePermit>,
}

impl Link {
    /// Gives it back, for the next to use.
    pub(crate) fn keep(mut self) {
        drop(self.connection.take());
    }

    /// Gives it back, and hands on what was answered on it.
    pub(crate) fn kept<T>(self, answer: T) -> T {
        self.keep();
        answer
    }

    /// Ends the transaction, gives the connection back, and hands on what was answered on it.
    pub(crate) async fn committed<T>(mut self, answer: T) -> Result<T, sqlx::Error> {
        self.execute("COMMIT").await?;
        Ok(self.kept(answer))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(connection.detach());
        }
    }
}

impl Deref for Link {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        self.connection.as_deref().expect("a link that is used was not kept yet")
    }
}

impl DerefMut for Link {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        self.connection.as_deref_mut().expect("a link that is used was not kept yet")
    }
}

/// What a connection is told first.
///
/// Whoever waits in the database gives up before who waits for it does, and says why.
fn setup(engine: Engine, patience: Duration) -> String {
    let millis = patience.as_millis() * 3 / 4;
    match engine {
        // FULL: what was answered for survives a loss of power.
        Engine::Sqlite => format!(
            "PRAGMA busy_timeout = {millis}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON"
        ),
        Engine::Postgres => format!(
            "SET application_name = 'timebudget'; SET statement_timeout = {millis}; SET lock_timeout = {millis}; \
             SET idle_in_transaction_session_timeout = 10000; SET client_min_messages = warning"
        ),
    }
}
