//! The pages, in a real browser, over the real application.

mod browser;
mod changes;
mod client;
mod driver;
mod editor;
mod figures;
mod keyboard;
mod live;
mod names;
mod roles;
mod tour;
mod units;
mod world;
