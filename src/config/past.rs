//! What was in force before: what a site falls back to whose own file is wrong.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::hosts::Claimed;
use crate::config::origin::Entry;
use crate::config::problem::Problem;
use crate::config::remembered::Reading;
use crate::model::{Host, Site};

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
    pub(super) entries: Arc<[Entry]>,
    /// What was suspect about the site as the two files describe it together.
    pub(super) warnings: Vec<Problem>,
    /// The files that it was made of, so that it need not be made anew while they are the same.
    pub(super) made_of: Option<MadeOf>,
}

/// A site's own file, and the common one below it.
#[derive(Clone, Debug)]
pub(super) struct MadeOf {
    pub(super) own: Arc<Reading>,
    pub(super) common: Option<Arc<Reading>>,
}

impl PartialEq for MadeOf {
    /// A file that is read again is another one.
    fn eq(&self, other: &Self) -> bool {
        let is_same_common = match (&self.common, &other.common) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        is_same_common && Arc::ptr_eq(&self.own, &other.own)
    }
}
