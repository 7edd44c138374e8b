//! Metrics: what is counted while requests are served, and the page that tells of it.

mod counted;
mod families;
mod notices;
mod observer;
mod page;
mod responses;
mod scrape;
mod table;
mod upstreams;
mod windows;

pub(crate) use notices::Notices;
pub(crate) use observer::Observer;
pub(crate) use page::{Format, write};
pub(crate) use responses::Responses;
pub(crate) use scrape::Metrics;
