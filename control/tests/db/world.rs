//! A database and the nodes on it.

use tempfile::TempDir;
use timebudget_control::thing::{Change, Thing, Tier};
use timebudget_control::{Actor, ChangeError, Control, Expect, Options, Receipt};

use crate::postgres::Server;

/// A database of a test's own.
pub(crate) struct World {
    pub(crate) uri: String,
    pub(crate) directory: TempDir,
}

impl World {
    pub(crate) async fn sqlite() -> Self {
        let directory = TempDir::new().unwrap();
        let uri = format!("sqlite://{}/timebudget.db", directory.path().display());
        Self { uri, directory }
    }

    pub(crate) async fn postgres() -> Self {
        Self { uri: Server::shared().database().await, directory: TempDir::new().unwrap() }
    }

    /// A node on the database.
    pub(crate) async fn node(&self) -> Control {
        Control::open(Options::new(&self.uri)).await.expect("the database can be opened")
    }
}

/// Makes a change as somebody.
pub(crate) async fn change(control: &Control, change: Change) -> Result<Receipt, ChangeError> {
    control.change(Actor::new("ann", None), change, None, Expect::default()).await
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
