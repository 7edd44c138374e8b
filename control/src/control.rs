//! Control: the handle that applications have.

mod change;
mod error;
mod expect;
mod once;
mod open;
mod options;
mod seen;
mod sessions;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use parking_lot::{Mutex, MutexGuard, RwLockReadGuard};
use timebudget::config::{Configuration, Errors, Layer, Problem};
use timebudget::{AddressPolicy, Reloader, TimeBudget};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::api::Guesses;
use crate::audit::{Filter, Mark, Page, Verified};
use crate::db::{Database, Trouble};
use crate::follow::{Health, Node, Place};
use crate::live::{Live, Observer};
use crate::recent::{Hour, Recording};
use crate::thing::{Decided, Ruleset, Time, Wrong};

pub use change::Receipt;
pub use error::{ChangeError, NotGoverned, OpenError, Unavailable};
pub use expect::{Actor, Expect, Idempotency, IfMatch};
pub(crate) use once::{Deed, Done, Shown};
pub use options::Options;
pub use sessions::Session;

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
    /// The requests of the last hour, if they are kept.
    recent: Option<Arc<Hour>>,
    /// Held while a draft is tried on them: that takes a core.
    replaying: Mutex<()>,
    /// Those of governed budgets.
    engines: Mutex<Vec<timebudget::Engine>>,
    /// Secrets that are shown again under their idempotency keys.
    shown: Shown,
    /// Taken when it ends.
    runtime: Option<Runtime>,
    /// What follows the database, on the runtime.
    following: Vec<JoinHandle<()>>,
    options: Options,
    first_token: Option<String>,
    guesses: Guesses,
    is_told_of_https: AtomicBool,
    /// The last budget that was governed, of which requests are explained.
    budget: Mutex<Option<TimeBudget>>,
}

impl Control {
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

    /// What keeps the requests of the last hour, so that the API can try drafts on them: for [`Noting`], around the budget. It lets
    /// all pass unless there is [room](Options::recent_bytes) for them.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use actix_web::{App, HttpServer};
    /// use timebudget::TimeBudget;
    /// use timebudget_control::noting::Noting;
    /// use timebudget_control::{Control, Options};
    ///
    /// let options = Options::new("sqlite://timebudget.db").with_recent_requests(64 << 20);
    /// let control = Control::open(options).await?;
    /// let budget = TimeBudget::builder().sites("sites").layer(control.layer()).build()?;
    /// control.govern(&budget)?;
    /// // The last is the outermost.
    /// let app = move || {
    ///     let noting = Noting::new(control.recording());
    ///     App::new().wrap(budget.clone()).wrap(noting).service(control.scope("/limits"))
    /// };
    /// HttpServer::new(app).bind("127.0.0.1:8080")?.run().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [`Noting`]: crate::noting::Noting
    pub fn recording(&self) -> Recording {
        Recording::new(self.0.recent.clone())
    }

    /// The requests of the last hour, if they are kept.
    pub(crate) fn recent(&self) -> Option<Arc<Hour>> {
        self.0.recent.clone()
    }

    /// Whoever has it may try a draft on them; `None` while somebody else does.
    pub(crate) fn replaying(&self) -> Option<MutexGuard<'_, ()>> {
        self.0.replaying.try_lock()
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

    /// A page of the audit, the newest rows first, those below the number `below`.
    ///
    /// # Errors
    ///
    /// The database cannot be asked.
    pub async fn audit(&self, filter: Filter, limit: u32, below: Option<u64>) -> Result<Page, Unavailable> {
        self.ask(move |database| async move { database.audit(&filter, limit, below).await }).await
    }

    /// Whether the audit's chain is whole, and has the last row that this node has seen.
    ///
    /// # Errors
    ///
    /// The database cannot be asked.
    pub async fn verify_audit(&self) -> Result<Verified, Unavailable> {
        self.verify_audit_from(None).await
    }

    /// The same, and whether it has a row that was kept elsewhere.
    ///
    /// # Errors
    ///
    /// The database cannot be asked.
    pub async fn verify_audit_from(&self, kept: Option<Mark>) -> Result<Verified, Unavailable> {
        let Place { audited, digest, .. } = self.0.node.place();
        let seen = (audited > 0).then_some(Mark { number: audited, digest });
        let known = seen.into_iter().chain(kept).collect();
        self.ask(|database| async move { database.verify_audit(known).await }).await
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
    pub(crate) fn with_draft(&self, site: &str, draft: &Ruleset) -> Result<Configuration, ChangeError> {
        let place = |problem: &Problem| match problem.place() {
            rule if rule.starts_with("rules") => Wrong::new(format!("draft.{rule}"), problem.message()),
            _ => Wrong::new("draft", problem.to_string()),
        };
        let wrong = |errors: Errors| ChangeError::Wrong(errors.problems().iter().map(place).collect());
        let layer = self.layer().with_rules_of(site, [draft.rules().clone()]);
        let reloader =
            self.reloader().ok_or_else(|| ChangeError::Conflict("no budget is governed here".to_owned()))?;
        reloader.draft(layer).map_err(wrong)
    }

    /// The budget of wrong tokens.
    pub(crate) fn guesses(&self) -> &Guesses {
        &self.0.guesses
    }

    /// How it is found where a request comes from.
    pub(crate) fn addresses(&self) -> &AddressPolicy {
        &self.0.options.addresses
    }

    /// Tells once that browsers reach the pages over HTTPS, where nobody has said so.
    pub(crate) fn warn_of_https(&self) {
        if !self.0.options.https && !self.0.is_told_of_https.swap(true, Relaxed) {
            log::warn!(
                "control: browsers reach the pages over HTTPS, a trusted proxy says, and would send the session's cookie without \
                 it as well; say --admin-https, or in an application Options::with_https"
            );
        }
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
            // What nobody waits for, or can read, is this question's trouble; whoever follows finds out the rest.
            if let Err(trouble @ (Trouble::Down(_) | Trouble::Lost(_))) = &answer {
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
