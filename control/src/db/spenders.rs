//! Who has spent what, by the hour: added up by all nodes, the largest of each rule told apart, and asked for.

use std::collections::BTreeSet;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use crate::db::usage::{Asked, ROWS, TIMES, count, places, text_of, whole};
use crate::db::{Database, Trouble};
use crate::live::{Batch, HOUR, LARGEST as LARGEST_TOLD, Spender, Spending, hour_of};

/// How many spenders of each rule are kept of an hour that has ended, beside all others together.
const LARGEST: i64 = LARGEST_TOLD as i64;
/// How many while it lasts: who will be among the largest is not known yet.
const LARGEST_YET: i64 = 4 * LARGEST;
/// How many seconds after its end an hour is over: nodes write down its last minute a little later.
const GRACE: i64 = 300;
/// How many hours that have ended are looked at again: whoever comes later than that folds what it adds.
const HOURS_LOOKED_BACK: i64 = 2;
impl Database {
    /// What spenders have spent in the hours of a time, the largest first, of each rule.
    pub(crate) async fn spenders(
        &self,
        asked: &Asked,
        most: usize,
    ) -> Result<Vec<(Spender, Spending)>, Trouble> {
        let (place, texts) = asked.place_of_spenders(4);
        let text = format!(
            "SELECT site, rule, client, CAST(SUM(cost) AS BIGINT), CAST(SUM(requests) AS BIGINT), \
             CAST(SUM(micros) AS BIGINT), CAST(SUM(refused) AS BIGINT) FROM spenders \
             WHERE at >= $1 AND at < $2{place} GROUP BY site, rule, client ORDER BY 4 DESC, 7 DESC, 3 LIMIT $3"
        );
        self.at_length(TIMES, async {
            let mut link = self.long_link(TIMES).await?;
            let mut query = sqlx::query(&text).bind(asked.from).bind(asked.to).bind(most as i64);
            for text in texts {
                query = query.bind(text);
            }
            let rows = query.fetch_all(&mut *link).await?;
            let spender = |row: &AnyRow| {
                let spender = Spender {
                    hour: 0,
                    site: text_of(row, 0)?,
                    rule: text_of(row, 1)?,
                    client: text_of(row, 2)?,
                };
                Ok((spender, spending(row, 3)?))
            };
            let spenders: Result<_, sqlx::Error> = rows.iter().map(spender).collect();
            link.committed(spenders?).await
        })
        .await
    }

    /// What a client, which rules may know by several ids, has spent in each hour of a time.
    pub(crate) async fn spending_of(
        &self,
        clients: &[String],
        asked: &Asked,
    ) -> Result<Vec<(Spender, Spending)>, Trouble> {
        let (place, texts) = asked.place_of_spenders(3);
        let first = 3 + texts.len();
        let ids: Vec<_> = (0..clients.len()).map(|at| format!("${}", first + at)).collect();
        let text = format!(
            "SELECT at, site, rule, client, cost, requests, micros, refused FROM spenders \
             WHERE at >= $1 AND at < $2{place} AND client IN ({}) ORDER BY at",
            ids.join(", ")
        );
        self.at_length(TIMES, async {
            let mut link = self.long_link(TIMES).await?;
            let mut query = sqlx::query(&text).bind(asked.from).bind(asked.to);
            for text in texts.into_iter().chain(clients.to_vec()) {
                query = query.bind(text);
            }
            let rows = query.fetch_all(&mut *link).await?;
            let spender = |row: &AnyRow| {
                let (site, rule, client) = (text_of(row, 1)?, text_of(row, 2)?, text_of(row, 3)?);
                Ok((Spender { hour: row.try_get(0)?, site, rule, client }, spending(row, 4)?))
            };
            let spenders: Result<_, sqlx::Error> = rows.iter().map(spender).collect();
            link.committed(spenders?).await
        })
        .await
    }
}

/// Adds a batch's spenders to those that there are, and folds those that are too many.
pub(crate) async fn add(link: &mut AnyConnection, batch: &Batch, now: i64) -> Result<(), sqlx::Error> {
    let spenders: Vec<_> = batch.spenders.iter().collect();
    for some in spenders.chunks(ROWS) {
        add_spenders(link, some).await?;
    }
    let hours: BTreeSet<_> = batch.spenders.keys().map(|spender| spender.hour).collect();
    for hour in hours {
        let is_over = hour + HOUR + GRACE <= now;
        fold(link, hour, if is_over { LARGEST } else { LARGEST_YET }).await?;
    }
    Ok(())
}

/// Folds those who are not among the largest of hours that have just ended.
pub(crate) async fn fold_ended(link: &mut AnyConnection, now: i64) -> Result<(), sqlx::Error> {
    for hour in (1..=HOURS_LOOKED_BACK).map(|hours| hour_of(now - GRACE) - hours * HOUR) {
        fold(link, hour, LARGEST).await?;
    }
    Ok(())
}

/// Of each rule's spenders of an hour, the largest stay told apart; the rest are added to the others.
async fn fold(link: &mut AnyConnection, hour: i64, most: i64) -> Result<(), sqlx::Error> {
    let many = "SELECT site, rule FROM spenders WHERE at = $1 AND client <> 'other' \
                GROUP BY site, rule HAVING COUNT(*) > $2";
    let rules = sqlx::query(many).bind(hour).bind(most).fetch_all(&mut *link).await?;
    let of_rule = "at = $1 AND site = $2 AND rule = $3";
    let rest = format!(
        "client IN (SELECT client FROM spenders WHERE {of_rule} AND client <> 'other' \
         ORDER BY cost DESC, refused DESC, client LIMIT 1000000000 OFFSET $4)"
    );
    let add = format!(
        "INSERT INTO spenders (at, site, rule, client, cost, requests, micros, refused) \
         SELECT at, site, rule, 'other', CAST(SUM(cost) AS BIGINT), CAST(SUM(requests) AS BIGINT), \
         CAST(SUM(micros) AS BIGINT), CAST(SUM(refused) AS BIGINT) FROM spenders WHERE {of_rule} AND {rest} \
         GROUP BY at, site, rule {ADD_UP}"
    );
    let remove = format!("DELETE FROM spenders WHERE {of_rule} AND {rest}");
    for row in rules {
        for text in [&add, &remove] {
            let query = sqlx::query(text).bind(hour).bind(row.try_get::<String, _>(0)?);
            query.bind(row.try_get::<String, _>(1)?).bind(most).execute(&mut *link).await?;
        }
    }
    Ok(())
}

/// What becomes of a spender's row that is there.
const ADD_UP: &str = "ON CONFLICT (at, site, rule, client) DO UPDATE SET cost = spenders.cost + excluded.cost, \
    requests = spenders.requests + excluded.requests, micros = spenders.micros + excluded.micros, \
    refused = spenders.refused + excluded.refused";

async fn add_spenders(link: &mut AnyConnection, some: &[(&Spender, &Spending)]) -> Result<(), sqlx::Error> {
    let text = format!(
        "INSERT INTO spenders (at, site, rule, client, cost, requests, micros, refused) VALUES {} {ADD_UP}",
        places(some.len(), 8)
    );
    let mut query = sqlx::query(&text);
    for (spender, spending) in some {
        query = query.bind(spender.hour).bind(spender.site.to_string()).bind(spender.rule.to_string());
        query =
            query.bind(spender.client.to_string()).bind(whole(spending.cost)).bind(whole(spending.requests));
        query = query.bind(whole(spending.micros)).bind(whole(spending.refused));
    }
    query.execute(link).await.map(drop)
}

fn spending(row: &AnyRow, first: usize) -> Result<Spending, sqlx::Error> {
    let [cost, requests, micros, refused] = [0, 1, 2, 3].map(|at| count(row, first + at));
    Ok(Spending { cost: cost?, requests: requests?, micros: micros?, refused: refused? })
}
