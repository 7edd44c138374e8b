//! What people decide: parsed types that cannot be wrong, a file each, and all of them together at one revision. Pure.
//!
//! Each type has two forms of JSON. `parse` reads a body that somebody sent, with every mistake at once; `Serialize` and
//! `Deserialize` are the form that the database keeps. [`Thing::shown`] is what may be shown: it has no digest.

mod assignment;
mod change;
mod check;
mod decided;
mod effective;
mod fields;
mod group;
mod key;
mod member;
mod name;
mod override_;
mod policy;
mod question;
mod ruleset;
mod secret;
mod things;
mod tier;
mod to_layer;
mod try_out;
mod user;
mod written;

pub use assignment::{Assignment, Own};
pub use change::{Change, Kind, Thing};
pub use check::Refused;
pub use decided::{Decided, Held};
pub use effective::Effective;
pub use fields::Wrong;
pub(crate) use fields::{Fields, nearest, no_such};
pub use group::Group;
pub use key::{Key, Retiring};
pub(crate) use key::{Shown as ShownKey, grace_of_body};
pub(crate) use member::token_of_body;
pub use member::{Member, Role};
pub use override_::Override;
pub use policy::Policy;
pub(crate) use question::Question;
pub use ruleset::Ruleset;
pub(crate) use secret::hex;
pub use secret::{Secret, digest_of};
pub use things::Things;
pub use tier::Tier;
pub(crate) use to_layer::LAYER;
pub(crate) use try_out::TryOut;
pub use user::User;
pub use written::Written;

/// A moment, as everywhere in JSON: RFC 3339 in UTC.
pub type Time = chrono::DateTime<chrono::Utc>;
