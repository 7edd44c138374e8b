//! A database and the nodes on it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use timebudget::TimeBudget;
use timebudget_control::thing::{Change, Policy, Ruleset, Thing, Tier};
use timebudget_control::{Actor, ChangeError, Control, Expect, Options, Receipt};

use crate::postgres::Server;

/// A database of a test's own.
pub(crate) struct World {
    pub(crate) uri: String,
    pub(crate) directory: Rc,
}

/// A directory that goes with the last world in it.
pub(crate) type Rc = std::sync::Arc<TempDir>;

impl World {
    pub(crate) async fn sqlite() -> Self {
        let directory = TempDir::new().unwrap();
        std::fs::create_dir(directory.path().join("data")).unwrap();
        let uri = format!("sqlite://{}/data/timebudget.db", directory.path().display());
        Self { uri, directory: directory.into() }
    }

    pub(crate) async fn postgres() -> Self {
        Self::on(Server::shared()).await
    }

    pub(crate) async fn on(server: &Server) -> Self {
        Self { uri: server.database().await, directory: TempDir::new().unwrap().into() }
    }

    /// A node on the database.
    pub(crate) async fn node(&self) -> Control {
        Control::open(self.options()).await.expect("the database can be opened")
    }

    pub(crate) async fn node_with_copy(&self) -> Control {
        Control::open(self.options_with_copy()).await.expect("the database can be opened")
    }

    pub(crate) fn options(&self) -> Options {
        Options::new(&self.uri)
    }

    pub(crate) fn options_with_copy(&self) -> Options {
        self.options().with_copy(self.copy())
    }

    pub(crate) fn copy(&self) -> PathBuf {
        self.directory.path().join("copy.json")
    }

    /// A tier called gold in the database and in the copy, and nobody there any more.
    pub(crate) async fn with_gold_in_copy(&self) {
        let node = self.node_with_copy().await;
        change(&node, Change::put(tier("gold", 3.0))).await.unwrap();
        let has_gold = || std::fs::read_to_string(self.copy()).is_ok_and(|text| text.contains("gold"));
        node.close().await;
        assert!(has_gold(), "the copy is written when a node ends");
    }

    /// The same copy, beside a database with nothing in it.
    pub(crate) async fn emptied(&self) -> Self {
        let uri = match self.uri.starts_with("sqlite") {
            true => {
                let file = TempDir::new_in(self.directory.path()).unwrap().keep().join("timebudget.db");
                format!("sqlite://{}", file.display())
            }
            false => Server::shared().database().await,
        };
        Self { uri, directory: self.directory.clone() }
    }

    /// The same copy, beside a database that is not there.
    pub(crate) fn gone(&self) -> Self {
        let uri = match self.uri.starts_with("sqlite") {
            true => format!("sqlite://{}/nowhere/timebudget.db", self.directory.path().display()),
            false => {
                format!("postgres://ann:s3cret@localhost/limits?host={}", self.directory.path().display())
            }
        };
        Self { uri, directory: self.directory.clone() }
    }
}

/// Waits until something has come about that another thread or process brings about.
pub(crate) async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        // A bound for what would never come, far above what the slowest machine needs.
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}: it never came about");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Makes a change as somebody.
pub(crate) async fn change(control: &Control, change: Change) -> Result<Receipt, ChangeError> {
    control.change(Actor::new("ann", None), change, None, Expect::default()).await
}

/// A budget under what has been decided.
pub(crate) fn governed(control: &Control) -> TimeBudget {
    let site = r#"{ "rate_limit": "600s per hour" }"#;
    let budget = TimeBudget::builder().site_text(site).layer(control.layer()).identify(|_| None);
    let budget = budget.build().expect("what has been decided fits");
    control.govern(&budget).expect("it has a layer");
    budget
}

/// The names of the rules that are in force, and their limits.
pub(crate) fn in_force(budget: &TimeBudget) -> Vec<String> {
    let site = budget.limiter();
    let rules = site.site().rules.iter();
    rules
        .map(|rule| {
            format!(
                "{}: {}",
                rule.name,
                rule.limits.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
            )
        })
        .collect()
}

/// Has a ruleset of one rule hold for all sites.
pub(crate) async fn rule(control: &Control, limits: &str) -> Result<Receipt, ChangeError> {
    let body = format!(r#"{{"rules":[{{"name":"export","limits":"{limits}"}}]}}"#);
    change(control, Change::put(Ruleset::parse("plans", &body).unwrap().into())).await?;
    let policy = Policy { published: Some("plans".to_owned()), unpublished: None };
    change(control, Change::put(policy.into())).await
}

pub(crate) fn tier(name: &str, multiplier: f64) -> Thing {
    Tier::parse(name, &format!(r#"{{"multiplier":{multiplier}}}"#)).unwrap().into()
}

/// Makes of each test two: one on each database.
macro_rules! on_both {
    ($($(#[$attribute:meta])* async fn $name:ident($world:ident: &World) $body:block)*) => {
        $($(#[$attribute])* async fn $name($world: &$crate::world::World) $body)*

        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(&$crate::world::World::sqlite().await).await;
            })*
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(&$crate::world::World::postgres().await).await;
            })*
        }
    };
}

pub(crate) use on_both;
