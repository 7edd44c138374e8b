//! What an application's own code tells of requests.

use std::fmt;
use std::sync::Arc;

use actix_web::dev::ServiceRequest;

use crate::model::identity::Identity;

/// What an application's own code tells of requests.
#[derive(Clone, Default)]
pub(super) struct Hooks {
    /// Who the client is.
    pub(super) identity: Option<Arc<Identify>>,
}

/// Code that knows who the client of a request is.
pub(super) type Identify = dyn Fn(&ServiceRequest) -> Option<Identity> + Send + Sync;

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").field("identity", &self.identity.is_some()).finish()
    }
}
