//! What PostgreSQL tells of changes, at once. The revision is read in any case, so nothing depends on it.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::sync::Notify;

use crate::db::{CHANNEL, Database};

/// How long a server that does not let listen is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// Listens, and pokes; ends with the runtime.
pub(crate) async fn listen(database: Database, poke: Arc<Notify>) {
    loop {
        if let Ok(mut listener) = begun(&database).await {
            poke.notify_one();
            // `None` is a connection that was lost: something may have been missed meanwhile.
            while listener.try_recv().await.is_ok() {
                poke.notify_one();
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn begun(database: &Database) -> Result<PgListener, crate::db::Trouble> {
    database
        .within(async {
            let mut listener = PgListener::connect(&database.uri().url).await?;
            listener.listen(CHANNEL).await?;
            Ok(listener)
        })
        .await
}
