//! The feed: what others have decided, in order, all or nothing.

use std::sync::Arc;
use std::time::Duration;

use sqlx::AnyConnection;

use crate::db::{State, Trouble, read};
use crate::follow::{Node, Place};

/// How often the revision is read, whatever else tells of changes.
const EVERY: Duration = Duration::from_secs(1);

impl Node {
    /// Follows the database until nobody has the node any more.
    pub(crate) async fn follow(self: Arc<Self>) {
        let node = Arc::downgrade(&self);
        drop(self);
        loop {
            let Some(node) = node.upgrade() else { return };
            let ends = node.ends();
            let wait = ends.map_or(EVERY, |ends| ends.min(EVERY));
            tokio::select! {
                () = node.poke.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
            if ends.is_some_and(|ends| ends <= wait) {
                let _turn = node.turn.lock().await;
                tokio::task::block_in_place(|| node.put_in_force());
            }
            node.look().await;
        }
    }

    /// Brings the schema up to date, and reads all.
    pub(crate) async fn start(&self) -> Result<(), Trouble> {
        self.database.migrate().await?;
        self.look_for_news().await
    }

    /// How long until an API key ends.
    fn ends(&self) -> Option<Duration> {
        let now = self.now();
        let end = self.decided().next_end_of_key(now)?;
        Some((end - now).to_std().unwrap_or_default())
    }

    /// Looks once whether the database has something new.
    pub(crate) async fn look(&self) {
        match self.look_for_news().await {
            Ok(()) => self.up(),
            Err(trouble) => self.note(&trouble),
        }
    }

    async fn look_for_news(&self) -> Result<(), Trouble> {
        let state = self.database.state().await?;
        if self.is_at(&state) {
            return Ok(());
        }
        let _turn = self.turn.lock().await;
        let mut link = self.database.within(self.database.link()).await?;
        let state = self.database.within(read::state(&mut link, "")).await?;
        self.catch_up(&mut link, &state).await?;
        link.keep();
        Ok(())
    }

    fn is_at(&self, state: &State) -> bool {
        let Place { id, history } = self.place();
        self.decided().revision() == state.revision && id == state.id && history == state.history
    }

    /// Takes what the database has more than this node; who calls it has the turn.
    ///
    /// # Errors
    ///
    /// The database cannot be asked, or what it holds does not continue what is in force here.
    pub(crate) async fn catch_up(
        &self,
        connection: &mut AnyConnection,
        state: &State,
    ) -> Result<(), Trouble> {
        let (own, place) = (self.decided().revision(), self.place());
        if self.is_at(state) {
            return Ok(());
        }
        if !place.id.is_empty() && place.id != state.id {
            return Err(lost("is another one than before", own, state.revision));
        }
        if state.revision < own {
            return Err(lost("has lost changes", own, state.revision));
        }
        let history = self.database.within(read::digest_of_revision(connection, own)).await?;
        if own > 0 && history.as_ref() != Some(&place.history) {
            return Err(lost("has another history", own, state.revision));
        }
        let news = self.database.within(read::news(connection, own)).await?;
        let Some(revision) = news.revision() else {
            *self.place_mut() = Place { id: state.id.clone(), history: state.history.clone() };
            return Ok(());
        };
        let history = self.database.within(read::digest_of_revision(connection, revision)).await?;
        let place = Place { id: state.id.clone(), history: history.unwrap_or_default() };
        tokio::task::block_in_place(|| self.take(news, place));
        Ok(())
    }
}

fn lost(what: &str, own: u64, found: u64) -> Trouble {
    Trouble::Lost(format!(
        "the database {what}: it is at revision {found}, and revision {own} is in force; restore it, or, to begin with \
         what it has, remove the last good copy and start anew"
    ))
}
