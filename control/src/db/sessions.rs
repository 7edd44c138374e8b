//! Sessions, and when API keys were used last.

use std::collections::HashMap;

use sqlx::Row as _;

use crate::db::{Database, Trouble};
use crate::thing::Time;

impl Database {
    /// Remembers a session, and forgets those that have ended.
    pub(crate) async fn make_session(
        &self,
        digest: &str,
        member: &str,
        now: Time,
        expires: Time,
    ) -> Result<(), Trouble> {
        self.within(async {
            let mut link = self.link().await?;
            let text = "DELETE FROM sessions WHERE expires <= $1";
            sqlx::query(text).bind(now.timestamp_micros()).execute(&mut *link).await?;
            let text = "INSERT INTO sessions (digest, member, expires) VALUES ($1, $2, $3)";
            let query = sqlx::query(text).bind(digest).bind(member).bind(expires.timestamp_micros());
            query.execute(&mut *link).await?;
            link.keep();
            Ok(())
        })
        .await
    }

    /// The member of a session, and when it ends.
    pub(crate) async fn find_session(
        &self,
        digest: &str,
        now: Time,
    ) -> Result<Option<(String, Time)>, Trouble> {
        self.within(async {
            let mut link = self.link().await?;
            let text = "SELECT member, expires FROM sessions WHERE digest = $1 AND expires > $2";
            let query = sqlx::query(text).bind(digest).bind(now.timestamp_micros());
            let found = match query.fetch_optional(&mut *link).await? {
                Some(row) => Some((row.try_get(0)?, time(row.try_get(1)?))),
                None => None,
            };
            Ok(link.kept(found))
        })
        .await
    }

    /// Forgets a session.
    pub(crate) async fn end_session(&self, digest: &str) -> Result<(), Trouble> {
        self.within(async {
            let mut link = self.link().await?;
            sqlx::query("DELETE FROM sessions WHERE digest = $1").bind(digest).execute(&mut *link).await?;
            link.keep();
            Ok(())
        })
        .await
    }

    /// Forgets all sessions of a member.
    pub(crate) async fn end_sessions_of(&self, member: &str) -> Result<(), Trouble> {
        self.within(async {
            let mut link = self.link().await?;
            sqlx::query("DELETE FROM sessions WHERE member = $1").bind(member).execute(&mut *link).await?;
            link.keep();
            Ok(())
        })
        .await
    }

    /// Remembers when keys were used last; what was later stays.
    pub(crate) async fn keys_used(&self, uses: &[(String, Time)]) -> Result<(), Trouble> {
        self.within(async {
            let mut link = self.link().await?;
            for (id, at) in uses {
                let text = "INSERT INTO key_use (id, at) VALUES ($1, $2) \
                            ON CONFLICT (id) DO UPDATE SET at = excluded.at WHERE excluded.at > key_use.at";
                let query = sqlx::query(text).bind(id.clone()).bind(at.timestamp_micros());
                query.execute(&mut *link).await?;
            }
            link.keep();
            Ok(())
        })
        .await
    }

    /// When keys were used last, by id.
    pub(crate) async fn uses_of_keys(&self) -> Result<HashMap<String, Time>, Trouble> {
        self.within(async {
            let mut link = self.link().await?;
            let rows = sqlx::query("SELECT id, at FROM key_use").fetch_all(&mut *link).await?;
            let uses: Result<_, sqlx::Error> =
                rows.iter().map(|row| Ok((row.try_get(0)?, time(row.try_get(1)?)))).collect();
            Ok(link.kept(uses?))
        })
        .await
    }
}

fn time(micros: i64) -> Time {
    Time::from_timestamp_micros(micros).unwrap_or_default()
}
