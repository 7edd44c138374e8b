//! Behind real proxies: each configuration of `docs/in-front-and-behind.md` and `docs/control.md`, and what the first says of
//! others.
//!
//! Clients have addresses of their own, `127.0.0.2` and so on, which Linux has without being told.

mod client;
mod control;
mod haproxy;
mod nginx;
mod page;
mod proxy;
