//! Control: the handle that applications have.

mod error;
mod expect;
mod once;
mod options;
mod seen;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLockReadGuard};
use timebudget::config::{Configuration, Errors, Layer};
use timebudget::{AddressPolicy, Reloader, TimeBudget};
use tokio::runtime::{Builder, Runtime};

use crate::api::Guesses;
use crate::audit::{Entry, Filter, Page, Verified};
use crate::db::{Database, Engine, Trouble, Uri};
use crate::follow::{Health, Node, Order, Outcome, Recorded, listen};
use crate::live::{Live, Observer, write};
use crate::thing::{
    Assignment, Change, Decided, Kind, Member, Own, Role, Ruleset, Secret, Thing, Time, Written, Wrong,
    digest_of,
};

pub use error::{ChangeError, NotGoverned, OpenError, Unavailable};
pub use expect::{Actor, Expect, Idempotency, IfMatch};
pub(crate) use once::Shown;
pub use options::Options;

/// What people have decided, kept in force while the limiter runs. Cheap to clone; all clones are one.
///
/// What talks to the database runs on threads of its own, and ends with the last clone.
///
/// # Examples
///
/// ```
/// # let dir = std::env::temp_dir().join(format!("timebudget-control-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// # let uri = format!("sqlite://{}/timebudget.db", dir.display());
/// use timebudget::TimeBudget;
/// use timebudget_control::{Actor, Control, Expect, Options};
/// use timebudget_control::thing::{Change, Tier};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let control = Control::open(Options::new(uri)).await?;
/// let site = r#"{ "rate_limit": "600s per hour" }"#;
/// let budget = TimeBudget::builder().site_text(site).layer(control.layer()).identify(|_| None).build()?;
/// control.govern(&budget)?;
///
/// let gold = Tier::parse("gold", r#"{ "multiplier": 3 }"#).expect("it is right");
/// let ann = Actor::new("ann", None);
/// let receipt = control.change(ann, Change::put(gold.into()), None, Expect::default()).await?;
/// assert_eq!(control.decided().tiers()["gold"].revision, receipt.revision);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # std::fs::remove_dir_all(dir)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Control(Arc<Inner>);

struct Inner {
    node: Arc<Node>,
    live: Arc<Live>,
    /// Those of governed budgets.
    engines: Mutex<Vec<timebudget::Engine>>,
    /// Secrets that are shown again under their idempotency keys.
    shown: Shown,
    /// Taken when it ends.
    runtime: Option<Runtime>,
    options: Options,
    first_token: Option<String>,
    guesses: Guesses,
    /// The last budget that was governed, of which requests are explained.
    budget: Mutex<Option<TimeBudget>>,
}

/// What a change has done.
#[derive(Clone, Debug, PartialEq)]
pub struct Receipt {
    /// The revision that it made, which the thing has now.
    pub revision: u64,
    /// What there was.
    pub before: Option<Thing>,
    /// What there is.
    pub after: Option<Thing>,
    /// Whether it was made before, under the same idempotency key; `before` is not known then.
    pub is_repeated: bool,
}

/// Somebody who has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The member's name.
    pub member: String,
    /// What the member may do now.
    pub role: Role,
    /// When the session ends.
    pub expires: Time,
}

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
        let live = Live::begin(options.clock(), Arc::clone(&node.hub));
        let guesses = Guesses::new(Arc::clone(&node.clock));
        let (engines, shown) = Default::default();
        let inner = Inner {
            node,
            live,
            engines,
            shown,
            runtime: Some(runtime),
            options,
            first_token: None,
            guesses,
            budget: Mutex::default(),
        };
        let control = Self(Arc::new(inner)).with_owner().await?;
        control.spawn_following();
        Ok(control)
    }

    /// The token of the first owner, if this node has just made one: to be shown once.
    ///
    /// There is none where the [options](Options::owner_token) name it.
    pub fn first_owner_token(&self) -> Option<&str> {
        self.0.first_token.as_deref()
    }

    /// What has been decided, for [`BudgetBuilder`](timebudget::BudgetBuilder); [`govern`](Self::govern) keeps it up to date.
    pub fn layer(&self) -> Layer {
        self.0.node.layer()
    }

    /// Puts in force in a budget what has been decided, and what will be.
    ///
    /// # Errors
    ///
    /// The budget was built without a [layer](Self::layer), or what its files say is wrong.
    pub fn govern(&self, budget: &TimeBudget) -> Result<(), NotGoverned> {
        const NONE: &str = "the budget was built without a layer; expected Control::layer in its builder";
        let reloader = budget.reloader().ok_or_else(|| NotGoverned(NONE.to_owned()))?;
        self.0.node.govern(reloader).map_err(|errors| NotGoverned(errors.to_string()))?;
        let (mut engines, engine) = (self.0.engines.lock(), budget.engine());
        if !engines.contains(&engine) {
            engines.push(engine);
        }
        *self.0.budget.lock() = Some(budget.clone());
        Ok(())
    }

    /// What notes who spends how much of what, for [`BudgetBuilder::observe`](timebudget::BudgetBuilder::observe): what the
    /// API tells of usage is what it has noted.
    pub fn observer(&self) -> Observer {
        Observer::new(Arc::clone(&self.0.live))
    }

    /// Writes down what was noted until now, as otherwise happens once a minute: before the process ends.
    ///
    /// # Errors
    ///
    /// The database cannot be asked. It is written down later, if the process goes on.
    pub async fn save_usage(&self) -> Result<(), Unavailable> {
        let live = Arc::clone(&self.0.live);
        self.ask(move |database| async move { live.save(&database).await }).await
    }

    /// What has been decided. It stays as it is while it is held, and so do others' changes: hold it for a moment, and
    /// never across an await.
    pub fn decided(&self) -> RwLockReadGuard<'_, Decided> {
        self.0.node.decided()
    }

    /// The wall clock.
    pub fn now(&self) -> Time {
        self.0.node.now()
    }

    /// Makes a change: it is checked against the whole configuration, stored together with its row of the audit, and in
    /// force on this node when this returns. It goes on even if nobody waits for it any more.
    ///
    /// # Errors
    ///
    /// Why it was not made.
    pub async fn change(
        &self,
        actor: Actor,
        change: Change,
        reason: Option<String>,
        expect: Expect,
    ) -> Result<Receipt, ChangeError> {
        let order = Order {
            change,
            actor: actor.member,
            address: actor.address,
            reason: cleaned(reason.as_deref())?,
            condition: expect.if_match,
            idempotency: expect.idempotency.map(|once| (once.key, once.body)),
        };
        let node = Arc::clone(&self.0.node);
        match self.on_own_threads(async move { node.change(order).await }).await? {
            Outcome::Made(made) => Ok(Receipt {
                revision: made.entry.revision.unwrap_or_default(),
                before: made.before,
                after: made.after,
                is_repeated: false,
            }),
            Outcome::Repeated(answered) => Ok(Receipt {
                revision: answered.revision,
                before: None,
                after: answered.after,
                is_repeated: true,
            }),
            Outcome::OtherBody => Err(ChangeError::OtherBody),
            Outcome::Refused(refused) => Err(refused.into()),
            Outcome::Stale(revision) => Err(ChangeError::Stale { revision }),
            Outcome::Missing => Err(ChangeError::Missing),
            Outcome::Exists => Err(ChangeError::Exists),
        }
    }

    /// Checks a change as [`change`](Self::change) does, and makes none.
    ///
    /// # Errors
    ///
    /// Why it would not be made.
    pub async fn check(&self, change: Change) -> Result<(), ChangeError> {
        let node = Arc::clone(&self.0.node);
        let checked =
            self.on_own_threads(async move { Ok(node.apart(move |node| node.fits(&change)).await) });
        Ok(checked.await??)
    }

    /// Writes a row of the audit of something that changes no thing: a grant, a reset, a login that failed.
    ///
    /// `before` and `after` are JSON.
    ///
    /// # Errors
    ///
    /// What is wrong with the reason, or the database cannot be asked.
    pub async fn record(
        &self,
        actor: Actor,
        what: &str,
        action: &str,
        (before, after): (Option<Written>, Option<Written>),
        reason: Option<String>,
    ) -> Result<Entry, ChangeError> {
        match self.record_once(actor, what, action, (before, after), reason, None).await? {
            Recorded::News(entry) => Ok(*entry),
            // Without a key nothing was asked before.
            Recorded::Done | Recorded::Unknown | Recorded::OtherBody => Err(ChangeError::OtherBody),
        }
    }

    /// A page of the audit, the newest rows first, those below the number `below`.
    ///
    /// # Errors
    ///
    /// The database cannot be asked.
    pub async fn audit(&self, filter: Filter, limit: u32, below: Option<u64>) -> Result<Page, Unavailable> {
        self.ask(move |database| async move { database.audit(&filter, limit, below).await }).await
    }

    /// Whether the audit's chain is whole.
    ///
    /// # Errors
    ///
    /// The database cannot be asked.
    pub async fn verify_audit(&self) -> Result<Verified, Unavailable> {
        self.ask(|database| async move { database.verify_audit().await }).await
    }

    /// Makes a session for a member; what is returned is for a cookie.
    ///
    /// # Errors
    ///
    /// The database cannot be asked.
    pub async fn make_session(&self, member: &Member) -> Result<(Secret, Session), Unavailable> {
        let (secret, now) = (Secret::session(), self.now());
        let expires = now + self.0.options.session;
        let (digest, name) = (secret.digest(), member.name.clone());
        self.ask(move |database| async move { database.make_session(&digest, &name, now, expires).await })
            .await?;
        Ok((secret, Session { member: member.name.clone(), role: member.role, expires }))
    }

    /// The session of a cookie, if it lasts and its member is still one.
    ///
    /// # Errors
    ///
    /// The database cannot be asked.
    pub async fn find_session(&self, secret: &str) -> Result<Option<Session>, Unavailable> {
        let (digest, now) = (digest_of(secret), self.now());
        let found =
            self.ask(move |database| async move { database.find_session(&digest, now).await }).await?;
        let Some((member, expires)) = found else { return Ok(None) };
        let role = self.decided().members().get(&member).map(|held| held.thing.role);
        Ok(role.map(|role| Session { member, role, expires }))
    }

    /// Ends the session of a cookie.
    ///
    /// # Errors
    ///
    /// The database cannot be asked.
    pub async fn end_session(&self, secret: &str) -> Result<(), Unavailable> {
        let digest = digest_of(secret);
        self.ask(move |database| async move { database.end_session(&digest).await }).await?;
        self.hub().tell_of_members();
        Ok(())
    }

    /// Ends all sessions of a member: after another token, or another role.
    ///
    /// # Errors
    ///
    /// The database cannot be asked.
    pub async fn end_sessions_of(&self, member: &str) -> Result<(), Unavailable> {
        let member = member.to_owned();
        self.ask(move |database| async move { database.end_sessions_of(&member).await }).await?;
        self.hub().tell_of_members();
        Ok(())
    }

    /// Remembers when API keys were used last, by their ids.
    ///
    /// # Errors
    ///
    /// The database cannot be asked.
    pub async fn keys_used(&self, uses: Vec<(String, Time)>) -> Result<(), Unavailable> {
        self.ask(move |database| async move { database.keys_used(&uses).await }).await
    }

    /// When API keys were used last, by their ids.
    ///
    /// # Errors
    ///
    /// The database cannot be asked.
    pub async fn uses_of_keys(&self) -> Result<HashMap<String, Time>, Unavailable> {
        self.ask(|database| async move { database.uses_of_keys().await }).await
    }

    /// Ends: the last good copy is written, and what talks to the database is over when this returns, if this is the last
    /// handle. Whoever only drops it does not wait for that.
    pub async fn close(mut self) {
        let node = Arc::clone(&self.0.node);
        let kept = self.on_own_threads(async move {
            node.apart(Node::keep_copy).await;
            Ok(())
        });
        // A copy that cannot be written is told by the log.
        let _ = kept.await;
        let Some(runtime) = Arc::get_mut(&mut self.0).and_then(|inner| inner.runtime.take()) else { return };
        let (ended, over) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            runtime.shutdown_timeout(std::time::Duration::from_secs(5));
            // Whoever waited may have gone.
            let _ = ended.send(());
        });
        let _ = over.await;
    }

    /// Whether the database answers, so that changes can be made.
    pub fn is_up(&self) -> bool {
        self.health().is_up()
    }

    /// The same, with since when and why not.
    pub fn health(&self) -> Health {
        self.0.node.health()
    }

    /// # Errors
    ///
    /// The database is known to be down.
    pub(crate) fn must_be_up(&self) -> Result<(), Unavailable> {
        Ok(self.0.node.must_be_up()?)
    }

    /// The last budget that was governed.
    pub(crate) fn budget(&self) -> Option<TimeBudget> {
        self.0.budget.lock().clone()
    }

    fn node(&self) -> Arc<Node> {
        Arc::clone(&self.0.node)
    }

    /// Secrets that are shown again under their idempotency keys.
    pub(crate) fn shown(&self) -> &Shown {
        &self.0.shown
    }

    /// What keeps the rules of that budget.
    pub(crate) fn reloader(&self) -> Option<Arc<Reloader>> {
        self.budget()?.reloader().map(Arc::clone)
    }

    /// The configuration with a ruleset that holds for a site in the place of those that do.
    ///
    /// # Errors
    ///
    /// What would be wrong with it.
    pub(crate) fn with_draft(&self, site: &str, draft: Ruleset) -> Result<Configuration, ChangeError> {
        let mut decided = self.decided().clone();
        let own = || Own::Ruleset(draft.name.clone());
        let assignment = Assignment { site: site.to_owned(), published: own(), unpublished: own() };
        let revision = decided.revision() + 1;
        decided.apply(Kind::Assignment, site, Some(assignment.into()), revision);
        let name = draft.name.clone();
        decided.apply(Kind::Ruleset, &name, Some(draft.into()), revision);
        let wrong = |errors: &Errors| {
            let wrong = errors.problems().iter().map(|problem| Wrong::new("draft", problem.to_string()));
            ChangeError::Wrong(wrong.collect())
        };
        let layer = decided.to_layer(self.now()).map_err(|errors| wrong(&errors))?;
        let reloader =
            self.reloader().ok_or_else(|| ChangeError::Conflict("no budget is governed here".to_owned()))?;
        reloader.draft(layer).map_err(|errors| wrong(&errors))
    }

    /// The budget of wrong tokens.
    pub(crate) fn guesses(&self) -> &Guesses {
        &self.0.guesses
    }

    /// How it is found where a request comes from.
    pub(crate) fn addresses(&self) -> &AddressPolicy {
        &self.0.options.addresses
    }

    /// Whether pages are reached over HTTPS.
    pub(crate) fn is_https(&self) -> bool {
        self.0.options.https
    }

    /// Asks the database something, unless it is known to be down.
    pub(crate) async fn ask<T, F>(
        &self,
        question: impl FnOnce(Database) -> F + Send + 'static,
    ) -> Result<T, Unavailable>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Trouble>> + Send + 'static,
    {
        let node = Arc::clone(&self.0.node);
        self.on_own_threads(async move {
            node.must_be_up()?;
            let answer = question(node.database.clone()).await;
            if let Err(trouble) = &answer {
                node.note(trouble);
            }
            answer
        })
        .await
    }

    /// Runs something to its end, whether or not somebody still waits for it.
    async fn on_own_threads<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Trouble>> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let runtime = self.0.runtime.as_ref().expect("it is there until the last handle is dropped");
        match runtime.spawn(work).await {
            Ok(done) => Ok(done?),
            Err(_) => Err(Trouble::Down("the question was given up".to_owned()).into()),
        }
    }

    fn spawn_following(&self) {
        let runtime = self.0.runtime.as_ref().expect("it is there until the last handle is dropped");
        let node = &self.0.node;
        if node.database.engine() == Engine::Postgres {
            runtime.spawn(listen(node.database.clone(), Arc::clone(&node.poke)));
        }
        runtime.spawn(Arc::clone(node).follow());
        runtime.spawn(write(Arc::downgrade(&self.0.live), Arc::clone(node)));
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

impl Drop for Inner {
    fn drop(&mut self) {
        // In the background: whoever drops the last handle may be on a thread that must not wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let database = self.0.node.database.uri();
        f.debug_struct("Control")
            .field("database", database)
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}

/// A reason without spaces around it; an empty one is none.
fn cleaned(reason: Option<&str>) -> Result<Option<String>, ChangeError> {
    const MOST: usize = 2_000;
    let Some(reason) = reason.map(str::trim).filter(|reason| !reason.is_empty()) else {
        return Ok(None);
    };
    let is_odd = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t');
    let fault = match reason {
        _ if reason.chars().count() > MOST => "too long; expected at most 2000 characters",
        _ if reason.chars().any(is_odd) => "has control characters; expected a text without them",
        _ => return Ok(Some(reason.to_owned())),
    };
    Err(ChangeError::Wrong(vec![Wrong::new("reason", fault)]))
}
