//! What one worker keeps for itself, so that a request touches nothing that other workers write.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::dev::ServiceRequest;
use actix_web::http::header;

use crate::limiter::Limiter;
use crate::middleware::hooks::Hooks;
use crate::middleware::routes::Routes;
use crate::middleware::told::LastRefusal;
use crate::middleware::wire::Wire;
use crate::sites::{Sites, Table};

/// One worker's view of the sites.
#[derive(Debug)]
pub(super) struct Worker {
    sites: Arc<Sites>,
    seen: Cell<u64>,
    view: RefCell<View>,
    /// Shared with requests about which the store asks others.
    pub(super) routes: Rc<Routes>,
}

/// The sites as they were when the worker last looked.
#[derive(Debug)]
struct View {
    table: Arc<Table>,
    hooks: Arc<Hooks>,
    /// The site of the last request: most servers answer for one host.
    last: WorkerSite,
    others: HashMap<*const Limiter, WorkerSite>,
}

/// A site in one worker: cheap to clone, without a word that other workers write.
#[derive(Clone, Debug)]
pub(super) struct WorkerSite(Rc<Parts>);

#[derive(Debug)]
struct Parts {
    limiter: Arc<Limiter>,
    hooks: Option<Arc<Hooks>>,
    wire: Wire,
    last_refusal: LastRefusal,
}

impl Deref for WorkerSite {
    type Target = Limiter;

    fn deref(&self) -> &Limiter {
        &self.0.limiter
    }
}

impl WorkerSite {
    pub(super) fn new(limiter: &Arc<Limiter>, hooks: &Arc<Hooks>) -> Self {
        let wire = Wire::new(&limiter.site().headers);
        let limiter = Arc::clone(limiter);
        let hooks = (!hooks.is_none()).then(|| Arc::clone(hooks));
        Self(Rc::new(Parts { limiter, hooks, wire, last_refusal: LastRefusal::default() }))
    }

    pub(super) fn wire(&self) -> &Wire {
        &self.0.wire
    }

    /// What the application does in its own way, if it does anything.
    #[inline]
    pub(super) fn hooks(&self) -> Option<&Hooks> {
        self.0.hooks.as_deref()
    }

    pub(super) fn last_refusal(&self) -> &LastRefusal {
        &self.0.last_refusal
    }
}

impl Worker {
    pub(super) fn new(sites: Arc<Sites>, hooks: Arc<Hooks>) -> Self {
        let seen = Cell::new(sites.version());
        let view = RefCell::new(View::new(sites.table(), hooks));
        Self { sites, seen, view, routes: Rc::default() }
    }

    /// The site that answers for a request.
    pub(super) fn site(&self, request: &ServiceRequest) -> WorkerSite {
        let version = self.sites.version();
        let mut view = self.view.borrow_mut();
        if self.seen.replace(version) != version {
            *view = View::new(self.sites.table(), Arc::clone(&view.hooks));
        }
        view.site(request)
    }
}

impl View {
    fn new(table: Arc<Table>, hooks: Arc<Hooks>) -> Self {
        let last = WorkerSite::new(table.limiter(None), &hooks);
        Self { table, hooks, last, others: HashMap::new() }
    }

    fn site(&mut self, request: &ServiceRequest) -> WorkerSite {
        if !self.table.has_hosts() {
            return self.last.clone();
        }
        let limiter = self.table.limiter(host(request));
        if !std::ptr::eq(Arc::as_ptr(limiter), &*self.last) {
            let new = || WorkerSite::new(limiter, &self.hooks);
            let known = self.others.entry(Arc::as_ptr(limiter)).or_insert_with(new);
            self.last = known.clone();
        }
        self.last.clone()
    }
}

/// The host that the request is for: that of its target where it names one (RFC 9112, section 3.2.2), else of `Host`.
///
/// Never `X-Forwarded-Host`, with which a client could choose its site.
pub(super) fn host(request: &ServiceRequest) -> Option<&str> {
    let target = request.head().uri.host(); // Without the user that an authority may name.
    target.or_else(|| request.headers().get(header::HOST)?.to_str().ok())
}
