//! Where requests come in: addresses, Unix sockets, sockets that systemd passes, and TLS on them.

mod address;
mod args;
mod bound;
mod certificate;
mod clear;
mod servers;
mod socket;
mod systemd;

pub(crate) use args::ListenArgs;
pub(crate) use bound::Bound;
pub(crate) use certificate::Certificate;
pub(crate) use servers::serve;
pub(crate) use socket::open;
pub(crate) use systemd::{tell_ending, tell_ready};
