//! What one worker keeps for itself, so that a request touches nothing that other workers write.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{self, HeaderValue};

use crate::limiter::Limiter;
use crate::middleware::built::{Built, meet};
use crate::middleware::classes::Classes;
use crate::middleware::closures::Hooks;
use crate::middleware::route::Parameters;
use crate::middleware::running::{Guard, Places, Running};
use crate::middleware::told::LastRefusal;
use crate::middleware::wire::{RuleName, Wire};
use crate::sites::{Answering, Sites, Table, ToldBy};

/// One worker's view of the sites.
#[derive(Debug)]
pub(crate) struct Worker {
    sites: Arc<Sites>,
    seen: Cell<u64>,
    view: RefCell<View>,
    common: Rc<Common>,
    pub(crate) built: Arc<Built>,
}

/// What the sites of a worker have in common.
#[derive(Debug, Default)]
pub(crate) struct Common {
    pub(crate) classes: Classes,
    pub(crate) parameters: Parameters,
    places: Places,
}

/// The version of sites that no worker has looked at.
const NEVER: u64 = u64::MAX;

/// The sites as they were when the worker last looked.
#[derive(Debug)]
struct View {
    table: Arc<Table>,
    /// Whether there is anything to choose.
    has_hosts: bool,
    hooks: Arc<Hooks>,
    common: Rc<Common>,
    /// The site of the last request, by the host that it asked for: most servers answer for one.
    last: WorkerSite,
    others: HashMap<*const Answering, WorkerSite>,
}

/// A site in one worker: cheap to clone, without a word that other workers write.
#[derive(Clone, Debug)]
pub(crate) struct WorkerSite(Rc<Parts>);

#[derive(Debug)]
struct Parts {
    /// What answers for the host that was asked for.
    answering: Arc<Answering>,
    /// Its limiter, one step nearer: a request asks it a hundred times.
    limiter: Arc<Limiter>,
    hooks: Option<Arc<Hooks>>,
    /// Whether the application's closures look at requests.
    is_computed: bool,
    wire: Wire,
    last_refusal: LastRefusal,
    /// The names of rules as values, once a client has been told of one.
    rule_names: OnceCell<Box<[RuleName]>>,
    common: Rc<Common>,
}

impl Deref for WorkerSite {
    type Target = Limiter;

    fn deref(&self) -> &Limiter {
        &self.0.limiter
    }
}

impl WorkerSite {
    pub(crate) fn new(answering: &Arc<Answering>, hooks: &Arc<Hooks>, common: &Rc<Common>) -> Self {
        let wire = Wire::new(&answering.limiter.site().headers);
        let (limiter, answering) = (Arc::clone(&answering.limiter), Arc::clone(answering));
        let is_computed = answering.limiter.site().is_computed() || hooks.identity.is_some();
        let hooks = (!hooks.is_none()).then(|| Arc::clone(hooks));
        Self(Rc::new(Parts {
            answering,
            limiter,
            hooks,
            is_computed,
            wire,
            last_refusal: LastRefusal::default(),
            rule_names: OnceCell::new(),
            common: Rc::clone(common),
        }))
    }

    /// What a worker knows of requests, whatever site they are for.
    #[inline]
    pub(crate) fn common(&self) -> &Common {
        &self.0.common
    }

    pub(crate) fn places(&self) -> &Places {
        &self.0.common.places
    }

    /// The configured name or wildcard that the request asked for.
    pub(crate) fn host(&self) -> &str {
        &self.0.answering.host
    }

    pub(crate) fn limiter(&self) -> &Arc<Limiter> {
        &self.0.limiter
    }

    pub(crate) fn wire(&self) -> &Wire {
        &self.0.wire
    }

    /// What the application does in its own way, if it does anything.
    #[inline]
    pub(crate) fn hooks(&self) -> Option<&Hooks> {
        self.0.hooks.as_deref()
    }

    #[inline]
    pub(crate) fn is_computed(&self) -> bool {
        self.0.is_computed
    }

    /// The name of the rule at a position, as a value.
    pub(crate) fn rule_name(&self, position: u16) -> RuleName {
        let names = || self.site().rules.iter().map(|rule| HeaderValue::from_str(&rule.name).ok()).collect();
        let names = self.0.rule_names.get_or_init(names);
        // Every limit that is told of is one of a rule's.
        names.get(usize::from(position)).cloned().flatten()
    }

    pub(crate) fn last_refusal(&self) -> &LastRefusal {
        &self.0.last_refusal
    }
}

impl Worker {
    pub(crate) fn new(sites: Arc<Sites>, hooks: Arc<Hooks>, built: Arc<Built>) -> Self {
        let seen = Cell::new(NEVER);
        let common = Rc::default();
        let view = RefCell::new(View::new(sites.table(), hooks, &common));
        Self { sites, seen, view, common, built }
    }

    /// A place for a request to the site that answers for it, inside of another budget's request or of none.
    #[inline]
    pub(crate) fn place(&self, request: &ServiceRequest, outer: Option<Rc<Running>>) -> Guard {
        self.common.places.take(self.site(request), outer)
    }

    /// The site that answers for a request.
    #[inline(always)]
    fn site(&self, request: &ServiceRequest) -> WorkerSite {
        let version = self.sites.version();
        if self.seen.get() != version {
            self.look_again(version, request);
        }
        self.view.borrow_mut().site(request)
    }

    /// Sees the sites that are in force now.
    #[cold]
    fn look_again(&self, version: u64, request: &ServiceRequest) {
        let seen = self.seen.replace(version);
        let mut view = self.view.borrow_mut();
        *view = View::new(self.sites.table(), Arc::clone(&view.hooks), &self.common);
        if seen == NEVER {
            meet(&self.built, &self.sites, request);
        }
    }
}

impl View {
    fn new(table: Arc<Table>, hooks: Arc<Hooks>, common: &Rc<Common>) -> Self {
        let last = WorkerSite::new(table.answering(None), &hooks, common);
        let has_hosts = table.has_hosts();
        Self { table, has_hosts, hooks, common: Rc::clone(common), last, others: HashMap::new() }
    }

    #[inline(always)]
    fn site(&mut self, request: &ServiceRequest) -> WorkerSite {
        if self.has_hosts { self.site_by_host(request) } else { self.last.clone() }
    }

    #[inline(never)]
    fn site_by_host(&mut self, request: &ServiceRequest) -> WorkerSite {
        let answering = answering(&self.table, request.request());
        if !Arc::ptr_eq(answering, &self.last.0.answering) {
            let new = || WorkerSite::new(answering, &self.hooks, &self.common);
            let known = self.others.entry(Arc::as_ptr(answering)).or_insert_with(new);
            self.last = known.clone();
        }
        self.last.clone()
    }
}

/// What answers for a request.
pub(crate) fn answering<'a>(table: &'a Table, request: &HttpRequest) -> &'a Arc<Answering> {
    let host = host(request);
    let told = table.told_by.as_ref().and_then(|told_by| told(told_by, request));
    let told = told.and_then(|name| table.told(name, host));
    told.unwrap_or_else(|| table.answering(host))
}

/// The site's name, as a trusted proxy tells it; nothing where it tells several.
#[cold]
fn told<'a>(told_by: &ToldBy, request: &'a HttpRequest) -> Option<&'a [u8]> {
    let peer = request.peer_addr().map(|address| address.ip());
    if !told_by.addresses.trusts(peer) {
        return None;
    }
    let mut lines = request.headers().get_all(told_by.header.as_str()).map(HeaderValue::as_bytes);
    let first = lines.next()?;
    lines.all(|line| line == first).then_some(first)
}

/// The host that the request is for: that of its target where it names one (RFC 9112, section 3.2.2), else of `Host`.
///
/// Never `X-Forwarded-Host`, with which a client could choose its site.
///
/// Bytes, for some clients write international names as they are.
fn host(request: &HttpRequest) -> Option<&[u8]> {
    let target = request.head().uri.host().map(str::as_bytes); // Without the user that an authority may name.
    target.or_else(|| request.headers().get(header::HOST).map(HeaderValue::as_bytes))
}
