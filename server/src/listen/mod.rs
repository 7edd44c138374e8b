//! Where requests come in: addresses, Unix sockets, sockets that systemd passes, and TLS on them.

mod address;
mod args;
mod bound;
mod certificate;
mod socket;
mod systemd;

pub(crate) use args::ListenArgs;
pub(crate) use bound::Bound;
pub(crate) use certificate::Certificate;
pub(crate) use socket::{Socket, open};
pub(crate) use systemd::{tell_ending, tell_ready};
