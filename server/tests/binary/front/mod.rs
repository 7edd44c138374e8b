//! Behind real proxies: each configuration of `docs/in-front-and-behind.md`, and what the page says of others.
//!
//! Clients have addresses of their own, `127.0.0.2` and so on, which Linux has without being told.

mod client;
mod haproxy;
mod nginx;
mod page;
mod proxy;
