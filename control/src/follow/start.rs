//! The start: from the database, else from the last good copy.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use timebudget::config::Errors;

use crate::db::Trouble;
use crate::follow::Node;
use crate::follow::copy::Copy;

impl Node {
    /// Brings the schema up to date, and reads all.
    ///
    /// # Errors
    ///
    /// The database is of a newer version; or it cannot be asked, or what it holds does not fit, and there is no copy.
    pub(crate) async fn start(self: &Arc<Self>) -> Result<(), Trouble> {
        let copy = self.copy.as_ref().and_then(|file| file.lock().read());
        let trouble = match self.start_from_database(copy.as_ref()).await {
            Ok(()) => return Ok(()),
            Err(trouble) => trouble,
        };
        let is_newer = matches!(trouble, Trouble::Newer { .. });
        let (false, Some(copy), Some(file)) = (is_newer, copy, &self.copy) else { return Err(trouble) };
        self.note(&trouble);
        let revision = copy.revision;
        self.take(copy.news, copy.place, revision, None).map_err(|errors| unfit(&errors))?;
        log::warn!("control: started from the last good copy, {}, of revision {revision}", file.lock());
        Ok(())
    }

    async fn start_from_database(self: &Arc<Self>, copy: Option<&Copy>) -> Result<(), Trouble> {
        if let Some(copy) = copy
            && self.database.is_empty().await?
        {
            return Err(lost("is empty", copy.revision, 0));
        }
        self.database.migrate().await?;
        self.is_migrated.store(true, Relaxed);
        let mut link = self.database.within(self.database.link()).await?;
        if let Some(copy) = copy {
            let state = self.database.state().await?;
            self.must_continue(&mut link, &state, copy.revision, &copy.place).await?;
            self.must_have_rows(&mut link, &state, &copy.place).await?;
        }
        let state = self.database.state().await?;
        self.catch_up(&mut link, &state).await?;
        link.keep();
        Ok(())
    }
}

/// What is said where the library does not take what is stored: of another version, or written by another hand.
pub(crate) fn unfit(errors: &Errors) -> Trouble {
    Trouble::Unfit(errors.to_string())
}

/// What is said where a database does not continue what is in force.
pub(crate) fn lost(what: &str, own: u64, found: u64) -> Trouble {
    Trouble::Lost(format!(
        "the database {what}: it is at revision {found}, and revision {own} is in force; restore it, or, to begin with \
         what it has, remove the last good copy and start anew"
    ))
}

/// What is said where the audit ends before a row that was seen of it, or has another in its place.
pub(crate) fn cut(seen: u64, found: u64) -> Trouble {
    Trouble::Lost(format!(
        "the database's audit was changed: its row {seen} was seen, and is not there any more as it was; the last one is \
         {found} now; restore it, or, to begin with what it has, remove the last good copy and start anew"
    ))
}

impl Node {
    /// Writes the last good copy, if something has changed since it was written.
    pub(crate) fn keep_copy(&self) {
        let Some(copy) = self.copy.as_ref().filter(|_| self.health().is_up()) else { return };
        let (decided, place) = {
            // Both of one moment: whoever brings them forward has both locks.
            let decided = self.decided();
            (decided.clone(), self.place())
        };
        // Without the locks of what is decided: no change waits for a large copy.
        copy.lock().keep(&decided, &place);
    }
}
