//! What one worker keeps for itself, so that a request touches nothing that other workers write.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{self, HeaderValue};

use crate::middleware::built::{Built, meet};
use crate::middleware::closures::Hooks;
use crate::middleware::running::{Common, Guard, Running, WorkerSite};
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
        let version = self.sites.version();
        if self.seen.get() != version {
            self.look_again(version, request);
        }
        self.common.places.take(self.view.borrow_mut().site(request), outer)
    }

    /// Sees the sites that are in force now.
    #[cold]
    fn look_again(&self, version: u64, request: &ServiceRequest) {
        let seen = self.seen.replace(version);
        self.common.places.keep_those_of(version);
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

    /// The site that answers for a request.
    #[inline(always)]
    fn site(&mut self, request: &ServiceRequest) -> &WorkerSite {
        if self.has_hosts { self.site_by_host(request) } else { &self.last }
    }

    #[inline(never)]
    fn site_by_host(&mut self, request: &ServiceRequest) -> &WorkerSite {
        let answering = answering(&self.table, request.request());
        if !Arc::ptr_eq(answering, self.last.answering()) {
            let new = || WorkerSite::new(answering, &self.hooks, &self.common);
            let known = self.others.entry(Arc::as_ptr(answering)).or_insert_with(new);
            self.last = known.clone();
        }
        &self.last
    }
}

impl Drop for Worker {
    /// Places know the worker's sites, and those know its places: neither would end.
    fn drop(&mut self) {
        self.common.places.keep_those_of(NEVER);
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
