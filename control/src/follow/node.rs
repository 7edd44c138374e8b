//! What is in force on this node.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use serde::Serialize;
use timebudget::config::{Errors, Layer};
use timebudget::{Clock, Reloader};
use tokio::sync::Notify;

use crate::db::{Database, News, Trouble};
use crate::follow::copy::CopyFile;
use crate::follow::{Health, Place, Standing};
use crate::live::Hub;
use crate::thing::{Decided, Kind, LAYER, Time};

/// So many things are put into a layer one by one; for more it is made anew.
const MUCH: usize = 30;

/// What is in force here, and where it comes from.
pub(crate) struct Node {
    pub(crate) database: Database,
    pub(crate) clock: Arc<dyn Clock>,
    /// The last good copy.
    pub(crate) copy: Option<Mutex<CopyFile>>,
    pub(crate) decided: RwLock<Decided>,
    /// Where in which database's history it stands.
    place: Mutex<Place>,
    /// Held by whoever brings `decided` forward: a change, or what follows others' changes.
    pub(crate) turn: tokio::sync::Mutex<()>,
    governed: Mutex<Vec<Weak<Reloader>>>,
    standing: Mutex<Standing>,
    /// Who is told of changes.
    pub(crate) hub: Arc<Hub>,
    /// Told when somebody else has changed something.
    pub(crate) poke: Arc<Notify>,
    /// Whether the schema is known to be this program's.
    pub(crate) is_migrated: AtomicBool,
    /// Whether nothing is known to be in the way of writing: what can be read is not up again until it can be written to.
    pub(crate) is_writable: AtomicBool,
    /// What has been decided, as the library takes it, and when it was made: keys may have ended since.
    layer: Mutex<(Layer, Time)>,
}

/// That a thing is another one on this node, as listeners are told.
#[derive(Serialize)]
struct Changed {
    what: String,
    /// Who has decided it; `null` where that is not known any more.
    actor: Option<String>,
    revision: u64,
    deleted: bool,
    at: Time,
}

impl Changed {
    /// Members are nobody's business but owners'.
    fn all_of(news: &News, at: Time) -> Vec<Self> {
        let of_others = news.things.iter().filter(|(kind, ..)| *kind != Kind::Member);
        let changed = of_others.map(|(kind, name, thing, revision)| Self {
            what: format!("{}/{name}", kind.path()),
            actor: news.actors.get(revision).cloned(),
            revision: *revision,
            deleted: thing.is_none(),
            at,
        });
        changed.collect()
    }
}

impl Node {
    pub(crate) fn new(database: Database, clock: Arc<dyn Clock>, copy: Option<PathBuf>) -> Self {
        Self {
            database,
            clock,
            copy: copy.map(CopyFile::new).map(Mutex::new),
            decided: RwLock::default(),
            place: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            governed: Mutex::default(),
            standing: Mutex::default(),
            hub: Arc::new(Hub::new()),
            poke: Arc::default(),
            is_migrated: AtomicBool::new(false),
            is_writable: AtomicBool::new(true),
            layer: Mutex::new((Layer::new(LAYER), Time::default())),
        }
    }

    /// Does what takes a while on a thread for that, and waits for it.
    ///
    /// Where the runtime ends meanwhile, nobody is left who would wait.
    pub(crate) async fn apart<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> T {
        let node = Arc::clone(self);
        match tokio::task::spawn_blocking(move || work(&node)).await {
            Ok(done) => done,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => std::future::pending().await,
        }
    }

    pub(crate) fn now(&self) -> Time {
        Time::from_timestamp_micros(self.clock.now().wall().0).unwrap_or_default()
    }

    pub(crate) fn decided(&self) -> RwLockReadGuard<'_, Decided> {
        self.decided.read()
    }

    pub(crate) fn place(&self) -> Place {
        self.place.lock().clone()
    }

    /// Notes the last row of the audit.
    pub(crate) fn saw(&self, audited: u64, digest: &str) {
        let mut place = self.place.lock();
        place.audited = audited;
        digest.clone_into(&mut place.digest);
    }

    /// What has been decided, as the library takes it.
    pub(crate) fn layer(&self) -> Layer {
        self.layer.lock().0.clone()
    }

    /// When the next API key ends of those that were known when what is in force was put there.
    pub(crate) fn next_end(&self) -> Option<Time> {
        let made = self.layer.lock().1;
        self.decided().next_end_of_key(made)
    }

    /// Puts in force on a budget what has been decided, from now on.
    pub(crate) fn govern(&self, reloader: &Arc<Reloader>) -> Result<(), Errors> {
        self.governed.lock().push(Arc::downgrade(reloader));
        reloader.set_layer(self.layer())
    }

    /// The budgets that are governed and still there.
    pub(crate) fn governed(&self) -> Vec<Arc<Reloader>> {
        let mut governed = self.governed.lock();
        governed.retain(|reloader| reloader.strong_count() > 0);
        governed.iter().filter_map(Weak::upgrade).collect()
    }

    /// Applies what was decided, all of it at once, and puts it in force; it leads to a revision. A layer that has been made of
    /// it by the same turn is taken as it is.
    ///
    /// # Errors
    ///
    /// What the library does not take of it: nothing is applied then.
    pub(crate) fn take(
        &self,
        news: News,
        place: Place,
        revision: u64,
        made: Option<Layer>,
    ) -> Result<(), Errors> {
        let is_layered = news.things.iter().any(|(kind, ..)| *kind != Kind::Member);
        let (now, is_much) = (self.now(), news.things.len() > MUCH);
        let changes = Changed::all_of(&news, now);
        let is_of_members = news.things.iter().any(|(kind, ..)| *kind == Kind::Member);
        // Of keys that have ended, a layer that is made by changes still knows those that the one before did.
        let (before, mut since) = self.layer.lock().clone();
        let is_made = made.is_some();
        let mut layer = made.unwrap_or(before);
        // Apart from what is there, so that of what does not fit nothing is there.
        let mut next = self.decided().clone();
        for (kind, name, thing, revision) in news.things {
            if !is_much && !is_made {
                layer = next.edited(layer, (kind, &name, thing.as_ref()), now)?;
            }
            next.apply(kind, &name, thing, revision);
        }
        next.reach(revision);
        if is_layered && is_much {
            (layer, since) = (next.to_layer(now)?, now);
        }
        {
            let mut decided = self.decided.write();
            *decided = next;
            *self.place.lock() = place;
        }
        if is_layered {
            self.put_in_force(&layer, since);
        }
        if is_of_members {
            self.hub.tell_of_members();
        }
        changes.iter().for_each(|changed| self.hub.tell("changed", changed));
        Ok(())
    }

    /// Takes the API keys out of force that have ended.
    pub(crate) fn end_keys(&self) {
        let (layer, made) = self.layer.lock().clone();
        let now = self.now();
        let layer = self.decided().without_ended_keys(layer, made, now);
        self.put_in_force(&layer, now);
    }

    /// API keys that have ended by `since` are not in the layer; later ones may be.
    fn put_in_force(&self, layer: &Layer, since: Time) {
        *self.layer.lock() = (layer.clone(), since);
        for reloader in self.governed() {
            // What is wrong with files is told by the log, and changes nothing here.
            let _ = reloader.set_layer(layer.clone());
        }
    }

    pub(crate) fn health(&self) -> Health {
        self.standing.lock().health().clone()
    }

    pub(crate) fn up(&self) {
        self.standing.lock().up();
    }

    /// Notes why the database could not be asked.
    pub(crate) fn note(&self, trouble: &Trouble) {
        let (mut standing, now) = (self.standing.lock(), self.now());
        match trouble {
            Trouble::Lost(why) => standing.turn(Health::Lost { since: now, why: why.clone() }),
            Trouble::Unfit(_) => standing.turn(Health::Unfit { since: now, why: trouble.to_string() }),
            Trouble::Down(_) | Trouble::Slow(_) | Trouble::Newer { .. } => {
                standing.turn(Health::Down { since: now, why: trouble.to_string() });
            }
        }
    }
}
