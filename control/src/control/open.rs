//! The start and the end: what the handle owns is made and ended here.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use parking_lot::Mutex;
use tokio::runtime::Builder;

use crate::api::Guesses;
use crate::control::{Actor, ChangeError, Control, IfMatch, Inner, OpenError, Options};
use crate::db::{Database, Engine, Trouble, Uri};
use crate::follow::{Node, listen};
use crate::live::{Live, write};
use crate::recent::Hour;
use crate::thing::{Change, Member, Role, digest_of};

/// The name of the member that a new database begins with.
const FIRST_OWNER: &str = "owner";

impl Control {
    /// Opens the database, brings its schema up to date, and reads it.
    ///
    /// A new database gets a member called `owner`, whose token is [told once](Self::first_owner_token).
    ///
    /// # Errors
    ///
    /// The database is none, or of a newer version, or cannot be asked while there is no last good copy.
    pub async fn open(options: Options) -> Result<Self, OpenError> {
        let uri = Uri::parse(&options.database).map_err(OpenError::Uri)?;
        let builder = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("timebudget-control")
            .enable_all()
            .build();
        let runtime = builder.map_err(|error| OpenError::Threads(error.to_string()))?;
        let shown = uri.to_string();
        let failed =
            move |trouble: Trouble| OpenError::Database { database: shown.clone(), why: trouble.to_string() };
        let opening = {
            let options = options.clone();
            let failed = failed.clone();
            async move {
                let database = Database::new(uri, options.patience).map_err(&failed)?;
                let node = Arc::new(Node::new(database, options.clock(), options.copy.clone()));
                node.start().await.map_err(failed)?;
                Ok::<_, OpenError>(node)
            }
        };
        let opened = match runtime.spawn(opening).await {
            Ok(opened) => opened,
            Err(error) => Err(OpenError::Threads(error.to_string())),
        };
        let node = match opened {
            Ok(node) => node,
            Err(error) => {
                runtime.shutdown_background();
                return Err(error);
            }
        };
        let room = options.recent_bytes;
        let recent = (room > 0).then(|| Arc::new(Hour::new(options.clock(), room)));
        let live = Live::begin(options.clock(), Arc::clone(&node.hub), recent.clone());
        let guesses = Guesses::new(Arc::clone(&node.clock));
        let (engines, shown, replaying) = Default::default();
        let inner = Inner {
            node,
            live,
            recent,
            replaying,
            engines,
            shown,
            runtime: Some(runtime),
            following: Vec::new(),
            options,
            first_token: None,
            guesses,
            is_told_of_https: AtomicBool::new(false),
            budget: Mutex::default(),
        };
        let mut control = Self(Arc::new(inner)).with_owner().await?;
        control.spawn_following();
        Ok(control)
    }

    /// Ends: the last good copy is written, and what talks to the database is over when this returns, if this is the last
    /// handle; a SQLite database is one file then, with nothing beside it, if no other node has it open. Whoever only drops it does not wait for that.
    pub async fn close(mut self) {
        let node = Arc::clone(&self.0.node);
        let kept = self.on_own_threads(async move {
            node.apart(Node::keep_copy).await;
            Ok(())
        });
        // A copy that cannot be written is told by the log.
        let _ = kept.await;
        let Some(inner) = Arc::get_mut(&mut self.0) else { return };
        let following = std::mem::take(&mut inner.following);
        let database = inner.node.database.clone();
        let Some(runtime) = inner.runtime.take() else { return };
        let closed = runtime.spawn(async move {
            // Nobody asks a database that is closed.
            for task in following {
                task.abort();
                let _ = task.await;
            }
            database.close().await;
        });
        let _ = closed.await;
        let (ended, over) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            runtime.shutdown_timeout(std::time::Duration::from_secs(5));
            // Whoever waited may have gone.
            let _ = ended.send(());
        });
        let _ = over.await;
    }

    fn spawn_following(&mut self) {
        let inner = Arc::get_mut(&mut self.0).expect("nobody else has it yet");
        let runtime = inner.runtime.as_ref().expect("it is there until the last handle is dropped");
        let node = &inner.node;
        if node.database.engine() == Engine::Postgres {
            let listening = listen(node.database.clone(), Arc::clone(&node.poke));
            inner.following.push(runtime.spawn(listening));
        }
        inner.following.push(runtime.spawn(Arc::clone(node).follow()));
        inner.following.push(runtime.spawn(write(Arc::downgrade(&inner.live), Arc::clone(node))));
    }

    /// Sees to it that a new database has an owner.
    async fn with_owner(mut self) -> Result<Self, OpenError> {
        if !self.is_up() || !self.decided().members().is_empty() {
            return Ok(self);
        }
        let (member, token) = match &self.0.options.owner_token {
            Some(token) => (Member::with_token(FIRST_OWNER, Role::Owner, &digest_of(token)), None),
            None => {
                let (member, token) = Member::new(FIRST_OWNER, Role::Owner);
                (member, Some(token))
            }
        };
        let actor = Actor::new("timebudget", None);
        let reason = Some("the first start".to_owned());
        match self.change(actor, Change::put(member.into()), reason, IfMatch::Nothing.into()).await {
            Ok(_) => {
                let inner = Arc::get_mut(&mut self.0).expect("nobody else has it yet");
                inner.first_token = token.map(|token| token.reveal().to_owned());
                Ok(self)
            }
            // Another node was first.
            Err(ChangeError::Exists) => Ok(self),
            Err(error) => {
                let database = self.0.node.database.uri().to_string();
                Err(OpenError::Database { database, why: error.to_string() })
            }
        }
    }
}
