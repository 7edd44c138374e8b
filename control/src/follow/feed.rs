//! The feed: what others have decided, in order, all or nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use sqlx::AnyConnection;

use crate::db::{State, Trouble, read};
use crate::follow::start::{cut, lost, unfit};
use crate::follow::{Node, Place};

/// How often the revision is read, whatever else tells of changes: so often that a change reaches every node within a
/// second, with what it takes to put it in force.
const EVERY: Duration = Duration::from_millis(500);

/// How often the last good copy is written at most.
const COPY_EVERY: Duration = Duration::from_secs(1);

/// For how many times as long as a copy takes none is written after it.
const COPY_REST: u32 = 20;

impl Node {
    /// Follows the database; ends with the runtime.
    pub(crate) async fn follow(self: Arc<Self>) {
        let mut next_copy = Instant::now();
        loop {
            // A large copy takes a while, and many changes may come in a second.
            if Instant::now() >= next_copy {
                let began = Instant::now();
                self.apart(Self::keep_copy).await;
                next_copy = Instant::now() + COPY_EVERY.max(began.elapsed() * COPY_REST);
            }
            tokio::select! {
                () = self.poke.notified() => {}
                () = tokio::time::sleep(self.ends().map_or(EVERY, |ends| ends.min(EVERY))) => {}
            }
            if self.ends().is_some_and(|ends| ends.is_zero()) {
                let _turn = self.turn.lock().await;
                self.apart(Self::end_keys).await;
            }
            match self.look().await {
                Ok(()) => self.up(),
                Err(trouble) => self.note(&trouble),
            }
        }
    }

    /// How long until an API key ends; nothing if it has.
    fn ends(&self) -> Option<Duration> {
        Some((self.next_end()? - self.now()).to_std().unwrap_or_default())
    }

    /// Looks once whether the database has something new, and takes it.
    async fn look(self: &Arc<Self>) -> Result<(), Trouble> {
        if !self.is_migrated.load(Relaxed) {
            return self.look_for_the_first_time().await;
        }
        if !self.is_writable.load(Relaxed) {
            self.database.write().await?.try_out().await?;
            self.is_writable.store(true, Relaxed);
        }
        let state = self.database.state().await?;
        if self.is_at(&state) && self.has_seen(&state) {
            return Ok(());
        }
        let _turn = self.turn.lock().await;
        let mut link = self.database.within(self.database.link()).await?;
        let state = self.database.within(read::state(&mut link, "")).await?;
        self.catch_up(&mut link, &state).await?;
        link.keep();
        Ok(())
    }

    /// The same after a start without the database, whose schema may be of an older version, or nowhere.
    async fn look_for_the_first_time(self: &Arc<Self>) -> Result<(), Trouble> {
        let own = self.decided().revision();
        if self.database.is_empty().await? {
            return Err(lost("is empty", own, 0));
        }
        self.database.migrate().await?;
        self.is_migrated.store(true, Relaxed);
        Box::pin(self.look()).await
    }

    fn is_at(&self, state: &State) -> bool {
        let Place { id, history, .. } = self.place();
        self.decided().revision() == state.revision && id == state.id && history == state.history
    }

    fn has_seen(&self, state: &State) -> bool {
        let Place { audited, digest, .. } = self.place();
        audited == state.audited && digest == state.digest
    }

    /// Takes what the database has more than this node; who calls it has the turn.
    ///
    /// # Errors
    ///
    /// The database cannot be asked, or what it holds does not continue what is in force here.
    pub(crate) async fn catch_up(
        self: &Arc<Self>,
        connection: &mut AnyConnection,
        state: &State,
    ) -> Result<(), Trouble> {
        let (own, place) = (self.decided().revision(), self.place());
        self.must_have_rows(connection, state, &place).await?;
        if self.is_at(state) {
            self.saw(state.audited, &state.digest);
            return Ok(());
        }
        self.must_continue(connection, state, own, &place).await?;
        let mut news = self.database.within(read::news(connection, own)).await?;
        if self.hub.is_heard() {
            news.actors = self.database.within(read::actors(connection, own)).await?;
        }
        let revision = news.revision().unwrap_or(own);
        let history = self.database.within(read::digest_of_revision(connection, revision)).await?;
        let place = Place {
            id: state.id.clone(),
            history: history.unwrap_or_default(),
            audited: state.audited,
            digest: state.digest.clone(),
        };
        let taken = self.apart(move |node| node.take(news, place, revision, None)).await;
        taken.map_err(|errors| unfit(&errors))
    }

    /// # Errors
    ///
    /// The audit lacks the last row that was seen of it: who cuts the chain at its end, and says that it has ended there
    /// before, leaves one that is whole.
    pub(crate) async fn must_have_rows(
        &self,
        connection: &mut AnyConnection,
        state: &State,
        place: &Place,
    ) -> Result<(), Trouble> {
        if place.audited == 0 || place.id != state.id || self.has_seen(state) {
            return Ok(());
        }
        let digest = self.database.within(read::digest_of_row(connection, place.audited)).await?;
        match state.audited >= place.audited && digest.as_ref() == Some(&place.digest) {
            true => Ok(()),
            false => Err(cut(place.audited, state.audited)),
        }
    }

    /// # Errors
    ///
    /// What the database holds does not continue what is known to be at a revision.
    pub(crate) async fn must_continue(
        &self,
        connection: &mut AnyConnection,
        state: &State,
        own: u64,
        place: &Place,
    ) -> Result<(), Trouble> {
        if !place.id.is_empty() && place.id != state.id {
            return Err(lost("is another one than before", own, state.revision));
        }
        if state.revision < own {
            return Err(lost("has lost changes", own, state.revision));
        }
        let history = self.database.within(read::digest_of_revision(connection, own)).await?;
        match own > 0 && history.as_ref() != Some(&place.history) {
            true => Err(lost("has another history", own, state.revision)),
            false => Ok(()),
        }
    }
}
