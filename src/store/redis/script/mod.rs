//! What the servers are asked to run: the scripts' texts, what they are called with and what they answer.
//!
//! Only here is it known in which order a script takes its arguments and gives its answers. Above this layer both are
//! plain structs.

mod account;
mod arguments;
pub(crate) mod beat;
pub(crate) mod exchange;
mod names;
pub(crate) mod probe;

pub(crate) use self::account::{Account, canonical, is_windowed};
pub(crate) use self::arguments::{Arguments, unpack};
pub(crate) use self::names::Names;

/// The version of what is stored, part of every key.
const FORMAT: u8 = 1;
