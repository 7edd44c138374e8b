//! Metrics: what is counted while requests are served, and the page that tells of it.

mod counted;
mod notices;
mod observer;
mod page;
mod scrape;
mod table;
mod windows;

pub(crate) use notices::Notices;
pub(crate) use observer::Observer;
pub(crate) use page::{Format, write};
pub(crate) use scrape::Metrics;
