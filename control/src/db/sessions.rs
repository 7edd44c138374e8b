//! Sessions, and when API keys were used last.

use std::collections::HashMap;

use sqlx::{AnyConnection, Row as _};

use crate::db::{Database, Trouble};
use crate::thing::{Member, Time};

/// A session as it is kept.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The member's name.
    pub(crate) member: String,
    /// The digest of the token that it was made by.
    pub(crate) token: String,
    pub(crate) expires: Time,
}

impl Database {
    /// Remembers a session, and forgets those that have ended.
    pub(crate) async fn make_session(
        &self,
        digest: &str,
        member: &Member,
        now: Time,
        expires: Time,
    ) -> Result<(), Trouble> {
        self.within(async {
            let mut link = self.link().await?;
            let text = "DELETE FROM sessions WHERE expires <= $1";
            sqlx::query(text).bind(now.timestamp_micros()).execute(&mut *link).await?;
            let text = "INSERT INTO sessions (digest, member, token, expires) VALUES ($1, $2, $3, $4)";
            let query = sqlx::query(text).bind(digest).bind(member.name.as_str());
            let query = query.bind(member.digest.as_str()).bind(expires.timestamp_micros());
            query.execute(&mut *link).await?;
            link.keep();
            Ok(())
        })
        .await
    }

    /// The session of a digest, if it lasts.
    pub(crate) async fn find_session(&self, digest: &str, now: Time) -> Result<Option<Kept>, Trouble> {
        self.within(async {
            let mut link = self.link().await?;
            let text = "SELECT member, token, expires FROM sessions WHERE digest = $1 AND expires > $2";
            let query = sqlx::query(text).bind(digest).bind(now.timestamp_micros());
            let found = match query.fetch_optional(&mut *link).await? {
                Some(row) => Some(Kept {
                    member: row.try_get(0)?,
                    token: row.try_get(1)?,
                    expires: time(row.try_get(2)?),
                }),
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

/// Forgets the sessions of a member that were made by other tokens than the one that the member has now; all, without one.
pub(crate) async fn end_sessions(
    connection: &mut AnyConnection,
    member: &str,
    token: Option<&str>,
) -> Result<(), sqlx::Error> {
    let text = "DELETE FROM sessions WHERE member = $1 AND token <> $2";
    // No digest is empty.
    sqlx::query(text).bind(member).bind(token.unwrap_or_default()).execute(connection).await.map(drop)
}

fn time(micros: i64) -> Time {
    Time::from_timestamp_micros(micros).unwrap_or_default()
}
