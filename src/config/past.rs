//! What was in force before: what a site falls back to whose own file is wrong.

use std::collections::HashMap;

use crate::config::hosts::Claimed;
use crate::config::origin::Entry;
use crate::model::host::Host;
use crate::model::site::Site;

/// What was in force before.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// The sites by name, as they were when they were last right.
    pub(super) sites: HashMap<String, LastRight>,
    /// The names of the sites that the hosts were given to.
    pub(super) owners: HashMap<Host, String>,
}

/// A site as it was when it was last right.
#[derive(Clone, Debug)]
pub(super) struct LastRight {
    pub(super) site: Site,
    pub(super) claims: Vec<Claimed>,
    pub(super) entries: Vec<Entry>,
}
