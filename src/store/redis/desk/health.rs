//! Whether the server answers, and whether it still is what it was.

use std::collections::HashMap;
use std::sync::mpsc;
use std::time::Duration;

use super::{Candidate, Command, Desk};
use crate::model::key::KeyHash;
use crate::model::now::Now;
use crate::model::units::{Micros, Tick};
use crate::store::redis::script::beat::{self, Beat};
use crate::store::redis::script::{Account, Arguments};
use crate::store::redis::trouble::Trouble;

const BEAT_EVERY: Micros = Micros(1_000_000);

/// How long a beat may take for the server's clock to be believed: a process that was stopped between the call and the
/// answer cannot tell when it was read.
const CLEAR_WITHIN: Micros = Micros(500_000);

/// Requests in a row that have waited in vain before no more are made to wait.
const MOST_MISSES: u32 = 3;

/// How long a server of a cluster that did not answer is left alone at least; twice as long at most.
const AVOID_FOR: Micros = Micros(250_000);

/// After how long without a failure trouble in a part of a cluster is over.
const CALM_AFTER: Micros = Micros(2_000_000);

/// How long after a failure the next connection is tried; twice as long after each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What is known of the server's health.
pub(super) struct Health {
    /// How long to wait before the next connection, give or take a half.
    pause: Duration,
    /// The server's last era; empty before the first.
    era: Vec<u8>,
    beat_at: Tick,
    /// When everything was last published once more.
    told_again_at: Tick,
    /// Whether a beat is under way.
    beating: bool,
    /// Requests in a row that have waited in vain.
    misses: u32,
    /// Whether something was returned, and is stored, that no beat has told of.
    pub(super) has_returned: bool,
    /// Whether the beat that is under way tells of something returned.
    tells_returned: bool,
    /// What was logged last, until it is over.
    logged: Option<Trouble>,
    /// When there was trouble last.
    troubled_at: Tick,
    /// Accounts whose server did not answer, and from when on it is tried again; used in clusters.
    avoided: HashMap<KeyHash, Tick>,
    /// Where random numbers come from.
    random: u64,
    /// Told once it is known whether the server answers.
    started: Option<mpsc::Sender<()>>,
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
    pub(super) fn new(seed: u64, started: mpsc::Sender<()>) -> Self {
        Self {
            pause: Duration::ZERO,
            era: Vec::new(),
            beat_at: Tick(0),
            told_again_at: Tick(i64::MIN / 2),
            beating: false,
            misses: 0,
            has_returned: false,
            tells_returned: false,
            logged: None,
            troubled_at: Tick(0),
            avoided: HashMap::new(),
            random: seed,
            started: Some(started),
        }
    }

    /// Notes that an answer came after so long.
    pub(super) fn note_answered(&mut self, _took: Micros, _deadline: Duration) {
        self.misses = 0;
    }

    /// Whether so many requests have waited in vain that no more are made to wait.
    pub(super) const fn is_too_often_late(&self) -> bool {
        self.misses >= MOST_MISSES
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
    pub(super) fn connect(&mut self) {
        let pause = self.health.next_pause();
        let beat = self.beat_arguments(false);
        self.commands.push(Command::Connect(pause, beat));
    }

    pub(super) fn hear_of_link(&mut self, sent_at: Tick, reply: Result<beat::Reply, Trouble>) {
        match reply.and_then(|reply| beat::answer(reply).ok_or(Trouble::Nonsense)) {
            Ok(beat) => self.heal(Heard::new(beat, sent_at, self.now)),
            Err(trouble) => self.lose(&trouble),
        }
    }

    /// From now on the server is asked, and told again what it may have lost.
    fn heal(&mut self, heard: Heard) {
        self.is_linked = true;
        self.health.misses = 0;
        self.health.pause = Duration::ZERO;
        (self.health.beating, self.health.beat_at) = (false, heard.at.tick);
        self.note(heard);
        self.ledgers.heal(self.now);
        self.log_recovery();
        drop(self.health.started.take());
    }

    /// Asks no more until the server answers again; who waits is decided over without it.
    pub(super) fn lose(&mut self, trouble: &Trouble) {
        self.log_once(trouble);
        self.ledgers.degrade();
        self.is_linked = false;
        self.health.has_returned |= self.health.beating && self.health.tells_returned;
        self.health.beating = false;
        self.forget_calls();
        self.fail_flushes(trouble);
        drop(self.health.started.take());
        self.connect();
    }

    pub(super) fn log_once(&mut self, trouble: &Trouble) {
        if self.health.logged.as_ref() != Some(trouble) {
            log::warn!("redis: {trouble}; on_store_fault says what is decided until it answers");
            self.health.logged = Some(trouble.clone());
        }
        self.health.troubled_at = self.now.tick;
    }

    fn log_recovery(&mut self) {
        if self.health.logged.take().is_some() {
            log::info!("redis: it answers again; {} decisions were made without it", self.ledgers.degraded());
        }
    }

    /// Notes that requests have waited in vain.
    pub(super) fn note_late(&mut self, late: &[Candidate]) {
        if self.ledgers.is_clustered() {
            self.avoid(late.iter().flat_map(Candidate::accounts));
        } else {
            self.health.misses += late.len() as u32;
        }
    }

    /// Decides about these accounts without their server for a while; about others it goes on asking.
    pub(super) fn avoid(&mut self, accounts: impl Iterator<Item = Account>) {
        let span = AVOID_FOR.0 + self.health.random() % AVOID_FOR.0;
        let until = Tick(self.now.tick.0 + span as i64);
        self.health.avoided.extend(accounts.map(|account| (account.home, until)));
    }

    pub(super) fn is_avoided(&self, account: Account) -> bool {
        self.health.avoided.contains_key(&account.home)
    }

    /// Beats, if it is time to.
    pub(super) fn beat(&mut self) {
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
        (self.health.beating, self.health.beat_at) = (true, now);
        self.health.tells_returned = std::mem::take(&mut self.health.has_returned);
        let beat = self.beat_arguments(self.health.tells_returned);
        self.commands.push(Command::Beat(now, beat));
    }

    fn beat_arguments(&mut self, returned: bool) -> Arguments {
        let era = self.health.random();
        beat::arguments(&self.ledgers.settings.prefix, self.ledgers.process, era, returned)
    }

    pub(super) fn hear_beat(&mut self, sent_at: Tick, reply: Result<beat::Reply, Trouble>) {
        if !self.health.beating || sent_at != self.health.beat_at {
            return; // Of a connection that was given up.
        }
        self.health.beating = false;
        let answer = reply.and_then(|reply| beat::answer(reply).ok_or(Trouble::Nonsense));
        // Told once more if it is not known whether it was heard, which costs others a call.
        self.health.has_returned |= self.health.tells_returned && answer.is_err();
        match answer {
            Ok(beat) => self.note(Heard::new(beat, sent_at, self.now)),
            // The beat lies on one of a cluster's servers; those that answer go on being asked.
            Err(trouble) if self.ledgers.is_clustered() => self.log_once(&trouble),
            Err(trouble) => self.lose(&trouble),
        }
    }

    /// Notes a beat; a server that has lost its data is told everything again.
    fn note(&mut self, Heard { beat, at, took }: Heard) {
        self.ledgers.hear_processes(beat.processes);
        self.ledgers.hear_returns(beat.returns);
        if at.tick.since(self.health.troubled_at) >= CALM_AFTER {
            self.log_recovery();
        }
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
    pub(super) fn tell_again(&mut self) {
        if self.now.tick.since(self.health.told_again_at) >= BEAT_EVERY {
            log::warn!("redis: it has lost what it knew; this process tells it again what it knows itself");
        }
        self.health.told_again_at = self.now.tick;
        self.ledgers.correct_all(self.now);
    }
}
