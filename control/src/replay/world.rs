//! A world: the real limiter of a configuration, on a clock that is moved through the time of the past, and what runs in it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use timebudget::config::Loaded;
use timebudget::store::Fault;
use timebudget::store::memory::Memory;
use timebudget::{
    Admission, Engine, Facts, Limiter, ManualClock, Micros, Overrun, Refusal, Reservation, Sites, UnixMicros,
    Zone,
};

use crate::replay::lacking::Lacking;
use crate::replay::past::{Past, Times};
use crate::replay::tally::Who;
use crate::replay::windows::Windows;

/// The most requests that run at once; of more, those that end first are ended at once and charged what was left of them.
const MOST_RUNNING: usize = 65_536;

/// A limiter in the time of the past.
pub struct World {
    clock: Arc<ManualClock>,
    sites: Sites,
    /// What each limit's windows have spent.
    pub windows: Arc<Windows>,
    /// What its rules have asked for that is not known.
    pub lacking: Lacking,
    /// When it is.
    now: i64,
    running: Vec<Running>,
    vacant: Vec<u32>,
    /// What happens next: when, what, and to whom.
    events: BinaryHeap<Reverse<(i64, What, u32, u32)>>,
    /// The site that answered last, and for which host.
    last: Option<Answering>,
    /// The client of the last request.
    who: Who,
    has_hosts: bool,
    cuts: bool,
    /// How many requests were ended before their time, since their budget was spent.
    pub cut: u64,
    /// How many were ended early, since too many ran.
    pub crowded_out: u64,
}

/// A site, and the host that it was asked for by.
pub struct Answering {
    asked: String,
    host: Arc<str>,
    limiter: Arc<Limiter>,
    name: Arc<str>,
}

impl Answering {
    /// The site's name.
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its time zone.
    pub fn zone(&self) -> &Arc<Zone> {
        &self.limiter.site().zone
    }
}

/// A place for a request that runs, and who has it.
struct Running {
    reservation: Option<Reservation>,
    /// Rises with each request that is given the place.
    number: u32,
    status: u16,
    ends: i64,
    /// What it is charged on top of the time that it has run when it ends.
    extra: u64,
}

/// What happens to a request; of several at once the first is the first of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Ends,
    Pauses,
    /// It is made free.
    Waives,
    /// Its budget is spent, if all goes on as it does.
    MayBeCut,
}

/// What became of a request.
pub enum Outcome {
    /// It is exempt, or no rule is about it.
    Exempt,
    /// It is served.
    Served,
    /// It is refused, by this rule and for this reason.
    Refused(Box<Refusal>),
}

impl World {
    /// The limiters of a configuration, at an instant, with nothing spent.
    pub fn new(loaded: Loaded, at: i64) -> Self {
        let clock = Arc::new(ManualClock::at(UnixMicros(at)));
        let windows = Arc::new(Windows::default());
        let engine = Engine::new(Memory::default(), Arc::clone(&clock)).observe(Arc::clone(&windows));
        let sites = || loaded.sites.iter().map(|(_, site)| &**site).chain([&loaded.fallback]);
        let cuts = sites().any(|site| site.rules.iter().any(|rule| rule.overrun == Overrun::Cut));
        let has_hosts = !loaded.sites.is_empty() || !loaded.fallback.hosts.is_empty();
        Self {
            clock,
            sites: Sites::new(loaded, engine),
            windows,
            lacking: Lacking::default(),
            now: at,
            running: Vec::new(),
            vacant: Vec::new(),
            events: BinaryHeap::new(),
            last: None,
            who: None,
            has_hosts,
            cuts,
            cut: 0,
            crowded_out: 0,
        }
    }

    /// Lets a request arrive, after all has happened that comes before it. If it is served, it ends when it did.
    ///
    /// `runs` is how long its time runs, in microseconds: of one that was refused in life another knows better.
    ///
    /// # Errors
    ///
    /// Nobody knows the rules of its site.
    pub fn arrive(
        &mut self,
        past: &impl Past,
        times: Times,
        host: &str,
        runs: u64,
    ) -> Result<Outcome, Fault> {
        self.go_to(times.start);
        let answering = answering(&mut self.last, &self.sites, self.has_hosts, host);
        let (limiter, host) = (&answering.limiter, &answering.host);
        let seen = past.seen(limiter.site(), host, &self.lacking);
        self.who = who(seen.ip(), limiter.site().addresses.ipv6_prefix);
        let admitted = limiter.admit(&seen)?;
        drop(seen);
        match admitted {
            Admission::Exempt => Ok(Outcome::Exempt),
            Admission::Refused(refusal) => Ok(Outcome::Refused(Box::new(refusal))),
            Admission::Admitted(reservation) => {
                self.run(reservation, times, past.status(), runs);
                Ok(Outcome::Served)
            }
            // A memory store asks nobody.
            Admission::Pending(pending) => {
                drop(pending);
                Ok(Outcome::Served)
            }
        }
    }

    /// The site and the client of the last request.
    pub fn met(&self) -> Option<(&Answering, Who)> {
        self.last.as_ref().map(|site| (site, self.who))
    }

    fn run(&mut self, reservation: Reservation, times: Times, status: u16, runs: u64) {
        if self.running.len() - self.vacant.len() >= MOST_RUNNING {
            self.end_first();
        }
        let after = times.ends_after.max(runs);
        let ends = self.now.saturating_add_unsigned(after);
        let place = self.place(reservation, status, times.extra, ends);
        let number = self.running[place as usize].number;
        if runs < after {
            let pauses = self.now.saturating_add_unsigned(runs);
            self.events.push(Reverse((pauses, What::Pauses, place, number)));
        }
        if let Some(free_after) = times.free_after {
            // At its end at the latest, and before that: what has ended was charged.
            let free = self.now.saturating_add_unsigned(free_after).min(ends - 1);
            self.events.push(Reverse((free, What::Waives, place, number)));
        }
        self.events.push(Reverse((ends, What::Ends, place, number)));
        if self.cuts {
            self.look_for_cuts();
        }
    }

    fn place(&mut self, reservation: Reservation, status: u16, extra: u64, ends: i64) -> u32 {
        let reservation = Some(reservation);
        match self.vacant.pop() {
            Some(place) => {
                let running = &mut self.running[place as usize];
                *running =
                    Running { reservation, number: running.number.wrapping_add(1), status, ends, extra };
                place
            }
            None => {
                self.running.push(Running { reservation, number: 0, status, ends, extra });
                (self.running.len() - 1) as u32
            }
        }
    }

    /// Lets all happen that comes before an instant, and all that is at it.
    pub fn go_to(&mut self, at: i64) {
        while let Some(Reverse((when, what, place, number))) = self.events.peek().copied() {
            if when > at {
                break;
            }
            self.events.pop();
            if self.running[place as usize].number == number {
                self.move_clock(when);
                self.happen(what, place);
            }
        }
        self.move_clock(at);
    }

    /// Lets all that runs end.
    pub fn finish(&mut self) {
        self.go_to(i64::MAX);
    }

    fn move_clock(&mut self, at: i64) {
        if at > self.now && at < i64::MAX {
            self.clock.advance(Duration::from_micros(at.abs_diff(self.now)));
            self.now = at;
        }
    }

    fn happen(&mut self, what: What, place: u32) {
        let Some(reservation) = &mut self.running[place as usize].reservation else { return };
        match what {
            What::Ends => self.end(place),
            What::Pauses => reservation.pause(),
            What::Waives => reservation.waive(),
            What::MayBeCut if reservation.cut_in() == Some(Micros::ZERO) => self.cut(place),
            What::MayBeCut => self.plan_cut(place),
        }
    }

    /// Ends a request as its line says.
    fn end(&mut self, place: u32) {
        let running = &mut self.running[place as usize];
        if let Some(mut reservation) = running.reservation.take() {
            if running.extra > 0 {
                reservation.charge(Micros(running.extra));
            }
            if running.status > 0 {
                reservation.answered(&running.status);
            }
            self.vacant.push(place);
        }
    }

    /// Ends a request whose budget is spent.
    fn cut(&mut self, place: u32) {
        if self.running[place as usize].reservation.take().is_some() {
            self.vacant.push(place);
            self.cut += 1;
        }
    }

    /// Whoever arrives makes what runs be spent sooner.
    #[cold]
    fn look_for_cuts(&mut self) {
        (0..self.running.len() as u32).for_each(|place| self.plan_cut(place));
    }

    fn plan_cut(&mut self, place: u32) {
        let Running { reservation: Some(reservation), number, ends, .. } = &mut self.running[place as usize]
        else {
            return;
        };
        if let Some(span) = reservation.cut_in() {
            let at = self.now.saturating_add_unsigned(span.0.max(1));
            if at < *ends {
                self.events.push(Reverse((at, What::MayBeCut, place, *number)));
            }
        }
    }

    /// Ends the request that would end first, and charges it what is left.
    #[cold]
    fn end_first(&mut self) {
        while let Some(Reverse((_, what, place, number))) = self.events.pop() {
            let running = &mut self.running[place as usize];
            if what == What::Ends && running.number == number && running.reservation.is_some() {
                running.extra = running.extra.saturating_add(running.ends.abs_diff(self.now));
                self.crowded_out += 1;
                return self.end(place);
            }
        }
    }
}

/// A client as rules by `ip` tell it from others.
fn who(ip: Option<IpAddr>, ipv6_prefix: u8) -> Who {
    match ip?.to_canonical() {
        ip @ IpAddr::V4(_) => Some((ip, 32)),
        IpAddr::V6(ip) => {
            let length = ipv6_prefix.min(128);
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            Some((IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & mask)), length))
        }
    }
}

/// The site that answers for a host.
fn answering<'a>(
    last: &'a mut Option<Answering>,
    sites: &Sites,
    has_hosts: bool,
    asked: &str,
) -> &'a Answering {
    let is_known = last.as_ref().is_some_and(|last| !has_hosts || last.asked == asked);
    if !is_known {
        *last = None;
    }
    last.get_or_insert_with(|| {
        let host = (!asked.is_empty()).then_some(asked);
        let limiter = sites.limiter(host);
        let name = Arc::from(limiter.site().name.as_str());
        Answering { asked: asked.to_owned(), host: sites.host(host), limiter, name }
    })
}
