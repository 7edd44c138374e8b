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

use crate::replay::cuts::{Cuts, Registered, Runner};
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
    /// Those who may be ended before their time, where a rule does that.
    cuts: Option<Cuts>,
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
    /// The accounts on which it runs whose rules cut.
    registered: Vec<Registered>,
}

/// What happens to a request; of several at once the first is the first of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Ends,
    Pauses,
    /// It is made free.
    Waives,
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
        let is_cut = sites().any(|site| site.rules.iter().any(|rule| rule.overrun == Overrun::Cut));
        let cuts = is_cut.then(Cuts::default);
        let engine = cuts.iter().fold(engine, |engine, cuts| engine.observe(cuts.observer()));
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
        self.register(place);
    }

    fn place(&mut self, reservation: Reservation, status: u16, extra: u64, ends: i64) -> u32 {
        let reservation = Some(reservation);
        match self.vacant.pop() {
            Some(place) => {
                let running = &mut self.running[place as usize];
                let number = running.number.wrapping_add(1);
                *running = Running { reservation, number, status, ends, extra, registered: Vec::new() };
                place
            }
            None => {
                let registered = Vec::new();
                self.running.push(Running { reservation, number: 0, status, ends, extra, registered });
                (self.running.len() - 1) as u32
            }
        }
    }

    /// Lets all happen that comes before an instant, and all that is at it.
    pub fn go_to(&mut self, at: i64) {
        loop {
            let next = self.events.peek().copied();
            let when = next.map_or(i64::MAX, |Reverse((when, ..))| when);
            // Who ends at the instant at which its budget is spent has ended.
            if let Some(cut) = self.cuts.as_ref().and_then(Cuts::next)
                && cut < when
                && cut <= at
            {
                self.cut_next(cut);
                continue;
            }
            let Some(Reverse((_, what, place, number))) = next.filter(|_| when <= at) else { break };
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
            What::Pauses => {
                reservation.pause();
                self.unregister(place);
            }
            What::Waives => {
                reservation.waive();
                self.unregister(place);
            }
        }
    }

    /// Ends a request as its line says.
    fn end(&mut self, place: u32) {
        let running = &mut self.running[place as usize];
        let (extra, status) = (running.extra, running.status);
        let Some(mut reservation) = running.reservation.take() else { return };
        if extra > 0 {
            reservation.charge(Micros(extra));
        }
        if status > 0 {
            reservation.answered(&status);
        }
        drop(reservation);
        let registered = self.unregister(place);
        self.vacant.push(place);
        if extra > 0 {
            // Others' budget is spent sooner by what it has not run.
            registered.into_iter().for_each(|(account, _)| self.plan(account));
        }
    }

    /// Ends a request whose budget is spent.
    fn cut(&mut self, place: u32) {
        if self.running[place as usize].reservation.take().is_some() {
            self.unregister(place);
            self.vacant.push(place);
            self.cut += 1;
        }
    }

    /// Who arrives makes what runs on its accounts be spent sooner.
    fn register(&mut self, place: u32) {
        let Self { cuts: Some(cuts), running, .. } = self else { return };
        let runner = (place, running[place as usize].number);
        let registered = cuts.begin(runner, |runner| runs(running, runner));
        running[place as usize].registered.clone_from(&registered);
        registered.into_iter().for_each(|(account, _)| self.plan(account));
    }

    fn unregister(&mut self, place: u32) -> Vec<Registered> {
        let registered = std::mem::take(&mut self.running[place as usize].registered);
        if let Some(cuts) = &mut self.cuts {
            cuts.end(&registered);
        }
        registered
    }

    /// Plans when an account is looked at, by one of each of those whose instant is one.
    fn plan(&mut self, account: u64) {
        let Self { cuts: Some(cuts), running, now, .. } = self else { return };
        let some = cuts.some_of(account, |runner| runs(running, runner));
        let spans = some.into_iter().filter_map(|(place, _)| running[place as usize].cut_in());
        if let Some(span) = spans.min() {
            cuts.plan(account, now.saturating_add_unsigned(span.0.max(1)));
        }
    }

    /// Ends those on the next account that is due whose budget is spent, at this instant.
    #[cold]
    fn cut_next(&mut self, at: i64) {
        let Self { cuts: Some(cuts), running, .. } = self else { return };
        let Some(account) = cuts.take_next() else { return };
        let all = cuts.all_of(account, |runner| runs(running, runner));
        self.move_clock(at);
        for (place, _) in all {
            if self.running[place as usize].cut_in() == Some(Micros::ZERO) {
                self.cut(place);
            }
        }
        self.plan(account);
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

impl Running {
    fn cut_in(&mut self) -> Option<Micros> {
        self.reservation.as_mut()?.cut_in()
    }
}

/// Whether somebody still runs, on an account whose rule cuts.
fn runs(running: &[Running], (place, number): Runner) -> bool {
    let found = &running[place as usize];
    found.number == number && !found.registered.is_empty()
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

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use timebudget::{Component, Paths, Rule, Site};

    use super::*;

    const SECOND: i64 = 1_000_000;
    const BEGINNING: i64 = 1_767_225_600 * SECOND;

    /// A request from an address.
    struct From([u8; 4]);

    struct Seen<'a>(&'a From);

    impl Past for From {
        type Seen<'a> = Seen<'a>;

        fn method(&self) -> &str {
            "GET"
        }

        fn path(&self) -> &str {
            "/"
        }

        fn status(&self) -> u16 {
            200
        }

        fn was_refused(&self) -> bool {
            false
        }

        fn times(&self) -> Times {
            Times::default()
        }

        fn seen<'a>(&'a self, _: &'a Site, _: &'a str, _: &'a Lacking) -> Seen<'a> {
            Seen(self)
        }
    }

    impl Facts for Seen<'_> {
        fn method(&self) -> &str {
            self.0.method()
        }

        fn path(&self) -> &str {
            self.0.path()
        }

        fn paths(&self) -> Paths {
            Paths::default()
        }

        fn ip(&self) -> Option<IpAddr> {
            Some(self.0.0.into())
        }

        fn cookie(&self, _: &str) -> Option<Cow<'_, [u8]>> {
            None
        }
    }

    /// Under a rule of each address, which cuts.
    fn world(limits: &str) -> World {
        let limits = timebudget::parse_rates(limits).unwrap();
        let rule = Rule { overrun: Overrun::Cut, ..Rule::new("each", Component::Ip, limits) };
        let site = Site { rules: vec![rule], ..Site::unlimited("street") };
        World::new(Loaded::from_site(site), BEGINNING)
    }

    /// One who runs for so many seconds from a second on.
    fn arrive(world: &mut World, from: &From, second: i64, secs: u64) {
        let ran = secs * SECOND as u64;
        let times = Times::new(BEGINNING + second * SECOND, ran, None, 200);
        let arrived = world.arrive(from, times, "", ran).unwrap();
        assert!(matches!(arrived, Outcome::Served));
    }

    #[test]
    fn all_on_an_account_are_cut_when_their_lines_meet_the_quota_and_nobody_else_is() {
        let mut world = world("60s per hour");
        let (ann, bob) = (From([192, 0, 2, 1]), From([192, 0, 2, 2]));
        arrive(&mut world, &ann, 0, 100);
        arrive(&mut world, &bob, 5, 50);
        arrive(&mut world, &ann, 10, 100);
        // Ends, and what is left lasts longer again: 34 s, 24 s and these two are 60 s.
        arrive(&mut world, &ann, 12, 2);
        world.go_to(BEGINNING + 34 * SECOND - 1);
        assert_eq!(world.cut, 0);
        world.go_to(BEGINNING + 34 * SECOND);
        assert_eq!(world.cut, 2);
        world.finish();
        assert_eq!(world.cut, 2, "bob has all that he wanted");
    }

    /// Each arrival planned all that ran anew, and each plan was kept: n arrivals cost n².
    #[test]
    fn what_is_planned_grows_with_who_runs_and_no_faster() {
        let mut world = world("6000s per hour");
        let clients: Vec<_> =
            (0..500_u16).map(|at| From([192, 0, at.to_be_bytes()[0], at.to_be_bytes()[1]])).collect();
        for client in &clients {
            arrive(&mut world, client, 0, 100);
        }
        for _ in 0..500 {
            arrive(&mut world, &clients[0], 0, 100);
        }
        let planned = world.events.len() + world.planned();
        assert!(planned <= 4 * 1_000, "{planned}");
        world.finish();
        assert_eq!(world.cut, 501);
    }

    impl World {
        fn planned(&self) -> usize {
            self.cuts.as_ref().map_or(0, Cuts::planned)
        }
    }
}
