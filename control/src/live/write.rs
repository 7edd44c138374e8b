//! Writes down what was seen: usage once a minute, and when API keys were used last.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use chrono::TimeDelta;
use timebudget::KeyDigest;

use crate::db::{Database, Trouble};
use crate::follow::Node;
use crate::live::live::{Live, time};
use crate::live::rollup::hour_of;
use crate::thing::{Secret, Time};

/// How often it is looked for what is to be written.
const EVERY: Duration = Duration::from_secs(1);
/// How long nothing is tried again after it has failed.
const PAUSE: Duration = Duration::from_secs(5);
/// How many seconds after an hour's end what is too old or too small is forgotten.
const TIDY_AFTER: i64 = 360;
/// How often the use of one API key is written down.
const TOUCH: TimeDelta = TimeDelta::seconds(60);

/// Writes down what this node sees, until nobody sees anything any more.
pub(crate) async fn write(live: Weak<Live>, node: Arc<Node>) {
    let (mut forgotten, mut is_silent) = (0, false);
    let mut touched = HashMap::new();
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(live) = live.upgrade() else { return };
        if node.must_be_up().is_err() {
            continue;
        }
        match turn(&live, &node, &mut touched, &mut forgotten).await {
            Ok(()) => is_silent = false,
            Err(trouble) => {
                if !std::mem::replace(&mut is_silent, true) {
                    log::warn!("control: usage is not written down, and waits: {trouble}");
                }
                drop(live);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn turn(
    live: &Live,
    node: &Node,
    touched: &mut HashMap<String, Time>,
    forgotten: &mut i64,
) -> Result<(), Trouble> {
    live.write_waiting(&node.database).await?;
    touch(live, node, touched).await?;
    let now = live.now().0 / 1_000_000;
    // Some minutes after each hour, when all nodes have written it down.
    let hour = hour_of(now - TIDY_AFTER);
    if hour > *forgotten {
        node.database.forget_usage(now).await?;
        *forgotten = hour;
    }
    Ok(())
}

/// Writes down when API keys were used last, of each at most once a minute.
async fn touch(live: &Live, node: &Node, touched: &mut HashMap<String, Time>) -> Result<(), Trouble> {
    let used = live.take_uses();
    if used.is_empty() {
        return Ok(());
    }
    let mut uses = Vec::new();
    {
        let decided = node.decided();
        for key in decided.keys().values().map(|held| &held.thing) {
            let at = key
                .digests(node.now())
                .filter_map(KeyDigest::parse)
                .filter_map(|digest| used.get(&digest))
                .max();
            if let Some(at) = at.map(|at| time(*at))
                && touched.get(&key.id).is_none_or(|last| at - *last >= TOUCH)
            {
                uses.push((key.id.clone(), at));
            }
        }
    }
    if uses.is_empty() {
        return Ok(());
    }
    node.database.keys_used(&uses).await?;
    touched.extend(uses);
    Ok(())
}

impl Live {
    /// Writes down all that was noted.
    pub(crate) async fn save(&self, database: &Database) -> Result<(), Trouble> {
        self.close_all();
        self.write_waiting(database).await
    }

    /// Writes down what waits.
    async fn write_waiting(&self, database: &Database) -> Result<(), Trouble> {
        let _writing = self.writing.lock().await;
        while let Some(numbered) = self.to_write() {
            let now = self.now().0 / 1_000_000;
            database.add_usage(&self.name, (numbered.number, &numbered.batch), now).await?;
            self.written(numbered.number);
        }
        Ok(())
    }

    /// A name that no other node has.
    pub(crate) fn any_name() -> String {
        Secret::session().digest()
    }
}
