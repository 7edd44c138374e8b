//! Whether the server answers, and whether it still is what it was.
//!
//! Once a second a *beat* asks for four things: the server's clock, by which all processes cut their windows; its era, another one
//! when it has lost its data; how many processes there are, for equal shares without it; and how often something was returned.
//!
//! There are two kinds of trouble. *The connection is lost*, or nothing is answered any more: then every decision is made here until
//! a new connection has answered its first beat, which is tried after 50 ms and then at most every 2 s. *One of a cluster's servers
//! does not answer*: then only its accounts are decided here, for a quarter to half a second at a time, and all others are asked
//! about as before.
//!
//! What is logged is logged once until it is over, however often it happens.

use std::collections::HashMap;
use std::sync::mpsc;
use std::time::Duration;

use super::calls::Call;
use super::{Command, Desk, Greeting};
use crate::model::{KeyHash, Micros, Now, Tick};
use crate::store::redis::script::beat::{self, Beat};
use crate::store::redis::script::{Account, Arguments};
use crate::store::redis::trouble::Trouble;

const BEAT_EVERY: Micros = Micros(1_000_000);

/// How long a beat may take for the server's clock to be believed: a process that was stopped between the call and the
/// answer cannot tell when it was read.
const CLEAR_WITHIN: Micros = Micros(500_000);

/// Calls in a row that were late before no more requests are made to wait.
const MOST_MISSES: u32 = 3;

/// After how long a late call is no sign of anything any more.
const FORGIVEN_AFTER: Micros = Micros(60_000_000);

/// How long a server of a cluster that did not answer is left alone at least; twice as long at most.
const AVOID_FOR: Micros = Micros(250_000);

/// After how long without a failure trouble is over that has not ended the connection; twice as long each time that it
/// comes back within [`LONGEST_CALM`].
const FIRST_CALM: Micros = Micros(2_000_000);
const LONGEST_CALM: Micros = Micros(600_000_000);

/// How long after a failure the next connection is tried; twice as long after each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What is known of the server's health.
///
/// All of it is forgotten with the desk. What must outlive it, the difference of the clocks and whether anything was returned, is in the
/// ledgers.
pub(crate) struct Health {
    /// How long to wait before the next connection, give or take a half.
    pause: Duration,
    /// The server's last era; empty before the first.
    era: Vec<u8>,
    beat_at: Tick,
    /// When everything was last published once more.
    told_again_at: Tick,
    /// Whether a beat is under way.
    beating: bool,
    /// Servers of which calls were late, by the home of a cluster's accounts.
    misses: HashMap<Option<KeyHash>, Misses>,
    /// Whether something was returned, and is stored, that no beat has told of.
    pub(crate) has_returned: bool,
    /// Whether the beat that is under way tells of something returned.
    tells_returned: bool,
    /// What was logged last, until it is over.
    logged: Option<Trouble>,
    /// When there was trouble last.
    troubled_at: Tick,
    /// For how long there must be none before it is over.
    calm: Micros,
    /// Accounts whose server did not answer, and from when on it is tried again; used in clusters.
    avoided: HashMap<KeyHash, Tick>,
    /// Where random numbers come from.
    random: u64,
    /// Told once it is known whether the server answers.
    started: Option<mpsc::Sender<()>>,
}

/// Late calls in a row.
struct Misses {
    count: u32,
    /// When the last of them was noticed. What had been sent before that is no further sign: a machine that stood still
    /// for a moment makes everything late that was under way.
    noticed_at: Tick,
}

/// A beat, and when it was.
struct Heard {
    beat: Beat,
    /// The moment between the call and the answer, to which the server's clock belongs.
    at: Now,
    /// How long the answer took: half of it may be wrong about that moment.
    took: Micros,
}

impl Heard {
    /// What was answered at `now` to a call of an earlier tick.
    fn new(beat: Beat, sent_at: Tick, now: Now) -> Self {
        let took = now.tick.since(sent_at);
        let half = took.0 as i64 / 2;
        let at = Now { tick: Tick(now.tick.0 - half), utc: now.utc.plus(-half), ..now };
        Self { beat, at, took }
    }
}

impl Health {
    pub(crate) fn new(seed: u64, has_returned: bool, started: mpsc::Sender<()>) -> Self {
        Self {
            pause: Duration::ZERO,
            era: Vec::new(),
            beat_at: Tick(0),
            told_again_at: Tick(i64::MIN / 2),
            beating: false,
            misses: HashMap::new(),
            has_returned,
            tells_returned: false,
            logged: None,
            troubled_at: Tick(i64::MIN / 2),
            calm: FIRST_CALM,
            avoided: HashMap::new(),
            random: seed,
            started: Some(started),
        }
    }

    /// It is known now whether the server answers.
    fn tell_started(&mut self) {
        if let Some(started) = self.started.take() {
            // Who has stopped waiting does not want to know.
            let _ = started.send(());
        }
    }

    /// Notes that a call was answered in time.
    pub(crate) fn note_answered(&mut self, server: Option<KeyHash>) {
        if !self.misses.is_empty() {
            self.misses.remove(&server);
        }
    }

    /// Notes that a call was late that was sent at a tick; says whether no more requests are made to wait: after so many
    /// late calls in a row, or where one is so many deadlines late.
    fn note_late(&mut self, server: Option<KeyHash>, sent_at: Tick, now: Tick, deadline: Micros) -> bool {
        let misses = self.misses.entry(server).or_insert(Misses { count: 0, noticed_at: Tick(i64::MIN) });
        if sent_at >= misses.noticed_at {
            (misses.count, misses.noticed_at) = (misses.count + 1, now);
        }
        misses.count >= MOST_MISSES || now.since(sent_at).0 >= deadline.0 * u64::from(MOST_MISSES)
    }

    /// Forgets late calls of servers that have not been asked since: of a cluster's, each home of accounts is one.
    fn forgive(&mut self, now: Tick) {
        self.misses.retain(|_, misses| now.since(misses.noticed_at) < FORGIVEN_AFTER);
    }

    /// Lets trouble that comes back soon after it was over be over later: a standing one is not logged again and again.
    fn lengthen_calm(&mut self, now: Tick) {
        let is_back = self.logged.is_none() && now.since(self.troubled_at) < LONGEST_CALM;
        if is_back {
            self.calm = Micros(self.calm.0 * 2).min(LONGEST_CALM);
        } else if self.logged.is_none() {
            self.calm = FIRST_CALM;
        }
    }

    /// The next pause: all processes lose a server at one instant, and must not come back at one.
    fn next_pause(&mut self) -> Duration {
        let pause = self.pause.mul_f64(0.5 + (self.random() % 1_000) as f64 / 1_000.0);
        self.pause = (2 * self.pause).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        pause
    }

    /// A number that need not be secret, by splitmix64 (Steele, Lea and Flood, 2014).
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Desk {
    /// Has a connection made, in place of one that there may be.
    pub(crate) fn connect(&mut self) {
        let pause = self.health.next_pause();
        let (prefix, process) = (&self.ledgers.settings.prefix, self.ledgers.process);
        let probe = beat::probe_arguments(prefix, process, self.ledgers.is_clustered());
        let greeting = Greeting { probe, beat: self.beat_arguments(false) };
        self.commands.push(Command::Connect(pause, greeting));
    }

    pub(crate) fn hear_of_link(&mut self, sent_at: Tick, reply: Result<beat::Reply, Trouble>) {
        match reply.and_then(|reply| beat::answer(reply).ok_or(Trouble::Nonsense)) {
            Ok(beat) => self.heal(Heard::new(beat, sent_at, self.now), sent_at),
            Err(trouble) => self.lose(&trouble),
        }
    }

    /// From now on the server is asked, and told again what it may have lost.
    fn heal(&mut self, heard: Heard, sent_at: Tick) {
        self.is_linked = true;
        self.health.misses.clear();
        self.health.pause = Duration::ZERO;
        (self.health.beating, self.health.beat_at) = (false, sent_at);
        self.note(heard);
        self.ledgers.heal(self.now);
        self.log_recovery();
        self.health.tell_started();
        self.beat();
    }

    /// Asks no more until the server answers again; who waits is decided over without it.
    pub(crate) fn lose(&mut self, trouble: &Trouble) {
        self.log_once(trouble);
        self.ledgers.degrade();
        self.is_linked = false;
        self.health.has_returned |= self.health.beating && self.health.tells_returned;
        self.health.beating = false;
        self.forget_calls();
        self.fail_flushes(trouble);
        self.health.tell_started();
        self.connect();
    }

    pub(crate) fn log_once(&mut self, trouble: &Trouble) {
        if self.health.logged.as_ref() != Some(trouble) {
            log::warn!("redis: {trouble}; on_store_fault says what is decided until it answers");
            self.health.lengthen_calm(self.now.tick);
            self.health.logged = Some(trouble.clone());
        }
        self.health.troubled_at = self.now.tick;
    }

    /// Says that trouble is over, once there has been none for a while.
    fn log_recovery(&mut self) {
        let is_calm = self.now.tick.since(self.health.troubled_at) >= self.health.calm;
        if is_calm && self.health.logged.take().is_some() {
            log::info!("redis: it answers again; {} decisions were made without it", self.ledgers.degraded());
        }
    }

    /// Notes which calls have not been answered within the deadline, when somebody has waited for one in vain.
    ///
    /// One late call is no trouble yet: the server may be busy for a moment. After three in a row, or one that is three deadlines late,
    /// no more requests are made to wait.
    pub(crate) fn note_late_calls(&mut self) {
        let (now, deadline) = (self.now.tick, Micros::from(self.ledgers.settings.deadline));
        let is_late = |call: &Call| now.since(call.sent_at) >= deadline;
        let late: Vec<u64> = self.calls.iter().filter(|(_, call)| is_late(call)).map(|(at, _)| *at).collect();
        for number in late {
            self.note_late_call(number, deadline);
        }
    }

    fn note_late_call(&mut self, number: u64, deadline: Micros) {
        let Some(call) = self.calls.get(&number) else { return };
        let (server, sent_at) = (call.server(&self.ledgers), call.sent_at);
        self.log_once(&Trouble::Late);
        if !self.health.note_late(server, sent_at, self.now.tick, deadline) {
            return;
        }
        if server.is_none() {
            self.lose(&Trouble::Late);
        } else {
            self.health.misses.remove(&server);
            self.avoid_call(number);
        }
    }

    fn avoid_call(&mut self, number: u64) {
        let accounts: Vec<_> = self.calls.get(&number).into_iter().flat_map(Call::accounts).collect();
        self.avoid(accounts.into_iter());
    }

    /// Decides about these accounts without their server for a while; about others it goes on asking.
    pub(crate) fn avoid(&mut self, accounts: impl Iterator<Item = Account>) {
        let span = AVOID_FOR.0 + self.health.random() % AVOID_FOR.0;
        let until = Tick(self.now.tick.0 + span as i64);
        self.health.avoided.extend(accounts.map(|account| (account.home, until)));
    }

    pub(crate) fn is_avoided(&self, account: Account) -> bool {
        self.health.avoided.contains_key(&account.home)
    }

    /// Beats, if it is time to.
    ///
    /// Also while all is quiet: a process that does not beat counts no more for equal shares after ten seconds.
    pub(crate) fn beat(&mut self) {
        let now = self.now.tick;
        let was_avoiding = !self.health.avoided.is_empty();
        self.health.avoided.retain(|_, until| now < *until);
        if was_avoiding && self.health.avoided.is_empty() {
            // The server that is tried again may be a replica of the one that was avoided, and know less.
            self.ledgers.correct_all(self.now);
        }
        if self.health.beating || now.since(self.health.beat_at) < BEAT_EVERY {
            return;
        }
        self.health.forgive(now);
        (self.health.beating, self.health.beat_at) = (true, now);
        self.health.tells_returned = std::mem::take(&mut self.health.has_returned);
        let beat = self.beat_arguments(self.health.tells_returned);
        self.commands.push(Command::Beat(now, beat));
    }

    fn beat_arguments(&mut self, returned: bool) -> Arguments {
        let era = self.health.random();
        beat::arguments(&self.ledgers.settings.prefix, self.ledgers.process, era, returned)
    }

    pub(crate) fn hear_beat(&mut self, sent_at: Tick, reply: Result<beat::Reply, Trouble>) {
        if !self.health.beating || sent_at != self.health.beat_at {
            return; // Of a connection that was given up.
        }
        self.health.beating = false;
        let answer = reply.and_then(|reply| beat::answer(reply).ok_or(Trouble::Nonsense));
        // Told once more if it is not known whether it was heard, which costs others a call.
        self.health.has_returned |= self.health.tells_returned && answer.is_err();
        match answer {
            Ok(beat) => {
                self.note(Heard::new(beat, sent_at, self.now));
                // One that took as long as lies between two is followed by the next at once.
                self.beat();
            }
            // The beat lies on one of a cluster's servers; those that answer go on being asked.
            Err(trouble) if self.ledgers.is_clustered() => self.log_once(&trouble),
            Err(trouble) => self.lose(&trouble),
        }
    }

    /// Notes a beat; a server that has lost its data is told everything again.
    ///
    /// An answer that took longer than half a second says nothing of the clock, unless nothing better is known.
    fn note(&mut self, Heard { beat, at, took }: Heard) {
        self.ledgers.hear_processes(beat.processes);
        self.ledgers.hear_returns(beat.returns);
        self.log_recovery();
        if took <= CLEAR_WITHIN || !self.ledgers.knows_clock() {
            self.ledgers.hear_clock(beat.clock, at);
        }
        if self.health.era != beat.era {
            let before = std::mem::replace(&mut self.health.era, beat.era);
            if !before.is_empty() {
                self.tell_again();
            }
        }
    }

    /// Publishes everything once more, since the server has lost what it knew.
    ///
    /// It is told as often as the server loses something, and logged once a second at most.
    pub(crate) fn tell_again(&mut self) {
        if self.now.tick.since(self.health.told_again_at) >= BEAT_EVERY {
            log::warn!("redis: it has lost what it knew; this process tells it again what it knows itself");
        }
        self.health.told_again_at = self.now.tick;
        self.ledgers.tell_again(self.now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a cluster each home of accounts was remembered that was once late and then never asked again.
    #[test]
    fn late_calls_are_forgotten_after_a_minute() {
        let mut health = Health::new(1, false, mpsc::channel().0);
        let deadline = Micros(100_000);
        for client in 0..1_000 {
            health.note_late(Some(KeyHash([client; 4])), Tick(0), Tick(100_000), deadline);
        }
        health.forgive(Tick(60_000_000));
        assert_eq!(health.misses.len(), 1_000);
        health.forgive(Tick(60_100_000));
        assert!(health.misses.is_empty());
    }
}
