//! Connections, and the time within which they answer.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, ConnectOptions as _, Executor as _};

use crate::db::{Engine, Trouble, Uri};

/// A database that may be asked.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    uri: Uri,
    pool: AnyPool,
    patience: Duration,
}

/// Readers and a writer of one node.
const CONNECTIONS: u32 = 5;

impl Database {
    /// A database that is asked for a connection when it is needed, and given up after `patience`.
    ///
    /// # Errors
    ///
    /// It cannot be read as a place.
    pub(crate) fn new(uri: Uri, patience: Duration) -> Result<Self, Trouble> {
        sqlx::any::install_default_drivers();
        let options: AnyConnectOptions =
            uri.url.parse().map_err(|_| Trouble::Down("no database".to_owned()))?;
        // What is asked may hold names of clients.
        let options = options.disable_statement_logging();
        let setup = setup(uri.engine, patience);
        let pool = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(patience)
            .after_connect(move |connection, _| {
                let setup = setup.clone();
                Box::pin(async move { connection.execute(sqlx::raw_sql(&setup)).await.map(drop) })
            })
            .connect_lazy_with(options);
        Ok(Self { uri, pool, patience })
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

    /// A connection of one's own.
    pub(crate) async fn link(&self) -> Result<Link, sqlx::Error> {
        Ok(Link(Some(self.pool.acquire().await?)))
    }
}

/// A connection while it is used.
///
/// It is closed when it is dropped, for nobody knows what it still waits for, unless it was [kept](Self::keep).
pub(crate) struct Link(Option<PoolConnection<Any>>);

impl Link {
    /// Gives it back, for the next to use.
    pub(crate) fn keep(mut self) {
        drop(self.0.take());
    }

    /// Gives it back, and hands on what was answered on it.
    pub(crate) fn kept<T>(self, answer: T) -> T {
        self.keep();
        answer
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(connection.detach());
        }
    }
}

impl Deref for Link {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        self.0.as_deref().expect("a link that is used was not kept yet")
    }
}

impl DerefMut for Link {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        self.0.as_deref_mut().expect("a link that is used was not kept yet")
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
