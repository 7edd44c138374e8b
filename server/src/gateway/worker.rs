//! What one worker of the server keeps for the gateway: the upstreams that it knows.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::{self, Arc};
use std::time::Duration;

use actix_web::rt;
use timebudget::{Limiter, TimeBudget, Upstream};
use tokio::time::Instant;

use crate::gateway::Settings;
use crate::gateway::lines::{Address, Group};
use crate::gateway::unread::Sent;

/// How often idle connections are looked at.
const TIDY: Duration = Duration::from_secs(1);

/// One worker's view of the upstreams.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) settings: Arc<Settings>,
    pub(crate) budget: TimeBudget,
    /// Where requests of sites go that name no upstream.
    default: Option<Rc<Group>>,
    /// By the limiter of the site. While it is known here no other has its place, though it may be gone: none that a reload has
    /// replaced is kept alive.
    of_sites: RefCell<HashMap<*const Limiter, OfSite>>,
    addresses: RefCell<HashMap<Upstream, Rc<Address>>>,
    /// The answers that are on their way.
    pub(crate) sent: Sent,
    /// The header that names sites, as it was when it was last looked at.
    site_header: RefCell<Option<Rc<str>>>,
}

/// A site's limiter, and where its requests go.
type OfSite = (sync::Weak<Limiter>, Rc<Group>);

impl Worker {
    /// A worker's view; the thread must be one of the server's.
    pub(crate) fn new(settings: &Arc<Settings>, budget: &TimeBudget) -> Rc<Self> {
        let mut worker = Self {
            settings: Arc::clone(settings),
            budget: budget.clone(),
            default: None,
            of_sites: RefCell::default(),
            addresses: RefCell::default(),
            sent: Sent::default(),
            site_header: RefCell::default(),
        };
        if !settings.upstreams.is_empty() {
            worker.default = Some(worker.group(&settings.upstreams));
        }
        worker.look();
        let worker = Rc::new(worker);
        rt::spawn(tidy(Rc::downgrade(&worker)));
        worker
    }

    /// Where the requests of a site go; nowhere, if it has no upstream.
    pub(crate) fn group_of(&self, limiter: &Arc<Limiter>) -> Option<Rc<Group>> {
        let upstreams = &limiter.site().upstreams;
        if upstreams.is_empty() {
            return self.default.clone();
        }
        let mut of_sites = self.of_sites.borrow_mut();
        if let Some((_, group)) = of_sites.get(&Arc::as_ptr(limiter)) {
            return Some(Rc::clone(group));
        }
        // Those that a reload has replaced.
        of_sites.retain(|_, (limiter, _)| limiter.strong_count() > 0);
        let group = self.group(upstreams);
        of_sites.insert(Arc::as_ptr(limiter), (Arc::downgrade(limiter), Rc::clone(&group)));
        Some(group)
    }

    fn group(&self, upstreams: &[Upstream]) -> Rc<Group> {
        let mut addresses = self.addresses.borrow_mut();
        let mut address = |upstream: &Upstream| {
            let known = addresses.entry(upstream.clone());
            Rc::clone(known.or_insert_with(|| {
                Rc::new(Address::new(upstream.clone(), self.settings.counted.of(upstream)))
            }))
        };
        Rc::new(Group::new(upstreams.iter().map(&mut address).collect()))
    }

    /// The header that names sites, if one does.
    pub(crate) fn site_header(&self) -> Option<Rc<str>> {
        self.site_header.borrow().clone()
    }

    /// Looks at what a reload may have changed.
    fn look(&self) {
        self.site_header.replace(self.budget.sites().site_header().map(Rc::from));
    }

    fn tidy(&self) {
        self.sent.look(Instant::now(), self.settings.timeouts.idle);
        for address in self.addresses.borrow().values() {
            address.tidy(self.settings.timeouts.kept);
        }
    }

    /// Forgets addresses that no site names any more.
    fn forget(&self) {
        self.of_sites.borrow_mut().retain(|_, (limiter, _)| limiter.strong_count() > 0);
        self.addresses
            .borrow_mut()
            .retain(|_, address| Rc::strong_count(address) > 1 || !address.is_unused());
    }
}

async fn tidy(worker: Weak<Worker>) {
    loop {
        rt::time::sleep(TIDY).await;
        let Some(worker) = worker.upgrade() else { return };
        worker.tidy();
        worker.forget();
        worker.look();
    }
}
