//! Whether the server answers, and whether it still is what it was.

use std::collections::HashMap;
use std::sync::mpsc as std_mpsc;
use std::time::Duration;

use redis::{RedisResult, Value};

use super::beat::{self, Heard};
use super::core::Core;
use super::desk::{Desk, Message};
use super::link::{Arguments, Link};
use super::peers::Account;
use super::random::random;
use super::trouble::Trouble;
use crate::model::key::KeyHash;
use crate::model::now::Now;
use crate::model::units::{Micros, Tick};

const BEAT_EVERY: Micros = Micros(1_000_000);

/// How long a beat may take for the server's clock to be believed: a process that was stopped between the call and the
/// answer cannot tell when it was read.
const CLEAR_WITHIN: Micros = Micros(500_000);

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
    /// Told once it is known whether the server answers.
    started: Option<std_mpsc::Sender<()>>,
}

impl Health {
    pub(super) fn new(started: std_mpsc::Sender<()>) -> Self {
        Self {
            pause: Duration::ZERO,
            era: Vec::new(),
            beat_at: Tick(0),
            told_again_at: Tick(i64::MIN / 2),
            beating: false,
            has_returned: false,
            tells_returned: false,
            logged: None,
            troubled_at: Tick(0),
            avoided: HashMap::new(),
            started: Some(started),
        }
    }

    /// The next pause: all processes lose a server at one instant, and must not come back at one.
    fn next_pause(&mut self) -> Duration {
        let pause = self.pause.mul_f64(0.5 + (random() % 1_000) as f64 / 1_000.0);
        self.pause = (2 * self.pause).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        pause
    }
}

impl Desk {
    pub(super) fn connect(&mut self) {
        let (core, own) = (self.core.clone(), self.own.clone());
        let arguments = beat::arguments(&self.core.settings, self.process, random(), false);
        let pause = self.health.next_pause();
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            let linked = link(&core, &arguments).await;
            // A desk that has ended wants no connection.
            let _ = own.send(Message::Linked(linked));
        });
    }

    /// From now on the server is asked, and told again what it may have lost.
    pub(super) fn heal(&mut self, link: Link, heard: Heard) {
        self.link = Some(link);
        self.misses = 0;
        self.health.pause = Duration::ZERO;
        (self.health.beating, self.health.beat_at) = (false, heard.at.tick);
        self.note(heard);
        self.core.heal();
        self.log_recovery();
        drop(self.health.started.take());
    }

    /// Asks no more until the server answers again; who waits is decided over without it.
    pub(super) fn lose(&mut self, trouble: &Trouble) {
        self.log_once(trouble);
        self.core.degrade();
        self.link = None;
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
        self.health.troubled_at = self.core.now().tick;
    }

    fn log_recovery(&mut self) {
        if self.health.logged.take().is_some() {
            log::info!("redis: it answers again; {} decisions were made without it", self.core.degraded());
        }
    }

    pub(super) fn is_clustered(&self) -> bool {
        self.core.settings.topology.is_cluster()
    }

    /// Decides about these accounts without their server for a while; about others it goes on asking.
    pub(super) fn avoid(&mut self, accounts: impl Iterator<Item = Account>) {
        let until = Tick(self.core.now().tick.0 + AVOID_FOR.0 as i64 + (random() % AVOID_FOR.0) as i64);
        self.health.avoided.extend(accounts.map(|account| (account.key, until)));
    }

    pub(super) fn is_avoided(&self, account: Account) -> bool {
        self.health.avoided.contains_key(&account.key)
    }

    /// Beats, if it is time to.
    pub(super) fn beat(&mut self, now: Tick) {
        let was_avoiding = !self.health.avoided.is_empty();
        self.health.avoided.retain(|_, until| now < *until);
        if was_avoiding && self.health.avoided.is_empty() {
            // The server that is tried again may be a replica of the one that was avoided, and know less.
            self.core.peers.touch_all(now);
        }
        if self.health.beating || now.since(self.health.beat_at) < BEAT_EVERY {
            return;
        }
        let Some(mut link) = self.link.clone() else { return };
        (self.health.beating, self.health.beat_at) = (true, now);
        let returned = std::mem::take(&mut self.health.has_returned);
        self.health.tells_returned = returned;
        let arguments = beat::arguments(&self.core.settings, self.process, random(), returned);
        let own = self.own.clone();
        tokio::spawn(async move {
            let answer = link.beat(&arguments).await;
            // A desk that has ended waits for no answer.
            let _ = own.send(Message::Beat(now, answer));
        });
    }

    pub(super) fn hear_beat(&mut self, sent_at: Tick, answer: RedisResult<Value>) {
        if !self.health.beating || sent_at != self.health.beat_at {
            return; // Of a connection that was given up.
        }
        self.health.beating = false;
        let answer = answer.map_err(|error| Trouble::of(&error)).and_then(beat::answer);
        // Told once more if it is not known whether it was heard, which costs others a call.
        self.health.has_returned |= self.health.tells_returned && answer.is_err();
        match answer {
            Ok(beat) => self.note(Heard::new(beat, sent_at, self.core.now())),
            // The beat lies on one of a cluster's servers; those that answer go on being asked.
            Err(trouble) if self.is_clustered() => self.log_once(&trouble),
            Err(trouble) => self.lose(&trouble),
        }
    }

    /// Notes a beat; a server that has lost its data is told everything again.
    fn note(&mut self, Heard { beat, at, took }: Heard) {
        self.core.hear_processes(beat.processes);
        self.core.hear_returns(beat.returns);
        if at.tick.since(self.health.troubled_at) >= CALM_AFTER {
            self.log_recovery();
        }
        if took <= CLEAR_WITHIN || !self.core.knows_clock() {
            self.core.hear_clock(beat.clock, at);
        }
        if self.health.era != beat.era {
            let before = std::mem::replace(&mut self.health.era, beat.era);
            if !before.is_empty() {
                self.tell_again(at);
            }
        }
    }

    /// Publishes everything once more, since the server has lost what it knew.
    pub(super) fn tell_again(&mut self, now: Now) {
        if now.tick.since(self.health.told_again_at) >= BEAT_EVERY {
            log::warn!("redis: it has lost what it knew; this process tells it again what it knows itself");
        }
        self.health.told_again_at = now.tick;
        self.core.peers.touch_all(now.tick);
    }
}

async fn link(core: &Core, arguments: &Arguments) -> Result<(Link, Heard), Trouble> {
    let mut link = Link::open(&core.settings).await?;
    let sent_at = core.now().tick;
    let answer = link.beat(arguments).await.map_err(|error| Trouble::of(&error))?;
    let beat = beat::answer(answer)?;
    Ok((link, Heard::new(beat, sent_at, core.now())))
}
